package storagetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func accountBrowsers(w world) {
	day := 24 * time.Hour
	list := func(userID string, now time.Time) []storage.KnownBrowser {
		w.Helper()
		all, err := w.b.UserBrowsers(w.Context(), userID, now)
		require.NoError(w, err)
		return all
	}
	p := w.regular("o1")
	first := storage.KnownBrowser{
		LoginAt: start, ExpiresAt: start.Add(180 * day), Device: storage.Device{Name: "Chrome"}, FirstSeenAt: start, LastSeenAt: start,
		ConfirmedAt: start, Account: account, OpenID: "o1", Scopes: map[string][]string{"grafana": {"openid", "phone"}},
	}
	require.Equal(w, []storage.KnownBrowser{first}, list(p.user.ID, start))
	require.Empty(w, list("nobody", start))

	// A scan alone moves the browser to its next secret, and makes nothing last longer.
	now := start.Add(day)
	l := w.visit(visit{browser: p.browser, now: now})
	require.True(w, w.scanned(&l, "o1"))
	again := w.finish(l)
	first.FirstSeenAt, first.LastSeenAt = now, now // its session is another one by now: the cookie of the first was not shown
	require.Equal(w, []storage.KnownBrowser{first}, list(p.user.ID, now))

	// Another browser, and somebody else in the first one: what scans alone rest on there is over.
	second := w.matched(visit{browser: newHash(), now: now.Add(time.Hour)}, "o1")
	w.matched(visit{browser: again.browser, now: now.Add(2 * time.Hour)}, "o2")
	all := list(p.user.ID, now.Add(2*time.Hour))
	require.Len(w, all, 2)
	require.Equal(w, second.now, all[0].ConfirmedAt, "the latest login first")
	require.Equal(w, storage.KnownBrowser{LoginAt: start, ExpiresAt: first.ExpiresAt}, all[1], "its session of this person is not the browser's any more")
	require.Len(w, list(w.identity(account, "o2").UserID, now.Add(2*time.Hour)), 1, "each their own")

	require.Len(w, list(p.user.ID, first.ExpiresAt), 1, "late ones are gone")
	require.NoError(w, w.a.SignOutEverywhere(w.Context(), p.user.ID, "user", now))
	require.Empty(w, list(p.user.ID, now))
}
