package tv_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/device/stub"
	"qiao/ui/chromium"
)

func TestScreens(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	b, err := chromium.Start(ctx)
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	// open opens a TV at a provider of its own.
	open := func(t *testing.T, s stub.Settings, query string) screen {
		t.Helper()
		s.Interval = 1
		p := stub.Start(t, time.Now, s)
		server := serveTV(t, time.Now, p)
		tab, err := b.Open(ctx, chromium.Look{Width: 1920, Height: 1080})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, tab.Close(ctx)) })
		require.NoError(t, tab.Before(ctx, faults))
		require.NoError(t, tab.Go(ctx, server.URL+"/"+query))
		return screen{t, ctx, tab, p}
	}
	const pictureThere = "document.getElementById('tv').getAttribute('data-qr-kind') !== ''"

	t.Run("sign in and out", func(t *testing.T) {
		s := open(t, stub.Settings{Claims: map[string]any{"name": "春水", "phone_number": "+8613800001234"}}, "")
		s.reaches("waiting")
		s.until(pictureThere)
		require.Equal(t, "WDJB-MJHT", s.attr("user-code"))
		require.Equal(t, s.p.URL+"/device?user_code=WDJB-MJHT", s.attr("qr"))
		require.Equal(t, "plain", s.attr("qr-kind"))
		require.Equal(t, "refresh", s.focused())
		var sizes []float64
		s.eval(`(function () { function size(id) { return parseFloat(getComputedStyle(document.getElementById(id)).fontSize); }
			return [document.getElementById('qr').getBoundingClientRect().width, size('address'), size('user-code')]; }())`, &sizes)
		require.GreaterOrEqual(t, sizes[0], 360.0)
		require.GreaterOrEqual(t, sizes[1], 48.0)
		require.GreaterOrEqual(t, sizes[2], 48.0)
		require.Equal(t, s.attr("qr"), read(t, s.shoot("waiting")), "the code on the screen is read by another program")

		decide(s.p, "approve")
		s.reaches("signed-in")
		require.Equal(t, "signout", s.focused())
		var shown []string
		s.eval("[document.getElementById('name').textContent, document.getElementById('phone').textContent]", &shown)
		require.Equal(t, []string{"春水", "138****1234"}, shown)
		s.shoot("signed-in")
		require.NoError(t, s.tab.Go(ctx, "about:blank"))
		s.eval("history.back()", nil)
		s.reaches("signed-in")

		s.key(13)
		s.reaches("waiting")
		require.Len(t, s.p.Revoked(), 1)
		var left string
		s.eval("document.getElementById('name').textContent + document.getElementById('phone').textContent", &left)
		require.Empty(t, left, "nothing of the person stays in the page")
	})

	t.Run("the picture for WeChat, and when it fails the own one", func(t *testing.T) {
		s := open(t, stub.Settings{WeChat: true}, "")
		s.reaches("waiting")
		s.until(pictureThere)
		require.Equal(t, "wechat", s.attr("qr-kind"))
		require.Empty(t, s.attr("qr"))
		require.Contains(t, s.attr("picture"), s.p.URL+"/device/picture/")
		require.True(t, strings.HasSuffix(s.attr("picture"), ".svg"))
		s.p.Set(func(x *stub.Settings) { x.NoPicture = true })
		s.key(13)
		s.reaches("waiting")
		s.until("document.getElementById('tv').getAttribute('data-qr-kind') === 'plain'")
		require.Len(t, s.p.Started(), 2, "OK asks for a new code")
	})

	t.Run("declined", func(t *testing.T) {
		s := open(t, stub.Settings{}, "")
		s.reaches("waiting")
		decide(s.p, "decline")
		s.reaches("declined")
		require.Equal(t, "retry", s.focused())
		require.Empty(t, s.attr("user-code"))
		s.shoot("declined")
		s.key(13)
		s.reaches("waiting")
	})

	t.Run("renewed silently, then expired", func(t *testing.T) {
		s := open(t, stub.Settings{ExpiresIn: 2, UserCode: "AAAA-AAAA"}, "?renew=1")
		s.reaches("waiting")
		s.p.Set(func(x *stub.Settings) { x.UserCode = "BBBB-BBBB" })
		s.eval(`var seen = []; new MutationObserver(function () { seen.push(document.getElementById('tv').getAttribute('data-state')); }).observe(document.getElementById('tv'), { attributes: true, attributeFilter: ['data-state'] })`, nil)
		s.until("document.getElementById('tv').getAttribute('data-user-code') === 'BBBB-BBBB'")
		var seen []string
		s.eval("seen", &seen)
		require.NotContains(t, seen, "starting", "nobody sees the renewal")
		s.reaches("expired")
		require.Len(t, s.p.Started(), 2)
		s.shoot("expired")
		s.key(13)
		s.reaches("waiting")
	})

	t.Run("Back cancels, OK starts again", func(t *testing.T) {
		s := open(t, stub.Settings{}, "")
		for i, back := range []int{8, 27, 461, 10009} {
			s.reaches("waiting")
			s.key(back)
			s.reaches("cancelled")
			require.Equal(t, "retry", s.focused())
			if i == 0 {
				s.shoot("cancelled")
			}
			s.key(13)
		}
		s.reaches("waiting")
		s.key(39)
		require.Equal(t, "cancel", s.focused())
		s.key(39)
		require.Equal(t, "cancel", s.focused(), "there is nothing further right")
		s.key(37)
		require.Equal(t, "refresh", s.focused())
		s.key(40)
		s.key(13)
		s.reaches("cancelled")
	})

	t.Run("the provider refuses, then not", func(t *testing.T) {
		s := open(t, stub.Settings{Error: "unauthorized_client"}, "")
		s.reaches("error")
		require.Equal(t, "unauthorized_client", s.attr("error"))
		s.shoot("error")
		s.p.Set(func(x *stub.Settings) { x.Error = "" })
		s.key(13)
		s.reaches("waiting")
	})

	t.Run("the provider goes away for a moment", func(t *testing.T) {
		s := open(t, stub.Settings{}, "")
		s.reaches("waiting")
		s.p.Set(func(x *stub.Settings) { x.Down = 503 })
		s.until("document.getElementById('status').getAttribute('data-name') === 'trouble'")
		s.reaches("waiting")
		s.p.Set(func(x *stub.Settings) { x.Down, x.Decision = 0, "approve" })
		s.reaches("signed-in")
	})

	t.Run("a long address, a long code, a long name", func(t *testing.T) {
		s := open(t, stub.Settings{
			UserCode: "WWWWW-MMMMM-WWW", Path: "/" + strings.Repeat("w", 18), // 40 characters and more, with the host
			Claims: map[string]any{"name": strings.Repeat("长名字", 20), "phone_number": "+85291234567"},
		}, "")
		s.reaches("waiting")
		s.until(pictureThere)
		s.shoot("long")
		decide(s.p, "approve")
		s.reaches("signed-in")
		s.shoot("long-name")
	})

	t.Run("another screen", func(t *testing.T) {
		s := open(t, stub.Settings{}, "")
		s.reaches("waiting")
		require.NoError(t, s.tab.Look(ctx, chromium.Look{Width: 1280, Height: 720}))
		s.until("Math.abs(document.getElementById('tv').getBoundingClientRect().right - 1280) < 1")
		var bottom float64
		s.eval("document.getElementById('tv').getBoundingClientRect().bottom", &bottom)
		require.InDelta(t, 720, bottom, 1)
	})

	t.Run("nothing of the provider is markup", func(t *testing.T) {
		const evil = `<img src=x onerror=alert(1)>`
		s := open(t, stub.Settings{UserCode: evil, Claims: map[string]any{"name": evil}}, "")
		s.until("document.getElementById('tv').getAttribute('data-state') === 'waiting'")
		decide(s.p, "approve")
		s.until("document.getElementById('tv').getAttribute('data-state') === 'signed-in'")
		var name string
		s.eval("document.getElementById('name').textContent", &name)
		require.Equal(t, evil, name)
		var images int
		s.eval("document.images.length", &images)
		require.Equal(t, 1, images)
	})
}
