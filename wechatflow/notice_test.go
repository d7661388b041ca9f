package wechatflow_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/wechatflow"
)

var noticeShape = regexp.MustCompile(`https?://[^"\s<>]+/phone/notice/[^"\s<>]+`)

// notices are the links of the notices since the last look.
func (p *person) notices() []string {
	p.w.t.Helper()
	var all []string
	for _, text := range p.chat() {
		if link := noticeShape.FindString(text); link != "" {
			all = append(all, link)
		}
	}
	return all
}

// notice waits for the next notice.
func (p *person) notice() string {
	p.w.t.Helper()
	link := ""
	p.w.eventually("the notice in the chat", func() bool {
		if all := p.notices(); len(all) > 0 {
			link = all[0]
		}
		return link != ""
	})
	return link
}

// signedIn reports whether the browser's session is live.
func (c *computer) signedIn() bool {
	c.w.t.Helper()
	return c.get("/authorize/continue").status == http.StatusOK
}

// windowClosed has the platform refuse messages that answer nothing, until the world's faults are cleared.
func (w *world) windowClosed(errcode int) {
	w.t.Helper()
	w.fault(map[string]any{"path": "/cgi-bin/message/custom/send", "errcode": errcode, "times": 100})
}

// given waits until so many notices were tried, and given back.
func (w *world) given(what string, times int) {
	w.t.Helper()
	w.eventually(what, func() bool { return strings.Count(w.logs.String(), `"task":"tell in the chat"`) >= times })
}

func text(openID string, at int64, id, content string) string {
	return fmt.Sprintf(`<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName><FromUserName><![CDATA[%s]]></FromUserName><CreateTime>%d</CreateTime>`+
		`<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[%s]]></Content><MsgId>%s</MsgId></xml>`, openID, at, content, id)
}

func TestNotMe(t *testing.T) {
	w := newWorld(t, options{})
	theirs, mine, alice := w.browser(), w.browser(), w.person()
	alice.signIn(theirs, alicePhone)
	link := alice.notice()
	alice.signIn(mine, alicePhone)
	require.NotEqual(t, link, alice.notice(), "each new browser is told")
	require.True(t, theirs.signedIn())

	page := alice.open(link)
	require.Equal(t, http.StatusOK, page.status, page.body)
	for _, part := range []string{"Example Shop", "shop.example", "Chrome · Windows", `name="revoke"`, `name="keep"`} {
		require.Contains(t, page.body, part)
	}
	require.True(t, theirs.signedIn(), "to look changes nothing")
	require.Equal(t, http.StatusBadRequest, page.submit("/notice/").status, "neither button")
	require.Equal(t, http.StatusBadRequest, page.submit("/notice/", "revoke", "yes", "keep", "yes").status, "both")
	require.Equal(t, "kept", page.submit("/notice/", "keep", "yes").attr("data-end"))
	require.True(t, theirs.signedIn())

	require.Equal(t, "disowned", page.submit("/notice/", "revoke", "yes").attr("data-end"))
	require.False(t, theirs.signedIn())
	require.True(t, mine.signedIn())
	require.Equal(t, "disowned", page.submit("/notice/", "revoke", "yes").attr("data-end"), "twice is once")
	require.Equal(t, "disowned", alice.open(link).attr("data-end"))
	entries, err := w.store.ListAudit(context.Background(), "", 100)
	require.NoError(t, err)
	disowned := 0
	for _, e := range entries {
		if e.Action == "login.disowned" {
			disowned++
			require.NotEmpty(t, e.UserID)
		}
	}
	require.Equal(t, 1, disowned)

	// That browser knows her no more: a login there takes a click, and is told again.
	login := theirs.login()
	alice.choose(alice.scanAndFollow(login), login)
	require.Contains(t, theirs.get(login.path()).body, `name="approve"`)
	_, done := theirs.continueLogin(login)
	require.Equal(t, http.StatusOK, done.status)
	require.NotEqual(t, link, alice.notice())
	require.NotContains(t, w.logs.String(), alice.openID)
	require.NotContains(t, w.logs.String(), link[strings.LastIndex(link, ".")+1:])
}

func TestANoticeLinkIsWorthNothingElsewhere(t *testing.T) {
	w := newWorld(t, options{})
	c, alice, mallory := w.browser(), w.person(), w.person()
	alice.signIn(c, alicePhone)
	mallory.follow()
	link := alice.notice()
	forwarded := mallory.open(link)
	require.Equal(t, http.StatusForbidden, forwarded.status)
	require.Equal(t, "notice_other", forwarded.attr("data-end"))
	require.NotContains(t, forwarded.body, "Example Shop")
	require.NotContains(t, forwarded.body, `name="revoke"`)

	page := alice.open(link)
	action, token := page.form("/notice/")
	for name, p := range map[string]*madeUp{
		"another phone":   {mallory.phone, action, token},
		"no phone at all": {w.browser(), action, token},
		"no token":        {alice.phone, action, ""},
		"a foreign token": {alice.phone, action, token[:len(token)-2] + "AA"},
		"a wrong MAC":     {alice.phone, action[:len(action)-3] + "AAA", token},
		"no MAC":          {alice.phone, action[:strings.LastIndex(action, ".")], token},
		"no notice":       {alice.phone, "/phone/notice/" + storage.NewID(w.clock.Now()).String() + ".AAAA", token},
	} {
		status := p.c.do("POST", p.action, fields(p.token, "revoke", "yes")).status
		require.Contains(t, []int{http.StatusForbidden, http.StatusNotFound}, status, name)
	}
	require.Equal(t, http.StatusRequestEntityTooLarge, alice.phone.do("POST", action, fields(token, "revoke", strings.Repeat("x", 10<<20))).status)
	require.Equal(t, http.StatusNotFound, alice.phone.get(link[:len(link)-3]+"AAA").status)
	require.True(t, c.signedIn())

	w.clock.advance(8 * 24 * time.Hour)
	late := alice.open(link)
	require.Equal(t, http.StatusGone, late.status)
	require.Equal(t, "notice_over", late.attr("data-end"))
	require.Equal(t, "notice_over", page.submit("/notice/", "revoke", "yes").attr("data-end"))
}

// madeUp is a post that somebody makes up.
type madeUp struct {
	c             *computer
	action, token string
}

func TestANoticeWaitsForTheNextContact(t *testing.T) {
	for _, errcode := range []int{45015, 45047, -1} {
		t.Run(itoa(errcode), func(t *testing.T) {
			w := newWorld(t, options{mode: "plain"}) // the pushes' answers can be read
			alice := w.person()
			alice.follow()
			w.windowClosed(errcode)
			for n := range 3 {
				// The scan of each login brings the notice of the one before.
				c := w.browser()
				login := c.login()
				alice.confirmLogin(login, alicePhone)
				_, done := c.continueLogin(login)
				require.Equal(t, http.StatusOK, done.status)
				w.given("the notice is given back", n+1)
			}
			w.control("DELETE", "/sim/faults", nil, nil)
			alice.chat()
			now := w.clock.Now().Unix()
			push := text(alice.openID, now, "77001", "你好")
			first := w.push(push, 1)
			require.Len(t, noticeShape.FindAllString(first.Body, -1), 1, first.Body)
			require.Contains(t, first.Body, "桥测试号", "the reply comes first")
			for _, a := range w.push(push, 5).Answers {
				require.Equal(t, noticeShape.FindAllString(first.Body, -1), noticeShape.FindAllString(a.Body, -1), "a redelivery says the same")
			}
			require.Empty(t, noticeShape.FindAllString(w.push(text(alice.openID, now, "77002", "还在吗"), 1).Body, -1), "once")
		})
	}
}

// confirmLogin confirms a login on the phone, binding the number where that is asked.
func (p *person) confirmLogin(login *page, phone string) {
	p.w.t.Helper()
	next := p.choose(p.scanAndFollow(login), login)
	if strings.HasSuffix(next.path(), "/number") {
		next = p.bind(next, phone)
	}
	require.Equal(p.w.t, "done", next.attr("data-end"), next.body)
}

func TestAKnownBrowserIsNotTold(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	alice.signIn(c, alicePhone)
	alice.notice()
	sent := w.calls("/cgi-bin/message/custom/send")
	w.clock.advance(time.Minute)
	alice.signIn(c, alicePhone)
	require.Empty(t, alice.notices())
	require.Equal(t, sent, w.calls("/cgi-bin/message/custom/send"))
}

// A reply that leaves no room for the notice goes out as it is, and the notice waits for a shorter one.
func TestANoticeNeverBreaksAReply(t *testing.T) {
	w := newWorld(t, options{mode: "plain", replies: wechatflow.Replies{Unknown: strings.Repeat("x", 2000), Menu: map[string]string{"hi": "hello"}}})
	c, alice := w.browser(), w.person()
	alice.follow()
	w.windowClosed(45015)
	alice.signIn(c, alicePhone)
	w.given("the notice is given back", 1)
	now := w.clock.Now().Unix()
	full := w.push(text(alice.openID, now, "88001", "hi"), 1)
	require.Contains(t, full.Body, strings.Repeat("x", 2000))
	require.Empty(t, noticeShape.FindString(full.Body))
	click := w.push(event(alice.openID, now+5, "CLICK", "hi", ""), 1)
	require.Contains(t, click.Body, "hello")
	require.NotEmpty(t, noticeShape.FindString(click.Body))
}

func TestNotMyTV(t *testing.T) {
	w := newWorld(t, options{})
	c, v, alice := w.browser(), w.tv(), w.person()
	alice.signIn(c, alicePhone)
	alice.notice()
	require.Equal(t, "look_at_tv", alice.approveTV(v, alicePhone).attr("data-end"))
	issued, err := v.poll()
	require.NoError(t, err)
	link := alice.notice()
	page := alice.open(link)
	for _, part := range []string{"Example TV", "Living room", "not verified", "Shanghai"} {
		require.Contains(t, page.body, part)
	}
	g := issued.Grant
	use := storage.Rotation{
		GrantID: g.ID, Seed: g.RefreshSeed, Generation: g.RefreshGeneration, ClientID: g.ClientID, Params: storage.HashOf(nil),
		RefreshExpiresAt: w.clock.Now().Add(time.Hour), Now: w.clock.Now(),
		Access: storage.AccessToken{Hash: storage.NewSecret().Hash(), ExpiresAt: w.clock.Now().Add(time.Minute), Mask: storage.AllScopes},
	}
	again, err := w.store.RotateRefreshToken(context.Background(), use)
	require.NoError(t, err)
	require.Equal(t, "disowned", page.submit("/notice/", "revoke", "yes").attr("data-end"))
	use.Generation = again.Grant.RefreshGeneration
	_, err = w.store.RotateRefreshToken(context.Background(), use)
	require.Error(t, err)
	require.True(t, c.signedIn(), "the browser is not the TV")
}
