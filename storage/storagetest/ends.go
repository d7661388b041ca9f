package storagetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// endStories prove I7: once a logout, a lock or a removal is acknowledged, nothing lives that it ends, whatever ran
// beside it.
func endStories() map[string]story {
	return map[string]story{
		"a logout beside every issuing":     logoutRaces,
		"a browser's logout, likewise":      ownLogoutRaces,
		"a lock beside every issuing":       lockRaces,
		"an unbinding beside every issuing": unbindRaces,
		"a deletion beside every issuing":   deleteRaces,
		"a removal beside every issuing":    removalRaces,
		"a configuration, likewise":         syncRaces,
		"a lock is one lock, and lifted":    lockTwice,
		"a lock beside a login":             lockRacesLogin,
		"a lock beside a first binding":     lockRacesBind,
	}
}

// race runs an end beside an issue, an exchange, a refresh of a new family and one of an old, and then looks for what
// lives. Each round has a session of its own, and 8 racers: 40 rounds are some 1,000 transitions beside an end.
func race(w world, offline bool, end func(ctx context.Context, p person) error) {
	raceUntil(w, offline, end, func(p person) { require.Error(w, w.a.IssueCode(w.Context(), p.codeOf(start))) })
}

// raceUntil is race where what was ended is told to everybody only later, by settle.
func raceUntil(w world, offline bool, end func(ctx context.Context, p person) error, settle func(p person)) {
	ctx := context.WithoutCancel(w.Context())
	for round := range rounds {
		p := w.signIn(fmt.Sprintf("o%d", round), start)
		old := w.tokens(p, offline, start)
		pending := p.codeOf(start)
		pending.Grant.Offline = offline
		require.NoError(w, w.a.IssueCode(w.Context(), pending))
		fresh := make([]storage.NewCode, 6)
		for n := range fresh {
			fresh[n] = p.codeOf(start)
			fresh[n].Grant.Offline = offline
		}
		errs := parallel(9, func(n int) error {
			s := w.store(n + round)
			switch n {
			case 0:
				return end(ctx, p)
			case 1:
				_, err := s.ConsumeCode(ctx, useOf(pending, start))
				return refused(err)
			case 2:
				_, err := s.RotateRefreshToken(ctx, rotationOf(old, start))
				return refused(err)
			default:
				c := fresh[n-3]
				if err := s.IssueCode(ctx, c); err != nil {
					return refused(err)
				}
				issued, err := s.ConsumeCode(ctx, useOf(c, start))
				if err == nil {
					_, err = s.RotateRefreshToken(ctx, rotationOf(issued, start))
				}
				return refused(err)
			}
		})
		require.NoError(w, errors.Join(errs...))
		settle(p)
		for _, id := range append([]storage.ID{old.Grant.ID, pending.Grant.ID}, grantIDs(fresh)...) {
			if _, err := w.store(round).AccessGrant(ctx, id); err == nil {
				require.FailNow(w, "a grant lives after the end was acknowledged")
			}
		}
	}
}

func grantIDs(codes []storage.NewCode) (ids []storage.ID) {
	for _, c := range codes {
		ids = append(ids, c.Grant.ID)
	}
	return ids
}

// refused lets the answers pass that one gets who comes too late.
func refused(err error) error {
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrLocked) {
		return nil
	}
	return err
}

func logoutRaces(w world) {
	race(w, false, func(ctx context.Context, p person) error { return w.a.EndSession(ctx, p.session.ID, start) })
}

func ownLogoutRaces(w world) {
	race(w, false, func(ctx context.Context, p person) error {
		return w.b.LogOut(ctx, p.session.ID, p.session.Hash, p.browser, start)
	})
}

func lockRaces(w world) {
	race(w, true, func(ctx context.Context, p person) error { return w.b.LockUser(ctx, p.user.ID, "ops", start) })
}

func unbindRaces(w world) {
	race(w, true, func(ctx context.Context, p person) error { return w.a.UnbindUser(ctx, p.user.ID, "ops", start) })
}

func deleteRaces(w world) {
	race(w, true, func(ctx context.Context, p person) error { return w.b.DeleteUser(ctx, p.user.ID, "ops", start) })
}

// removalRaces: a server that has not heard of the removal goes on issuing for a moment, of use to nobody while there is no
// client. What came of that is void when there is one of the same id again.
func removalRaces(w world) {
	require.NoError(w, w.a.AddClient(w.Context(), newClient("grafana"), "ops"))
	raceUntil(w, true, func(ctx context.Context, p person) error {
		errs := parallel(2, func(n int) error {
			if n == 0 {
				return w.a.RemoveClient(ctx, "grafana", "ops", start)
			}
			return w.b.GrantConsent(ctx, p.user.ID, "grafana", []string{"openid"}, start)
		})
		return errors.Join(errs...)
	}, func(p person) {
		require.NoError(w, w.b.AddClient(w.Context(), newClient("grafana"), "ops"))
		scopes, err := w.a.Consent(w.Context(), p.user.ID, "grafana")
		require.NoError(w, err)
		require.Empty(w, scopes)
	})
}

// syncRaces is removalRaces for a client that leaves the configuration and comes back.
func syncRaces(w world) {
	require.NoError(w, w.a.SyncClients(w.Context(), configured("grafana", "wiki"), start))
	raceUntil(w, true, func(ctx context.Context, _ person) error { return w.a.SyncClients(ctx, configured("wiki"), start) }, func(p person) {
		require.NoError(w, w.b.SyncClients(w.Context(), configured("grafana", "wiki"), start))
		fresh := w.tokens(p, true, start)
		require.NoError(w, w.a.SyncClients(w.Context(), configured("grafana", "wiki"), start))
		require.True(w, w.alive(fresh.Grant.ID), "a client that stays keeps what it was granted")
		require.NoError(w, w.a.RevokeGrant(w.Context(), fresh.Grant.ID, "grafana", start))
	})
}

func lockTwice(w world) {
	p := w.signIn("o1", start)
	issued := w.tokens(p, true, start)
	before := w.version()
	errs := parallel(4, func(n int) error {
		return w.store(n).LockUser(context.WithoutCancel(w.Context()), p.user.ID, "ops", start)
	})
	require.NoError(w, errors.Join(errs...))
	require.Equal(w, before+1, w.version())
	user, err := w.b.User(w.Context(), p.user.ID)
	require.NoError(w, err)
	require.Equal(w, start, user.LockedAt)
	require.False(w, w.alive(issued.Grant.ID))
	for range 2 {
		require.NoError(w, w.a.UnlockUser(w.Context(), p.user.ID, "ops", start))
	}
	require.False(w, w.alive(issued.Grant.ID), "what the lock ended stays ended")
	require.Equal(w, []string{"phone.bind", "login", "user.lock", "user.unlock"}, w.actions(p.user.ID))
	again := w.signIn("o1", start)
	require.Equal(w, p.user.ID, again.user.ID)
	require.ErrorIs(w, w.a.LockUser(w.Context(), "nobody", "ops", start), storage.ErrNotFound)
	require.ErrorIs(w, w.a.UnlockUser(w.Context(), "nobody", "ops", start), storage.ErrNotFound)
}

func lockRacesLogin(w world) {
	ctx := context.WithoutCancel(w.Context())
	for round := range rounds / 2 {
		p := w.signIn(fmt.Sprintf("o%d", round), start)
		l := w.confirmed(p.browser, p.openID, start)
		c := l.completeOf()
		if round%2 == 0 {
			c.Previous = p.session.ID
		}
		var opened storage.Session
		errs := parallel(2, func(n int) error {
			if n == 0 {
				return w.a.LockUser(ctx, p.user.ID, "ops", start)
			}
			var err error
			opened, err = w.b.CompleteLogin(ctx, c)
			return refused(err)
		})
		require.NoError(w, errors.Join(errs...))
		sessions, err := w.a.UserSessions(ctx, p.user.ID, start)
		require.NoError(w, err)
		require.Empty(w, sessions, "opened %s", opened.ID)
	}
}

// lockRacesBind: a lock of the holder beside the move of their number, which locks both users in another order.
func lockRacesBind(w world) {
	ctx := context.WithoutCancel(w.Context())
	for round := range rounds / 4 {
		holder := w.signIn(fmt.Sprintf("holder%d", round), start)
		l := w.approved(fmt.Sprintf("taker%d", round), start)
		require.NoError(w, w.a.SendPhoneCode(ctx, l.codeFor("+86138"+holder.openID)))
		result, err := w.a.BindPhone(ctx, l.bindOf())
		require.NoError(w, err)
		require.Equal(w, storage.BindHeld, result.Outcome)
		errs := parallel(3, func(n int) error {
			switch n {
			case 0:
				return w.a.LockUser(ctx, holder.user.ID, "ops", start)
			case 1:
				_, err := w.b.MovePhone(ctx, l.bindOf())
				return err
			default:
				return w.b.UnbindUser(ctx, holder.user.ID, "ops", start)
			}
		})
		require.NoError(w, errors.Join(errs...))
		user, err := w.b.User(ctx, holder.user.ID)
		require.NoError(w, err)
		require.Empty(w, user.PhoneIndex)
		require.False(w, user.LockedAt.IsZero())
	}
}
