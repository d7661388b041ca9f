package storagetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// ended asserts that the session is over.
func (w world) ended(s storage.Session, secret storage.Hash, now time.Time) {
	w.Helper()
	_, _, err := w.b.Session(w.Context(), s.ID, secret, time.Hour, now)
	require.ErrorIs(w, err, storage.ErrNotFound)
}

// scansIn completes a login by the scan alone in the browser, and returns its attempt, whose ID is the notice's.
func (w world) scansIn(browser storage.Hash, openID string, now time.Time) (login, person) {
	w.Helper()
	l := w.visit(visit{browser: browser, now: now})
	require.True(w, w.scanned(&l, openID))
	return l, w.finish(l)
}

func disownedAloneAfterRenewals(w world) {
	l, there := w.scansIn(w.regular("o1").browser, "o1", later(time.Hour))
	second := w.matched(visit{browser: there.browser, now: later(2 * time.Hour)}, "o1")
	_, third := w.scansIn(second.browser, "o1", later(3*time.Hour))
	elsewhere := w.matched(visit{browser: newHash(), now: later(3 * time.Hour)}, "o1")
	require.NoError(w, w.says(l.attempt.ID, "o1", later(4*time.Hour)))
	w.ended(third.session, third.session.Hash, later(4*time.Hour))
	_, _, err := w.b.Session(w.Context(), elsewhere.session.ID, elsewhere.session.Hash, time.Hour, later(4*time.Hour))
	require.NoError(w, err, "another browser of the same person")
}

// The browser's cookie was lost, and the session's was not: the session is renewed, and is still the one that was told of.
func disownedAfterLostSecret(w world) {
	l, there := w.scansIn(w.regular("o1").browser, "o1", later(time.Hour))
	for name, browser := range map[string]storage.Hash{
		"a secret that knows nobody":    newHash(),
		"the secret of another browser": w.matched(visit{browser: newHash(), now: later(2 * time.Hour)}, "o1").browser,
	} {
		again := w.visit(visit{browser: browser, now: later(3 * time.Hour)})
		w.scan(&again, "o1")
		w.approve(&again)
		c := again.completeOf()
		c.Previous = there.session.ID
		session, err := w.a.CompleteLogin(w.Context(), c)
		require.NoError(w, err, name)
		require.Equal(w, there.session.ID, session.ID, name)
		there.session = session
	}
	require.NoError(w, w.says(l.attempt.ID, "o1", later(4*time.Hour)))
	w.ended(there.session, there.session.Hash, later(4*time.Hour))
}

// Between the scan alone and its completion the browser forgets the person, and meets them again in another tab. Its session
// has long been swept away, so that nothing tells its id any more.
func disownedAfterForgetting(w world) {
	p := w.regular("o1")
	now := later(8 * 24 * time.Hour)
	_, err := w.a.Sweep(w.Context(), now, 1000)
	require.NoError(w, err)
	l := w.visit(visit{browser: p.browser, now: now})
	require.True(w, w.scanned(&l, "o1"))
	other, _ := w.scansIn(w.matched(visit{browser: newHash(), now: now}, "o1").browser, "o1", now)
	require.NoError(w, w.says(other.attempt.ID, "o1", now))
	again := w.matched(visit{browser: p.browser, now: now.Add(time.Minute)}, "o1")
	c := l.completeAt(home())
	c.Browser, c.Now = again.browser, now.Add(2*time.Minute)
	session, err := w.a.CompleteLogin(w.Context(), c)
	require.NoError(w, err, "the number in the other tab vouches for it")
	require.NoError(w, w.says(l.attempt.ID, "o1", now.Add(time.Hour)))
	w.ended(session, c.Session.Hash, now.Add(time.Hour))
}

// The browser has forgotten the person and been signed out, and is still the one that was told of.
func disownedAfterSigningOut(w world) {
	l, there := w.scansIn(w.regular("o1").browser, "o1", later(time.Hour))
	other, _ := w.scansIn(w.matched(visit{browser: newHash(), now: later(time.Hour)}, "o1").browser, "o1", later(time.Hour))
	require.NoError(w, w.says(other.attempt.ID, "o1", later(time.Hour))) // every browser forgets
	require.NoError(w, w.a.EndSession(w.Context(), there.session.ID, later(time.Hour)))
	again := w.matched(visit{browser: there.browser, now: later(2 * time.Hour)}, "o1")
	require.NoError(w, w.says(l.attempt.ID, "o1", later(3*time.Hour)))
	w.ended(again.session, again.session.Hash, later(3*time.Hour))
}

// The caller has seen somebody's confirmation, and it is another one's by now: what it knows of them does not fit.
func completeByAnother(w world) {
	l := w.confirmed(newHash(), "o1", start)
	for name, change := range map[string]func(*storage.Complete){
		"another openid":  func(c *storage.Complete) { c.OpenID = "o2" },
		"another account": func(c *storage.Complete) { c.Account = "other" },
		"nobody":          func(c *storage.Complete) { c.Account, c.OpenID = "", "" },
	} {
		c := l.completeOf()
		change(&c)
		_, err := w.a.CompleteLogin(w.Context(), c)
		require.ErrorIs(w, err, storage.ErrConflict, name)
		require.Equal(w, storage.AttemptConfirmed, w.current(l).State, name)
	}
	_, err := w.a.CompleteLogin(w.Context(), l.completeOf())
	require.NoError(w, err)
}
