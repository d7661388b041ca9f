package wechatflow_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

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

// A contradiction ends the login that is under way, wherever it is noticed.
func TestAContradictingUnionIDBlocks(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	alice.signIn(w.browser(), alicePhone)
	w.eventually("the unionid", func() bool {
		i, err := w.store.Identity(context.Background(), "main", alice.openID)
		return err == nil && i.UnionID == alice.unionID
	})
	c := w.browser()
	login := c.login()
	confirm := alice.scanAndFollow(login)
	require.ErrorIs(t, w.store.RecordUnionID(context.Background(), "main", alice.openID, "o-another", w.clock.Now()), storage.ErrConflict)
	require.Equal(t, "expired", c.get(login.path()).attr("data-state"))
	require.Equal(t, "expired", confirm.submit("/confirm", "number", confirm.choices()[0]).attr("data-end"))
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
