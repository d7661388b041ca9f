package storagetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func aloneElsewhere(w world) {
	p := w.regular("o1")
	l := w.visit(visit{browser: p.browser, now: later(time.Hour)})
	require.True(w, w.scanned(&l, "o1"))
	for name, network := range map[string]storage.Hash{"another": storage.HashOf([]byte("198.51.100.0/24")), "none that is known": {}} {
		c := l.completeAt(network)
		c.Approved = l.attempt.ID
		_, err := w.a.CompleteLogin(w.Context(), c)
		require.ErrorIs(w, err, storage.ErrConfirmNeeded, name)
	}
	require.Equal(w, storage.AttemptConfirmed, w.current(l).State, "nothing was done")
	// The browser begins again where it is, and its number makes that the known network.
	there := storage.HashOf([]byte("198.51.100.0/24"))
	moved := newAttempt(l.request, storage.ViaQR, l.now)
	moved.Network = there
	require.NoError(w, w.a.BeginAttempt(w.Context(), moved, l.attempt.ID, l.now))
	l.attempt, l.scene = moved, newScene(l.now)
	require.NoError(w, w.a.AddScene(w.Context(), moved.ID, l.scene, 3, l.now))
	require.False(w, w.scanned(&l, "o1"))
	l.phone = newHash()
	_, err := w.a.OpenPhone(w.Context(), l.attempt.ID, "o1", l.phone, l.now)
	require.NoError(w, err)
	w.approve(&l)
	c := l.completeAt(there)
	session, err := w.a.CompleteLogin(w.Context(), c)
	require.NoError(w, err)
	require.Equal(w, storage.ACRConfirm, session.ACR)
	back := w.visit(visit{browser: c.NewBrowser, now: later(2 * time.Hour)})
	require.False(w, w.scanned(&back, "o1"), "the latest confirmed login counts")
	again := w.visit(visit{browser: c.NewBrowser, now: later(3 * time.Hour), network: there})
	require.True(w, w.scanned(&again, "o1"))
}

func aloneScopes(w world) {
	p := w.regular("o1")
	w.ownClient("second", nil)
	browser := p.browser
	profile := func(p *storage.AuthParams) { p.Scopes = []string{"openid", "profile"} }
	at := func(hour int) time.Time { return later(time.Duration(hour) * time.Hour) }
	l := w.visit(visit{browser: browser, now: at(1), client: "second"})
	require.False(w, w.scanned(&l, "o1"), "a client that is new")
	browser = w.matched(visit{browser: browser, now: at(2), client: "second"}, "o1").browser
	l = w.visit(visit{browser: browser, now: at(3), client: "second", params: profile})
	require.False(w, w.scanned(&l, "o1"), "a scope that is new for this client")
	browser = w.matched(visit{browser: browser, now: at(4), client: "second", params: profile}, "o1").browser
	for n, client := range []string{"second", "grafana"} {
		l = w.visit(visit{browser: browser, now: at(5 + n), client: client})
		require.True(w, w.scanned(&l, "o1"), client)
	}
	l = w.visit(visit{browser: browser, now: at(7), client: "second", params: func(p *storage.AuthParams) { p.Scopes = []string{"openid", "profile", "phone"} }})
	require.True(w, w.scanned(&l, "o1"), "they add up")
	l = w.visit(visit{browser: browser, now: at(8), client: "grafana", params: profile})
	require.False(w, w.scanned(&l, "o1"), "what one client was given is new for another")
}

func aloneOtherPerson(w world) {
	p := w.regular("o1")
	both := w.matched(visit{browser: p.browser, now: later(time.Hour)}, "o2")
	require.False(w, w.alone(both.browser, "o1", later(2*time.Hour)), "o2 has signed them out")
	require.True(w, w.alone(both.browser, "o2", later(3*time.Hour)))
	// An attacker in a browser of his own shows his code to a victim who has signed in at home.
	victim := w.matched(visit{browser: newHash(), now: later(time.Hour)}, "o3")
	require.False(w, w.alone(both.browser, "o3", later(4*time.Hour)))
	require.True(w, w.alone(victim.browser, "o3", later(5*time.Hour)), "at home it is enough")
}

// The same person as another account or another WeChat sees them: joined by the unionid.
func aloneOtherWeChat(w world) {
	p := w.regular("o1")
	require.NoError(w, w.a.RecordUnionID(w.Context(), account, "o1", "union", start))
	_, err := w.a.RecordFollow(w.Context(), storage.FollowEvent{Delivery: newHash(), Account: account, OpenID: "o1b", Followed: true, At: start, Now: start})
	require.NoError(w, err)
	require.NoError(w, w.a.RecordUnionID(w.Context(), account, "o1b", "union", start))
	require.Equal(w, p.user.ID, w.identity(account, "o1b").UserID)
	require.False(w, w.alone(p.browser, "o1b", later(time.Hour)))
	again := w.matched(visit{browser: p.browser, now: later(2 * time.Hour)}, "o1b")
	require.Equal(w, p.user.ID, again.user.ID)
	require.True(w, w.alone(again.browser, "o1b", later(3*time.Hour)))
	require.False(w, w.alone(again.browser, "o1", later(4*time.Hour)), "the latest one counts")
}

func aloneInTwoTabs(w world) {
	p := w.regular("o1")
	first, second := w.visit(visit{browser: p.browser, now: later(time.Hour)}), w.visit(visit{browser: p.browser, now: later(time.Hour)})
	require.True(w, w.scanned(&first, "o1"))
	moved := w.finish(first)
	second.browser = moved.browser
	require.True(w, w.scanned(&second, "o1"), "the other tab has moved with the browser's secret")
	c := second.completeAt(home())
	c.Browser = p.browser
	_, err := w.a.CompleteLogin(w.Context(), c)
	require.ErrorIs(w, err, storage.ErrNotFound, "a copy of the secret before is worth nothing")
	c = second.completeAt(home())
	c.Previous = moved.session.ID
	session, err := w.a.CompleteLogin(w.Context(), c)
	require.NoError(w, err)
	require.Equal(w, moved.session.ID, session.ID)
}
