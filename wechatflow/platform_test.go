package wechatflow_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow"
)

func itoa(n int) string { return strconv.Itoa(n) }

// calls is how often the platform's path was called.
func (w *world) calls(path string) int {
	w.t.Helper()
	var out map[string]int
	w.control("GET", "/sim/calls", nil, &out)
	return out[path]
}

// Whatever the platform answers instead of a code, the login page has one that works.
func TestPlatformTroubleFallsBackToOurPage(t *testing.T) {
	for name, fault := range map[string]map[string]any{
		"40001":    {"errcode": 40001},
		"45009":    {"errcode": 45009},
		"48001":    {"errcode": 48001},
		"40164":    {"errcode": 40164},
		"-1":       {"errcode": -1},
		"500":      {"status": 500},
		"time-out": {"delay_ms": 3500},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{})
			fault["path"], fault["times"] = "/cgi-bin/qrcode/create", 100
			w.fault(fault)
			began := time.Now()
			login := w.browser().login()
			require.Less(t, time.Since(began), 4*time.Second)
			require.Equal(t, http.StatusOK, login.status)
			require.Contains(t, login.attr("data-qr"), "/scan/main/")
			require.Contains(t, w.logs.String(), "no QR code from the platform")
			// The next page does not wait for the platform again.
			before := w.calls("/cgi-bin/qrcode/create")
			w.browser().login()
			require.Equal(t, before, w.calls("/cgi-bin/qrcode/create"))
			require.GreaterOrEqual(t, w.counter("qiao_login_qr_created_total", "kind=page"), 2.0)
			// It comes back by itself.
			w.control("DELETE", "/sim/faults", nil, nil)
			w.clock.advance(61 * time.Second)
			require.Contains(t, w.browser().login().attr("data-qr"), "weixin.qq.com/q/")
		})
	}
}

// Visitors who hang up while their code is made do not keep the platform's codes from the next ones.
func TestHangingUpOpensNoBreaker(t *testing.T) {
	w := newWorld(t, options{})
	w.browser().login() // the access token is there
	w.fault(map[string]any{"path": "/cgi-bin/qrcode/create", "delay_ms": 600, "times": 1})
	gone := w.browser()
	page := gone.site + "/login/" + gone.request().String()
	before := w.calls("/cgi-bin/qrcode/create")
	gone.http.Timeout = 200 * time.Millisecond
	if resp, err := gone.http.Get(page); err == nil {
		resp.Body.Close()
		t.Fatal("the page was there before the visitor hung up")
	}
	w.eventually("the platform was asked", func() bool { return w.calls("/cgi-bin/qrcode/create") > before })
	w.control("DELETE", "/sim/faults", nil, nil)
	require.Contains(t, w.browser().login().attr("data-qr"), "weixin.qq.com/q/")
}

// Strangers burn the quota: a real login still works.
func TestQuotaBurntByStrangers(t *testing.T) {
	w := newWorld(t, options{limits: wechatflow.Limits{MintsPerAddress: wechatflow.Rate{Max: 10, Window: time.Hour}}})
	w.control("POST", "/sim/quota", map[string]any{"path": "/cgi-bin/qrcode/create", "limit": 100}, nil)
	for range 60 {
		require.Equal(t, http.StatusOK, w.browser().login().status)
	}
	require.LessOrEqual(t, w.calls("/cgi-bin/qrcode/create"), 10, "one address has its share")
	c, alice := w.browser(), w.person()
	alice.follow()
	login := c.login()
	confirm := alice.open(login.attr("data-qr"))
	require.Equal(t, "done", alice.bind(alice.choose(confirm, login), alicePhone).attr("data-end"))
	_, page := c.continueLogin(login)
	require.Equal(t, http.StatusOK, page.status)
}

// An IPv6 customer has 2^64 addresses, and one share of the codes, the pages and the long polls.
func TestAnIPv6CustomerHasOneShare(t *testing.T) {
	o := slowRecheck()
	o.locate, o.limits.WaitersPerAddress = true, 1
	o.limits.MintsPerAddress = wechatflow.Rate{Max: 2, Window: time.Hour}
	o.limits.PagesPerAddress = wechatflow.Rate{Max: 6, Window: time.Hour}
	w := newWorld(t, o)
	from := func(address string) *computer {
		c := w.browser()
		c.from = address
		return c
	}
	for i := range 4 {
		login := from("2001:db8:1:2::" + itoa(i+1)).login()
		require.Equal(t, i >= 2, strings.Contains(login.attr("data-qr"), "/scan/"), i)
	}
	stranger := from("2001:db8:1:2:ffff::5")
	require.Equal(t, http.StatusOK, stranger.login().status)
	require.Equal(t, http.StatusOK, stranger.login().status)
	require.Equal(t, http.StatusTooManyRequests, from("2001:db8:1:2:ffff::6").login().status)

	first, second := from("2001:db8:1:3::1"), from("2001:db8:1:3::2")
	login, other := first.login(), second.login()
	require.Contains(t, login.attr("data-qr"), "weixin.qq.com/q/", "the next customer has a share of its own")
	poll := w.waiting(first, login, login.version())
	_, p := second.state(other, other.version(), 20)
	require.Equal(t, http.StatusTooManyRequests, p.status)
	w.flow.Drain()
	soon(t, poll)
}

func TestMintsPerClient(t *testing.T) {
	w := newWorld(t, options{limits: wechatflow.Limits{MintsPerClient: wechatflow.Rate{Max: 2, Window: time.Hour}}})
	for i := range 4 {
		login := w.browser().login()
		require.Equal(t, i >= 2, strings.Contains(login.attr("data-qr"), "/scan/"), i)
	}
}

// Opening the page again makes no new code, and neither does anybody without the cookie.
func TestCodesAreMintedLazily(t *testing.T) {
	w := newWorld(t, options{})
	c := w.browser()
	for range 5 {
		c.request() // authorized, and never looked at
	}
	require.Equal(t, 0, w.calls("/cgi-bin/qrcode/create"))
	login := c.login()
	for range 5 {
		require.Equal(t, login.attr("data-qr"), c.get(login.path()).attr("data-qr"))
		c.state(login, 0, 0)
		w.browser().get(login.path())
	}
	require.Equal(t, 1, w.calls("/cgi-bin/qrcode/create"))
}

func TestWebAuthorizationTroubleCanBeRetried(t *testing.T) {
	for _, fault := range []map[string]any{{"errcode": 40029}, {"errcode": -1}, {"errcode": 40163}, {"status": 500}} {
		t.Run(fmt.Sprint(fault), func(t *testing.T) {
			w := newWorld(t, options{})
			c, alice := w.browser(), w.person()
			login := c.login()
			alice.scan(login.attr("data-qr"))
			alice.follow()
			link := alice.link()
			fault["path"], fault["times"] = "/sns/oauth2/access_token", 1
			w.fault(fault)
			failed := alice.open(link)
			require.Equal(t, http.StatusBadGateway, failed.status)
			require.Contains(t, failed.body, mustURL(t, link).Path, "the way to try again")
			require.Len(t, alice.phone.get(link).choices(), 3)
		})
	}
}

// Once a day the platform is asked about a person, and the signals, which know it of all replicas, no more often by one.
func TestUserInfoOnceADay(t *testing.T) {
	w := newWorld(t, options{})
	alice, bob := w.person(), w.person()
	scan := func(p *person) { require.Equal(t, "event", p.scan(w.browser().login().attr("data-qr"))) }
	asked := func(infos int) {
		t.Helper()
		w.eventually("the platform is asked", func() bool { return w.calls("/cgi-bin/user/info") >= infos })
	}
	alice.follow()
	asked(1)
	scan(alice)
	scan(alice)
	bob.follow()
	asked(2)
	scan(alice)
	w.clock.advance(24 * time.Hour) // the signals' own day is not over: they say no
	scan(alice)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	require.NoError(t, w.flow.Close(ctx)) // with all that was still to be asked
	require.EqualValues(t, 3, w.signals.infos.Load())
	require.Equal(t, 2, w.calls("/cgi-bin/user/info"))
}

// user/info does not answer: nobody is kept out for it.
func TestUserInfoTrouble(t *testing.T) {
	w := newWorld(t, options{})
	w.fault(map[string]any{"path": "/cgi-bin/user/info", "errcode": -1, "times": 100})
	alice := w.person()
	login := alice.inWeChat()
	confirm := login.submit("/continue")
	require.True(t, strings.HasSuffix(confirm.path(), "/confirm"))
	c, bob := w.browser(), w.person()
	qr := c.login()
	require.Len(t, bob.scanAndFollow(qr).choices(), 3)
}
