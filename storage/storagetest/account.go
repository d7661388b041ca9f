package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// accountStories are those of the account page: what a person sees, and ends, of their own.
func accountStories() map[string]story {
	return map[string]story{
		"what can still be used is listed":                accountLists,
		"the browsers that know a person are listed":      accountBrowsers,
		"nothing of somebody else is found or ended":      accountForeign,
		"each end is one end, audited once":               accountTwice,
		"signing out everywhere ends what is under way":   accountSignedOut,
		"a session's end beside every issuing":            accountSessionRaces,
		"signing out everywhere beside every issuing":     accountSignOutRaces,
		"signing out everywhere beside TVs and a login":   accountSignOutRacesTVs,
		"the end of a grant beside its use":               accountGrantRaces,
		"the end of a client's access beside every use":   accountClientRaces,
		"a code for a client beside its end is not a use": accountClientThenCode,
	}
}

// grants lists the ids of the grants that the person sees.
func (w world) grants(userID string, now time.Time) []storage.ID {
	w.Helper()
	list, err := w.b.ListUserGrants(w.Context(), userID, now)
	require.NoError(w, err)
	ids := make([]storage.ID, len(list))
	for n, g := range list {
		ids[n] = g.ID
	}
	return ids
}

func accountLists(w world) {
	p := w.signIn("o1", start)
	require.Empty(w, w.grants(p.user.ID, start))
	pending := p.codeOf(start)
	require.NoError(w, w.a.IssueCode(w.Context(), pending))
	require.Equal(w, []storage.ID{pending.Grant.ID}, w.grants(p.user.ID, start))
	require.Empty(w, w.grants(p.user.ID, pending.CodeExpiresAt), "a code that nobody used")

	issued := w.tokens(p, true, start)
	later := start.Add(time.Hour)
	_, err := w.a.RotateRefreshToken(w.Context(), rotationOf(issued, later))
	require.NoError(w, err)
	without := p.codeOf(later) // access tokens alone
	require.NoError(w, w.a.IssueCode(w.Context(), without))
	use := useOf(without, later)
	use.RefreshSeed, use.RefreshExpiresAt = storage.Hash{}, time.Time{}
	_, err = w.a.ConsumeCode(w.Context(), use)
	require.NoError(w, err)
	d := w.tv(later)
	l := w.scanTV(d, "o1")
	w.approve(&l)

	list, err := w.b.ListUserGrants(w.Context(), p.user.ID, later)
	require.NoError(w, err)
	byID := map[storage.ID]storage.UserGrant{}
	for n, g := range list {
		byID[g.ID] = g
		require.True(w, n == 0 || !g.CreatedAt.After(list[n-1].CreatedAt), "the newest first")
	}
	require.Len(w, byID, 3)
	require.Equal(w, later, byID[issued.Grant.ID].UsedAt)
	require.True(w, byID[issued.Grant.ID].Offline)
	require.Zero(w, byID[without.Grant.ID].UsedAt)
	require.True(w, byID[d.ID].ForDevice)
	require.Equal(w, d.Name, byID[d.ID].Device.Name)
	require.NotContains(w, w.grants(p.user.ID, later.Add(11*time.Minute)), without.Grant.ID)
	require.Empty(w, w.grants("nobody", later))

	consents := func() []storage.Consent {
		list, err := w.b.UserConsents(w.Context(), p.user.ID)
		require.NoError(w, err)
		return list
	}
	require.Empty(w, consents())
	require.NoError(w, w.a.GrantConsent(w.Context(), p.user.ID, "grafana", []string{"openid", "phone"}, later))
	require.NoError(w, w.a.GrantConsent(w.Context(), p.user.ID, "forum", []string{"openid"}, start))
	require.Equal(w, []storage.Consent{
		{ClientID: "forum", Scopes: []string{"openid"}, UpdatedAt: start},
		{ClientID: "grafana", Scopes: []string{"openid", "phone"}, UpdatedAt: later},
	}, consents())
}

func accountForeign(w world) {
	p, other := w.signIn("o1", start), w.signIn("o2", start)
	issued := w.tokens(p, true, start)
	require.NoError(w, w.a.GrantConsent(w.Context(), p.user.ID, "grafana", []string{"openid"}, start))
	for _, who := range []string{other.user.ID, "nobody", ""} {
		require.ErrorIs(w, w.a.RevokeUserGrant(w.Context(), who, issued.Grant.ID, start), storage.ErrNotFound)
		require.ErrorIs(w, w.a.EndUserSession(w.Context(), who, p.session.ID, start), storage.ErrNotFound)
	}
	require.ErrorIs(w, w.a.RevokeUserGrant(w.Context(), p.user.ID, storage.NewID(start), start), storage.ErrNotFound)
	require.ErrorIs(w, w.a.EndUserSession(w.Context(), p.user.ID, storage.NewID(start), start), storage.ErrNotFound)
	require.NoError(w, w.a.RevokeClientAccess(w.Context(), other.user.ID, "grafana", start))
	require.NoError(w, w.a.SignOutEverywhere(w.Context(), other.user.ID, "user", start))
	for _, who := range []string{"nobody", ""} {
		require.ErrorIs(w, w.a.SignOutEverywhere(w.Context(), who, "user", start), storage.ErrNotFound)
		require.ErrorIs(w, w.a.RevokeClientAccess(w.Context(), who, "grafana", start), storage.ErrNotFound)
	}
	require.True(w, w.alive(issued.Grant.ID))
	require.NoError(w, w.a.IssueCode(w.Context(), p.codeOf(start)))
	scopes, err := w.a.Consent(w.Context(), p.user.ID, "grafana")
	require.NoError(w, err)
	require.Equal(w, []string{"openid"}, scopes)
	require.Equal(w, []string{"phone.bind", "login", "user.sign_out"}, w.actions(other.user.ID))
}

func accountTwice(w world) {
	p := w.signIn("o1", start)
	kept, online := w.tokens(p, true, start), w.tokens(p, false, start)
	ctx := context.WithoutCancel(w.Context())
	everyone := func(end func(s storage.Store) error) {
		w.Helper()
		require.NoError(w, errors.Join(parallel(4, func(n int) error { return end(w.store(n)) })...))
		require.NoError(w, end(w.b))
	}
	everyone(func(s storage.Store) error { return s.RevokeUserGrant(ctx, p.user.ID, online.Grant.ID, start) })
	require.False(w, w.alive(online.Grant.ID))
	online = w.tokens(p, false, start)
	everyone(func(s storage.Store) error { return s.EndUserSession(ctx, p.user.ID, p.session.ID, start) })
	require.False(w, w.alive(online.Grant.ID))
	require.True(w, w.alive(kept.Grant.ID), "offline_access outlives the session")
	everyone(func(s storage.Store) error { return s.RevokeClientAccess(ctx, p.user.ID, "grafana", start) })
	require.False(w, w.alive(kept.Grant.ID))
	everyone(func(s storage.Store) error { return s.SignOutEverywhere(ctx, p.user.ID, "user", start) })
	require.Equal(w, []string{"phone.bind", "login", "grant.revoke", "session.end", "client.revoke", "user.sign_out"}, w.actions(p.user.ID))
}

func accountSignedOut(w world) {
	p := w.signIn("o1", start)
	offline := w.tokens(p, true, start)
	confirmed := w.confirmed(newHash(), "o1", start)
	scanned, redeemed, waiting := w.tv(start), w.tv(start), w.tv(start)
	done := w.scanTV(redeemed, "o1")
	w.approve(&done)
	require.NoError(w, w.poll(redeemed, 0))
	phone := w.scanTV(scanned, "o1")
	require.NoError(w, w.a.SignOutEverywhere(w.Context(), p.user.ID, "user", start))

	require.False(w, w.alive(offline.Grant.ID))
	require.False(w, w.alive(redeemed.ID))
	_, err := w.b.RotateRefreshToken(w.Context(), rotationOf(offline, start))
	require.ErrorIs(w, err, storage.ErrNotFound)
	_, _, err = w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	_, err = w.b.CompleteLogin(w.Context(), confirmed.completeOf())
	require.ErrorIs(w, err, storage.ErrConflict, "a login that was confirmed before opens nothing")
	_, _, err = w.b.ConfirmLogin(w.Context(), phone.confirmOf(0))
	require.ErrorIs(w, err, storage.ErrConflict)
	require.Empty(w, w.grants(p.user.ID, start))

	again := w.signIn("o1", start)
	require.Equal(w, p.user.ID, again.user.ID, "it is no lock")
	_, err = w.a.ApproveDevice(w.Context(), again.approvalOf(waiting))
	require.NoError(w, err)
}

func accountSessionRaces(w world) {
	race(w, false, func(ctx context.Context, p person) error {
		return w.a.EndUserSession(ctx, p.user.ID, p.session.ID, start)
	})
}

func accountSignOutRaces(w world) {
	race(w, true, func(ctx context.Context, p person) error { return w.b.SignOutEverywhere(ctx, p.user.ID, "user", start) })
}

func accountSignOutRacesTVs(w world) {
	ctx := context.WithoutCancel(w.Context())
	for round := range rounds / 3 {
		p := w.signIn(fmt.Sprint("o", round), start)
		phone, typed, approved := w.tv(start), w.tv(start), w.tv(start)
		done := w.scanTV(approved, p.openID)
		w.approve(&done)
		l := w.scanTV(phone, p.openID)
		login := w.confirmed(newHash(), p.openID, start)
		errs := parallel(7, func(n int) error {
			s := w.store(n + round)
			var err error
			switch n {
			case 0:
				return s.SignOutEverywhere(ctx, p.user.ID, "user", start)
			case 1:
				_, _, err = s.ConfirmLogin(ctx, l.confirmOf(0))
			case 2:
				_, err = s.ApproveDevice(ctx, p.approvalOf(typed))
			case 3:
				_, err = s.CompleteLogin(ctx, login.completeOf())
			default:
				_, err = s.RedeemDevice(ctx, []tv{phone, typed, approved}[n-4].useOf(start))
			}
			if errors.Is(err, storage.ErrPending) || errors.Is(err, storage.ErrConflict) {
				return nil
			}
			return refused(err)
		})
		require.NoError(w, errors.Join(errs...))
		for _, d := range []tv{phone, typed, approved} {
			require.False(w, w.alive(d.ID), "the grant of a TV lives after the end was acknowledged")
		}
		sessions, err := w.a.UserSessions(ctx, p.user.ID, start)
		require.NoError(w, err)
		require.Empty(w, sessions)
	}
}

// usesRace runs an end beside uses of grants that exist, and looks for what lives.
func usesRace(w world, end func(ctx context.Context, p person, pending, old storage.ID) error) {
	ctx := context.WithoutCancel(w.Context())
	for round := range rounds {
		p := w.signIn(fmt.Sprintf("o%d", round), start)
		old, pending := w.tokens(p, true, start), p.codeOf(start)
		require.NoError(w, w.a.IssueCode(ctx, pending))
		errs := parallel(3, func(n int) error {
			s := w.store(n + round)
			switch n {
			case 0:
				return end(ctx, p, pending.Grant.ID, old.Grant.ID)
			case 1:
				issued, err := s.ConsumeCode(ctx, useOf(pending, start))
				if err == nil {
					_, err = s.RotateRefreshToken(ctx, rotationOf(issued, start))
				}
				return refused(err)
			default:
				_, err := s.RotateRefreshToken(ctx, rotationOf(old, start))
				return refused(err)
			}
		})
		require.NoError(w, errors.Join(errs...))
		require.False(w, w.alive(pending.Grant.ID) || w.alive(old.Grant.ID), "a grant lives after the end was acknowledged")
		require.NoError(w, w.a.IssueCode(ctx, p.codeOf(start)), "the session goes on")
	}
}

func accountGrantRaces(w world) {
	usesRace(w, func(ctx context.Context, p person, pending, old storage.ID) error {
		return errors.Join(w.a.RevokeUserGrant(ctx, p.user.ID, pending, start), w.b.RevokeUserGrant(ctx, p.user.ID, old, start))
	})
}

func accountClientRaces(w world) {
	usesRace(w, func(ctx context.Context, p person, _, _ storage.ID) error {
		return w.b.RevokeClientAccess(ctx, p.user.ID, "grafana", start)
	})
}

// accountClientThenCode: whoever issues a code and finds the consent afterwards can trust it: an end that the look did
// not see has seen the grant.
func accountClientThenCode(w world) {
	ctx := context.WithoutCancel(w.Context())
	for round := range rounds {
		p := w.signIn(fmt.Sprintf("o%d", round), start)
		require.NoError(w, w.a.GrantConsent(ctx, p.user.ID, "grafana", []string{"openid"}, start))
		code := p.codeOf(start)
		seen := false
		errs := parallel(2, func(n int) error {
			if n == 0 {
				return w.store(round).RevokeClientAccess(ctx, p.user.ID, "grafana", start)
			}
			s := w.store(round + 1)
			err := s.IssueCode(ctx, code)
			scopes, err2 := s.Consent(ctx, p.user.ID, "grafana")
			seen = len(scopes) > 0
			return errors.Join(err, err2)
		})
		require.NoError(w, errors.Join(errs...))
		require.False(w, seen && w.alive(code.Grant.ID), "a grant lives that was issued with a consent that is taken back")
	}
}
