package storagetest

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// takesBack are the ways in which what a scan alone rests on ends.
func takesBack(w world) map[string]func(person, time.Time) error {
	return map[string]func(person, time.Time) error{
		"a logout": func(p person, now time.Time) error {
			return w.b.LogOut(w.Context(), p.session.ID, p.session.Hash, p.browser, now)
		},
		"a logout, no cookie": func(p person, now time.Time) error {
			return w.b.LogOut(w.Context(), p.session.ID, p.session.Hash, storage.Hash{}, now)
		},
		"a logout, no session": func(p person, now time.Time) error {
			return w.b.LogOut(w.Context(), storage.ID{}, storage.Hash{}, p.browser, now)
		},
		"an end of the session": func(p person, now time.Time) error { return w.b.EndSession(w.Context(), p.session.ID, now) },
		"one of the account page": func(p person, now time.Time) error {
			return w.b.EndUserSession(w.Context(), p.user.ID, p.session.ID, now)
		},
		"a sign-out everywhere": func(p person, now time.Time) error { return w.b.SignOutEverywhere(w.Context(), p.user.ID, "user", now) },
		"a lock": func(p person, now time.Time) error {
			return errors.Join(w.b.LockUser(w.Context(), p.user.ID, "ops", now), w.a.UnlockUser(w.Context(), p.user.ID, "ops", now))
		},
		"an unfollow": func(p person, now time.Time) error {
			for n, followed := range []bool{false, true} {
				_, err := w.b.RecordFollow(w.Context(), storage.FollowEvent{
					Delivery: newHash(), Account: account, OpenID: p.openID, Followed: followed, At: now.Add(time.Duration(n) * time.Second).Truncate(time.Second), Now: now,
				})
				if err != nil {
					return err
				}
			}
			return nil
		},
		"not me of another browser": func(p person, now time.Time) error {
			there := w.signIn(p.openID, now)
			list, err := w.a.ClaimNotices(w.Context(), account, p.openID, newHash(), 9, now)
			require.NoError(w, err)
			for _, n := range list {
				if n.Target == there.session.ID {
					phone := newHash()
					_, err := w.a.OpenNotice(w.Context(), n.ID, account, p.openID, phone, now)
					require.NoError(w, err)
					_, err = w.a.RevokeByNotice(w.Context(), n.ID, phone, now)
					return err
				}
			}
			return errors.New("no notice")
		},
		"a phone that moved away and another one": func(p person, now time.Time) error {
			thief := w.begin(newHash(), now)
			openID := "thief" + p.openID
			w.scan(&thief, openID)
			w.approve(&thief)
			require.NoError(w, w.a.SendPhoneCode(w.Context(), thief.codeFor("+86138"+p.openID)))
			held, err := w.a.BindPhone(w.Context(), thief.bindOf())
			require.NoError(w, err)
			require.Equal(w, storage.BindHeld, held.Outcome)
			_, err = w.a.MovePhone(w.Context(), thief.bindOf())
			require.NoError(w, err)
			again := w.begin(newHash(), now)
			w.scan(&again, p.openID)
			require.Equal(w, storage.ConfirmPhoneNeeded, w.approve(&again))
			w.bindPhone(&again, "+86139"+p.openID)
			return nil
		},
		"an access taken back": func(p person, now time.Time) error {
			return w.b.RevokeClientAccess(w.Context(), p.user.ID, "grafana", now)
		},
		"another client of the id": func(_ person, now time.Time) error {
			require.NoError(w, w.b.RemoveClient(w.Context(), "grafana", "ops", now))
			w.ownClient("grafana", nil)
			return nil
		},
		"a change of phone": func(p person, _ time.Time) error {
			return changeIt(w.Context(), w.b, w.ready(p, "+86137"+p.openID).tryOf())
		},
		"a unionid that contradicts": func(p person, now time.Time) error {
			require.NoError(w, w.a.RecordUnionID(w.Context(), account, p.openID, "union "+p.openID, now))
			require.ErrorIs(w, w.a.RecordUnionID(w.Context(), account, p.openID, "another "+p.openID, now), storage.ErrConflict)
			return nil
		},
		"an unbinding": func(p person, now time.Time) error { return w.b.UnbindUser(w.Context(), p.user.ID, "ops", now) },
	}
}

func aloneVoided(w world) {
	w.ownClient("grafana", nil)
	for name, takeBack := range takesBack(w) {
		openID := "o" + storage.NewID(start).String()[12:]
		p := w.matched(visit{browser: newHash(), now: start}, openID)
		l := w.visit(visit{browser: p.browser, now: later(time.Minute)})
		require.NoError(w, takeBack(p, later(2*time.Minute)), name)
		l.now = later(3 * time.Minute)
		require.False(w, w.scanned(&l, openID), "begun before: %s", name)
		require.False(w, w.alone(p.browser, openID, later(4*time.Minute)), name)
		// The number makes it good again.
		again := w.matched(visit{browser: p.browser, now: later(5 * time.Minute)}, openID)
		require.True(w, w.alone(again.browser, openID, later(6*time.Minute)), name)
	}
}

func aloneVoidedMeanwhile(w world) {
	w.ownClient("grafana", nil)
	for name, takeBack := range takesBack(w) {
		openID := "o" + storage.NewID(start).String()[12:]
		p := w.matched(visit{browser: newHash(), now: start}, openID)
		l := w.visit(visit{browser: p.browser, now: later(time.Minute)})
		require.True(w, w.scanned(&l, openID), name)
		require.NoError(w, takeBack(p, later(2*time.Minute)), name)
		c := l.completeAt(home())
		c.Approved, c.Now = l.attempt.ID, later(3*time.Minute) // a click replaces no number
		_, err := w.a.CompleteLogin(w.Context(), c)
		require.Error(w, err, name)
		switch {
		case errors.Is(err, storage.ErrConfirmNeeded), errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrPhoneNeeded), errors.Is(err, storage.ErrNotFound):
		default:
			require.NoError(w, err, name)
		}
	}
}

// Events come in any order: an unfollow that is told late ends what was confirmed before it, and nothing later.
func aloneUnfollowed(w world) {
	p := w.regular("o1")
	unfollow := func(at time.Time) {
		_, err := w.a.RecordFollow(w.Context(), storage.FollowEvent{Delivery: newHash(), Account: account, OpenID: "o1", At: at, Now: at.Add(time.Hour)})
		require.NoError(w, err)
	}
	again := w.matched(visit{browser: p.browser, now: later(time.Hour)}, "o1")
	unfollow(later(time.Minute))
	require.True(w, w.alone(again.browser, "o1", later(2*time.Hour)), "confirmed after it")
	unfollow(later(3 * time.Hour))
	l := w.visit(visit{browser: again.browser, now: later(3 * time.Hour)})
	scan := l.aloneOf("o1")
	scan.At = later(3 * time.Hour).Add(-10 * time.Second)
	_, a, err := w.a.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	require.False(w, a.Alone, "a scan from before it")
	require.False(w, w.alone(again.browser, "o1", later(4*time.Hour)), "and who follows again")
}

// says is "not me" to the notice of a login by the scan alone.
func (w world) says(notice storage.ID, openID string, now time.Time) error {
	phone := newHash()
	if _, err := w.a.OpenNotice(w.Context(), notice, account, openID, phone, now); err != nil {
		return err
	}
	_, err := w.b.RevokeByNotice(context.WithoutCancel(w.Context()), notice, phone, now)
	return err
}

func aloneDisownedBefore(w world) {
	p := w.regular("o1")
	l := w.visit(visit{browser: p.browser, now: later(time.Hour)})
	require.True(w, w.scanned(&l, "o1"))
	_, err := w.b.RevokeByNotice(w.Context(), l.attempt.ID, newHash(), l.now)
	require.ErrorIs(w, err, storage.ErrNotFound, "in no other browser")
	require.Equal(w, storage.AttemptConfirmed, w.current(l).State)
	require.ErrorIs(w, w.says(l.attempt.ID, "o2", l.now), storage.ErrNotFound, "nor by anybody else")
	require.NoError(w, w.says(l.attempt.ID, "o1", l.now))
	require.Equal(w, storage.AttemptExpired, w.current(l).State)
	_, err = w.a.CompleteLogin(w.Context(), l.completeAt(home()))
	require.ErrorIs(w, err, storage.ErrConflict)
	require.False(w, w.alone(p.browser, "o1", later(2*time.Hour)))
	require.Contains(w, w.actions(p.user.ID), "login.disowned")
}

func aloneDisowned(w world) {
	p := w.regular("o1")
	elsewhere := w.matched(visit{browser: newHash(), now: later(time.Minute)}, "o1")
	l := w.visit(visit{browser: p.browser, now: later(time.Hour)})
	require.True(w, w.scanned(&l, "o1"))
	in := w.finish(l)
	online, offline := w.tokens(in, false, l.now), w.tokens(in, true, l.now)
	require.NoError(w, w.says(l.attempt.ID, "o1", l.now))
	_, _, err := w.a.Session(w.Context(), in.session.ID, in.session.Hash, time.Hour, l.now)
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.False(w, w.alive(online.Grant.ID))
	require.False(w, w.alive(offline.Grant.ID))
	_, _, err = w.a.Session(w.Context(), elsewhere.session.ID, elsewhere.session.Hash, 8*time.Hour, l.now)
	require.NoError(w, err, "what is signed in elsewhere stays")
	require.False(w, w.alone(in.browser, "o1", later(2*time.Hour)))
	require.False(w, w.alone(elsewhere.browser, "o1", later(2*time.Hour)), "but no browser is known")
	require.NoError(w, w.says(l.attempt.ID, "o1", l.now), "twice is once")
	disowned := 0
	for _, action := range w.actions(p.user.ID) {
		if action == "login.disowned" {
			disowned++
		}
	}
	require.Equal(w, 1, disowned)
}
