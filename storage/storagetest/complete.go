package storagetest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func completeStories() map[string]story {
	return map[string]story{
		"a login opens a session":                          completeOpens,
		"a login completes once":                           completeOnce,
		"a login completes in its own browser alone (I9)":  completeForeign,
		"a stranger's confirmation needs a click":          completeApproval,
		"what is not confirmed opens nothing":              completeUnconfirmed,
		"the browser's secret is renewed":                  completeRenewsBrowser,
		"the browser's other tabs move with its secret":    completeMovesTabs,
		"two tabs of one browser complete at once":         completeInTwoTabs,
		"the same user's session is renewed":               completeRenewsSession,
		"another user's session is ended":                  completeEndsOther,
		"a session that no cookie names is ended":          completeEndsUnnamed,
		"a session that is over is not renewed":            completeOverPrevious,
		"a locked user opens nothing":                      completeLocked,
		"a user who lost the phone binds first":            completePhoneNeeded,
		"a request that is late or answered opens nothing": completeLate,
	}
}

func completeOpens(w world) {
	now := start.Add(123456789 * time.Nanosecond)
	l := w.confirmed(newHash(), "o1", now)
	c := l.completeOf()
	session, err := w.a.CompleteLogin(w.Context(), c)
	require.NoError(w, err)
	want := c.Session
	want.UserID, want.Account, want.OpenID, want.Browser = session.UserID, account, "o1", c.NewBrowser
	want.AuthTime = start // whole seconds
	want.CreatedAt, want.LastSeenAt = now.Truncate(time.Microsecond), now.Truncate(time.Microsecond)
	want.ExpiresAt, want.IdleExpiresAt = want.ExpiresAt.Truncate(time.Microsecond), want.IdleExpiresAt.Truncate(time.Microsecond)
	require.Equal(w, want, session)
	stored, user, err := w.b.Session(w.Context(), session.ID, c.Session.Hash, 8*time.Hour, now)
	require.NoError(w, err)
	require.Equal(w, want, stored)
	require.Equal(w, session.UserID, user.ID)
	r, err := w.b.AuthRequest(w.Context(), l.request.ID, c.NewBrowser, now)
	require.NoError(w, err)
	require.Equal(w, session.ID, r.SessionID)
	l.browser = c.NewBrowser
	require.Equal(w, storage.AttemptDone, w.current(l).State)
	require.Equal(w, []string{"phone.bind", "login"}, w.actions(user.ID))
}

func completeOnce(w world) {
	for range 5 {
		l := w.confirmed(newHash(), "o1", start)
		opened := 0
		for _, err := range parallel(6, func(n int) error {
			_, err := w.store(n).CompleteLogin(context.WithoutCancel(w.Context()), l.completeOf())
			return err
		}) {
			if err == nil {
				opened++
			} else {
				require.ErrorIs(w, err, storage.ErrConflict)
			}
		}
		require.Equal(w, 1, opened)
	}
	sessions, err := w.a.UserSessions(w.Context(), w.identity(account, "o1").UserID, start)
	require.NoError(w, err)
	require.Len(w, sessions, 5)
}

func completeForeign(w world) {
	l := w.confirmed(newHash(), "o1", start)
	for name, browser := range map[string]storage.Hash{"another": newHash(), "none": {}, "the phone's": l.phone} {
		c := l.completeOf()
		c.Browser = browser
		_, err := w.a.CompleteLogin(w.Context(), c)
		require.ErrorIs(w, err, storage.ErrNotFound, name)
	}
	c := l.completeOf()
	c.AuthRequestID = w.newRequest(newHash(), start).ID
	_, err := w.a.CompleteLogin(w.Context(), c)
	require.ErrorIs(w, err, storage.ErrNotFound, "another browser's request")
	w.complete(l)
}

func completeApproval(w world) {
	l := w.confirmed(newHash(), "o1", start)
	c := l.completeOf()
	c.Approved = storage.ID{}
	_, err := w.a.CompleteLogin(w.Context(), c)
	require.ErrorIs(w, err, storage.ErrApprovalNeeded)
	c.Approved = storage.NewID(start)
	_, err = w.a.CompleteLogin(w.Context(), c)
	require.ErrorIs(w, err, storage.ErrApprovalNeeded, "a click on what another attempt had shown")
	require.Equal(w, storage.AttemptConfirmed, w.current(l).State, "the click may still come")
	p := w.complete(l)

	again := w.confirmed(p.browser, "o1", start)
	c = again.completeOf()
	c.Approved = storage.ID{}
	_, err = w.a.CompleteLogin(w.Context(), c)
	require.NoError(w, err, "this browser knows the person")

	w.signIn("o2", start)
	other := w.confirmed(c.NewBrowser, "o2", start)
	c = other.completeOf()
	c.Approved = storage.ID{}
	_, err = w.a.CompleteLogin(w.Context(), c)
	require.ErrorIs(w, err, storage.ErrApprovalNeeded, "and nobody else")
}

func completeUnconfirmed(w world) {
	l := w.begin(newHash(), start)
	_, err := w.a.CompleteLogin(w.Context(), l.completeOf())
	require.ErrorIs(w, err, storage.ErrConflict, "waiting")
	w.scan(&l, "o1")
	_, err = w.a.CompleteLogin(w.Context(), l.completeOf())
	require.ErrorIs(w, err, storage.ErrConflict, "a scan alone logs nobody in")
	w.approve(&l)
	_, err = w.a.CompleteLogin(w.Context(), l.completeOf())
	require.ErrorIs(w, err, storage.ErrConflict, "the phone is still to be bound")
	empty := login{request: w.newRequest(l.browser, start), browser: l.browser, now: start}
	_, err = w.a.CompleteLogin(w.Context(), empty.completeOf())
	require.ErrorIs(w, err, storage.ErrConflict, "no attempt was begun")
	empty.request.ID = storage.NewID(start)
	_, err = w.a.CompleteLogin(w.Context(), empty.completeOf())
	require.ErrorIs(w, err, storage.ErrNotFound)
}

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

func completeLocked(w world) {
	p := w.signIn("o1", start)
	l := w.confirmed(newHash(), "o1", start)
	require.NoError(w, w.a.LockUser(w.Context(), p.user.ID, "ops", start))
	_, err := w.b.CompleteLogin(w.Context(), l.completeOf())
	require.ErrorIs(w, err, storage.ErrLocked)
	// Nor afterwards: what was confirmed before the lock may be what the lock was for.
	require.NoError(w, w.a.UnlockUser(w.Context(), p.user.ID, "ops", start))
	_, err = w.b.CompleteLogin(w.Context(), l.completeOf())
	require.ErrorIs(w, err, storage.ErrConflict)
	require.Equal(w, p.user.ID, w.signIn("o1", start).user.ID)
}

func completePhoneNeeded(w world) {
	w.signIn("o1", start)
	l := w.confirmed(newHash(), "o1", start)
	w.takePhone("o2", "o1")
	_, err := w.b.CompleteLogin(w.Context(), l.completeOf())
	require.ErrorIs(w, err, storage.ErrPhoneNeeded)
	require.Equal(w, storage.ConfirmPhoneNeeded, w.approve(&l), "the phone page goes on to the binding")
	w.bindPhone(&l, "+8613800000009")
	w.complete(l)
}

func completeLate(w world) {
	l := w.confirmed(newHash(), "o1", start)
	c := l.completeOf()
	c.Now = start.Add(10 * time.Minute)
	_, err := w.a.CompleteLogin(w.Context(), c)
	require.ErrorIs(w, err, storage.ErrConflict, "the attempt is late")
	c.Now = start.Add(time.Hour)
	_, err = w.a.CompleteLogin(w.Context(), c)
	require.ErrorIs(w, err, storage.ErrNotFound, "so is its request")
	require.NoError(w, w.a.EndAuthRequest(w.Context(), l.request.ID, l.browser, start))
	_, err = w.a.CompleteLogin(w.Context(), l.completeOf())
	require.ErrorIs(w, err, storage.ErrNotFound)
}
