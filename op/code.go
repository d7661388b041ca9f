package op

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"qiao/storage"
)

// errSessionGone: the session ended, or its user was locked or lost the phone, while the request was being answered.
var errSessionGone = errors.New("the session is gone")

// issueCode opens the grant with its one code. stored is the request that the code finishes, empty where the session was
// good enough at once: then it is one write.
func (p *Provider) issueCode(ctx context.Context, client storage.Client, a storage.AuthParams, stored storage.AuthRequest, live *signedIn) (string, error) {
	if a.Device != "" || storage.OwnPage(client.ID) {
		return "", errors.New("the request of a device or of a page of ours yields no code")
	}
	if err := p.allowCode(ctx, a, live.user.ID); err != nil {
		return "", err
	}
	draft, code := p.draftCode(client, a, live.user.ID)
	draft.Of(live.session)
	draft.AuthRequestID, draft.Browser, draft.SessionHash = stored.ID, stored.Browser, live.handle.Secret.Hash()
	err := p.store.IssueCode(ctx, draft)
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrLocked), errors.Is(err, storage.ErrPhoneNeeded):
		return "", errSessionGone
	case errors.Is(err, storage.ErrConflict):
		// A second tab, or a double click: one request, one code.
		return "", requestExpired()
	case err != nil:
		return "", unavailable(err)
	}
	return code.Text(), p.stillConsented(ctx, client, a, code.ID, live)
}

// draftCode is a code for the user, without the session that it is of.
func (p *Provider) draftCode(client storage.Client, a storage.AuthParams, userID string) (storage.NewCode, storage.Handle) {
	now := p.now()
	code := storage.NewHandle(now)
	return storage.NewCode{
		Grant: storage.Grant{
			ID: code.ID, UserID: userID, ClientID: client.ID, Offline: offline(client, a), Scopes: a.Scopes, Nonce: a.Nonce,
			RedirectURI: a.RedirectURI, CodeChallenge: a.CodeChallenge, CreatedAt: now, ExpiresAt: now.Add(p.life.RefreshAbsolute),
		},
		CodeHash: code.Secret.Hash(), CodeExpiresAt: now.Add(p.life.Code), Now: now,
	}, code
}

// Draft drafts the code that answers a stored request once this user's login for it is completed, and how the client is then
// told: what resume would do next, without sending the browser there. Nil where a page is due, or anything stands in the
// way: resume then says what. A third party's consent is looked at there, too.
func (p *Provider) Draft(r *http.Request, request storage.AuthRequest, userID string) (*storage.NewCode, func(http.ResponseWriter)) {
	a := request.Params
	switch {
	case userID == "", a.Device != "", storage.OwnPage(request.ClientID):
		return nil, nil
	case a.HintSubject != "" && a.HintSubject != userID:
		return nil, nil
	case formTarget(a.RedirectURI) == nil: // an app's own scheme takes a page with a button
		return nil, nil
	}
	client, err := p.client(r.Context(), request.ClientID)
	if err != nil || !client.FirstParty || mayStill(client, a) != nil || p.allowCode(r.Context(), a, userID) != nil {
		return nil, nil
	}
	draft, code := p.draftCode(client, a, userID)
	return &draft, func(w http.ResponseWriter) {
		p.metrics.authorize("code")
		p.sendCode(w, r, client, a, code.Text())
	}
}

// stillConsented looks at the consent once more, now that the grant is there: it may have been taken back between the
// first look and the code. An end that comes after this look sees the grant, and ends it (I7).
func (p *Provider) stillConsented(ctx context.Context, client storage.Client, a storage.AuthParams, grant storage.ID, live *signedIn) error {
	a.Prompt = nil // prompt=consent was answered
	lacking, err := p.consentLacking(ctx, client, a, live.user.ID)
	switch {
	case err != nil:
		return err
	case !lacking:
		return nil
	}
	if err := p.store.RevokeGrant(ctx, grant, client.ID, p.now()); err != nil {
		return unavailable(err)
	}
	return accessDenied()
}

// allowCode counts a code against the rate of its person. Who asked for no page (prompt=none) hears of it at the client;
// everybody else sees a page, which also ends a loop of two sites that send the browser to and fro. Signals that do not
// answer limit nothing: a live session goes on.
func (p *Provider) allowCode(ctx context.Context, a storage.AuthParams, userID string) error {
	ok, retryIn, err := p.signals.Allow(ctx, storage.Use{Key: "codes:" + userID, Max: p.limits.Codes.Max, Window: p.limits.Codes.Window})
	switch {
	case err != nil || ok:
		return nil
	case slices.Contains(a.Prompt, promptNone):
		return &protocolError{"temporarily_unavailable", "too many codes for this person in a short time, try again later"}
	}
	return tooMany("rate limit of this person", retryIn)
}
