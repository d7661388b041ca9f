package wechatflow_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/ui"
	"qiao/wechatflow"
)

func TestWaitersAreBounded(t *testing.T) {
	o := slowRecheck()
	o.limits.WaitersPerBrowser, o.limits.WaitersPerAddress = 2, 3
	w := newWorld(t, o)
	c := w.browser()
	login := c.login()
	polls := []<-chan ui.LoginState{w.waiting(c, login, login.version()), w.waiting(c, login, login.version())}
	_, p := c.state(login, login.version(), 20)
	require.Equal(t, http.StatusTooManyRequests, p.status)
	require.Equal(t, "2", p.header.Get("Retry-After"))
	s, p := c.state(login, login.version(), 0)
	require.Equal(t, http.StatusOK, p.status, "asking without waiting is answered")
	require.Equal(t, "waiting", s.State)
	other := w.browser()
	otherLogin := other.login()
	polls = append(polls, w.waiting(other, otherLogin, otherLogin.version()))
	third := w.browser()
	thirdLogin := third.login()
	_, p = third.state(thirdLogin, thirdLogin.version(), 20)
	require.Equal(t, http.StatusTooManyRequests, p.status, "the address has its share")
	w.flow.Drain()
	for _, poll := range polls {
		soon(t, poll)
	}
	w.eventually("all have left", func() bool { return w.counter("qiao_login_waiters") == 0 })
}

func TestStoreDownIs503WithAHint(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	confirm := alice.scanAndFollow(login)
	w.store.down.Store(true)
	for name, p := range map[string]*page{
		"login":   c.get(login.path()),
		"state":   c.get(login.path() + "/state?v=0"),
		"refresh": login.submit("/refresh"),
		"confirm": alice.phone.get(confirm.path()),
		"choose":  confirm.submit("/confirm", "number", confirm.choices()[0]),
	} {
		require.Equal(t, http.StatusServiceUnavailable, p.status, name)
		require.NotEmpty(t, p.header.Get("Retry-After"), name)
		require.NotContains(t, p.body, errDown.Error(), name)
	}
	w.store.down.Store(false)
	require.Equal(t, http.StatusOK, alice.choose(confirm, login).status, "it recovers by itself")
}

func TestPageRate(t *testing.T) {
	w := newWorld(t, options{limits: wechatflow.Limits{PagesPerAddress: wechatflow.Rate{Max: 3, Window: time.Hour}}})
	c := w.browser()
	login := c.login()
	c.get(login.path())
	c.state(login, 0, 0)
	require.Equal(t, http.StatusTooManyRequests, c.get(login.path()).status)
	_, p := c.state(login, 0, 0)
	require.Equal(t, http.StatusTooManyRequests, p.status)
	require.NotEmpty(t, p.header.Get("Retry-After"))
}

// A thousand scans at one time wake their own pages only.
func TestManyWaitEachForTheirOwn(t *testing.T) {
	w := newWorld(t, slowRecheck())
	const n = 12
	var together sync.WaitGroup
	var logins []*page
	var polls []<-chan ui.LoginState
	for range n {
		c := w.browser()
		login := c.login()
		logins, polls = append(logins, login), append(polls, w.waiting(c, login, login.version()))
	}
	for i, login := range logins {
		p := w.person()
		together.Go(func() {
			p.scan(login.attr("data-qr"))
			p.follow()
			s := soon(t, polls[i])
			if s.State != "scanned" || !strings.Contains(p.link(), "/phone/") {
				t.Errorf("state %s", s.State)
			}
		})
	}
	together.Wait()
}
