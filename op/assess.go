package op

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"qiao/op/grants"
	"qiao/storage"
)

// Values of prompt (OpenID Connect Core §3.1.2.1).
const (
	promptNone          = "none"
	promptLogin         = "login"
	promptConsent       = "consent"
	promptSelectAccount = "select_account"
)

// signedIn is the live session of a browser.
type signedIn struct {
	handle  storage.Handle
	session storage.Session
	user    storage.User
}

// signedIn returns the live session of the request's cookie, nil when there is none.
func (p *Provider) signedIn(r *http.Request) (*signedIn, error) {
	handle, ok := p.guard.Session(r)
	if !ok {
		return nil, nil
	}
	session, user, err := p.store.Session(r.Context(), handle.ID, handle.Secret.Hash(), p.life.SessionIdle, p.now())
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, unavailable(err)
	}
	return &signedIn{handle: handle, session: session, user: user}, nil
}

// need is what a request lacks before it can be answered with a code.
type need int

const (
	needNothing need = iota
	needLogin
	needConsent
	needOtherPerson // the login that was made for this request is not by the person whom the hint names
)

// assess decides what is lacking. loggedInBy is the session that a login for this very request has opened, zero while
// there was none. Consent is looked up last, and only for third parties.
func (p *Provider) assess(ctx context.Context, client storage.Client, a storage.AuthParams, loggedInBy storage.ID, live *signedIn) (need, error) {
	if live == nil || len(live.user.PhoneIndex) == 0 { // somebody else has taken the number: a new login binds one
		return needLogin, nil
	}
	fresh := loggedInBy == live.session.ID
	if a.HintSubject != "" && a.HintSubject != live.user.ID {
		if fresh {
			return needOtherPerson, nil
		}
		return needLogin, nil
	}
	if !fresh && (asksAnew(a) || tooOld(a, live.session, p.now())) {
		return needLogin, nil
	}
	if a.AsksToConfirm() && live.session.ACR != storage.ACRConfirm {
		return needLogin, nil
	}
	lacking, err := p.consentLacking(ctx, client, a, live.user.ID)
	if err != nil {
		return 0, err
	}
	if lacking {
		return needConsent, nil
	}
	return needNothing, nil
}

// asksAnew: a login chooses the account too, for one phone is one person.
func asksAnew(a storage.AuthParams) bool {
	return slices.Contains(a.Prompt, promptLogin) || slices.Contains(a.Prompt, promptSelectAccount)
}

// tooOld reports whether the session's login is longer ago than the client accepts. AuthTime has whole seconds, rounded
// down, so a session never counts as younger than it is.
func tooOld(a storage.AuthParams, s storage.Session, now time.Time) bool {
	return a.MaxAge != nil && now.Sub(s.AuthTime) > time.Duration(*a.MaxAge)*time.Second
}

// consentLacking: a third party needs consent to each scope, offline_access with them, and again where it asks for it. A
// first-party client belongs to the one who runs this provider: nobody is asked.
func (p *Provider) consentLacking(ctx context.Context, client storage.Client, a storage.AuthParams, userID string) (bool, error) {
	if client.FirstParty {
		return false, nil
	}
	if slices.Contains(a.Prompt, promptConsent) {
		return true, nil
	}
	given, err := p.store.Consent(ctx, userID, client.ID)
	if err != nil {
		return false, unavailable(err)
	}
	for _, scope := range a.Scopes {
		if !slices.Contains(given, scope) {
			return true, nil
		}
	}
	return false, nil
}

// offline reports whether the grant outlives its session.
func offline(client storage.Client, a storage.AuthParams) bool {
	return slices.Contains(a.Scopes, grants.ScopeOfflineAccess) && client.HasGrantType("refresh_token")
}
