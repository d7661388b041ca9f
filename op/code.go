package op

import (
	"context"
	"errors"
	"slices"
	"time"

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
	if err := p.allowCode(ctx, a, live); err != nil {
		return "", err
	}
	now := p.now()
	code := storage.NewHandle(now)
	offline := offline(client, a)
	err := p.store.IssueCode(ctx, storage.NewCode{
		Grant: storage.Grant{
			ID:            code.ID,
			UserID:        live.user.ID,
			ClientID:      client.ID,
			SessionID:     live.session.ID,
			Offline:       offline,
			Scopes:        a.Scopes,
			Nonce:         a.Nonce,
			RedirectURI:   a.RedirectURI,
			CodeChallenge: a.CodeChallenge,
			AuthTime:      live.session.AuthTime,
			AMR:           live.session.AMR,
			ACR:           live.session.ACR,
			CreatedAt:     now,
			ExpiresAt:     p.grantEnd(offline, live.session, now),
		},
		CodeHash:      code.Secret.Hash(),
		CodeExpiresAt: now.Add(p.life.Code),
		AuthRequestID: stored.ID,
		Browser:       stored.Browser,
		SessionHash:   live.handle.Secret.Hash(),
		Now:           now,
	})
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
func (p *Provider) allowCode(ctx context.Context, a storage.AuthParams, live *signedIn) error {
	ok, retryIn, err := p.signals.Allow(ctx, storage.Use{Key: "codes:" + live.user.ID, Max: p.limits.Codes.Max, Window: p.limits.Codes.Window})
	switch {
	case err != nil || ok:
		return nil
	case slices.Contains(a.Prompt, promptNone):
		return &protocolError{"temporarily_unavailable", "too many codes for this person in a short time, try again later"}
	}
	return tooMany("rate limit of this person", retryIn)
}

// grantEnd is when refreshing ends for good. An online grant does not outlive its session.
func (p *Provider) grantEnd(offline bool, s storage.Session, now time.Time) time.Time {
	end := now.Add(p.life.RefreshAbsolute)
	if !offline && s.ExpiresAt.Before(end) {
		return s.ExpiresAt
	}
	return end
}
