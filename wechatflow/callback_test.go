package wechatflow_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
	// The one that has begun goes on to its end.
	end := alice.bind(alice.choose(alice.open(link), login), alicePhone)
	require.Equal(t, "done", end.attr("data-end"))
	_, page := c.continueLogin(login)
	require.Equal(t, http.StatusOK, page.status)
}

func TestOtherPushes(t *testing.T) {
	w := newWorld(t, options{replies: repliesForTest()})
	alice := w.person()
	alice.follow()
	require.Equal(t, []string{"你好 桥测试号"}, alice.chat())
	alice.gesture("text", map[string]any{"content": "hi"})
	require.Contains(t, strings.Join(alice.chat(), ""), "桥测试号")
	alice.gesture("menu", map[string]any{"key": "hours"})
	require.Equal(t, []string{"9:00–18:00"}, alice.chat())
	alice.gesture("menu", map[string]any{"key": "other"})
	require.Empty(t, alice.chat())
	now := w.clock.Now().Unix()
	for i, kind := range []string{"VIEW", "LOCATION", "TEMPLATESENDJOBFINISH", "scancode_push"} {
		got := w.push(event(alice.openID, now+int64(i), kind, "https://shop.example/", ""), 1)
		require.Equal(t, http.StatusOK, got.Status)
		require.Equal(t, "success", got.Body, kind)
	}
	for _, msgType := range []string{"image", "voice", "location", "link"} {
		xml := strings.Replace(event(alice.openID, now, "x", "", ""), "<![CDATA[event]]>", "<![CDATA["+msgType+"]]>", 1)
		require.Equal(t, "success", w.push(xml, 1).Body, msgType)
	}
}

func TestScenesOfOthersAreLeftToThem(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	now := w.clock.Now().Unix()
	require.Equal(t, "success", w.push(event(alice.openID, now, "SCAN", "coupon-17", "t"), 1).Body)
	require.Equal(t, "success", w.push(event(alice.openID, now+1, "subscribe", "qrscene_coupon-17", "t"), 1).Body)
	i, err := w.store.Identity(context.Background(), "main", alice.openID)
	require.NoError(t, err)
	require.True(t, i.Followed, "a follow is a follow")
	require.Contains(t, w.logs.String(), "left to others")
	require.Equal(t, 0.0, w.counter("qiao_login_scans_total"))
	plain := w.push(event(alice.openID, now+2, "subscribe", "last_trade_no_1", ""), 1)
	require.NotEmpty(t, plain.Reply, "a follow without a scene is greeted")
}

func TestUnfollowEndsTheSession(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	s := alice.signIn(c, alicePhone)
	w.clock.advance(2 * time.Second)
	alice.gesture("unfollow", nil)
	require.Equal(t, http.StatusForbidden, c.get("/authorize/continue?request=x").status)
	// The same unfollow, late and again, ends no session that was opened after it.
	w.clock.advance(time.Second)
	unfollowedAt := w.clock.Now().Unix() - 1
	alice.follow()
	alice.chat()
	w.clock.advance(time.Second)
	again := alice.signIn(c, alicePhone)
	require.Equal(t, s.User, again.User)
	w.push(event(alice.openID, unfollowedAt, "unsubscribe", "", ""), 3)
	require.Equal(t, http.StatusOK, c.get("/authorize/continue?request=x").status)
}

// Follow and unfollow within one second: only the platform knows which was the last.
func TestTiesAskThePlatform(t *testing.T) {
	for _, follows := range []bool{true, false} {
		for _, order := range [][]string{{"subscribe", "unsubscribe"}, {"unsubscribe", "subscribe"}} {
			t.Run(fmt.Sprintf("follows %v %s first", follows, order[0]), func(t *testing.T) {
				w := newWorld(t, options{})
				alice := w.person()
				if follows {
					alice.follow()
				}
				at := w.clock.Now().Unix() + 5
				for _, kind := range order {
					require.Equal(t, http.StatusOK, w.push(event(alice.openID, at, kind, "", ""), 2).Status)
				}
				i, err := w.store.Identity(context.Background(), "main", alice.openID)
				require.NoError(t, err)
				require.Equal(t, follows, i.Followed)
			})
		}
	}
	w := newWorld(t, options{})
	alice := w.person()
	at := w.clock.Now().Unix()
	w.push(event(alice.openID, at, "subscribe", "", ""), 1)
	w.fault(map[string]any{"path": "/cgi-bin/user/info", "errcode": -1, "times": 100})
	require.Equal(t, http.StatusServiceUnavailable, w.push(event(alice.openID, at, "unsubscribe", "", ""), 1).Status, "nobody knows: deliver again")
}

// A scan that arrives after the unfollow that came later changes nothing about following.
func TestLateAndOutOfOrderEvents(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	code := w.code(login)
	now := w.clock.Now().Unix()
	w.push(event(alice.openID, now+10, "unsubscribe", "", ""), 1)
	w.push(event(alice.openID, now+5, "subscribe", "qrscene_"+code.Scene, code.Ticket), 1)
	i, err := w.store.Identity(context.Background(), "main", alice.openID)
	require.NoError(t, err)
	require.False(t, i.Followed)
	// A scan long after the attempt's end is told so.
	w.clock.advance(30 * time.Minute)
	late := w.push(event(alice.openID, w.clock.Now().Unix(), "SCAN", code.Scene, code.Ticket), 1)
	require.NotEmpty(t, late.Reply)
	require.Contains(t, late.Reply, "失效")
}

func TestUnionIDIsLearnt(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	alice.scan(login.attr("data-qr"))
	alice.follow()
	w.eventually("the unionid", func() bool {
		i, err := w.store.Identity(context.Background(), "main", alice.openID)
		return err == nil && i.UnionID == alice.unionID
	})
}

func TestALockedUserIsTold(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	s := alice.signIn(c, alicePhone)
	w.clock.advance(time.Second)
	open := w.browser().login()
	confirm := alice.scanAndFollow(open)
	require.NoError(t, w.store.LockUser(context.Background(), s.User, "test", w.clock.Now()))
	number := open.c.get(open.path()).attr("data-number")
	locked := confirm.submit("/confirm", "number", number)
	require.NotEqual(t, "done", locked.attr("data-end"))
	w.clock.advance(time.Second)
	login := w.browser().login()
	alice.scan(login.attr("data-qr"))
	require.NotContains(t, strings.Join(alice.chat(), ""), "/phone/")
	state, _ := login.c.state(login, 0, 0)
	require.Equal(t, "waiting", state.State)
}
