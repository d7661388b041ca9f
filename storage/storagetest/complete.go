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
		"the login of another person than was seen":        completeByAnother,
		"a login brings the code of its request":           completeAnswers,
		"nobody else's login brings a code":                completeAnswersNobodyElse,
		"the code is of the session that is there":         completeAnswersFromItsSession,
		"of many completions one brings its code":          completeAnswersOnce,
		"a code that comes beside an end is dead (I7)":     completeAnswersBesideEnds,
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
