package wechatflow_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/ui"
	"qiao/wechatflow"
)

func lifetimesWithCallback(d time.Duration) wechatflow.Lifetimes {
	return wechatflow.Lifetimes{Callback: d}
}

func slowRecheck() options {
	return options{lifetimes: wechatflow.Lifetimes{Recheck: time.Hour}}
}

// waiting starts a long poll, and returns when it is held.
func (w *world) waiting(c *computer, login *page, v int64) <-chan ui.LoginState {
	w.t.Helper()
	before := w.counter("qiao_login_waiters")
	out := make(chan ui.LoginState, 1)
	go func() {
		s, _ := c.state(login, v, 20)
		out <- s
	}()
	w.eventually("the poll is held", func() bool { return w.counter("qiao_login_waiters") > before })
	time.Sleep(20 * time.Millisecond) // the first look follows at once
	return out
}

func soon[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(4 * time.Second):
		require.Fail(t, "no answer")
		panic("unreachable")
	}
}

func TestPollIsHeldAndWoken(t *testing.T) {
	w := newWorld(t, slowRecheck()) // only a wake-up can answer in time
	c, alice := w.browser(), w.person()
	login := c.login()
	poll := w.waiting(c, login, login.version())
	alice.scan(login.attr("data-qr"))
	alice.follow()
	s := soon(t, poll)
	require.Equal(t, "scanned", s.State)

	poll = w.waiting(c, login, s.Version)
	confirm := alice.open(alice.link())
	number := confirm.submit("/confirm", "number", itoa(s.Number))
	s = soon(t, poll)
	require.Equal(t, "bind", s.Step)
	poll = w.waiting(c, login, s.Version)
	alice.bind(number, alicePhone)
	require.Equal(t, "confirmed", soon(t, poll).State)
}

// Two replicas on one store and one set of signals: the scan reaches one, the browser waits at the other.
func TestPollIsWokenFromAnotherReplica(t *testing.T) {
	w := newWorld(t, slowRecheck())
	second := w.newFlow(slowRecheck(), slog.New(slog.DiscardHandler), nil)
	other := httptest.NewServer(w.handler(second))
	t.Cleanup(other.Close)
	c, alice := w.browser(), w.person()
	login := c.login()
	far := *c
	far.site = other.URL
	out := make(chan ui.LoginState, 1)
	go func() {
		s, _ := far.state(login, login.version(), 20)
		out <- s
	}()
	time.Sleep(100 * time.Millisecond) // it holds at the other replica, whose waiters are not counted here
	alice.scan(login.attr("data-qr"))
	alice.follow()
	require.Equal(t, "scanned", soon(t, out).State)
}

// The wake-up is lost (flushed, restarted): the waiter finds out by itself.
func TestLostWakeUp(t *testing.T) {
	w := newWorld(t, options{lifetimes: wechatflow.Lifetimes{Recheck: 100 * time.Millisecond}})
	c, alice := w.browser(), w.person()
	login := c.login()
	w.signals.deaf.Store(true)
	poll := w.waiting(c, login, login.version())
	alice.scan(login.attr("data-qr"))
	alice.follow()
	require.Equal(t, "scanned", soon(t, poll).State)
}

// Pages that wait are looked after together, and read only when there is something to read: neither time, nor a wake-up
// about nothing, such as all get when Redis comes back, has them ask one by one.
func TestWaitersAreLookedAfterTogether(t *testing.T) {
	w := newWorld(t, options{lifetimes: wechatflow.Lifetimes{Recheck: 40 * time.Millisecond}})
	const n = 20
	var polls []<-chan ui.LoginState
	var logins []*page
	for range n {
		c := w.browser()
		login := c.login()
		logins = append(logins, login)
		polls = append(polls, w.waiting(c, login, login.version()))
	}
	reads, looks := w.store.reads.Load(), w.store.looks.Load()
	w.eventually("they are looked after", func() bool { return w.store.looks.Load() > looks+10 })
	for _, login := range logins {
		id := strings.TrimPrefix(login.path(), "/login/")
		require.NoError(t, w.signals.Wake(t.Context(), "login "+id))
	}
	looks = w.store.looks.Load()
	w.eventually("they are looked after again", func() bool { return w.store.looks.Load() > looks+10 })
	require.Equal(t, reads, w.store.reads.Load(), "nobody read by itself")

	w.signals.deaf.Store(true)
	p := w.person()
	p.scan(logins[7].attr("data-qr"))
	p.follow()
	require.Equal(t, "scanned", soon(t, polls[7]).State)
	require.Equal(t, reads+1, w.store.reads.Load(), "one had something to read")
	w.flow.Drain()
	for i, poll := range polls {
		if i != 7 {
			require.Equal(t, "retry", soon(t, poll).Reason)
		}
	}
}

// A page that waits while the database goes down is told so, and can go on when it is back.
func TestWaiterOfAStoreThatGoesDown(t *testing.T) {
	w := newWorld(t, options{lifetimes: wechatflow.Lifetimes{Recheck: 40 * time.Millisecond}})
	c := w.browser()
	login := c.login()
	told := make(chan *page, 1)
	go func() {
		_, p := c.state(login, login.version(), 20)
		told <- p
	}()
	w.eventually("the poll is held", func() bool { return w.counter("qiao_login_waiters") == 1 })
	w.store.down.Store(true)
	p := soon(t, told)
	require.Equal(t, http.StatusServiceUnavailable, p.status)
	require.NotEmpty(t, p.header.Get("Retry-After"))
	w.store.down.Store(false)
	poll := w.waiting(c, login, login.version())
	alice := w.person()
	alice.scan(login.attr("data-qr"))
	alice.follow()
	require.Equal(t, "scanned", soon(t, poll).State)
}

// A page whose request is gone is told so.
func TestWaiterOfALoginThatIsGone(t *testing.T) {
	w := newWorld(t, options{lifetimes: wechatflow.Lifetimes{Recheck: 40 * time.Millisecond}})
	c := w.browser()
	login := c.login()
	gone := make(chan int, 1)
	go func() {
		_, p := c.state(login, login.version(), 20)
		gone <- p.status
	}()
	w.eventually("the poll is held", func() bool { return w.counter("qiao_login_waiters") == 1 })
	id, err := storage.ParseID(strings.TrimPrefix(login.path(), "/login/"))
	require.NoError(t, err)
	secret, ok := c.secret()
	require.True(t, ok)
	require.NoError(t, w.store.EndAuthRequest(t.Context(), id, secret.Hash(), w.clock.Now()))
	require.Equal(t, http.StatusNotFound, soon(t, gone))
}

func TestPollEndsWithTheWait(t *testing.T) {
	w := newWorld(t, slowRecheck())
	c := w.browser()
	login := c.login()
	began := time.Now()
	s, p := c.state(login, login.version(), 1)
	require.GreaterOrEqual(t, time.Since(began), 900*time.Millisecond)
	require.Equal(t, "waiting", s.State)
	require.Equal(t, login.version(), s.Version)
	require.Equal(t, "no-store", p.header.Get("Cache-Control"))
	require.Equal(t, login.attr("data-qr"), s.QR)
	require.Empty(t, s.Picture, "the page shows it")
	require.Positive(t, s.ExpiresIn)
	s, _ = c.state(login, 0, 0)
	require.NotEmpty(t, s.Picture, "this one does not")
}

func TestRefreshInAnotherTabIsHeardOf(t *testing.T) {
	w := newWorld(t, slowRecheck())
	c := w.browser()
	login := c.login()
	poll := w.waiting(c, login, login.version())
	fresh := login.submit("/refresh")
	s := soon(t, poll)
	require.Equal(t, "waiting", s.State)
	require.NotEqual(t, login.version(), s.Version)
	require.Equal(t, fresh.attr("data-qr"), s.QR)
}

func TestDrainEndsPolls(t *testing.T) {
	w := newWorld(t, slowRecheck())
	c := w.browser()
	login := c.login()
	poll := w.waiting(c, login, login.version())
	w.flow.Drain()
	s := soon(t, poll)
	require.Equal(t, "waiting", s.State)
	require.Equal(t, "retry", s.Reason)
	_, p := c.state(login, login.version(), 20)
	require.Equal(t, "1", p.header.Get("Retry-After"))
}
