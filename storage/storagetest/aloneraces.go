package storagetest

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func aloneRace(w world) {
	p := w.regular("o1")
	for round := range 5 {
		l := w.visit(visit{browser: p.browser, now: later(time.Duration(round+1) * time.Hour)})
		same := l.aloneOf("o1")
		outcomes := map[storage.ScanOutcome]int{}
		for n, o := range parallel(9, func(n int) storage.ScanOutcome {
			scan := same // one event, delivered again and again
			switch {
			case n%3 == 1:
				scan.Delivery = newHash() // the person taps twice
			case n%3 == 2:
				scan = l.aloneOf("stranger")
			}
			outcome, _, err := w.store(n).RecordScan(context.WithoutCancel(w.Context()), scan)
			if err != nil {
				w.Errorf("record scan: %v", err)
			}
			return outcome
		}) {
			require.NotZero(w, o, n)
			outcomes[o]++
		}
		require.Equal(w, 1, outcomes[storage.ScanAccepted])
		a := w.current(l)
		require.Equal(w, a.OpenID == "o1", a.Alone)
		_, err := w.a.Notice(w.Context(), a.ID, l.now)
		if a.Alone {
			require.NoError(w, err)
		} else {
			require.ErrorIs(w, err, storage.ErrNotFound)
		}
	}
}

func aloneCompletedOnce(w world) {
	p := w.regular("o1")
	browser := p.browser
	for round := range 5 {
		l := w.visit(visit{browser: browser, now: later(time.Duration(round+1) * time.Hour)})
		require.True(w, w.scanned(&l, "o1"))
		type result struct {
			browser storage.Hash
			err     error
		}
		opened := 0
		for _, r := range parallel(6, func(n int) result {
			c := l.completeAt(home())
			_, err := w.store(n).CompleteLogin(context.WithoutCancel(w.Context()), c)
			return result{c.NewBrowser, err}
		}) {
			if r.err == nil {
				opened++
				browser = r.browser
			} else {
				require.ErrorIs(w, r.err, storage.ErrConflict)
			}
		}
		require.Equal(w, 1, opened)
	}
}

// besides runs something beside the completion of a scan alone, and returns the completion's error and draft.
func (w world) besides(l login, previous storage.ID, fn func() error) (storage.Complete, error) {
	w.Helper()
	c := l.completeAt(home())
	c.Previous = previous
	errs := parallel(2, func(n int) error {
		if n == 0 {
			_, err := w.a.CompleteLogin(context.WithoutCancel(w.Context()), c)
			return err
		}
		return fn()
	})
	require.NoError(w, errs[1])
	return c, errs[0]
}

// scannedAlone is a new person whose login by the scan alone is about to be completed.
func (w world) scannedAlone() (person, login) {
	w.Helper()
	openID := "o" + storage.NewID(start).String()[12:]
	p := w.matched(visit{browser: newHash(), now: start}, openID)
	l := w.visit(visit{browser: p.browser, now: later(time.Hour)})
	require.True(w, w.scanned(&l, openID))
	return p, l
}

// A logout that names the session comes first, and the login does not go on; or second, and ends the session that the
// login has renewed. What it rested on is void in either order.
func aloneBesideLogout(w world) {
	w.ownClient("grafana", nil)
	for range 8 {
		p, l := w.scannedAlone()
		c, err := w.besides(l, p.session.ID, func() error {
			return w.b.EndUserSession(context.WithoutCancel(w.Context()), p.user.ID, p.session.ID, l.now)
		})
		if err != nil {
			require.ErrorIs(w, err, storage.ErrConfirmNeeded)
		}
		sessions, err := w.a.UserSessions(w.Context(), p.user.ID, l.now)
		require.NoError(w, err)
		require.Empty(w, sessions)
		require.False(w, w.alone(p.browser, p.openID, later(2*time.Hour)))
		require.False(w, w.alone(c.NewBrowser, p.openID, later(2*time.Hour)))
	}
}

func aloneBesideNotMe(w world) {
	w.ownClient("grafana", nil)
	for range 8 {
		p, l := w.scannedAlone()
		c, err := w.besides(l, storage.ID{}, func() error { return w.says(l.attempt.ID, p.openID, l.now) })
		if err != nil && !errors.Is(err, storage.ErrConfirmNeeded) {
			require.ErrorIs(w, err, storage.ErrConflict)
		}
		sessions, listed := w.a.UserSessions(w.Context(), p.user.ID, l.now)
		require.NoError(w, listed)
		for _, s := range sessions {
			require.NotEqual(w, c.Session.ID, s.ID, "whoever came first")
		}
		require.False(w, w.alone(p.browser, p.openID, later(2*time.Hour)))
		require.False(w, w.alone(c.NewBrowser, p.openID, later(2*time.Hour)))
	}
}

func aloneBesideLock(w world) {
	w.ownClient("grafana", nil)
	for range 8 {
		p, l := w.scannedAlone()
		_, err := w.besides(l, storage.ID{}, func() error { return w.b.LockUser(context.WithoutCancel(w.Context()), p.user.ID, "ops", l.now) })
		if err != nil && !errors.Is(err, storage.ErrLocked) {
			require.ErrorIs(w, err, storage.ErrConflict)
		}
		sessions, listed := w.a.UserSessions(w.Context(), p.user.ID, l.now)
		require.NoError(w, listed)
		require.Empty(w, sessions)
	}
}
