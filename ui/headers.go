package ui

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// setHeaders sets every security header, and a content security policy made for this very page.
func (r *Renderer) setHeaders(h http.Header, lang string, page Page) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", lang)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", r.policy(page))
	// same-origin and not no-referrer: with the latter browsers send "Origin: null" with a form's post, and the check
	// of the Origin would refuse our own pages.
	h.Set("Referrer-Policy", "same-origin")
	if _, ok := page.(AppReturn); ok {
		h.Set("Referrer-Policy", "no-referrer") // it has no form
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for browsers older than frame-ancestors
	h.Set("Cross-Origin-Opener-Policy", openerPolicy(page))
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "+
		"hid=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	if f, ok := page.(Failure); ok && f.RetryIn > 0 {
		h.Set("Retry-After", strconv.Itoa(f.RetryIn))
	}
}

// openerPolicy cuts the window off from whoever opened it. Not so in the relying party's window: many libraries sign in
// through a popup, and its callback page needs window.opener when the person comes back.
func openerPolicy(page Page) string {
	if page.inClientWindow() {
		return "unsafe-none"
	}
	return "same-origin"
}

func (r *Renderer) policy(page Page) string {
	images := []string{"'self'", "data:"}
	for _, logo := range []string{page.client().LogoURI, r.brand.LogoURL} {
		if origin := imageOrigin(logo); origin != "" && !slices.Contains(images, origin) {
			images = append(images, origin)
		}
	}
	targets := []string{"'self'"}
	for _, s := range page.frame().Return {
		if source := formTarget(s); source != "" && !slices.Contains(targets, source) {
			targets = append(targets, source)
		}
	}
	directives := []string{
		"default-src 'none'",
		"style-src 'self'",
		"img-src " + strings.Join(images, " "),
		"form-action " + strings.Join(targets, " "),
		"frame-ancestors 'none'",
		"base-uri 'none'",
	}
	if page.script() != "" {
		directives = append(directives, "script-src 'self'", "require-trusted-types-for 'script'", "trusted-types 'none'")
	}
	if page.script() == loginScript {
		directives = append(directives, "connect-src 'self'")
	}
	return strings.Join(directives, "; ")
}

// What a scheme in the header is made of. Whatever else is in a value, such as a semicolon or a line break, would write
// further directives or headers.
var schemePattern = regexp.MustCompile(`^[a-z][a-z0-9+.-]{0,63}$`)

// isHost reports whether s is made of nothing but what a host with or without a port is, for the same reason. Every page
// asks it, so it is no pattern.
func isHost(s string) bool {
	const letters, digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "0123456789"
	name, port, ok := strings.Cut(s, ":")
	if ok && (port == "" || len(port) > 5 || strings.Trim(port, digits) != "") {
		return false
	}
	return name != "" && len(name) <= 253 && strings.Trim(name, letters+digits+".-") == "" && strings.Trim(name, ".-") == name
}

// imageOrigin is the origin of a logo that the page may load, empty if it may not.
func imageOrigin(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "https" || u.User != nil || !isHost(u.Host) {
		return ""
	}
	return "https://" + u.Host
}

// formTarget turns an origin or a custom scheme into a source for form-action, empty if it is neither.
func formTarget(s string) string {
	if scheme, ok := strings.CutSuffix(s, ":"); ok {
		scheme = strings.ToLower(scheme)
		if !schemePattern.MatchString(scheme) || slices.Contains([]string{
			"http", "https", "javascript", "data", "blob", "filesystem", "about", "vbscript", "ws", "wss", "file",
		}, scheme) {
			return ""
		}
		return scheme + ":"
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.Opaque != "" ||
		(u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(s, "#") {
		return ""
	}
	if strings.HasPrefix(u.Host, "[") {
		// The policy's grammar has no IPv6 literals (CSP3 §2.3.1), as in the loopback redirects of native clients: only
		// the scheme can be named.
		return u.Scheme + ":"
	}
	if !isHost(u.Host) {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
