package op

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"qiao/storage"
)

// sendCode answers the client with a code.
func (p *Provider) sendCode(w http.ResponseWriter, a storage.AuthParams, code string) {
	p.send(w, a, url.Values{"code": {code}})
}

// sendError answers the client with an error. Only for a redirect URI that was found registered.
func (p *Provider) sendError(w http.ResponseWriter, a storage.AuthParams, e *protocolError) {
	p.send(w, a, url.Values{"error": {e.code}, "error_description": {e.description}})
}

// send answers the client in the response mode that it asked for, with its state and our name (RFC 9207: a client that
// uses several providers sees which one answered). Query is the one response mode so far.
func (p *Provider) send(w http.ResponseWriter, a storage.AuthParams, answer url.Values) {
	if a.State != "" {
		answer.Set("state", a.State)
	}
	answer.Set("iss", p.issuer)
	redirect(w, addQuery(a.RedirectURI, answer))
}

// addQuery appends to a registered URI without touching one byte of it.
func addQuery(uri string, values url.Values) string {
	switch {
	case len(values) == 0:
		return uri
	case !strings.Contains(uri, "?"):
		return uri + "?" + values.Encode()
	case strings.HasSuffix(uri, "?"), strings.HasSuffix(uri, "&"):
		return uri + values.Encode()
	default:
		return uri + "&" + values.Encode()
	}
}

// redirect answers 303, so that a post is followed by a GET. The location may hold a code: it is not stored by caches
// and not told to third parties.
func redirect(w http.ResponseWriter, location string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}

// refuse answers an error: at the client if it is the client's and target is known, else as a page.
func (p *Provider) refuse(w http.ResponseWriter, r *http.Request, target storage.AuthParams, err error) {
	var e *protocolError
	if errors.As(err, &e) && target.RedirectURI != "" {
		p.metrics.authorize("error_" + e.code)
		p.sendError(w, target, e)
		return
	}
	p.metrics.authorize("page_" + p.fail(w, r, target.UILocales, err))
}

// formTarget is what the content security policy of a page must allow its form to end at: the origin of a redirect URI,
// or its scheme where it is a custom one.
func formTarget(uri string) []string {
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Scheme == "":
		return nil
	case u.Scheme != "http" && u.Scheme != "https":
		return []string{u.Scheme + ":"}
	}
	return []string{u.Scheme + "://" + u.Host}
}
