package wechatflow_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/ui"
)

func svgOf(t *testing.T, text string) string {
	t.Helper()
	svg, err := ui.QRSVG(text)
	require.NoError(t, err)
	return svg
}

// The whole way of a person who has never been here: scan, follow, approve, bind, and the TV is signed in.
func TestTVFirstLogin(t *testing.T) {
	w := newWorld(t, options{})
	v, alice := w.tv(), w.person()
	qr := v.qr()
	require.Contains(t, qr, "weixin.qq.com/q/")
	require.Equal(t, "follow_prompt", alice.scan(qr))
	require.Equal(t, "event", alice.follow())
	chat := strings.Join(alice.chat(), "\n")
	require.Contains(t, chat, "Example TV")
	require.Contains(t, chat, "Living room")
	_, err := v.poll()
	require.ErrorIs(t, err, storage.ErrPending, "a scan alone signs nobody in")
	require.True(t, v.marked())

	confirm := alice.open(linkShape.FindString(chat))
	require.Equal(t, http.StatusOK, confirm.status, confirm.body)
	require.Equal(t, v.code.Text(), confirm.attr("data-user-code"))
	for _, part := range []string{"Example TV", "Living room", "not verified", "Shanghai", "203.0.113.1", `name="approve"`, `name="decline"`} {
		require.Contains(t, confirm.body, part)
	}
	require.NotContains(t, confirm.body, `name="number"`)
	require.NotContains(t, confirm.body, `class="scopes"`, "a first-party client asks no consent")

	number := confirm.submit("/confirm", "approve", "yes")
	require.True(t, strings.HasSuffix(number.path(), "/number"), number.url.String())
	_, err = v.poll()
	require.ErrorIs(t, err, storage.ErrPending)
	end := alice.bind(number, alicePhone)
	require.Equal(t, "look_at_tv", end.attr("data-end"), end.body)
	require.False(t, v.marked(), "the next poll asks the record")
	require.Equal(t, http.StatusNotFound, w.browser().get(v.path+".svg").status, "its picture is over")

	issued, err := v.poll()
	require.NoError(t, err)
	require.Equal(t, []string{"wechat", "sms"}, issued.Grant.AMR)
	require.Equal(t, "urn:qiao:acr:confirm", issued.Grant.ACR)
	require.Equal(t, "Living room", issued.Grant.Device.Name)
	_, err = v.poll()
	require.ErrorIs(t, err, storage.ErrNotFound, "once")
	w.eventually("the notice in the chat", func() bool {
		return strings.Contains(strings.Join(alice.chat(), ""), "已让设备「Living room」登录「Example TV」")
	})
	require.NotContains(t, w.logs.String(), alice.openID)
	require.NotContains(t, w.logs.String(), v.code.Text())

	// The second TV of the same person: a scan and a tap.
	w.clock.advance(time.Minute)
	second := w.tv()
	confirm = alice.scanTV(second)
	require.Contains(t, confirm.body, "138****1234")
	require.Equal(t, "look_at_tv", confirm.submit("/confirm", "approve", "yes").attr("data-end"))
	again, err := second.poll()
	require.NoError(t, err)
	require.Equal(t, issued.User.ID, again.User.ID)
	require.Equal(t, []string{"wechat"}, again.Grant.AMR)
}

func TestTVDecline(t *testing.T) {
	w := newWorld(t, options{})
	v, alice := w.tv(), w.person()
	confirm := alice.scanTV(v)
	require.Equal(t, http.StatusBadRequest, confirm.submit("/confirm").status, "neither button")
	end := confirm.submit("/confirm", "decline", "yes")
	require.Equal(t, "declined", end.attr("data-end"))
	require.False(t, v.marked())
	require.Equal(t, "declined", confirm.submit("/confirm", "decline", "yes").attr("data-end"), "again is the same")
	_, err := v.poll()
	require.ErrorIs(t, err, storage.ErrDeclined)
	require.Equal(t, http.StatusNotFound, w.browser().get(v.path+".svg").status, "its picture is over")
	alice.scan(w.tvScene(v))
	require.NotContains(t, strings.Join(alice.chat(), ""), "/phone/")
}

// tvScene is the text of the code that the platform gave, also after the picture is gone.
func (w *world) tvScene(v *tv) string {
	w.t.Helper()
	d, err := w.store.Device(context.Background(), v.d.ID, w.clock.Now())
	require.NoError(w.t, err)
	return d.Scene.URL
}

func TestTVOfAThirdPartyAsksForItsScopes(t *testing.T) {
	w := newWorld(t, options{})
	v, alice := w.tvOf("stranger-tv", false), w.person()
	confirm := alice.scanTV(v)
	require.Contains(t, confirm.body, `class="scopes"`)
	require.Contains(t, confirm.body, "Your phone number")
	require.Contains(t, confirm.body, "while you are away")
}

func TestTVInAnotherPlaceIsWarnedOf(t *testing.T) {
	w := newWorld(t, options{locate: true})
	v, alice := w.tv(), w.person()
	alice.phone.from = "203.0.113.2"
	require.Contains(t, alice.scanTV(v).body, `class="far"`)
	alice.phone.from = "203.0.113.1"
	require.NotContains(t, alice.inWeChatAt(v).body, `class="far"`)
}

func TestTVCodeIsLate(t *testing.T) {
	w := newWorld(t, options{})
	v, alice := w.tv(), w.person()
	qr := v.qr()
	confirm := alice.scanTV(v)
	w.clock.advance(10 * time.Minute)
	require.Equal(t, http.StatusNotFound, w.browser().get(v.path+".svg").status)
	require.Equal(t, http.StatusNotFound, alice.inWeChatAt(v).status)
	require.Equal(t, "expired", confirm.submit("/confirm", "approve", "yes").attr("data-end"))
	require.Equal(t, "expired", alice.phone.get(confirm.path()).attr("data-end"))
	alice.scan(qr)
	require.NotContains(t, strings.Join(alice.chat(), ""), "/phone/")
	_, err := v.poll()
	require.ErrorIs(t, err, storage.ErrExpired)
}

// The plain address opened inside WeChat: no second code, the follow step where it is due, the same page and end.
func TestTVAddressInsideWeChat(t *testing.T) {
	w := newWorld(t, options{})
	v, alice := w.tv(), w.person()
	follow := alice.inWeChatAt(v)
	require.True(t, strings.HasSuffix(follow.path(), "/follow"), follow.url.String())
	alice.follow()
	confirm := follow.submit("/follow")
	require.Equal(t, v.code.Text(), confirm.attr("data-user-code"))
	end := alice.bind(confirm.submit("/confirm", "approve", "yes"), alicePhone)
	require.Equal(t, "look_at_tv", end.attr("data-end"))
	require.False(t, v.marked())
	_, err := v.poll()
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, alice.inWeChatAt(v).status, "the code is used up")

	w.clock.advance(time.Minute)
	second := w.tv()
	confirm = alice.inWeChatAt(second)
	require.True(t, strings.HasSuffix(confirm.path(), "/confirm"))
	require.Equal(t, "declined", confirm.submit("/confirm", "decline", "yes").attr("data-end"))
	_, err = second.poll()
	require.ErrorIs(t, err, storage.ErrDeclined)
}

// A person who scans, and opens the plain address too, has one approval.
func TestTVScanAndAddressAreOneApproval(t *testing.T) {
	w := newWorld(t, options{})
	v, alice := w.tv(), w.person()
	first := alice.scanTV(v)
	second := alice.inWeChatAt(v)
	require.Equal(t, first.path(), second.path())
	alice.scan(v.qr())
	require.Equal(t, first.path(), alice.open(alice.link()).path())
	require.Equal(t, 1.0, w.counter("qiao_login_scans_total", "outcome=accepted"))
	require.Equal(t, 1.0, w.counter("qiao_login_scans_total", "outcome=repeated"))
}

// WeChat does not answer who is here: the page leads back to the device's address, and the next round works.
func TestTVAddressWhenWebAuthorizationFails(t *testing.T) {
	w := newWorld(t, options{})
	v, alice := w.tv(), w.person()
	alice.follow()
	w.fault(map[string]any{"path": "/sns/oauth2/access_token", "errcode": -1, "times": 100})
	failed := alice.inWeChatAt(v)
	require.Equal(t, http.StatusBadGateway, failed.status)
	require.Contains(t, failed.body, "/device?user_code="+v.code.Text())
	w.control("DELETE", "/sim/faults", nil, nil)
	require.Equal(t, v.code.Text(), alice.inWeChatAt(v).attr("data-user-code"))
	ghost := w.person(map[string]any{"snapshot": true})
	require.Equal(t, "snapshot", ghost.inWeChatAt(v).attr("data-end"))
}
