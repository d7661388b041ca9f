package op

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"qiao/storage"
	"qiao/ui"
)

// sendCode answers the client with a code.
func (p *Provider) sendCode(w http.ResponseWriter, r *http.Request, client storage.Client, a storage.AuthParams, code string) {
	p.send(w, r, a, url.Values{"code": {code}}, ui.AppReturn{Kind: "signed_in", Client: clientView(client, a.RedirectURI)})
}

// sendError answers the client with an error. Only for a redirect URI that was found registered.
func (p *Provider) sendError(w http.ResponseWriter, r *http.Request, a storage.AuthParams, e *protocolError) {
	p.send(w, r, a, url.Values{"error": {e.code}, "error_description": {e.description}}, ui.AppReturn{
		Kind: "not_signed_in", Client: ui.Client{Host: hostOf(a.RedirectURI)},
	})
}

// send answers the client in the response mode that it asked for, with its state and our name (RFC 9207: a client that
// uses several providers sees which one answered). Query is the one response mode so far. The page is for an app.
func (p *Provider) send(w http.ResponseWriter, r *http.Request, a storage.AuthParams, answer url.Values, page ui.AppReturn) {
	if a.State != "" {
		answer.Set("state", a.State)
	}
	answer.Set("iss", p.issuer)
	if slices.Contains(a.Prompt, promptNone) {
		redirect(w, addQuery(a.RedirectURI, answer)) // whoever asks for no page gets none
		return
	}
	p.goTo(w, r, a.UILocales, addQuery(a.RedirectURI, answer), page)
}

// goTo leaves for the client's address. To an app's own scheme (RFC 8252 §7.1) browsers go only when the person taps
// something: that is a page with a button, and never a redirect that ends at a blank screen. Its address holds nothing of
// the answer, nobody keeps it, and it tells no referrer.
func (p *Provider) goTo(w http.ResponseWriter, r *http.Request, uiLocales []string, location string, page ui.AppReturn) {
	if strings.HasPrefix(location, "https://") || strings.HasPrefix(location, "http://") {
		redirect(w, location)
		return
	}
	page.Frame = ui.Frame{Lang: p.guard.Lang(w, r, uiLocales)} // reloaded, it is gone: so no switch of the language
	page.URL = location
	p.pages.Render(w, http.StatusOK, page)
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
		p.sendError(w, r, target, e)
		return
	}
	p.metrics.authorize("page_" + p.fail(w, r, target.UILocales, err))
}

// formTarget is what the content security policy of a page must allow its form to end at: the origin of a redirect URI.
// To an app's own scheme a link leads, and no form.
func formTarget(uri string) []string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil
	}
	return []string{u.Scheme + "://" + u.Host}
}
