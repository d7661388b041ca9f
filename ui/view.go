package ui

import (
	"html/template"
	"net/url"
	"strings"
	"unicode"
)

// view is what a template sees: nothing but fields, made before it runs, for a call costs it ten times as much as a field.
type view struct {
	Page Page
	Card card // of a Login

	// The same at every request (site.go).
	Lang     string
	Brand    string
	Loads    template.HTML // icons, style sheets and the page's script
	Top      template.HTML // the operator's name and logo
	Links    template.HTML // to the operator's own pages; may be empty
	nameless string        // words that stand for a client's name

	// The same for every request of a client (clients.go).
	ClientName string // or the words that stand for it
	Initial    string // of the client's name: it stands in for a missing logo
	Logo       string // the client's, if the policy lets the page load it
	Policy     string // of the client: an address that a page may link to
	Terms      string
	Rules      template.HTML // the links to those, and the operator's own
	Who        template.HTML // who wants a login, and of whom

	// Of this very page.
	Here    string // its path and query, empty where they are not of this site
	LangURL string // this page in the other language
	Host    string // of the client, empty for an app on the person's own device
}

// view is what the page's template is to see.
func (k kind) view(page Page) (view, error) {
	v, err := k.ofClient(page)
	if err != nil {
		return v, err
	}
	v.Page = page
	v.Here = localPath(page.frame().Here)
	v.LangURL = langURL(v.Here, otherLang(v.Lang))
	v.Host = hostOf(page.client().Host)
	if p, ok := page.(Login); ok {
		v.Card = p.card()
	}
	return v, nil
}

// initial is the first letter or digit of a name that is clean.
func initial(name string) string {
	for _, c := range name {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return strings.ToUpper(string(c))
		}
	}
	return "·"
}

// logo is the address of one if the policy lets the page load it.
func logo(uri string) string {
	if imageOrigin(uri) == "" {
		return ""
	}
	return uri
}

// webLink is an address that a page may link to, empty if it is not on the web.
func webLink(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return ""
	}
	return uri
}

// localPath is a path and query of this site. What is none becomes nothing: the switch of the language is no open
// redirect.
func localPath(here string) string {
	u, err := url.Parse(here)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") ||
		strings.Contains(here, `\`) {
		return ""
	}
	return here
}

// langURL is a page of this site in another language.
func langURL(here, lang string) string {
	u, err := url.Parse(here)
	if err != nil || u.Path == "" {
		return ""
	}
	q := u.Query()
	q.Set("lang", lang)
	u.RawQuery = q.Encode()
	return u.String()
}

// appURL is an address of an app's own scheme, empty for any other: such a scheme is a reversed domain name (RFC 8252
// §7.1), and none that a browser itself knows, such as javascript:, has a dot.
func appURL(uri string) template.URL {
	scheme, _, ok := strings.Cut(uri, ":")
	if !ok || !strings.Contains(scheme, ".") || formTarget(scheme+":") == "" {
		return ""
	}
	return template.URL(uri)
}

// hostOf is where a client lives, empty for an app on the person's own device.
func hostOf(host string) string {
	h := clean(host, 300)
	if r := []rune(h); len(r) > 64 {
		h = "…" + string(r[len(r)-64:]) // who it belongs to stands at its end
	}
	name, _, _ := strings.Cut(strings.ToLower(h), ":")
	switch name {
	case "this device", "localhost", "127.0.0.1", "[":
		return ""
	}
	return h
}
