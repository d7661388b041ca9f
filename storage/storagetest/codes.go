package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func codeStories() map[string]story {
	return map[string]story{
		"a code yields its grant":                         codeYields,
		"a code is used once (I1)":                        codeOnce,
		"sixteen uses at once are one, and then none":     codeAtOnce,
		"a foreign use changes nothing":                   codeForeign,
		"a late code is expired, a late replay revokes":   codeLate,
		"one request yields one code":                     codePerRequest,
		"one request yields one code, at once":            codePerRequestAtOnce,
		"a request of another browser yields no code":     codeForeignRequest,
		"a code without tokens to keep":                   codeWithoutTokens,
		"only a live session with its secret issues":      codeSession,
		"who has lost the phone signs in nowhere":         codePhoneNeeded,
		"a code beside the loss of the phone":             codeRacesMove,
		"a revoked grant is gone for its client alone":    grantRevoked,
		"a revoked access token is gone, and no other":    accessRevoked,
		"a grant keeps its newest access tokens":          accessKept,
		"revocations at once drop each its own":           accessRevokedAtOnce,
		"an unknown grant is not found, or nothing to do": grantUnknown,
	}
}

func codeYields(w world) {
	p := w.signIn("o1", start)
	c := p.codeOf(start)
	c.Grant.Offline = true
	require.NoError(w, w.a.IssueCode(w.Context(), c))
	u := useOf(c, start.Add(time.Second))
	issued, err := w.b.ConsumeCode(w.Context(), u)
	require.NoError(w, err)
	read := w.grant(c.Grant.ID)
	want := c.Grant
	want.RefreshSeed, want.RefreshExpiresAt, want.Access = u.RefreshSeed, u.RefreshExpiresAt, read.Grant.Access
	require.Equal(w, want, read.Grant)
	require.Equal(w, p.user, read.User)
	require.Len(w, read.Grant.Access, 1)
	require.Equal(w, minted(read), minted(issued))
	require.Equal(w, u.Access.Hash, issued.Grant.Access[0].Hash)
	require.True(w, u.Access.ExpiresAt.Equal(issued.Grant.Access[0].ExpiresAt))
	require.Equal(w, storage.AllScopes, issued.Grant.Access[0].Mask)
	w.toldOfAccess(read)
}

func codeOnce(w world) {
	p := w.signIn("o1", start)
	c := p.codeOf(start)
	require.NoError(w, w.a.IssueCode(w.Context(), c))
	issued, err := w.a.ConsumeCode(w.Context(), useOf(c, start))
	require.NoError(w, err)
	_, err = w.b.ConsumeCode(w.Context(), useOf(c, start))
	require.ErrorIs(w, err, storage.ErrReplayed)
	require.False(w, w.alive(c.Grant.ID))
	_, err = w.b.RotateRefreshToken(w.Context(), rotationOf(issued, start))
	require.ErrorIs(w, err, storage.ErrNotFound)
	_, err = w.b.ConsumeCode(w.Context(), useOf(c, start))
	require.ErrorIs(w, err, storage.ErrNotFound, "a revoked grant has no code")
}

func codeAtOnce(w world) {
	p := w.signIn("o1", start)
	for range 10 {
		c := p.codeOf(start)
		require.NoError(w, w.a.IssueCode(w.Context(), c))
		won, replayed := 0, 0
		for _, err := range parallel(16, func(n int) error {
			_, err := w.store(n).ConsumeCode(context.WithoutCancel(w.Context()), useOf(c, start))
			return err
		}) {
			switch {
			case err == nil:
				won++
			case errors.Is(err, storage.ErrReplayed):
				replayed++
			default:
				require.ErrorIs(w, err, storage.ErrNotFound)
			}
		}
		require.Equal(w, 1, won)
		require.Equal(w, 1, replayed)
		require.False(w, w.alive(c.Grant.ID))
	}
}

func codeForeign(w world) {
	p := w.signIn("o1", start)
	c := p.codeOf(start)
	require.NoError(w, w.a.IssueCode(w.Context(), c))
	foreign := map[string]func(*storage.CodeUse){
		"another secret":       func(u *storage.CodeUse) { u.CodeHash = newHash() },
		"another client":       func(u *storage.CodeUse) { u.ClientID = "other" },
		"another redirect URI": func(u *storage.CodeUse) { u.RedirectURI += "/" },
		"another verifier":     func(u *storage.CodeUse) { u.CodeChallenge = "other" },
		"no verifier":          func(u *storage.CodeUse) { u.CodeChallenge = "" },
		"another grant":        func(u *storage.CodeUse) { u.GrantID = storage.NewID(start) },
	}
	try := func() {
		for name, change := range foreign {
			u := useOf(c, start)
			change(&u)
			_, err := w.b.ConsumeCode(w.Context(), u)
			require.ErrorIs(w, err, storage.ErrNotFound, name)
		}
	}
	try()
	_, err := w.b.ConsumeCode(w.Context(), useOf(c, start))
	require.NoError(w, err)
	try()
	require.True(w, w.alive(c.Grant.ID), "a used code in foreign hands ends nothing")

	plain := p.codeOf(start) // a request without a challenge
	plain.Grant.CodeChallenge = ""
	require.NoError(w, w.a.IssueCode(w.Context(), plain))
	u := useOf(plain, start)
	u.CodeChallenge = "a verifier without a challenge"
	_, err = w.b.ConsumeCode(w.Context(), u)
	require.ErrorIs(w, err, storage.ErrNotFound)
}

func codeLate(w world) {
	p := w.signIn("o1", start)
	c := p.codeOf(start)
	require.NoError(w, w.a.IssueCode(w.Context(), c))
	_, err := w.b.ConsumeCode(w.Context(), useOf(c, start.Add(time.Minute)))
	require.ErrorIs(w, err, storage.ErrExpired)
	c = p.codeOf(start)
	require.NoError(w, w.a.IssueCode(w.Context(), c))
	_, err = w.b.ConsumeCode(w.Context(), useOf(c, start.Add(59*time.Second)))
	require.NoError(w, err)
	_, err = w.b.ConsumeCode(w.Context(), useOf(c, start.Add(time.Hour)))
	require.ErrorIs(w, err, storage.ErrReplayed)
	require.False(w, w.alive(c.Grant.ID))
}

func (p person) codeForRequest(now time.Time) storage.NewCode {
	c := p.codeOf(now)
	c.AuthRequestID, c.Browser = p.request.ID, p.browser
	return c
}

func codePerRequest(w world) {
	p := w.signIn("o1", start)
	require.NoError(w, w.a.IssueCode(w.Context(), p.codeForRequest(start)))
	require.ErrorIs(w, w.b.IssueCode(w.Context(), p.codeForRequest(start)), storage.ErrConflict)
	_, err := w.b.AuthRequest(w.Context(), p.request.ID, p.browser, start)
	require.ErrorIs(w, err, storage.ErrNotFound, "it is finished")
	again := newAttempt(p.request, storage.ViaQR, start)
	again.Browser = p.browser
	require.ErrorIs(w, w.a.BeginAttempt(w.Context(), again, storage.ID{}, start), storage.ErrConflict)
}

func codePerRequestAtOnce(w world) {
	for range 10 {
		p := w.signIn("o1", start)
		issued := 0
		for _, err := range parallel(6, func(n int) error {
			return w.store(n).IssueCode(context.WithoutCancel(w.Context()), p.codeForRequest(start))
		}) {
			if err == nil {
				issued++
			} else {
				require.ErrorIs(w, err, storage.ErrConflict)
			}
		}
		require.Equal(w, 1, issued)
	}
}

func codeForeignRequest(w world) {
	p := w.signIn("o1", start)
	c := p.codeForRequest(start)
	c.Browser = newHash()
	require.Error(w, w.a.IssueCode(w.Context(), c))
	require.False(w, w.alive(c.Grant.ID))
	_, err := w.b.AuthRequest(w.Context(), p.request.ID, p.browser, start)
	require.NoError(w, err, "it is not finished")
	c = p.codeForRequest(start)
	c.Now = start.Add(time.Hour)
	require.Error(w, w.a.IssueCode(w.Context(), c), "a late request")
	require.False(w, w.alive(c.Grant.ID))
}

func codeWithoutTokens(w world) {
	p := w.signIn("o1", start)
	c := p.codeOf(start)
	require.NoError(w, w.a.IssueCode(w.Context(), c))
	u := useOf(c, start)
	u.RefreshSeed, u.RefreshExpiresAt, u.Access = storage.Hash{}, time.Time{}, storage.AccessToken{}
	issued, err := w.a.ConsumeCode(w.Context(), u)
	require.NoError(w, err)
	require.True(w, issued.Grant.RefreshSeed.IsZero())
	require.True(w, issued.Grant.RefreshExpiresAt.IsZero())
	require.Empty(w, issued.Grant.Access)
	_, err = w.b.RotateRefreshToken(w.Context(), rotationOf(issued, start))
	require.ErrorIs(w, err, storage.ErrNotFound, "there is no family, whose seed would be absent")
	require.True(w, w.alive(c.Grant.ID))
}

func codeSession(w world) {
	p, other := w.signIn("o1", start), w.signIn("o2", start)
	for name, change := range map[string]func(*storage.NewCode){
		"another secret":         func(c *storage.NewCode) { c.SessionHash = newHash() },
		"another session":        func(c *storage.NewCode) { c.Grant.SessionID = storage.NewID(start) },
		"another user's session": func(c *storage.NewCode) { c.Grant.SessionID, c.SessionHash = other.session.ID, other.session.Hash },
		"idle for too long":      func(c *storage.NewCode) { c.Now = start.Add(8 * time.Hour) },
		"an unknown user":        func(c *storage.NewCode) { c.Grant.UserID = "nobody" },
	} {
		c := p.codeOf(start)
		change(&c)
		require.ErrorIs(w, w.a.IssueCode(w.Context(), c), storage.ErrNotFound, name)
		require.False(w, w.alive(c.Grant.ID), name)
	}
	require.NoError(w, w.a.LockUser(w.Context(), p.user.ID, "ops", start))
	require.ErrorIs(w, w.a.IssueCode(w.Context(), p.codeOf(start)), storage.ErrLocked)
}

// takePhone binds the number of another user to an openid, which takes it from them.
func (w world) takePhone(by, from string) {
	w.Helper()
	taker := w.approved(by, start)
	require.NoError(w, w.a.SendPhoneCode(w.Context(), taker.codeFor("+86138"+from)))
	_, err := w.a.BindPhone(w.Context(), taker.bindOf())
	require.NoError(w, err)
	_, err = w.a.MovePhone(w.Context(), taker.bindOf())
	require.NoError(w, err)
}

// codePhoneNeeded: what a session leads to, and what leads to a session, agree about whom they let in.
func codePhoneNeeded(w world) {
	p := w.signIn("o1", start)
	kept, l, d := w.tokens(p, true, start), w.confirmed(newHash(), "o1", start), w.tv(start)
	w.takePhone("o2", "o1")
	_, approved := w.a.ApproveDevice(w.Context(), p.approvalOf(d))
	_, completed := w.b.CompleteLogin(w.Context(), l.completeOf())
	for name, err := range map[string]error{
		"a code": w.a.IssueCode(w.Context(), p.codeOf(start)), "a code for a request": w.b.IssueCode(w.Context(), p.codeForRequest(start)),
		"a device": approved, "a login": completed,
	} {
		require.ErrorIs(w, err, storage.ErrPhoneNeeded, name)
	}
	require.True(w, w.alive(kept.Grant.ID), "what was granted before stays")
	_, err := w.a.AuthRequest(w.Context(), p.request.ID, p.browser, start)
	require.NoError(w, err, "the request may still be answered after a new login")
	other := w.signIn("o3", start)
	ended := p.codeOf(start)
	ended.Grant.SessionID, ended.SessionHash = other.session.ID, other.session.Hash
	require.ErrorIs(w, w.a.IssueCode(w.Context(), ended), storage.ErrNotFound, "somebody else's session comes first")

	w.bindAnew(p, "+8613800000009")
	require.NoError(w, w.a.IssueCode(w.Context(), p.codeForRequest(start)))
}

// bindAnew gives a user who has lost the phone another one, by a login elsewhere.
func (w world) bindAnew(p person, phone string) {
	w.Helper()
	l := w.begin(newHash(), start)
	w.scan(&l, p.openID)
	require.Equal(w, storage.ConfirmPhoneNeeded, w.approve(&l))
	require.Equal(w, p.user.ID, w.bindPhone(&l, phone).ID)
}

// codeRacesMove: once the move is acknowledged, the number's earlier holder is given no code.
func codeRacesMove(w world) {
	ctx := context.WithoutCancel(w.Context())
	for round := range rounds / 4 {
		p := w.signIn(fmt.Sprintf("o%d", round), start)
		taker := w.approved(fmt.Sprintf("taker%d", round), start)
		require.NoError(w, w.a.SendPhoneCode(ctx, taker.codeFor("+86138"+p.openID)))
		_, err := w.a.BindPhone(ctx, taker.bindOf())
		require.NoError(w, err)
		errs := parallel(4, func(n int) error {
			if n == 0 {
				_, err := w.a.MovePhone(ctx, taker.bindOf())
				return err
			}
			if err := w.store(n).IssueCode(ctx, p.codeOf(start)); !errors.Is(err, storage.ErrPhoneNeeded) {
				return err
			}
			return nil
		})
		require.NoError(w, errors.Join(errs...))
		require.ErrorIs(w, w.b.IssueCode(ctx, p.codeOf(start)), storage.ErrPhoneNeeded)
	}
}
