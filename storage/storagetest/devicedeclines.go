package storagetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func deviceDeclineStories() map[string]story {
	return map[string]story{
		"a lone decline is told, and final":                 tvDeclined,
		"a decline beside somebody who decides is not told": tvDeclineHeld,
		"a scan before the device was told takes it back":   tvDeclineForgotten,
		"a decline on the phone ends its binding":           tvDeclinedBinding,
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

// tvDeclineRaces: whatever comes first, all who are told of the end are told of the same one.
func tvDeclineRaces(w world) {
	ctx := context.WithoutCancel(w.Context())
	w.signIn("owner", start)
	for round := range rounds / 4 {
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
