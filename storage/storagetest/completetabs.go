package storagetest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func completeRenewsBrowser(w world) {
	l := w.confirmed(newHash(), "o1", start)
	p := w.complete(l)
	_, err := w.b.AuthRequest(w.Context(), l.request.ID, l.browser, start)
	require.ErrorIs(w, err, storage.ErrNotFound, "a secret that was planted before the login is dead")
	_, err = w.b.CurrentAttempt(w.Context(), l.request.ID, l.browser, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	// What the browser knows moves on: the old secret knows nobody.
	planted := w.begin(l.browser, start)
	w.scan(&planted, "o1")
	require.False(w, w.current(planted).Known)
	second := w.complete(w.confirmed(p.browser, "o2", start))
	both := w.begin(second.browser, start)
	w.scan(&both, "o1")
	require.True(w, w.current(both).Known, "a browser may know several")
}

func completeMovesTabs(w world) {
	browser := newHash()
	first, waiting, scanned := w.confirmed(browser, "o1", start), w.begin(browser, start), w.begin(browser, start)
	w.scan(&scanned, "o2")
	fresh, stranger := w.newRequest(browser, start), w.begin(newHash(), start)
	late := w.newRequest(browser, start.Add(-2*time.Hour))
	answered := w.complete(w.confirmed(newHash(), "o3", start))
	p := w.complete(first)
	for _, tab := range []*login{&waiting, &scanned} {
		_, err := w.b.CurrentAttempt(w.Context(), tab.request.ID, browser, start)
		require.ErrorIs(w, err, storage.ErrNotFound, "the secret from before is dead here too")
		tab.browser = p.browser
		require.Equal(w, p.browser, w.current(*tab).Browser)
		r, err := w.b.AuthRequest(w.Context(), tab.request.ID, p.browser, start)
		require.NoError(w, err)
		require.True(w, r.SessionID.IsZero(), "nobody has logged in for it")
	}
	_, err := w.b.AuthRequest(w.Context(), fresh.ID, p.browser, start)
	require.NoError(w, err, "no attempt was begun there")
	_, err = w.b.AuthRequest(w.Context(), late.ID, p.browser, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.Equal(w, storage.AttemptWaiting, w.current(stranger).State, "another browser's stays")
	_, err = w.b.AuthRequest(w.Context(), answered.request.ID, answered.browser, start)
	require.NoError(w, err)

	// They go on as they are: the one is scanned, the other is confirmed and completed, and moves the browser again.
	w.scan(&waiting, "o1")
	require.Equal(w, storage.ConfirmPhoneNeeded, w.approve(&scanned))
	w.bindPhone(&scanned, "+8613800000002")
	again := w.complete(scanned)
	waiting.browser = again.browser
	require.Equal(w, storage.AttemptScanned, w.current(waiting).State)
}

func completeInTwoTabs(w world) {
	w.signIn("o1", start)
	w.signIn("o2", start)
	for range 5 {
		browser := newHash()
		tabs := []login{w.confirmed(browser, "o1", start), w.confirmed(browser, "o2", start)}
		renewed := []storage.Hash{newHash(), newHash()}
		errs := parallel(2, func(n int) error {
			c := tabs[n].completeOf()
			c.NewBrowser = renewed[n]
			_, err := w.store(n).CompleteLogin(context.WithoutCancel(w.Context()), c)
			return err
		})
		winner := 0
		if errs[0] != nil {
			winner = 1
		}
		require.NoError(w, errs[winner])
		require.ErrorIs(w, errs[1-winner], storage.ErrNotFound, "its request moved to the winner's secret")
		other := tabs[1-winner]
		other.browser = renewed[winner]
		require.Equal(w, storage.AttemptConfirmed, w.current(other).State)
		w.complete(other)
	}
}

func completeRenewsSession(w world) {
	p := w.signIn("o1", start)
	issued := w.tokens(p, false, start)
	later := start.Add(time.Hour)
	l := w.confirmed(p.browser, "o1", later)
	c := l.completeOf()
	c.Previous = p.session.ID
	session, err := w.a.CompleteLogin(w.Context(), c)
	require.NoError(w, err)
	require.Equal(w, p.session.ID, session.ID, "the sid stays")
	require.Equal(w, later, session.AuthTime)
	require.Equal(w, start, session.CreatedAt)
	require.Equal(w, c.Session.Hash, session.Hash)
	require.Equal(w, c.NewBrowser, session.Browser)
	require.True(w, w.alive(issued.Grant.ID))
	_, _, err = w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, later)
	require.ErrorIs(w, err, storage.ErrNotFound, "the cookie from before is dead")
	require.ErrorIs(w, w.a.IssueCode(w.Context(), p.codeOf(later)), storage.ErrNotFound)
	r, err := w.b.AuthRequest(w.Context(), l.request.ID, c.NewBrowser, later)
	require.NoError(w, err)
	require.Equal(w, session.ID, r.SessionID)
}

func completeEndsOther(w world) {
	p := w.signIn("o1", start)
	online, offline := w.tokens(p, false, start), w.tokens(p, true, start)
	l := w.confirmed(p.browser, "o2", start)
	c := l.completeOf()
	c.Previous = p.session.ID
	session, err := w.a.CompleteLogin(w.Context(), c)
	require.NoError(w, err)
	require.Equal(w, c.Session.ID, session.ID)
	_, _, err = w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.False(w, w.alive(online.Grant.ID))
	require.True(w, w.alive(offline.Grant.ID), "it ends by revocation or a lock")
}

// completeEndsUnnamed: the browser has a session whose cookie was lost, or is no longer told of because it is idle. After
// the next login in this browser no cookie could end it.
func completeEndsUnnamed(w world) {
	for name, later := range map[string]time.Duration{"live": time.Minute, "idle": 9 * time.Hour} {
		for _, openID := range []string{"o1", "o2"} {
			p, elsewhere := w.signIn("o1", start), w.signIn("o1", start)
			online, offline, others := w.tokens(p, false, start), w.tokens(p, true, start), w.tokens(elsewhere, false, start)
			next := w.complete(w.confirmed(p.browser, openID, start.Add(later)))
			_, _, err := w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
			require.ErrorIs(w, err, storage.ErrNotFound, name)
			require.False(w, w.alive(online.Grant.ID), name)
			require.True(w, w.alive(offline.Grant.ID), name)
			require.True(w, w.alive(others.Grant.ID), "%s: another browser's", name)
			_, _, err = w.b.Session(w.Context(), next.session.ID, next.session.Hash, time.Hour, next.now)
			require.NoError(w, err, name)
		}
	}
	// A session that is renewed stays, and the other one of its browser goes.
	p := w.signIn("o1", start)
	l := w.confirmed(p.browser, "o1", start)
	c := l.completeOf()
	c.Previous = w.signIn("o1", start).session.ID
	session, err := w.a.CompleteLogin(w.Context(), c)
	require.NoError(w, err)
	require.Equal(w, c.Previous, session.ID)
	_, _, err = w.b.Session(w.Context(), session.ID, c.Session.Hash, time.Hour, start)
	require.NoError(w, err)
	_, _, err = w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
}

func completeOverPrevious(w world) {
	ended := w.signIn("o1", start)
	require.NoError(w, w.a.EndSession(w.Context(), ended.session.ID, start))
	late := start.Add(9 * time.Hour) // beyond the idle time of the next one
	for name, previous := range map[string]person{"ended": ended, "idle": w.signIn("o1", start)} {
		l := w.confirmed(previous.browser, "o1", late)
		c := l.completeOf()
		c.Previous = previous.session.ID
		session, err := w.a.CompleteLogin(w.Context(), c)
		require.NoError(w, err, name)
		require.Equal(w, c.Session.ID, session.ID, name)
	}
}
