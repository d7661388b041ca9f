package wechatflow_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow"
)

// A page that asks again at once is looked after in between, and nothing is read for it.
func TestPollsThatFollowEachOther(t *testing.T) {
	w := newWorld(t, slowRecheck()) // only a wake-up can answer in time
	c, alice := w.browser(), w.person()
	login := c.login()
	_, p := c.state(login, login.version(), 1)
	require.Equal(t, http.StatusOK, p.status)
	reads := w.store.reads.Load()
	s, _ := c.state(login, login.version(), 1)
	require.Equal(t, "waiting", s.State)
	require.Equal(t, login.attr("data-qr"), s.QR)
	require.Positive(t, s.ExpiresIn)
	require.Equal(t, reads, w.store.reads.Load(), "it was read for the first poll")

	_, p = w.browser().state(login, login.version(), 1)
	require.Equal(t, http.StatusNotFound, p.status, "a browser without the secret")
	other := w.browser()
	other.login()
	_, p = other.state(login, login.version(), 1)
	require.Equal(t, http.StatusNotFound, p.status, "another browser")
	s, _ = c.state(login, 0, 20)
	require.NotEmpty(t, s.Picture, "a page that has seen something else is told at once")
	s, _ = c.state(login, login.version(), 1)
	require.Equal(t, "waiting", s.State)

	// Between two polls.
	alice.scan(login.attr("data-qr"))
	alice.follow()
	began := time.Now()
	s, _ = c.state(login, login.version(), 20)
	require.Equal(t, "scanned", s.State)
	require.Less(t, time.Since(began), 4*time.Second)
}

// So is the end of a picture between two polls.
func TestPictureThatEndsBetweenPolls(t *testing.T) {
	w := newWorld(t, slowRecheck())
	c := w.browser()
	login := c.login()
	_, p := c.state(login, login.version(), 1)
	require.Equal(t, http.StatusOK, p.status)
	w.clock.advance(3 * time.Minute)
	began := time.Now()
	s, _ := c.state(login, login.version(), 20)
	require.NotEqual(t, login.version(), s.Version)
	require.Less(t, time.Since(began), 4*time.Second)
}

// A page that does not ask again is forgotten.
func TestPageThatDoesNotAskAgain(t *testing.T) {
	w := newWorld(t, options{lifetimes: wechatflow.Lifetimes{Recheck: 20 * time.Millisecond}})
	c := w.browser()
	login := c.login()
	_, p := c.state(login, login.version(), 1)
	require.Equal(t, http.StatusOK, p.status)
	w.eventually("nobody looks any more", func() bool {
		looks := w.store.looks.Load()
		time.Sleep(200 * time.Millisecond)
		return looks == w.store.looks.Load()
	})
	s, _ := c.state(login, login.version(), 1)
	require.Equal(t, "waiting", s.State)
}

// A browser that goes away gives its place back at once.
func TestWaiterThatGoesAway(t *testing.T) {
	w := newWorld(t, slowRecheck())
	c := w.browser()
	login := c.login()
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.site+login.path()+"/state?wait=20&v="+login.attr("data-v"), nil)
	require.NoError(t, err)
	gone := make(chan error, 1)
	go func() {
		res, err := c.http.Do(r)
		if err == nil {
			_ = res.Body.Close()
		}
		gone <- err
	}()
	w.eventually("the poll is held", func() bool { return w.counter("qiao_login_waiters") == 1 })
	leave()
	require.ErrorIs(t, soon(t, gone), context.Canceled)
	w.eventually("its place is free", func() bool { return w.counter("qiao_login_waiters") == 0 })
}

// A poll runs on goroutines that all polls share: one that panics is answered, told in the log, and ends none of them.
func TestPollThatPanics(t *testing.T) {
	w := newWorld(t, options{lifetimes: wechatflow.Lifetimes{Recheck: 40 * time.Millisecond}})
	c, alice := w.browser(), w.person()
	login := c.login()
	w.store.broken.Store(true)
	_, p := c.state(login, login.version(), 20)
	require.Equal(t, http.StatusInternalServerError, p.status)
	require.NotEmpty(t, p.header.Get("Retry-After"))
	require.NotContains(t, p.body, "out of range")
	require.Contains(t, w.logs.String(), `"level":"ERROR","msg":"handler panicked"`)
	require.Contains(t, w.logs.String(), "out of range")
	require.Contains(t, w.logs.String(), "faulty_test.go", "with its stack")
	require.NotContains(t, w.logs.String(), login.path())

	w.store.broken.Store(false)
	poll := w.waiting(c, login, login.version())
	w.store.broken.Store(true)
	alice.scan(login.attr("data-qr"))
	alice.follow()
	require.Empty(t, soon(t, poll).State)
	w.store.broken.Store(false)
	s, _ := c.state(login, login.version(), 20)
	require.Equal(t, "scanned", s.State)
	require.Zero(t, w.counter("qiao_login_waiters"))
}
