package wechatflow_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const alicePhone = "+8613800001234"

func TestFirstLogin(t *testing.T) {
	for _, mode := range []string{"safe", "compat", "plain"} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, options{mode: mode})
			c, alice := w.browser(), w.person()
			login := c.login()
			require.Equal(t, http.StatusOK, login.status)
			require.Equal(t, "waiting", login.attr("data-state"))
			require.Contains(t, login.body, "Example Shop")
			require.Equal(t, "no-store", login.header.Get("Cache-Control"))

			require.Equal(t, "follow_prompt", alice.scan(login.attr("data-qr")))
			require.Equal(t, "event", alice.follow())
			s, _ := c.state(login, 0, 0)
			require.Equal(t, "scanned", s.State)
			require.Equal(t, "confirm", s.Step)
			require.GreaterOrEqual(t, s.Number, 10)

			confirm := alice.open(alice.link())
			require.Equal(t, http.StatusOK, confirm.status)
			require.Contains(t, confirm.body, "Example Shop")
			require.Contains(t, confirm.body, "Chrome · Windows")
			require.Len(t, confirm.choices(), 3)

			number := alice.choose(confirm, login)
			require.True(t, strings.HasSuffix(number.path(), "/number"))
			require.Contains(t, number.body, `type="tel"`)
			s, _ = c.state(login, 0, 0)
			require.Equal(t, "bind", s.Step)

			code := number.submit("/number", "phone", "138 0000 1234")
			require.Contains(t, code.body, "138****1234")
			require.NotContains(t, code.url.String(), "13800001234")
			sent := w.pocket.all()
			require.Len(t, sent, 1)
			require.Equal(t, alicePhone, sent[0].To)
			require.Contains(t, sent[0].Text, sent[0].Code)

			end := code.submit("/code", "code", sent[0].Code[:3]+" "+sent[0].Code[3:])
			require.Equal(t, "done", end.attr("data-end"))
			s, _ = c.state(login, 0, 0)
			require.Equal(t, "confirmed", s.State)
			require.Equal(t, "approve", s.Step)
			require.Equal(t, "138****1234", s.As)

			got, page := c.continueLogin(login)
			require.Equal(t, http.StatusOK, page.status, page.body)
			require.Equal(t, []string{"wechat", "sms"}, got.AMR)
			require.Equal(t, "urn:qiao:acr:confirm", got.ACR)
			require.Regexp(t, `^[a-z2-7]{26}$`, got.User)
			require.Regexp(t, `^[a-z]+-[a-z]+-\d{4}$`, got.Username)
			require.Equal(t, strings.TrimPrefix(login.path(), "/login/"), got.Request)
			require.Equal(t, 1.0, w.counter("qiao_login_completions_total"))

			logs := w.logs.String()
			for _, secret := range []string{alice.openID, "13800001234", sent[0].Code, "flowtesttoken"} {
				require.NotContains(t, logs, secret)
			}
		})
	}
}

func TestSecondLoginNeedsNoClickInAKnownBrowserOnly(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	first := alice.signIn(c, alicePhone)
	w.clock.advance(time.Minute)

	login := c.login()
	confirm := alice.scanAndFollow(login)
	end := alice.choose(confirm, login)
	require.Equal(t, "done", end.attr("data-end"), "the phone is bound already")
	confirmed := c.get(login.path())
	require.Equal(t, "confirmed", confirmed.attr("data-state"))
	require.NotContains(t, confirmed.body, `name="approve"`)
	second, _ := c.continueLogin(login)
	require.Equal(t, first.User, second.User)
	require.Equal(t, first.SID, second.SID, "the same person's session is renewed")
	require.Equal(t, []string{"wechat"}, second.AMR)

	w.clock.advance(time.Minute)
	other := w.browser()
	login = other.login()
	alice.choose(alice.scanAndFollow(login), login)
	confirmed = other.get(login.path())
	require.Contains(t, confirmed.body, "138****1234")
	again := confirmed.submit("/continue") // without the click on approve
	require.Equal(t, login.path(), again.path())
	require.Equal(t, "confirmed", again.attr("data-state"))
	third, _ := other.continueLogin(login)
	require.Equal(t, first.User, third.User)
	require.NotEqual(t, first.SID, third.SID)
}

func TestDecline(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	confirm := alice.scanAndFollow(login)
	end := confirm.submit("/confirm", "decline", "yes")
	require.Equal(t, "declined", end.attr("data-end"))
	s, _ := c.state(login, 0, 0)
	require.Equal(t, "declined", s.State)
	require.Equal(t, "declined", s.Reason)
	refused := c.get(login.path())
	require.Equal(t, "declined", refused.attr("data-state"))
	require.Equal(t, login.path(), c.still().get(login.path()).path())

	alice.scan(login.attr("data-qr"))
	require.NotContains(t, strings.Join(alice.chat(), ""), "/phone/", "its scenes are void")

	again := refused.submit("/refresh")
	require.Equal(t, "waiting", again.attr("data-state"))
	require.NotEqual(t, login.attr("data-qr"), again.attr("data-qr"))
}

func TestContinueBeforeTheTimeShowsThePage(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	again := login.submit("/continue", "approve", "yes")
	require.Equal(t, login.path(), again.path())
	require.Equal(t, "waiting", again.attr("data-state"))
	alice.scanAndFollow(login)
	require.Equal(t, "scanned", login.submit("/continue", "approve", "yes").attr("data-state"))
}

func TestBadLoginAddresses(t *testing.T) {
	w := newWorld(t, options{})
	c := w.browser()
	login := c.login()
	for _, path := range []string{"/login/x", "/login/" + strings.Repeat("A", 22), "/login/" + strings.Repeat("A", 5000),
		login.path() + "%00", "/login/" + strings.Repeat("A", 22) + "/state"} {
		require.Equal(t, http.StatusNotFound, c.get(path).status, path)
	}
	for _, q := range []string{"", "?v=abc", "?v=99999999999999999999", "?wait=-1", "?wait=abc", "?v=1&v=2", "?wait=99999999999"} {
		p := c.get(login.path() + "/state" + q)
		require.Equal(t, http.StatusOK, p.status, q)
	}
	big := strings.Repeat("x", 20<<10)
	require.Equal(t, http.StatusRequestEntityTooLarge, login.submit("/continue", "junk", big).status)
	require.Equal(t, http.StatusForbidden, c.do("POST", login.path()+"/refresh", fields("x")).status)
	_, token := login.form("/refresh")
	bad := c.do("POST", login.path()+"/refresh", fields(token, "form_token", token))
	require.Equal(t, http.StatusBadRequest, bad.status, "a field twice")
	foreign := *c
	foreign.origin = "https://evil.example"
	require.Equal(t, http.StatusForbidden, foreign.do("POST", login.path()+"/refresh", fields(token)).status)
	require.Equal(t, http.StatusMethodNotAllowed, c.do("POST", login.path(), fields(token)).status)
	require.Equal(t, login.attr("data-qr"), c.get(login.path()).attr("data-qr"), "nothing happened")
}
