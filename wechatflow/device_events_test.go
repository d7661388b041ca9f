package wechatflow_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// codeOf is what the platform knows of a TV's code.
func (w *world) codeOf(v *tv) qrCode {
	w.t.Helper()
	var out qrCode
	w.control("GET", "/sim/codes?qr="+url.QueryEscape(v.qr()), nil, &out)
	return out
}

func TestTVEventReplayed(t *testing.T) {
	w := newWorld(t, options{mode: "plain"}) // the pushes' answers can be read
	v, alice := w.tv(), w.person()
	alice.follow()
	code := w.codeOf(v)
	require.True(t, strings.HasPrefix(code.Scene, "d1."))
	require.Len(t, code.Scene, 3+22, "128 bits")
	scan := event(alice.openID, w.clock.Now().Unix()+1, "SCAN", code.Scene, code.Ticket)
	first := w.push(scan, 1)
	link := linkShape.FindString(first.Body)
	require.NotEmpty(t, link, first.Body)
	again := w.push(scan, 1000)
	require.Len(t, again.Answers, 1000)
	for _, a := range again.Answers {
		require.Equal(t, http.StatusOK, a.Status)
		require.Equal(t, link, linkShape.FindString(a.Body))
	}
	require.Equal(t, 1.0, w.counter("qiao_login_scans_total", "outcome=accepted"))
	require.Equal(t, "look_at_tv", alice.bind(alice.open(link).submit("/confirm", "approve", "yes"), alicePhone).attr("data-end"))
	require.Equal(t, link, linkShape.FindString(w.push(scan, 1).Body), "a redelivery says what the first one said")
	_, err := v.poll()
	require.NoError(t, err)
	require.Equal(t, link, linkShape.FindString(w.push(scan, 1).Body))
	// Another scan is another event: the code is used.
	late := w.push(event(alice.openID, w.clock.Now().Unix()+9, "SCAN", code.Scene, code.Ticket), 1)
	require.NotContains(t, late.Body, "/phone/")
	require.Contains(t, late.Reply, "失效")
}

func TestTVEventForged(t *testing.T) {
	w := newWorld(t, options{mode: "plain"})
	v, alice := w.tv(), w.person()
	login := w.browser().login()
	alice.follow()
	tvCode, loginCode := w.codeOf(v), w.code(login)
	at := w.clock.Now().Unix()
	for name, forged := range map[string]qrCode{
		"a login's secret as a device's": {Scene: "d1." + strings.TrimPrefix(loginCode.Scene, "q1."), Ticket: loginCode.Ticket},
		"a device's secret as a login's": {Scene: "q1." + strings.TrimPrefix(tvCode.Scene, "d1."), Ticket: tvCode.Ticket},
		"another ticket":                 {Scene: tvCode.Scene, Ticket: loginCode.Ticket},
		"the device's id":                {Scene: "d1." + v.d.ID.String(), Ticket: tvCode.Ticket},
		"a guess":                        {Scene: "d1." + strings.Repeat("A", 22)},
		"nothing":                        {Scene: "d1."},
	} {
		at++
		got := w.push(event(alice.openID, at, "SCAN", forged.Scene, forged.Ticket), 1)
		require.Equal(t, http.StatusOK, got.Status, name)
		require.NotContains(t, got.Body, "/phone/", name)
	}
	require.Equal(t, 6.0, w.counter("qiao_login_scans_total", "outcome=unknown"))
	s, _ := login.c.state(login, 0, 0)
	require.Equal(t, "waiting", s.State)
	require.Equal(t, http.StatusForbidden, w.pushAs(event(alice.openID, at+1, "SCAN", tvCode.Scene, tvCode.Ticket), "bad", "", 1).Status)
	// Our own page's way does not lead to a device either.
	require.Equal(t, "expired", alice.open(w.site.URL+"/scan/main/"+strings.TrimPrefix(tvCode.Scene, "d1.")).attr("data-end"))
}

func TestTVEventWhileTheRecordIsDown(t *testing.T) {
	w := newWorld(t, options{mode: "plain"})
	v, alice := w.tv(), w.person()
	alice.follow()
	code := w.codeOf(v)
	scan := event(alice.openID, w.clock.Now().Unix()+1, "SCAN", code.Scene, code.Ticket)
	w.store.down.Store(true)
	require.Equal(t, http.StatusServiceUnavailable, w.push(scan, 1).Status)
	w.store.down.Store(false)
	w.store.scanBroke.Store(true)
	require.Equal(t, http.StatusServiceUnavailable, w.push(scan, 1).Status)
	w.store.scanBroke.Store(false)
	require.Equal(t, v.code.Text(), alice.open(linkShape.FindString(w.push(scan, 1).Body)).attr("data-user-code"))
}

// A scan of the TV voids what the same person has open elsewhere, and the other way round: one person approves one screen
// at a time. A TV that lost its turn is scanned again.
func TestTVAndLoginOfOnePerson(t *testing.T) {
	w := newWorld(t, options{})
	v, alice := w.tv(), w.person()
	login := w.browser().login()
	alice.scanAndFollow(login)
	first := alice.scanTV(v)
	s, _ := login.c.state(login, 0, 0)
	require.Equal(t, "expired", s.State)
	alice.scanAndFollow(w.browser().login())
	require.Equal(t, http.StatusNotFound, first.submit("/confirm", "approve", "yes").status, "this phone is at the login now")
	_, err := v.poll()
	require.ErrorIs(t, err, storage.ErrPending)
	w.clock.advance(time.Second)
	again := alice.scanTV(v)
	require.NotEqual(t, first.path(), again.path())
	require.Equal(t, "look_at_tv", alice.bind(again.submit("/confirm", "approve", "yes"), alicePhone).attr("data-end"))
}

func TestTVApprovedTwiceIsToldOnce(t *testing.T) {
	w := newWorld(t, options{})
	v, alice := w.tv(), w.person()
	alice.approveTV(w.tv(), alicePhone)
	w.clock.advance(time.Second)
	confirm := alice.scanTV(v)
	for range 3 {
		require.Equal(t, "look_at_tv", confirm.submit("/confirm", "approve", "yes").attr("data-end"))
	}
	require.Equal(t, "look_at_tv", confirm.submit("/confirm", "decline", "yes").attr("data-end"), "too late for that")
	_, err := v.poll()
	require.NoError(t, err)
	require.Equal(t, "look_at_tv", confirm.submit("/confirm", "approve", "yes").attr("data-end"))
	var notices int
	w.eventually("the notice", func() bool {
		notices += strings.Count(strings.Join(alice.chat(), ""), "已让设备")
		return notices >= 1 && w.calls("/cgi-bin/message/custom/send") >= 2
	})
	require.LessOrEqual(t, notices, 2, "one for each TV")
	require.Equal(t, 2, w.calls("/cgi-bin/message/custom/send"))
}

func TestTVOfALockedUser(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	s := alice.signIn(w.browser(), alicePhone)
	ctx := context.Background()
	w.clock.advance(time.Second)

	v := w.tv()
	confirm := alice.scanTV(v)
	require.NoError(t, w.store.LockUser(ctx, s.User, "test", w.clock.Now()))
	require.Equal(t, "locked", confirm.submit("/confirm", "approve", "yes").attr("data-end"))
	second := w.tv()
	alice.scan(second.qr())
	chat := strings.Join(alice.chat(), "")
	require.NotContains(t, chat, "/phone/")
	require.Contains(t, chat, "停用")
	require.Equal(t, "locked", alice.inWeChatAt(second).attr("data-end"))
	for _, waiting := range []*tv{v, second} {
		_, err := waiting.poll()
		require.ErrorIs(t, err, storage.ErrPending)
	}

	// Locked between the approval and the TV's poll: the grant is there, and ended.
	require.NoError(t, w.store.UnlockUser(ctx, s.User, "test", w.clock.Now()))
	require.Equal(t, "look_at_tv", alice.inWeChatAt(second).submit("/confirm", "approve", "yes").attr("data-end"))
	require.NoError(t, w.store.LockUser(ctx, s.User, "test", w.clock.Now()))
	_, err := second.poll()
	require.ErrorIs(t, err, storage.ErrNotFound)
}

func TestTVOfAPersonWhoUnfollows(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	alice.signIn(w.browser(), alicePhone)
	w.clock.advance(2 * time.Second)

	// Between the scan and the approval, in one second: the platform has said that it is over.
	v := w.tv()
	confirm := alice.scanTV(v)
	alice.gesture("unfollow", nil)
	w.push(event(alice.openID, w.clock.Now().Unix(), "unsubscribe", "", ""), 1)
	require.NotEqual(t, "look_at_tv", confirm.submit("/confirm", "approve", "yes").attr("data-end"))
	_, err := v.poll()
	require.ErrorIs(t, err, storage.ErrPending)
	// Nor later: the unfollow takes back what was scanned before it, and a new scan is a new decision.
	w.clock.advance(2 * time.Second)
	require.NotEqual(t, "look_at_tv", confirm.submit("/confirm", "approve", "yes").attr("data-end"))
	_, err = v.poll()
	require.ErrorIs(t, err, storage.ErrPending)

	// Between the approval and the TV's poll: the grant ends.
	w.clock.advance(2 * time.Second)
	alice.follow()
	alice.chat()
	second := w.tv()
	require.Equal(t, "look_at_tv", alice.approveTV(second, alicePhone).attr("data-end"))
	w.clock.advance(2 * time.Second)
	alice.gesture("unfollow", nil)
	_, err = second.poll()
	require.ErrorIs(t, err, storage.ErrNotFound)
}

// The number of an earlier account: the TV is approved by the same step that moves it.
func TestTVWithANumberThatIsHeld(t *testing.T) {
	w := newWorld(t, options{})
	earlier, alice := w.person(), w.person()
	old := earlier.signIn(w.browser(), alicePhone)
	w.clock.advance(2 * time.Minute)
	v := w.tv()
	code := alice.scanTV(v).submit("/confirm", "approve", "yes").submit("/number", "phone", alicePhone)
	held := code.submit("/code", "code", w.pocket.lastCode(t))
	require.True(t, strings.HasSuffix(held.path(), "/move"), held.url.String())
	_, err := v.poll()
	require.ErrorIs(t, err, storage.ErrPending)
	require.Equal(t, "look_at_tv", held.submit("/move", "move", "yes").attr("data-end"))
	require.False(t, v.marked())
	issued, err := v.poll()
	require.NoError(t, err)
	require.NotEqual(t, old.User, issued.User.ID)
}

// The signals are away: the approval is recorded all the same, and the TV hears of it when its mark has ended.
func TestTVApprovedWhileTheSignalsAreDown(t *testing.T) {
	w := newWorld(t, options{})
	v, alice := w.tv(), w.person()
	confirm := alice.scanTV(v)
	w.signals.down.Store(true)
	require.Equal(t, "look_at_tv", alice.bind(confirm.submit("/confirm", "approve", "yes"), alicePhone).attr("data-end"))
	w.signals.down.Store(false)
	_, err := v.poll()
	require.NoError(t, err)
	require.Contains(t, w.logs.String(), "not told of its decision")
}

// A name that a device gives itself is no markup in our chat, whatever the store holds.
func TestTVNamesAreNotMarkup(t *testing.T) {
	w := newWorld(t, options{mode: "plain"})
	v := w.tv()
	hostile := v.d
	hostile.ID, hostile.UserCode, hostile.CodeHash = storage.NewID(w.clock.Now()), storage.NewSecret().Hash(), storage.NewSecret().Hash()
	hostile.Name = "<a href=\"https://evil.example\">\u202eBank</a>\n\n"
	require.NoError(t, w.store.CreateDevice(context.Background(), hostile))
	scene := storage.Scene{Hash: storage.HashOf([]byte("d1.x")), Ticket: "t", URL: "http://weixin.qq.com/q/x", ShownUntil: hostile.ExpiresAt}
	require.NoError(t, w.store.AddDeviceScene(context.Background(), hostile.ID, scene, w.clock.Now()))
	alice := w.person()
	got := w.push(event(alice.openID, w.clock.Now().Unix(), "SCAN", "d1.x", "t"), 1)
	require.Contains(t, got.Body, "/phone/")
	require.NotContains(t, got.Body, `href="https://evil`)
	require.NotContains(t, got.Body, "\u202e")
	confirm := alice.open(linkShape.FindString(got.Body))
	require.NotContains(t, confirm.body, `href="https://evil`)
	require.NotContains(t, confirm.body, "\u202e")
}
