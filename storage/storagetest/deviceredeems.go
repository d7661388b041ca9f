package storagetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func deviceRedeemStories() map[string]story {
	return map[string]story{
		"a hundred polls at once redeem once (I6)":          tvRedeemedOnce,
		"a foreign poll is told nothing and ends nothing":   tvForeign,
		"a poll that comes late is told that it is late":    tvLate,
		"a device without tokens to keep":                   tvWithoutTokens,
		"a device refreshes like everybody (I2)":            tvRefreshes,
		"a code is no device code, nor the other way round": tvCodesApart,
	}
}

func tvRedeemedOnce(w world) {
	w.signIn("o1", start)
	for range 5 {
		d := w.tv(start)
		l := w.scanTV(d, "o1")
		w.approve(&l)
		won := 0
		for _, err := range parallel(100, func(n int) error { return w.poll(d, n) }) {
			if err == nil {
				won++
			} else {
				require.ErrorIs(w, err, storage.ErrNotFound)
			}
		}
		require.Equal(w, 1, won)
		require.True(w, w.alive(d.ID), "polls repeat: the losers end nothing")
	}
}

func tvForeign(w world) {
	w.signIn("o1", start)
	d := w.tv(start)
	foreign := func() {
		w.Helper()
		for name, change := range map[string]func(*storage.DeviceUse){
			"another secret": func(u *storage.DeviceUse) { u.CodeHash = newHash() },
			"no secret":      func(u *storage.DeviceUse) { u.CodeHash = storage.Hash{} },
			"another client": func(u *storage.DeviceUse) { u.ClientID = "other" },
			"another device": func(u *storage.DeviceUse) { u.DeviceID = storage.NewID(start) },
		} {
			for _, now := range []time.Time{start, d.ExpiresAt} {
				u := d.useOf(now)
				change(&u)
				_, err := w.b.RedeemDevice(w.Context(), u)
				require.ErrorIs(w, err, storage.ErrNotFound, name)
			}
		}
	}
	foreign()
	l := w.scanTV(d, "o1")
	w.decline(l)
	foreign()
	require.Equal(w, storage.DevicePending, w.device(d).State, "and the decline is not told to a stranger")
	l = w.scanTV(d, "o1")
	w.approve(&l)
	foreign()
	require.NoError(w, w.poll(d, 0))
	foreign()
	require.True(w, w.alive(d.ID))
}

func tvLate(w world) {
	w.signIn("o1", start)
	waiting, approved, declined := w.tv(start), w.tv(start), w.tv(start)
	w.decline(w.scanTV(declined, "o1"))
	require.ErrorIs(w, w.poll(declined, 0), storage.ErrDeclined)
	l := w.scanTV(approved, "o1")
	l.now = approved.ExpiresAt.Add(-time.Microsecond)
	w.approve(&l)
	for _, d := range []tv{waiting, approved, declined} {
		_, err := w.b.RedeemDevice(w.Context(), d.useOf(d.ExpiresAt))
		require.ErrorIs(w, err, storage.ErrExpired)
	}
	late := w.scanTV(waiting, "o1")
	late.now = waiting.ExpiresAt
	_, _, err := w.a.ConfirmLogin(w.Context(), late.confirmOf(0))
	require.ErrorIs(w, err, storage.ErrConflict)
	_, err = w.a.DeclineLogin(w.Context(), late.attempt.ID, late.phone, late.now)
	require.ErrorIs(w, err, storage.ErrConflict)
	_, err = w.b.RedeemDevice(w.Context(), approved.useOf(approved.ExpiresAt.Add(-time.Microsecond)))
	require.NoError(w, err)
}

func tvWithoutTokens(w world) {
	w.signIn("o1", start)
	d := w.tv(start)
	l := w.scanTV(d, "o1")
	w.approve(&l)
	u := d.useOf(start)
	u.RefreshSeed, u.Access = storage.Hash{}, storage.AccessToken{}
	issued, err := w.a.RedeemDevice(w.Context(), u)
	require.NoError(w, err)
	require.Empty(w, issued.Grant.Access)
	require.True(w, issued.Grant.RefreshSeed.IsZero())
	require.Zero(w, issued.Grant.RefreshExpiresAt)
	_, err = w.a.RotateRefreshToken(w.Context(), rotationOf(issued, start))
	require.ErrorIs(w, err, storage.ErrNotFound)
}

func tvRefreshes(w world) {
	w.signIn("o1", start)
	d := w.tv(start)
	l := w.scanTV(d, "o1")
	w.approve(&l)
	issued := w.grantOf(d)
	for n := range 3 {
		now := start.AddDate(0, 0, 20*n)
		next, err := w.a.RotateRefreshToken(w.Context(), rotationOf(issued, now))
		require.NoError(w, err)
		again, err := w.b.RotateRefreshToken(w.Context(), rotationOf(issued, now.Add(time.Second)))
		require.NoError(w, err, "the answer was lost")
		require.Equal(w, next.Grant.RefreshGeneration, again.Grant.RefreshGeneration)
		read := w.grant(d.ID)
		require.Equal(w, d.GrantExpiresAt, read.Grant.ExpiresAt)
		require.True(w, read.Grant.ForDevice)
		issued = again
	}
	_, err := w.a.RotateRefreshToken(w.Context(), rotationOf(issued, d.GrantExpiresAt))
	require.Error(w, err)
}

// tvCodesApart: both are the handle of a grant, and neither is ever taken for the other.
func tvCodesApart(w world) {
	p := w.signIn("o1", start)
	d := w.tv(start)
	l := w.scanTV(d, "o1")
	w.approve(&l)
	asCode := storage.CodeUse{
		GrantID: d.ID, CodeHash: d.CodeHash, ClientID: d.ClientID, RefreshSeed: newHash(), RefreshExpiresAt: start.Add(time.Hour), Access: newAccess(start), Now: start,
	}
	code := p.codeOf(start)
	code.Grant.RedirectURI, code.Grant.CodeChallenge = "", ""
	require.NoError(w, w.a.IssueCode(w.Context(), code))
	asDevice := storage.DeviceUse{
		DeviceID: code.Grant.ID, CodeHash: code.CodeHash, ClientID: code.Grant.ClientID, RefreshSeed: newHash(), RefreshExpiresAt: start.Add(time.Hour),
		Access: newAccess(start), Now: start,
	}
	wrong := func() {
		w.Helper()
		for range 2 {
			_, err := w.a.ConsumeCode(w.Context(), asCode)
			require.ErrorIs(w, err, storage.ErrNotFound)
			_, err = w.b.RedeemDevice(w.Context(), asDevice)
			require.ErrorIs(w, err, storage.ErrNotFound)
		}
	}
	wrong()
	require.NoError(w, w.poll(d, 0))
	_, err := w.a.ConsumeCode(w.Context(), useOf(code, start))
	require.NoError(w, err)
	wrong()
	require.True(w, w.alive(d.ID), "a device code that was redeemed, in the place of a code, is no replay")
	require.True(w, w.alive(code.Grant.ID))
	late := asCode
	late.Now = d.ExpiresAt
	_, err = w.a.ConsumeCode(w.Context(), late)
	require.ErrorIs(w, err, storage.ErrNotFound)
}
