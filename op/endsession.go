package op

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"qiao/op/clients"
	"qiao/op/keys"
	"qiao/storage"
	"qiao/ui"
)

// endSession answers GET /end_session (OpenID Connect RP-Initiated Logout 1.0). A request whose hint names the very
// session of this browser logs out at once. Any other could be a stranger's link, and is asked about.
func (p *Provider) endSession(w http.ResponseWriter, r *http.Request) {
	if limited, _ := p.allow(r, "end_session", p.limits.EndSession); limited != nil {
		p.refuseLogout(w, r, nil, limited)
		return
	}
	q, err := p.checkLogout(r)
	if err != nil {
		p.refuseLogout(w, r, q.uiLocales(), err)
		return
	}
	live, err := p.signedIn(r)
	switch {
	case err != nil:
		p.refuseLogout(w, r, q.uiLocales(), err)
	case live == nil:
		// Nobody is signed in here as anybody can see, so there is nothing to ask about.
		p.endAndGoOn(w, r, q, q.hint != nil)
	case q.names(live):
		p.endAndGoOn(w, r, q, true)
	default:
		p.metrics.logout("asked")
		p.showLogout(w, r, q)
	}
}

// endAndGoOn ends the session before the cookie goes: if the store fails, the person can try again. Whatever session the
// cookie names is ended, also one that has idled out: its online grants have not, and after this no cookie names it. And
// whoever leaves matches a number next time, also where there was no session left: in a browser that others use, too, a code
// that somebody shows them must not be enough. A stranger's link can do no more than that.
func (p *Provider) endAndGoOn(w http.ResponseWriter, r *http.Request, q logoutInquiry, certain bool) {
	handle, held := p.guard.Session(r)
	var browser storage.Hash
	secret, known := p.guard.Secret(r)
	if known {
		browser = secret.Hash()
	}
	if held || known {
		if err := p.store.LogOut(r.Context(), handle.ID, handle.Secret.Hash(), browser, p.now()); err != nil {
			p.refuseLogout(w, r, q.uiLocales(), unavailable(err))
			return
		}
	}
	if held {
		p.metrics.logout("ended")
	} else {
		p.metrics.logout("nobody")
	}
	p.guard.ClearSession(w)
	p.leaveLogout(w, r, q, certain)
}

func (p *Provider) refuseLogout(w http.ResponseWriter, r *http.Request, uiLocales []string, err error) {
	p.metrics.logout("page_" + p.fail(w, r, uiLocales, err))
}

// logoutInquiry is a logout request after its checks.
type logoutInquiry struct {
	query    map[string]string
	hint     *keys.Claims   // nil: there was none
	client   storage.Client // empty: unknown who asks
	redirect string         // registered for client; empty: none
}

// checkLogout checks in this order: parameters, hint, client, address. What is wrong becomes a page and never a redirect
// (RP-Initiated Logout §3); a request that names an address but not who asks gets a page at the end, too.
func (p *Provider) checkLogout(r *http.Request) (logoutInquiry, error) {
	var q logoutInquiry
	var err error
	if q.query, err = p.params(r.URL.RawQuery, logoutLimits()); err != nil {
		return q, err
	}
	if err := p.logoutHint(&q); err != nil {
		return q, err
	}
	if err := p.logoutClient(r.Context(), &q); err != nil {
		return q, err
	}
	return q, q.checkRedirect()
}

// logoutHint reads an ID token of ours. An expired one will do: people log out late.
func (p *Provider) logoutHint(q *logoutInquiry) error {
	hint := q.query["id_token_hint"]
	if hint == "" {
		return nil
	}
	claims, err := p.keys.Verify(hint)
	if err != nil {
		return badRequest("id_token_hint is not an ID token of this issuer")
	}
	q.hint = &claims
	return nil
}

// logoutClient finds who asks: client_id, which must then be in the hint's audience, or the audience itself.
func (p *Provider) logoutClient(ctx context.Context, q *logoutInquiry) (err error) {
	id := q.query["client_id"]
	if q.hint != nil {
		if id == "" {
			id = q.hint.Audience[0]
		}
		if !slices.Contains(q.hint.Audience, id) {
			return badRequest("client_id and the audience of id_token_hint are different clients")
		}
	}
	if id == "" {
		return nil
	}
	q.client, err = p.client(ctx, id)
	return err
}

func (q *logoutInquiry) checkRedirect() error {
	uri := q.query["post_logout_redirect_uri"]
	if uri == "" || q.client.ID == "" {
		return nil
	}
	if !clients.MatchPostLogoutRedirect(q.client, uri) {
		return redirectMismatch("post_logout_redirect_uri is not one that is registered for this client: it must be the same to the byte")
	}
	q.redirect = uri
	return nil
}

func (q *logoutInquiry) uiLocales() []string { return strings.Fields(q.query["ui_locales"]) }

// names reports whether the hint names this browser's session. A hint of an older session of the same person does not.
func (q *logoutInquiry) names(live *signedIn) bool {
	if q.hint == nil || q.hint.Subject != live.user.ID {
		return false
	}
	return q.hint.SessionID == "" || q.hint.SessionID == live.session.ID.String()
}

// leaveLogout leads back to the client, where that is known for certain (a hint, or a person who agreed), else to our own
// page.
func (p *Provider) leaveLogout(w http.ResponseWriter, r *http.Request, q logoutInquiry, certain bool) {
	if q.redirect != "" && certain {
		p.goTo(w, r, q.uiLocales(), addQuery(q.redirect, q.pick("state")), ui.AppReturn{
			Kind: "signed_out", Client: clientView(q.client, q.redirect),
		})
		return
	}
	redirect(w, addQuery(loggedOutPath, q.pick("ui_locales")))
}

// pick returns those of the parameters that were sent.
func (q *logoutInquiry) pick(names ...string) url.Values {
	picked := url.Values{}
	for _, name := range names {
		if q.query[name] != "" {
			picked.Set(name, q.query[name])
		}
	}
	return picked
}
