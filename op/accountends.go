package op

import (
	"context"
	"errors"
	"net/http"
	"time"

	"qiao/storage"
)

// accountPost loads who has sent a form of the account page: this browser, and the session that the page was shown to.
// ok is false where the request was answered; one whose session ended meanwhile leads to a login, and did nothing.
func (p *Provider) accountPost(w http.ResponseWriter, r *http.Request) (live *signedIn, ok bool) {
	live, err := p.checkAccountPost(w, r)
	switch {
	case err != nil:
		p.fail(w, r, nil, err)
		return nil, false
	case live == nil:
		redirect(w, accountPath)
		return nil, false
	}
	return live, true
}

func (p *Provider) checkAccountPost(w http.ResponseWriter, r *http.Request) (*signedIn, error) {
	if limited, _ := p.allow(r, "authorize", p.limits.Authorize); limited != nil {
		return nil, limited
	}
	if err := parseForm(w, r); err != nil {
		return nil, err
	}
	secret, ok := p.guard.Secret(r)
	if !ok {
		return nil, wrongBrowser()
	}
	live, err := p.signedIn(r)
	if err != nil || live == nil {
		return nil, err
	}
	if err := p.guard.CheckForm(r, secret, accountPurpose+live.session.ID.String()); err != nil {
		return nil, foreignForm(err)
	}
	return live, nil
}

// endAccountSession answers the button of one session. This browser's own is a sign-out.
func (p *Provider) endAccountSession(w http.ResponseWriter, r *http.Request) {
	p.endByID(w, r, p.store.EndUserSession)
}

// revokeTV answers the button of one TV.
func (p *Provider) revokeTV(w http.ResponseWriter, r *http.Request) {
	p.endByID(w, r, p.store.RevokeUserGrant)
}

func (p *Provider) endByID(w http.ResponseWriter, r *http.Request, end func(ctx context.Context, userID string, id storage.ID, now time.Time) error) {
	live, ok := p.accountPost(w, r)
	if !ok {
		return
	}
	id, err := storage.ParseID(r.PostFormValue("id"))
	if err == nil {
		err = end(r.Context(), live.user.ID, id, p.now())
	}
	if err == nil && id == live.session.ID {
		p.leaveAccount(w)
		return
	}
	p.backToAccount(w, r, err)
}

// removeApp takes back what a client was given.
func (p *Provider) removeApp(w http.ResponseWriter, r *http.Request) {
	live, ok := p.accountPost(w, r)
	if !ok {
		return
	}
	id := r.PostFormValue("client_id")
	if id == "" {
		p.fail(w, r, nil, badRequest("client_id is missing"))
		return
	}
	p.backToAccount(w, r, p.store.RevokeClientAccess(r.Context(), live.user.ID, id, p.now()))
}

// signOutEverywhere ends all there is, this browser's session with it.
func (p *Provider) signOutEverywhere(w http.ResponseWriter, r *http.Request) {
	live, ok := p.accountPost(w, r)
	if !ok {
		return
	}
	if err := p.store.SignOutEverywhere(r.Context(), live.user.ID, "user", p.now()); err != nil {
		p.backToAccount(w, r, err)
		return
	}
	p.leaveAccount(w)
}

// leaveAccount comes after the session has ended in the store: if that fails, the person can try again.
func (p *Provider) leaveAccount(w http.ResponseWriter) {
	p.metrics.logout("ended")
	p.guard.ClearSession(w)
	redirect(w, loggedOutPath)
}

// backToAccount answers a form. What is somebody else's is not there.
func (p *Provider) backToAccount(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, storage.ErrNotFound):
		p.fail(w, r, nil, &pageError{status: http.StatusNotFound, kind: "not_found", detail: "there is no such thing on this account"})
	case err != nil:
		p.fail(w, r, nil, unavailable(err))
	default:
		redirect(w, accountPath)
	}
}
