package op

import (
	"errors"
	"net/http"

	"qiao/op/grants"
	"qiao/storage"
	"qiao/ui"
)

// showConsent asks whether the client may have what it asks for: all of it, also what was granted before, so that the
// page says what the click gives.
func (p *Provider) showConsent(w http.ResponseWriter, r *http.Request, request storage.AuthRequest, client storage.Client, live *signedIn) {
	masked, err := p.maskedPhone(live.user)
	if err != nil {
		p.refuse(w, r, request.Params, err)
		return
	}
	secret := p.guard.EnsureSecret(w, r)
	page := ui.Consent{
		Frame:       p.frame(w, r, request.Params.UILocales),
		Client:      clientView(client, request.Params.RedirectURI),
		MaskedPhone: masked,
		Action:      continuePath(request.ID),
		FormToken:   p.guard.FormToken(secret, consentPurpose+request.ID.String()),
	}
	page.Return = formTarget(request.Params.RedirectURI)
	page.Scopes = scopeLines(request.Params.Scopes, masked, live.user)
	p.pages.Render(w, http.StatusOK, page)
}

// scopeLines are the lines of a consent with what would be given.
func scopeLines(scopes []string, maskedPhone string, user storage.User) []ui.Scope {
	var lines []ui.Scope
	for _, scope := range scopes {
		line := ui.Scope{Name: scope}
		switch scope {
		case grants.ScopePhone:
			line.Detail = maskedPhone
		case grants.ScopeProfile:
			line.Detail = or(user.Name, user.Username)
		}
		lines = append(lines, line)
	}
	return lines
}

const (
	consentPurpose = "consent "
	loginPurpose   = "login "
)

// consent answers the consent page. The form's token is bound to the browser's secret, which every login renews: a page
// that was shown to one person cannot be answered by the next one in the same browser.
func (p *Provider) consent(w http.ResponseWriter, r *http.Request) {
	request, client, err := p.posted(w, r, consentPurpose)
	if err != nil {
		p.refuse(w, r, request.Params, err)
		return
	}
	switch {
	case request.Params.Device != "", storage.OwnPage(request.ClientID):
		p.fail(w, r, nil, badRequest("the request of a device or of a page of ours is answered at its own page"))
	case r.PostForm.Has("decline"):
		p.end(w, r, request, accessDenied())
	case r.PostForm.Has("approve"):
		p.approve(w, r, request, client)
	default:
		p.refuse(w, r, request.Params, badRequest("neither approve nor decline was sent"))
	}
}

// approve stores the consent and goes on to the code. What else is lacking is assessed again: the session may have ended
// or have grown too old while the page was open.
func (p *Provider) approve(w http.ResponseWriter, r *http.Request, request storage.AuthRequest, client storage.Client) {
	live, err := p.signedIn(r)
	if err != nil {
		p.refuse(w, r, request.Params, err)
		return
	}
	lacking, err := p.assess(r.Context(), client, request.Params, request.SessionID, live)
	switch {
	case err != nil:
		p.refuse(w, r, request.Params, err)
		return
	case lacking != needNothing && lacking != needConsent:
		redirect(w, continuePath(request.ID))
		return
	}
	if lacking == needConsent {
		err = p.store.GrantConsent(r.Context(), live.user.ID, client.ID, request.Params.Scopes, p.now())
		if err != nil {
			p.refuse(w, r, request.Params, unavailable(err))
			return
		}
	}
	code, err := p.issueCode(r.Context(), client, request.Params, request, live)
	switch {
	case errors.Is(err, errSessionGone):
		p.toLogin(w, request.ID)
	case err != nil:
		p.refuse(w, r, request.Params, err)
	default:
		p.metrics.authorize("code")
		p.sendCode(w, r, client, request.Params, code)
	}
}

// posted loads the request that a form of ours was sent for, after the form's token was checked.
func (p *Provider) posted(w http.ResponseWriter, r *http.Request, purpose string) (storage.AuthRequest, storage.Client, error) {
	var none storage.AuthRequest
	if limited, _ := p.allow(r, "authorize", p.limits.Authorize); limited != nil {
		return none, storage.Client{}, limited
	}
	if err := parseForm(w, r); err != nil {
		return none, storage.Client{}, err
	}
	secret, ok := p.guard.Secret(r)
	if !ok {
		return none, storage.Client{}, wrongBrowser()
	}
	id, err := requestID(r)
	if err != nil {
		return none, storage.Client{}, err
	}
	if err := p.guard.CheckForm(r, secret, purpose+id.String()); err != nil {
		return none, storage.Client{}, foreignForm(err)
	}
	return p.loadRequest(r.Context(), id, secret.Hash())
}
