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
		"what ends a grant ends it before its redemption": tvEnded,
		"a logout leaves a device alone":                  tvLogout,
		"a lock beside an approval and its redemption":    tvLockRaces,
		"a removal of its client beside an approval":      tvRemovalRaces,
	}
}

func tvEnded(w world) {
	for name, end := range map[string]func(person, tv) error{
		"lock":   func(p person, d tv) error { return w.a.LockUser(w.Context(), p.user.ID, "ops", start) },
		"unbind": func(p person, d tv) error { return w.a.UnbindUser(w.Context(), p.user.ID, "ops", start) },
		"delete": func(p person, d tv) error { return w.a.DeleteUser(w.Context(), p.user.ID, "ops", start) },
		"revoke": func(p person, d tv) error { return w.a.RevokeGrant(w.Context(), d.ID, d.ClientID, start) },
		"unfollow": func(p person, d tv) error {
			w.follow(account, p.openID, false, start.Add(time.Minute))
			return nil
		},
		"remove client": func(p person, d tv) error {
			return errors.Join(w.a.AddClient(w.Context(), newClient(d.ClientID), "ops"), w.a.RemoveClient(w.Context(), d.ClientID, "ops", start))
		},
	} {
		for _, typed := range []bool{false, true} {
			p := w.signIn(fmt.Sprint(name, typed), start)
			d := w.tv(start)
			if typed {
				_, err := w.a.ApproveDevice(w.Context(), p.approvalOf(d))
				require.NoError(w, err)
			} else {
				l := w.scanTV(d, p.openID)
				require.Equal(w, storage.ConfirmDone, w.approve(&l))
			}
			require.NoError(w, end(p, d), name)
			for range 2 {
				require.ErrorIs(w, w.poll(d, 0), storage.ErrNotFound, name)
			}
			require.False(w, w.alive(d.ID), name)
			if name == "delete" {
				_, err := w.b.Device(w.Context(), d.ID, start)
				require.ErrorIs(w, err, storage.ErrNotFound, "it names the user")
			}
		}
	}
}

func tvLogout(w world) {
	p := w.signIn("o1", start)
	d := w.tv(start)
	_, err := w.a.ApproveDevice(w.Context(), p.approvalOf(d))
	require.NoError(w, err)
	require.NoError(w, w.a.EndSession(w.Context(), p.session.ID, start))
	require.Equal(w, p.user.ID, w.grantOf(d).User.ID)
	require.True(w, w.alive(d.ID))
}

// tvLockRaces: once the lock is acknowledged nothing lives, whatever stood between approval and tokens.
func tvLockRaces(w world) {
	ctx := context.WithoutCancel(w.Context())
	for round := range rounds / 3 {
		p := w.signIn(fmt.Sprint("o", round), start)
		phone, typed, approved := w.tv(start), w.tv(start), w.tv(start)
		done := w.scanTV(approved, p.openID)
		w.approve(&done)
		l := w.scanTV(phone, p.openID)
		errs := parallel(6, func(n int) error {
			s := w.store(n + round)
			var err error
			switch n {
			case 0:
				return s.LockUser(ctx, p.user.ID, "ops", start)
			case 1:
				_, _, err = s.ConfirmLogin(ctx, l.confirmOf(0))
			case 2:
				_, err = s.ApproveDevice(ctx, p.approvalOf(typed))
			default:
				_, err = s.RedeemDevice(ctx, []tv{phone, typed, approved}[n-3].useOf(start))
			}
			if errors.Is(err, storage.ErrPending) {
				return nil
			}
			return refused(err)
		})
		require.NoError(w, errors.Join(errs...))
		for _, d := range []tv{phone, typed, approved} {
			require.False(w, w.alive(d.ID), "a grant lives after the lock was acknowledged")
			if err := w.poll(d, round); !errors.Is(err, storage.ErrPending) {
				require.ErrorIs(w, err, storage.ErrNotFound)
			}
		}
	}
}

func tvRemovalRaces(w world) {
	ctx := context.WithoutCancel(w.Context())
	p := w.signIn("o1", start)
	for round := range rounds / 4 {
		require.NoError(w, w.a.AddClient(ctx, newClient("tv-app"), "ops"))
		phone, typed := w.tv(start), w.tv(start)
		l := w.scanTV(phone, "o1")
		errs := parallel(3, func(n int) error {
			s := w.store(n + round)
			var err error
			switch n {
			case 0:
				return s.RemoveClient(ctx, "tv-app", "ops", start)
			case 1:
				_, _, err = s.ConfirmLogin(ctx, l.confirmOf(0))
			case 2:
				_, err = s.ApproveDevice(ctx, p.approvalOf(typed))
			}
			if errors.Is(err, storage.ErrConflict) {
				return nil
			}
			return refused(err)
		})
		require.NoError(w, errors.Join(errs...))
		for _, d := range []tv{phone, typed} {
			require.False(w, w.alive(d.ID))
			require.ErrorIs(w, w.poll(d, round), storage.ErrNotFound)
		}
	}
}
