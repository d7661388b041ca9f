package storagetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func sessionStories() map[string]story {
	return map[string]story{
		"a session answers to its secret alone":    sessionBelongs,
		"a use moves the idle end, once a minute":  sessionIdle,
		"a session ends absolutely":                sessionAbsolute,
		"an ended session is gone, twice is once":  sessionEnded,
		"a browser logs out of what it holds":      sessionLoggedOut,
		"a user's sessions are listed":             sessionsListed,
		"consents add up":                          consentsAddUp,
		"uses at once do not fail":                 sessionUsesAtOnce,
		"a use beside the logout does not revive":  sessionUseRacesEnd,
		"the sessions of a locked user are silent": sessionLocked,
	}
}

func sessionBelongs(w world) {
	p := w.signIn("o1", start)
	for name, try := range map[string]struct {
		id     storage.ID
		secret storage.Hash
	}{
		"another secret": {p.session.ID, newHash()}, "no secret": {p.session.ID, storage.Hash{}}, "another id": {storage.NewID(start), p.session.Hash},
	} {
		_, _, err := w.b.Session(w.Context(), try.id, try.secret, time.Hour, start)
		require.ErrorIs(w, err, storage.ErrNotFound, name)
	}
	session, user, err := w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
	require.NoError(w, err)
	require.Equal(w, p.session, session)
	require.Equal(w, p.user, user)
}

func sessionIdle(w world) {
	p := w.signIn("o1", start)
	use := func(now time.Time) storage.Session {
		session, _, err := w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, now)
		require.NoError(w, err)
		return session
	}
	require.Equal(w, start, use(start.Add(59*time.Second)).LastSeenAt, "written at most once a minute")
	now := start.Add(time.Minute)
	require.Equal(w, now, use(now).LastSeenAt)
	require.Equal(w, now.Add(time.Hour), use(now).IdleExpiresAt)
	now = now.Add(59 * time.Minute)
	require.Equal(w, now.Add(time.Hour), use(now).IdleExpiresAt)
	_, _, err := w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, now.Add(time.Hour))
	require.ErrorIs(w, err, storage.ErrNotFound, "idle for too long")
}

func sessionAbsolute(w world) {
	p := w.signIn("o1", start)
	for now := start; now.Before(p.session.ExpiresAt); now = now.Add(7 * time.Hour) {
		_, _, err := w.b.Session(w.Context(), p.session.ID, p.session.Hash, 8*time.Hour, now)
		require.NoError(w, err)
	}
	_, _, err := w.b.Session(w.Context(), p.session.ID, p.session.Hash, 8*time.Hour, p.session.ExpiresAt)
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.ErrorIs(w, w.a.IssueCode(w.Context(), p.codeOf(p.session.ExpiresAt)), storage.ErrNotFound)
}

func sessionEnded(w world) {
	p := w.signIn("o1", start)
	online, offline := w.tokens(p, false, start), w.tokens(p, true, start)
	for range 2 {
		require.NoError(w, w.a.EndSession(w.Context(), p.session.ID, start))
	}
	require.NoError(w, w.a.EndSession(w.Context(), storage.NewID(start), start), "unknown")
	_, _, err := w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.False(w, w.alive(online.Grant.ID))
	require.True(w, w.alive(offline.Grant.ID))
	_, err = w.b.RotateRefreshToken(w.Context(), rotationOf(online, start))
	require.ErrorIs(w, err, storage.ErrNotFound)
	_, err = w.b.RotateRefreshToken(w.Context(), rotationOf(offline, start))
	require.NoError(w, err)
	require.ErrorIs(w, w.a.IssueCode(w.Context(), p.codeOf(start)), storage.ErrNotFound)
}

// sessionLoggedOut: also of a session that has idled out or is late, for its online grants have not.
func sessionLoggedOut(w world) {
	for name, later := range map[string]time.Duration{"live": 0, "idle": 9 * time.Hour, "late": 8 * 24 * time.Hour} {
		p := w.signIn("o1", start)
		online, offline := w.tokens(p, false, start), w.tokens(p, true, start)
		now := start.Add(later)
		for what, foreign := range map[string]person{"another secret": {session: storage.Session{ID: p.session.ID, Hash: newHash()}}, "another id": {session: storage.Session{ID: storage.NewID(now), Hash: p.session.Hash}}} {
			require.NoError(w, w.a.LogOut(w.Context(), foreign.session.ID, foreign.session.Hash, foreign.browser, now))
			require.True(w, w.alive(online.Grant.ID), what)
		}
		for range 2 {
			require.NoError(w, w.a.LogOut(w.Context(), p.session.ID, p.session.Hash, p.browser, now))
		}
		require.False(w, w.alive(online.Grant.ID), name)
		require.True(w, w.alive(offline.Grant.ID), name)
		_, err := w.b.RotateRefreshToken(w.Context(), rotationOf(online, start))
		require.ErrorIs(w, err, storage.ErrNotFound, name)
		_, _, err = w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
		require.ErrorIs(w, err, storage.ErrNotFound, name)
	}
}

func sessionsListed(w world) {
	first, second, ended := w.signIn("o1", start), w.signIn("o1", start.Add(time.Minute)), w.signIn("o1", start)
	w.signIn("o2", start)
	require.NoError(w, w.a.EndSession(w.Context(), ended.session.ID, start))
	list, err := w.b.UserSessions(w.Context(), first.user.ID, start.Add(time.Minute))
	require.NoError(w, err)
	require.Equal(w, []storage.Session{second.session, first.session}, list)
	list, err = w.b.UserSessions(w.Context(), first.user.ID, start.AddDate(1, 0, 0))
	require.NoError(w, err)
	require.Empty(w, list)
}

func consentsAddUp(w world) {
	p := w.signIn("o1", start)
	scopes, err := w.b.Consent(w.Context(), p.user.ID, "grafana")
	require.NoError(w, err)
	require.Empty(w, scopes)
	asked := []string{"openid", "phone", "profile", "groups", "offline_access"}
	errs := parallel(len(asked), func(n int) error {
		return w.store(n).GrantConsent(context.WithoutCancel(w.Context()), p.user.ID, "grafana", []string{"openid", asked[n]}, start)
	})
	require.NoError(w, errors.Join(errs...))
	scopes, err = w.b.Consent(w.Context(), p.user.ID, "grafana")
	require.NoError(w, err)
	slices.Sort(asked)
	require.Equal(w, asked, scopes)
	scopes, err = w.b.Consent(w.Context(), p.user.ID, "other")
	require.NoError(w, err)
	require.Empty(w, scopes)
	require.ErrorIs(w, w.a.GrantConsent(w.Context(), "nobody", "grafana", asked, start), storage.ErrNotFound)
}

func sessionUsesAtOnce(w world) {
	p := w.signIn("o1", start)
	errs := parallel(16, func(n int) error {
		_, _, err := w.store(n).Session(context.WithoutCancel(w.Context()), p.session.ID, p.session.Hash, time.Hour, start.Add(5*time.Minute))
		return err
	})
	require.NoError(w, errors.Join(errs...))
}

func sessionUseRacesEnd(w world) {
	for range 20 {
		p := w.signIn("o1", start)
		now := start.Add(5 * time.Minute)
		errs := parallel(2, func(n int) error {
			ctx := context.WithoutCancel(w.Context())
			if n == 0 {
				return w.a.EndSession(ctx, p.session.ID, now)
			}
			_, _, err := w.b.Session(ctx, p.session.ID, p.session.Hash, time.Hour, now)
			return err
		})
		require.NoError(w, errs[0])
		if errs[1] != nil {
			require.ErrorIs(w, errs[1], storage.ErrNotFound)
		}
		_, _, err := w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, now)
		require.ErrorIs(w, err, storage.ErrNotFound)
	}
}

func sessionLocked(w world) {
	p := w.signIn("o1", start)
	require.NoError(w, w.a.LockUser(w.Context(), p.user.ID, "ops", start))
	_, _, err := w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.NoError(w, w.a.UnlockUser(w.Context(), p.user.ID, "ops", start))
	_, _, err = w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
	require.ErrorIs(w, err, storage.ErrNotFound, "what the lock ended stays ended")
}
