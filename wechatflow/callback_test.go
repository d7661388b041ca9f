package wechatflow_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow"
)

func TestCallbackVerification(t *testing.T) {
	w := newWorld(t, options{})
	var out struct {
		OK     bool
		Status int
	}
	w.control("POST", "/sim/verify", map[string]any{}, &out)
	require.True(t, out.OK)
	c := w.browser()
	require.Equal(t, http.StatusForbidden, c.get("/wechat/main?signature=x&timestamp=1700000000&nonce=1&echostr=hello").status)
	require.Equal(t, http.StatusForbidden, c.get("/wechat/main").status)
	require.Equal(t, http.StatusNotFound, c.get("/wechat/other").status)
}

func TestForgedPushesAreRefused(t *testing.T) {
	for _, mode := range []string{"safe", "compat", "plain"} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, options{mode: mode})
			c, alice := w.browser(), w.person()
			login := c.login()
			alice.follow()
			alice.chat()
			good := event(alice.openID, w.clock.Now().Unix()+1, "SCAN", w.code(login).Scene, w.code(login).Ticket)
			for _, signature := range []string{"bad", "none"} {
				require.Equal(t, http.StatusForbidden, w.pushAs(good, signature, "", 1).Status)
			}
			for _, other := range []string{"plain", "safe"} {
				if other == mode || mode == "compat" && other == "safe" {
					continue // a compat account takes what is sealed
				}
				require.Equal(t, http.StatusForbidden, w.pushAs(good, "good", other, 1).Status, other)
			}
			wrong := strings.Replace(good, "gh_0123456789ab", "gh_another", 1)
			require.Equal(t, http.StatusForbidden, w.push(wrong, 1).Status)
			require.Equal(t, http.StatusForbidden, w.push(`<!DOCTYPE x [<!ENTITY a "b">]>`+good, 1).Status)
			s, _ := c.state(login, 0, 0)
			require.Equal(t, "waiting", s.State)
			require.NotContains(t, w.logs.String(), alice.openID)
			require.Equal(t, http.StatusOK, w.push(good, 1).Status)
			s, _ = c.state(login, 0, 0)
			require.Equal(t, "scanned", s.State)
		})
	}
}

func TestOversizedPush(t *testing.T) {
	w := newWorld(t, options{})
	for _, size := range []int{64<<10 + 1, 10 << 20} {
		r, err := http.NewRequest("POST", w.site.URL+"/wechat/main", io.LimitReader(neverEnding('x'), int64(size)))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
	}
}

// A body that trickles in is cut off in time.
func TestSlowPush(t *testing.T) {
	w := newWorld(t, options{lifetimes: lifetimesWithCallback(200 * time.Millisecond)})
	conn, err := net.Dial("tcp", w.site.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /wechat/main?signature=a HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n<xml>")
	require.NoError(t, err)
	began := time.Now()
	require.NoError(t, conn.SetReadDeadline(began.Add(4*time.Second)))
	answer, err := io.ReadAll(conn)
	require.NoError(t, err, "the connection is closed from the other side")
	require.NotContains(t, string(answer), "success")
	require.Less(t, time.Since(began), 3*time.Second)
}

type neverEnding byte

func (b neverEnding) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

func TestReplayedEventHasOneEffectAndTheSameReply(t *testing.T) {
	w := newWorld(t, options{mode: "plain"}) // the pushes' answers can be read
	c, alice := w.browser(), w.person()
	login := c.login()
	alice.follow()
	code := w.code(login)
	scan := event(alice.openID, w.clock.Now().Unix()+1, "SCAN", code.Scene, code.Ticket)
	first := w.push(scan, 1)
	require.Contains(t, first.Body, "/phone/")
	v := c.get(login.path()).version()
	number := c.get(login.path()).attr("data-number")

	again := w.push(scan, 1000)
	require.Len(t, again.Answers, 1000)
	for _, a := range again.Answers {
		require.Equal(t, http.StatusOK, a.Status)
		require.Equal(t, linkShape.FindString(first.Body), linkShape.FindString(a.Body))
	}
	require.Equal(t, v, c.get(login.path()).version())
	require.Equal(t, number, c.get(login.path()).attr("data-number"), "the number is drawn once")
	require.Equal(t, 1.0, w.counter("qiao_login_scans_total", "outcome=accepted"))
}

// The answer to the first delivery was lost, and the login went on meanwhile: the redelivery still says the same.
func TestLateRedeliveryGetsTheSameReply(t *testing.T) {
	w := newWorld(t, options{mode: "plain"})
	c, alice, bob := w.browser(), w.person(), w.person()
	login := c.login()
	code := w.code(login)
	scan := event(alice.openID, w.clock.Now().Unix(), "SCAN", code.Scene, code.Ticket)
	late := event(bob.openID, w.clock.Now().Unix(), "SCAN", code.Scene, code.Ticket)
	first, taken := w.push(scan, 1), w.push(late, 1)
	link := linkShape.FindString(first.Body)
	require.NotEmpty(t, link)
	require.NotContains(t, taken.Body, "/phone/")
	login.submit("/refresh")
	require.Equal(t, link, linkShape.FindString(w.push(scan, 1).Body))
	require.Equal(t, taken.Reply, w.push(late, 1).Reply)
	require.Equal(t, "expired", alice.open(link).attr("data-end"))
}

func TestStoreFailingMeansRedelivery(t *testing.T) {
	w := newWorld(t, options{mode: "plain"}) // the pushes' answers can be read
	c, alice := w.browser(), w.person()
	login := c.login()
	alice.follow()
	alice.chat()
	code := w.code(login)
	scan := event(alice.openID, w.clock.Now().Unix()+1, "SCAN", code.Scene, code.Ticket)

	w.store.down.Store(true)
	require.Equal(t, http.StatusServiceUnavailable, w.push(scan, 1).Status)
	for _, kind := range []string{"subscribe", "unsubscribe"} {
		require.Equal(t, http.StatusServiceUnavailable, w.push(event(alice.openID, w.clock.Now().Unix()+9, kind, "", ""), 1).Status, kind)
	}
	w.store.down.Store(false)
	// The commit went through and its answer was lost: the redelivery says what the first one would have said.
	w.store.scanBroke.Store(true)
	require.Equal(t, http.StatusServiceUnavailable, w.push(scan, 1).Status)
	w.store.scanBroke.Store(false)
	reply := w.push(scan, 1)
	require.Equal(t, http.StatusOK, reply.Status)
	require.Contains(t, reply.Body, "/phone/")
	s, _ := c.state(login, 0, 0)
	require.Equal(t, "scanned", s.State)
	require.Len(t, alice.open(linkShape.FindString(reply.Body)).choices(), 3)
}

// A push is done by a goroutine that no handler's recovery watches: one that panics costs nobody but itself anything.
func TestAPushThatPanics(t *testing.T) {
	w := newWorld(t, options{mode: "plain"})
	c, alice := w.browser(), w.person()
	login := c.login()
	alice.follow()
	code := w.code(login)
	scan := event(alice.openID, w.clock.Now().Unix()+1, "SCAN", code.Scene, code.Ticket)
	w.store.scanPanic.Store(true)
	require.Equal(t, http.StatusServiceUnavailable, w.push(scan, 1).Status)
	require.Contains(t, w.logs.String(), `"level":"ERROR","msg":"push panicked`)
	require.Contains(t, w.logs.String(), "faulty_test.go", "with its stack")
	require.NotContains(t, w.logs.String(), alice.openID)
	w.store.scanPanic.Store(false)
	require.Contains(t, w.push(scan, 1).Body, "/phone/", "it is delivered again")
}

// The real platform's delivery rules: the first delivery fails, the second is answered, the person sees one reply.
func TestThePlatformDeliversAgain(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	w.store.scanBroke.Store(true)
	go func() {
		for w.counter("qiao_login_scans_total") == 0 && !strings.Contains(w.logs.String(), "push not recorded") {
			time.Sleep(time.Millisecond)
		}
		w.store.scanBroke.Store(false)
	}()
	alice.scan(login.attr("data-qr"))
	alice.follow()
	chat := alice.chat()
	require.Contains(t, chat[len(chat)-1], "/phone/")
	require.Equal(t, 1.0, w.counter("qiao_login_scans_total"))
}

func TestAHangingStoreIsNotWaitedFor(t *testing.T) {
	w := newWorld(t, options{mode: "plain", lifetimes: lifetimesWithCallback(200 * time.Millisecond)})
	c, alice := w.browser(), w.person()
	login := c.login()
	alice.follow()
	code := w.code(login)
	scan := event(alice.openID, w.clock.Now().Unix()+1, "SCAN", code.Scene, code.Ticket)
	w.store.scanLate.Store(int64(600 * time.Millisecond))
	began := time.Now()
	require.Equal(t, http.StatusServiceUnavailable, w.push(scan, 1).Status)
	require.Less(t, time.Since(began), 550*time.Millisecond)
	w.store.scanLate.Store(0)
	w.eventually("the late commit", func() bool { s, _ := c.state(login, 0, 0); return s.State == "scanned" })
	require.Contains(t, w.push(scan, 1).Body, "/phone/", "the redelivery finds it")
}

func TestUnreachableSignalsDoNotFailTheCallback(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	w.signals.down.Store(true)
	alice.scan(login.attr("data-qr"))
	alice.follow()
	require.Contains(t, strings.Join(alice.chat(), ""), "/phone/")
	w.signals.down.Store(false)
	s, _ := c.state(login, 0, 0)
	require.Equal(t, "scanned", s.State)
}

// The count of a page tells whether the Signals answer, and nobody asks them again. Where they die behind it, the login
// begins with a code of our own, and the platform's quota is left alone; the next one does not begin.
func TestSignalsThatDieWhileALoginBegins(t *testing.T) {
	w := newWorld(t, options{})
	minted := w.calls("/cgi-bin/qrcode/create")
	w.signals.dies.Store(w.signals.asked.Load() + 2)
	c := w.browser()
	login := c.login()
	require.Equal(t, http.StatusOK, login.status)
	require.Contains(t, login.attr("data-qr"), "/scan/main/")
	require.Equal(t, minted, w.calls("/cgi-bin/qrcode/create"))
	require.Equal(t, http.StatusServiceUnavailable, w.browser().login().status)
	require.Equal(t, http.StatusServiceUnavailable, login.submit("/refresh").status, "nor does another attempt")
	w.signals.dies.Store(0)
	alice := w.person()
	alice.follow()
	require.Len(t, alice.open(login.attr("data-qr")).choices(), 3)
}

// Also where pages have no limit, so that nobody counts them.
func TestSignalsDownStopALoginWithoutLimits(t *testing.T) {
	w := newWorld(t, options{limits: wechatflow.Limits{PagesPerAddress: wechatflow.Rate{Max: -1}}})
	require.Equal(t, http.StatusOK, w.browser().login().status)
	w.signals.down.Store(true)
	require.Equal(t, http.StatusServiceUnavailable, w.browser().login().status)
	require.Equal(t, http.StatusServiceUnavailable, w.person().inWeChat().status)
}

// What each request of a login costs in round trips.
func TestSignalsAreAskedOnce(t *testing.T) {
	w := newWorld(t, options{})
	asked := func(f func()) int64 {
		before := w.signals.asked.Load()
		f()
		return w.signals.asked.Load() - before
	}
	c, alice := w.browser(), w.person()
	var login *page
	require.Equal(t, http.StatusOK, w.browser().login().status) // tells the other replicas of the platform's token
	require.EqualValues(t, 2, asked(func() { login = c.login() }), "the page, and the shares of the platform's codes")
	require.EqualValues(t, 1, asked(func() { c.get(login.path()) }))
	require.EqualValues(t, 1, asked(func() { w.person().inWeChat() }), "it is shown no code")
	alice.bind(alice.choose(alice.scanAndFollow(login), login), alicePhone)
	require.EqualValues(t, 3, asked(func() { c.continueLogin(login) }), "two pages, and the other tabs are woken")
}

func TestSignalsDownStopsNewLoginsOnly(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	alice.scan(login.attr("data-qr"))
	alice.follow()
	link := alice.link()
	w.signals.down.Store(true)
	refused := w.browser().login()
	require.Equal(t, http.StatusServiceUnavailable, refused.status)
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	require.Contains(t, refused.body, "unavailable")
	require.Equal(t, http.StatusServiceUnavailable, w.person().inWeChat().status)
	// The one that has begun goes on to its end.
	end := alice.bind(alice.choose(alice.open(link), login), alicePhone)
	require.Equal(t, "done", end.attr("data-end"))
	_, page := c.continueLogin(login)
	require.Equal(t, http.StatusOK, page.status)
}
