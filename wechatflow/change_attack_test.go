package wechatflow_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/wechatflow"
)

// sends lists every form of a change, with a token.
func changeForms() map[string][]string {
	return map[string][]string{
		"/phone/change": {"sms", "yes"}, "/phone/change/old": {"code", "123456"}, "/phone/change/number": {"phone", newTyped},
		"/phone/change/new": {"code", "123456"}, "/phone/change/resend": nil, "/phone/change/move": {"move", "yes"},
	}
}

// carry copies cookies by name to a fresh browser.
func (c *computer) carry(names ...string) *computer {
	c.w.t.Helper()
	thief := c.w.browser()
	for _, cookie := range c.http.Jar.Cookies(mustURL(c.w.t, c.site)) {
		for _, name := range names {
			if cookie.Name == name {
				thief.http.Jar.SetCookies(mustURL(c.w.t, c.site), []*http.Cookie{{Name: cookie.Name, Value: cookie.Value, Path: "/"}})
			}
		}
	}
	return thief
}

func TestAChangeBelongsToItsBrowser(t *testing.T) {
	w := newWorld(t, options{})
	c, second, stranger, alice, bob := w.browser(), w.browser(), w.browser(), w.person(), w.person()
	me := alice.signIn(c, alicePhone)
	w.clock.advance(2 * time.Minute)
	alice.signIn(second, alicePhone)
	bob.signIn(stranger, bobPhone)
	w.clock.advance(2 * time.Minute)
	begin := c.get("/phone/change")
	_, beginToken := begin.form("/phone/change")
	number := c.proveBySMS()
	_, token := number.form("/number")
	code := number.submit("/number", "phone", newTyped)
	right := w.pocket.lastCode(t)
	sent := len(w.pocket.all())

	cookieAlone := c.carry("qiao_session")
	strangersCookie := c.carry("qiao_session")
	strangersCookie.http.Jar.SetCookies(mustURL(t, c.site), []*http.Cookie{{Name: "qiao_browser", Value: storage.NewSecret().Text(), Path: "/"}})
	for name, thief := range map[string]*computer{"the session's cookie alone": cookieAlone, "with a browser of its own": strangersCookie} {
		require.Equal(t, http.StatusNotFound, thief.get("/phone/change").status, name)
	}
	foreign := *c
	foreign.origin = "https://evil.example"
	for path, f := range changeForms() {
		if path == "/phone/change/new" {
			f = []string{"code", right}
		}
		tokenOf := token
		if path == "/phone/change" {
			tokenOf = beginToken
		}
		for name, post := range map[string]madeUp{
			"the session's cookie alone":        {cookieAlone, path, tokenOf},
			"with a browser of its own":         {strangersCookie, path, tokenOf},
			"the same person's other browser":   {second, path, tokenOf},
			"somebody else":                     {stranger, path, tokenOf},
			"another site":                      {&foreign, path, tokenOf},
			"without a token":                   {c, path, ""},
			"with the token of another purpose": {c, path, map[bool]string{true: token, false: beginToken}[path == "/phone/change"]},
		} {
			status := post.c.still().do("POST", post.action, fields(post.token, f...)).status
			// Who has no change under way is led to the page that says so.
			require.Contains(t, []int{http.StatusForbidden, http.StatusNotFound, http.StatusSeeOther}, status, "%s: %s", path, name)
			if name != "the same person's other browser" && name != "somebody else" {
				require.NotEqual(t, http.StatusSeeOther, status, "%s: %s", path, name)
			}
		}
		require.Equal(t, http.StatusSeeOther, w.browser().still().do("POST", path, fields(tokenOf, f...)).status, "nobody is signed in")
		if path != "/phone/change" {
			require.Contains(t, []int{http.StatusMethodNotAllowed, http.StatusNotFound}, c.get(path+"?"+fields(tokenOf, f...).Encode()).status)
		}
		require.Equal(t, http.StatusRequestEntityTooLarge, c.do("POST", path, fields(tokenOf, "x", strings.Repeat("x", 10<<20))).status)
	}
	require.Equal(t, "/account", w.browser().get("/phone/change").path())
	require.Equal(t, alicePhone, w.numberOf(me.User))
	require.Len(t, w.pocket.all(), sent, "nothing was sent")
	require.Contains(t, code.submit("/new", "code", right).body, "Your number is changed", "and the person goes on")
}

func TestAChangeIsLateOrEnded(t *testing.T) {
	for name, interrupt := range map[string]func(w *world, me session){
		"late":   func(w *world, _ session) { w.clock.advance(21 * time.Minute) },
		"locked": func(w *world, me session) { _ = w.store.LockUser(context.Background(), me.User, "ops", w.clock.Now()) },
		"signed out": func(w *world, me session) {
			_ = w.store.SignOutEverywhere(context.Background(), me.User, "user", w.clock.Now())
		},
		"deleted": func(w *world, me session) {
			_ = w.store.DeleteUser(context.Background(), me.User, "ops", w.clock.Now())
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{})
			c, alice := w.browser(), w.person()
			me := alice.signIn(c, alicePhone)
			code := c.proveBySMS().submit("/number", "phone", newTyped)
			interrupt(w, me)
			after := code.submit("/new", "code", w.pocket.lastCode(t))
			if name == "late" {
				require.Equal(t, http.StatusConflict, after.status)
				require.Contains(t, after.body, "timed out or is over")
			} else {
				require.Equal(t, "/account", after.path())
			}
			users, err := w.store.ListUsers(context.Background(), storage.UserFilter{})
			require.NoError(t, err)
			for _, u := range users {
				require.Equal(t, alicePhone, w.numberOf(u.ID))
			}
		})
	}
}

func TestAChangeFromTwoTabs(t *testing.T) {
	w := newWorld(t, options{limits: wechatflow.Limits{MessagesPerPhoneMinute: wechatflow.Rate{Max: -1}}})
	c, alice := w.browser(), w.person()
	me := alice.signIn(c, alicePhone)
	first := c.get("/phone/change").submit("/phone/change", "sms", "yes")
	stale := w.pocket.lastCode(t)
	second := c.get("/phone/change?start=1").submit("/phone/change", "sms", "yes")
	require.Equal(t, http.StatusForbidden, first.submit("/old", "code", stale).status, "the first one was replaced")
	number := second.submit("/old", "code", w.pocket.lastCode(t))
	number.submit("/number", "phone", newTyped)
	code := c.get("/phone/change")
	var together sync.WaitGroup
	for range 5 {
		together.Go(func() { code.submit("/new", "code", w.pocket.lastCode(t)) })
	}
	together.Wait()
	require.Equal(t, newPhone, w.numberOf(me.User))
	require.Equal(t, 1, w.audited(me.User, "phone.change"))
}

func TestACodeOfAChangeIsTriedFiveTimes(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	me := alice.signIn(c, alicePhone)
	code := c.proveBySMS().submit("/number", "phone", newTyped)
	right := w.pocket.lastCode(t)
	wrong := "000000"
	if right == wrong {
		wrong = "000001"
	}
	require.Equal(t, http.StatusUnprocessableEntity, code.submit("/new", "code", "12345").status, "not a try")
	var together sync.WaitGroup
	for range 20 {
		together.Go(func() { code.submit("/new", "code", wrong) })
	}
	together.Wait()
	late := code.submit("/new", "code", right)
	require.Equal(t, http.StatusGone, late.status)
	require.Equal(t, 5.0, w.counter("qiao_login_binds_total", "outcome=change_wrong_code"))
	require.Equal(t, alicePhone, w.numberOf(me.User))
	require.Equal(t, http.StatusTooManyRequests, late.submit("/resend").status, "a minute between two messages")
	w.clock.advance(61 * time.Second)
	again := late.submit("/resend")
	require.Contains(t, again.submit("/new", "code", w.pocket.lastCode(t)).body, "Your number is changed")
}

func TestMessagesOfAChangeAreLimited(t *testing.T) {
	w := newWorld(t, options{limits: wechatflow.Limits{MessagesPerOpenID: wechatflow.Rate{Max: 3}}})
	c, alice := w.browser(), w.person()
	alice.signIn(c, alicePhone) // one message
	w.clock.advance(2 * time.Minute)
	number := c.proveBySMS()
	for typed, want := range map[string]string{"13800001234": "the number that you have", "abc": "not a valid", "+1 650 253 0000": "country or region"} {
		refused := number.submit("/number", "phone", typed)
		require.Equal(t, http.StatusUnprocessableEntity, refused.status)
		require.Contains(t, refused.body, want)
	}
	w.pocket.failing(errors.New("the sender is down"))
	failed := number.submit("/number", "phone", newTyped)
	require.Equal(t, http.StatusBadGateway, failed.status)
	w.pocket.failing(nil)
	limited := failed.submit("/number", "phone", newTyped) // the one that failed has counted
	require.Equal(t, http.StatusTooManyRequests, limited.status)
	require.Contains(t, limited.body, "Too many codes")
	w.clock.advance(time.Minute)
	require.Equal(t, http.StatusTooManyRequests, c.get("/phone/change?start=1").submit("/phone/change", "sms", "yes").status)
	require.Len(t, w.pocket.all(), 2)
}
