package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func deviceEndStories() map[string]story {
	return map[string]story{
		"a hundred polls at once redeem once (I6)":          tvRedeemedOnce,
		"a foreign poll is told nothing and ends nothing":   tvForeign,
		"a poll that comes late is told that it is late":    tvLate,
		"a device without tokens to keep":                   tvWithoutTokens,
		"a device refreshes like everybody (I2)":            tvRefreshes,
		"a code is no device code, nor the other way round": tvCodesApart,
		"a lone decline is told, and final":                 tvDeclined,
		"a decline beside somebody who decides is not told": tvDeclineHeld,
		"a scan before the device was told takes it back":   tvDeclineForgotten,
		"a decline on the phone ends its binding":           tvDeclinedBinding,
		"a browser declines":                                tvTypedDecline,
		"a browser that decides is not locked out":          tvTypedHeld,
		"decline, scan, approval and poll at once agree":    tvDeclineRaces,
	}
}

// decline declines on the phone.
func (w world) decline(l login) {
	w.Helper()
	a, err := w.a.DeclineLogin(w.Context(), l.attempt.ID, l.phone, l.now)
	require.NoError(w, err)
	require.Equal(w, storage.AttemptDeclined, a.State)
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
		require.Equal(w, d.GrantExpiresAt, again.Grant.ExpiresAt)
		require.True(w, again.Grant.ForDevice)
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

func tvDeclined(w world) {
	p := w.signIn("o1", start)
	d := w.tv(start)
	l := w.scanTV(d, "o1")
	for range 2 {
		w.decline(l)
	}
	require.Equal(w, storage.DevicePending, w.device(d).State, "it was not told")
	for n := range 3 {
		require.ErrorIs(w, w.poll(d, n), storage.ErrDeclined)
	}
	require.Equal(w, storage.DeviceDeclined, w.device(d).State)
	outcome, _, err := w.a.RecordScan(w.Context(), d.scanOf("o2"))
	require.NoError(w, err)
	require.Equal(w, storage.ScanOver, outcome)
	_, err = w.a.BeginDeviceAttempt(w.Context(), d.ID, account, "o1", newHash(), start)
	require.ErrorIs(w, err, storage.ErrConflict)
	_, err = w.a.ApproveDevice(w.Context(), p.approvalOf(d))
	require.ErrorIs(w, err, storage.ErrConflict)
	_, err = w.a.OpenDevice(w.Context(), p.approvalOf(d))
	require.ErrorIs(w, err, storage.ErrConflict)
	require.NoError(w, w.a.DeclineDevice(w.Context(), p.approvalOf(d)), "again")
	_, err = w.b.DeviceByUserCode(w.Context(), d.UserCode, nil, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.Equal(w, []string{"phone.bind", "login", "device.decline"}, w.actions(p.user.ID), "once")
}

func tvDeclineHeld(w world) {
	w.signIn("owner", start)
	for name, decide := range map[string]func(d tv, owner *login){
		"approves": func(d tv, owner *login) {
			require.Equal(w, storage.ConfirmDone, w.approve(owner))
			require.NoError(w, w.poll(d, 0))
		},
		"declines too": func(d tv, owner *login) {
			w.decline(*owner)
			require.ErrorIs(w, w.poll(d, 0), storage.ErrDeclined)
		},
		"turns to another screen": func(d tv, owner *login) {
			w.scanTV(w.tv(start), "owner")
			require.ErrorIs(w, w.poll(d, 0), storage.ErrDeclined)
		},
		"lets it pass": func(d tv, owner *login) {
			_, err := w.a.RedeemDevice(w.Context(), d.useOf(d.ExpiresAt))
			require.ErrorIs(w, err, storage.ErrExpired)
		},
	} {
		d := w.tv(start)
		owner, stranger := w.scanTV(d, "owner"), w.scanTV(d, "stranger "+name)
		w.decline(stranger)
		for n := range 2 {
			require.ErrorIs(w, w.poll(d, n), storage.ErrPending, name)
		}
		decide(d, &owner)
	}
}

func tvDeclineForgotten(w world) {
	w.signIn("o1", start)
	for _, again := range []string{"o1", "o2"} { // who declined by mistake, and the owner who comes a moment later
		d := w.tv(start)
		w.decline(w.scanTV(d, "o1"))
		l := w.scanTV(d, again)
		require.ErrorIs(w, w.poll(d, 0), storage.ErrPending)
		if again == "o1" {
			require.Equal(w, storage.ConfirmDone, w.approve(&l))
			require.NoError(w, w.poll(d, 0))
		} else { // whose own attempt ends undecided: there is no decline left to tell
			w.scanTV(w.tv(start), again)
			require.ErrorIs(w, w.poll(d, 0), storage.ErrPending)
		}
	}
	d := w.tv(start)
	w.decline(w.scanTV(d, "o1"))
	_, err := w.a.BeginDeviceAttempt(w.Context(), d.ID, account, "o3", newHash(), start)
	require.NoError(w, err)
	require.ErrorIs(w, w.poll(d, 0), storage.ErrPending)
}

func tvDeclinedBinding(w world) {
	d := w.tv(start)
	l := w.scanTV(d, "o1")
	w.approve(&l)
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+8613800000001")))
	w.decline(l)
	_, err := w.b.BindPhone(w.Context(), l.bindOf())
	require.ErrorIs(w, err, storage.ErrConflict)
	require.ErrorIs(w, w.poll(d, 0), storage.ErrDeclined)
}

func tvTypedDecline(w world) {
	p := w.signIn("o1", start)
	d := w.tv(start)
	l := w.scanTV(d, "o1") // the same person's phone
	for range 2 {
		require.NoError(w, w.a.DeclineDevice(w.Context(), p.approvalOf(d)))
	}
	a, err := w.b.PhoneAttempt(w.Context(), l.attempt.ID, l.phone, start)
	require.NoError(w, err)
	require.Equal(w, storage.AttemptDeclined, a.State)
	require.ErrorIs(w, w.poll(d, 0), storage.ErrDeclined)
	require.Equal(w, []string{"phone.bind", "login", "device.decline"}, w.actions(p.user.ID))

	held := w.tv(start)
	owner := w.scanTV(held, "o2")
	require.NoError(w, w.a.DeclineDevice(w.Context(), p.approvalOf(held)))
	require.ErrorIs(w, w.poll(held, 0), storage.ErrPending)
	w.decline(owner)
	require.ErrorIs(w, w.poll(held, 0), storage.ErrDeclined)
}

// tvTypedHeld: somebody who sees the screen declines again and again, while its owner reads the page in a browser.
func tvTypedHeld(w world) {
	p := w.signIn("o1", start)
	d := w.tv(start)
	_, err := w.a.OpenDevice(w.Context(), p.approvalOf(d))
	require.NoError(w, err)
	for range 3 {
		w.decline(w.scanTV(d, "stranger"))
		require.ErrorIs(w, w.poll(d, 0), storage.ErrPending)
	}
	_, err = w.a.ApproveDevice(w.Context(), p.approvalOf(d))
	require.NoError(w, err)
	require.NoError(w, w.poll(d, 0))
}

// tvDeclineRaces: whatever comes first, all who are told of the end are told of the same one.
func tvDeclineRaces(w world) {
	ctx := context.WithoutCancel(w.Context())
	w.signIn("owner", start)
	for round := range rounds(w.T) / 4 {
		d := w.tv(start)
		stranger := w.scanTV(d, fmt.Sprint("stranger", round))
		owner := login{phone: newHash(), now: start}
		errs := parallel(4, func(n int) error {
			s := w.store(n + round)
			switch n {
			case 0:
				_, err := s.DeclineLogin(ctx, stranger.attempt.ID, stranger.phone, start)
				return err
			case 1: // the owner scans and approves
				a, err := s.BeginDeviceAttempt(ctx, d.ID, account, "owner", owner.phone, start)
				if err == nil {
					owner.attempt = a
					_, _, err = s.ConfirmLogin(ctx, owner.confirmOf(0))
				}
				return err
			default:
				for range 5 {
					_, err := s.RedeemDevice(ctx, d.useOf(start))
					if !errors.Is(err, storage.ErrPending) {
						return err
					}
				}
				return storage.ErrPending
			}
		})
		if errs[1] == nil { // approved: the stranger's decline came before or too late, and nobody was told of it
			for _, err := range append(errs[2:], w.poll(d, 0)) {
				require.NotErrorIs(w, err, storage.ErrDeclined)
			}
			require.True(w, w.alive(d.ID))
			if errs[0] != nil {
				require.ErrorIs(w, errs[0], storage.ErrConflict)
			}
			continue
		}
		require.ErrorIs(w, errs[1], storage.ErrConflict)
		require.NoError(w, errs[0])
		require.ErrorIs(w, w.poll(d, 0), storage.ErrDeclined)
		require.False(w, w.alive(d.ID))
	}
}
