package wechatflow_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// inWeChat is a login page opened in the person's own WeChat browser.
func (p *person) inWeChat() *page {
	p.w.t.Helper()
	p.phone.agent = wechatAgent
	id := p.phone.request()
	return p.open(p.w.site.URL + "/login/" + id.String())
}

func TestLoginInsideWeChatWithFollow(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	login := alice.inWeChat()
	require.Equal(t, "waiting", login.attr("data-state"))
	require.Empty(t, login.attr("data-qr"), "nothing to scan")
	policy := login.header.Get("Content-Security-Policy")
	require.Contains(t, policy, w.sim.URL, "the form may end in web authorization")

	follow := login.submit("/continue")
	require.True(t, strings.HasSuffix(follow.path(), "/follow"), follow.url.String())
	require.Contains(t, follow.body, "桥测试号")
	still := follow.submit("/follow")
	require.True(t, strings.HasSuffix(still.path(), "/follow"))
	require.Contains(t, still.body, "follow")
	alice.follow()
	confirm := still.submit("/follow")
	require.True(t, strings.HasSuffix(confirm.path(), "/confirm"))
	require.Contains(t, confirm.body, `name="approve"`)
	require.Empty(t, confirm.choices(), "no number to match: it is the same screen")

	again := alice.phone.get(login.path()).submit("/continue") // back to the login page, and on again
	require.True(t, strings.HasSuffix(again.path(), "/confirm"), again.body)
	confirm = again

	number := confirm.submit("/confirm", "approve", "yes")
	code := number.submit("/number", "phone", alicePhone)
	back := code.submit("/code", "code", w.pocket.lastCode(t))
	require.Equal(t, login.path(), back.path(), "the same browser goes on")
	require.Equal(t, "confirmed", back.attr("data-state"))
	s, page := alice.phone.continueLogin(login)
	require.Equal(t, http.StatusOK, page.status, page.body)
	require.Equal(t, []string{"wechat", "sms"}, s.AMR)

	// The second time: followed, bound and known.
	w.clock.advance(time.Minute)
	login = alice.inWeChat()
	confirm = login.submit("/continue")
	require.True(t, strings.HasSuffix(confirm.path(), "/confirm"))
	back = confirm.submit("/confirm", "approve", "yes")
	require.Equal(t, login.path(), back.path())
	require.NotContains(t, back.body, `name="approve"`)
	second, _ := alice.phone.continueLogin(login)
	require.Equal(t, s.User, second.User)
}

func TestDeclineInsideWeChat(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	alice.follow()
	login := alice.inWeChat()
	confirm := login.submit("/continue")
	require.Equal(t, http.StatusBadRequest, confirm.submit("/confirm").status, "neither approved nor declined")
	end := confirm.submit("/confirm", "decline", "yes")
	require.Equal(t, "declined", end.attr("data-end"))
	require.Equal(t, "declined", alice.phone.get(login.path()).attr("data-state"))
}

// A WeChat login that somebody else began cannot be completed, nor claimed, in the browser of a victim.
func TestWeChatLoginIsBoundToItsBrowser(t *testing.T) {
	w := newWorld(t, options{})
	mallory, victim := w.person(), w.person()
	mallory.follow()
	victim.follow()
	login := mallory.inWeChat()
	still := mallory.phone.still()
	action, token := login.form("/continue")
	authorize := still.do("POST", action, fields(token)).header.Get("Location")
	require.Contains(t, authorize, "/connect/oauth2/authorize")
	// Mallory sends the victim to web authorization with his own state: the victim's browser has not begun it.
	lured := victim.open(strings.TrimSuffix(authorize, "#wechat_redirect"))
	require.Equal(t, http.StatusNotFound, lured.status)
	require.Equal(t, "waiting", mallory.phone.get(login.path()).attr("data-state"))
	// And the victim cannot be made to continue: the form's token is Mallory's.
	require.Equal(t, http.StatusNotFound, victim.phone.do("POST", action, fields(token)).status)
}

func TestSnapshotUsersAreRefused(t *testing.T) {
	w := newWorld(t, options{})
	ghost := w.person(map[string]any{"snapshot": true})
	login := ghost.inWeChat()
	end := login.submit("/continue")
	require.Equal(t, http.StatusForbidden, end.status)
	require.Equal(t, "snapshot", end.attr("data-end"))
	require.Equal(t, "waiting", ghost.phone.get(login.path()).attr("data-state"))
}

// The platform's quota is spent: our own page is the code, and a whole login goes through it.
func TestPageSceneWhenTheQuotaIsSpent(t *testing.T) {
	w := newWorld(t, options{})
	w.control("POST", "/sim/quota", map[string]any{"path": "/cgi-bin/qrcode/create", "limit": 0}, nil)
	c, alice := w.browser(), w.person()
	login := c.login()
	qr := login.attr("data-qr")
	require.True(t, strings.HasPrefix(qr, w.site.URL+"/scan/main/"), qr)
	require.Equal(t, "page", alice.scan(qr))
	follow := alice.open(qr)
	require.True(t, strings.HasSuffix(follow.path(), "/follow"), follow.url.String())
	s, _ := c.state(login, 0, 0)
	require.Equal(t, "scanned", s.State)
	alice.follow()
	confirm := follow.submit("/follow")
	require.Len(t, confirm.choices(), 3)
	end := alice.bind(alice.choose(confirm, login), alicePhone)
	require.Equal(t, "done", end.attr("data-end"))
	got, _ := c.continueLogin(login)
	require.Equal(t, []string{"wechat", "sms"}, got.AMR)

	// A second person with the same code comes too late; outside WeChat it says so in words and does nothing.
	bob := w.person()
	require.NotEmpty(t, bob.open(qr).attr("data-end"))
	login = w.browser().login()
	outside := w.browser().get(login.attr("data-qr"))
	require.Contains(t, outside.body, "微信")
	first, second := w.person(), w.person()
	first.open(login.attr("data-qr"))
	require.Equal(t, "taken", second.open(login.attr("data-qr")).attr("data-end"))
	require.Equal(t, "expired", w.person().open(w.site.URL+"/scan/main/"+strings.Repeat("A", 22)).attr("data-end"))
}

// A page scene is not a scene of the platform's, and a scene of the platform's opens no page.
func TestScenesAreNotInterchangeable(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	secret := strings.TrimPrefix(w.code(login).Scene, "q1.")
	require.Len(t, secret, 22)
	require.Equal(t, "expired", alice.open(w.site.URL+"/scan/main/"+url.PathEscape(secret)).attr("data-end"))
	s, _ := c.state(login, 0, 0)
	require.Equal(t, "waiting", s.State)
}
