package wechatflow_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/wechatflow"
)

const (
	bobPhone = "+8613800002345"
	newPhone = "+8613900005678"
	newTyped = "139 0000 5678"
)

// proveBySMS begins a change and types the code that went to the old number.
func (c *computer) proveBySMS() *page {
	c.w.t.Helper()
	code := c.get("/phone/change?start=1").submit("/phone/change", "sms", "yes")
	require.Equal(c.w.t, http.StatusOK, code.status, code.body)
	return code.submit("/old", "code", c.w.pocket.lastCode(c.w.t))
}

// numberOf is the number of a person, in clear.
func (w *world) numberOf(userID string) string {
	w.t.Helper()
	user, err := w.store.User(context.Background(), userID)
	require.NoError(w.t, err)
	if len(user.PhoneSealed) == 0 {
		return ""
	}
	number, err := w.box.Open("phone", user.PhoneSealed)
	require.NoError(w.t, err)
	return string(number)
}

func (w *world) audited(userID, action string) (n int) {
	w.t.Helper()
	entries, err := w.store.ListAudit(context.Background(), userID, 1000)
	require.NoError(w.t, err)
	for _, e := range entries {
		if e.Action == action {
			n++
		}
	}
	return n
}

func TestAChangeByTheOldNumber(t *testing.T) {
	w := newWorld(t, options{})
	c, other, alice := w.browser(), w.browser(), w.person()
	me := alice.signIn(c, alicePhone)
	w.clock.advance(2 * time.Minute)
	alice.signIn(other, alicePhone)
	w.eventually("both sign-ins are told", func() bool { return len(alice.notices()) > 0 })

	begin := c.get("/phone/change")
	require.Contains(t, begin.body, "138****1234")
	code := begin.submit("/phone/change", "sms", "yes")
	require.Equal(t, alicePhone, w.pocket.all()[len(w.pocket.all())-1].To)
	require.Contains(t, w.pocket.all()[len(w.pocket.all())-1].Text, "changes the phone number", "the message says what it is for")
	require.Equal(t, "/phone/change", code.path(), "no address holds a number")
	require.Contains(t, c.get("/phone/change").body, `autocomplete="one-time-code"`, "loaded again, it is the same page")
	number := code.submit("/old", "code", w.pocket.lastCode(t))
	require.Contains(t, number.body, `type="tel"`)
	second := number.submit("/number", "phone", newTyped)
	require.Equal(t, newPhone, w.pocket.all()[len(w.pocket.all())-1].To)
	require.Contains(t, second.body, "139****5678")
	require.Equal(t, alicePhone, w.numberOf(me.User))
	done := second.submit("/new", "code", w.pocket.lastCode(t))
	require.Equal(t, http.StatusOK, done.status, done.body)
	require.Contains(t, done.body, "Your number is changed")
	require.Equal(t, newPhone, w.numberOf(me.User))
	for _, p := range []*page{begin, code, number, second, done} {
		for _, full := range []string{alicePhone[3:], newPhone[3:]} {
			require.NotContains(t, p.body, full)
		}
		require.Equal(t, "no-store", p.header.Get("Cache-Control"))
	}

	require.Contains(t, second.submit("/new", "code", "000000").body, "Your number is changed", "the answer was lost")
	require.Equal(t, 1, w.audited(me.User, "phone.change"))
	require.True(t, c.signedIn(), "this browser stays")
	require.False(t, other.signedIn(), "the others do not")
	link := alice.notice()
	page := alice.open(link)
	require.Contains(t, page.body, "The phone number of your <bdi>Qiao</bdi> account was changed")
	require.Contains(t, page.body, "Chrome · Windows")
	require.Equal(t, "kept_phone", page.submit("/notice/", "keep", "yes").attr("data-end"))
	require.Equal(t, newPhone, w.numberOf(me.User))
	login := c.login()
	alice.choose(alice.scanAndFollow(login), login)
	require.Contains(t, c.get(login.path()).body, `name="approve"`, "no browser knows her")
	for _, secret := range []string{alicePhone[3:], newPhone[3:], "139****5678"} {
		require.NotContains(t, w.logs.String(), secret)
	}
	again := c.get("/phone/change?start=1")
	require.Contains(t, again.body, "139****5678")
}

func TestAChangeByALoginInWeChat(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	me := alice.signIn(c, alicePhone)
	sent := len(w.pocket.all())
	login := c.get("/phone/change").submit("/phone/change", "wechat", "yes")
	require.True(t, strings.HasPrefix(login.path(), "/login/"), login.path())
	require.Equal(t, http.StatusConflict, c.get("/phone/change?over=1").status)
	require.Contains(t, c.get("/phone/change").body, `name="wechat"`, "nobody is proven")

	confirm := alice.scanAndFollow(login)
	require.Contains(t, confirm.body, "Qiao (change phone number)", "the phone says what it confirms")
	require.Equal(t, "done", alice.choose(confirm, login).attr("data-end"))
	_, back := c.continueLogin(login)
	require.Equal(t, http.StatusOK, back.status)
	number := c.get("/phone/change")
	require.Contains(t, number.body, `type="tel"`)
	require.Len(t, w.pocket.all(), sent, "nothing goes to the old number")
	second := number.submit("/number", "phone", newTyped)
	require.Contains(t, second.submit("/new", "code", w.pocket.lastCode(t)).body, "Your number is changed")
	require.Equal(t, newPhone, w.numberOf(me.User))
}

// A login that is not the one of the change, or somebody else's, proves nothing.
func TestAnotherLoginProvesNoChange(t *testing.T) {
	w := newWorld(t, options{})
	c, alice, bob := w.browser(), w.person(), w.person()
	alice.signIn(c, alicePhone)
	c.get("/phone/change").submit("/phone/change", "wechat", "yes")
	login := c.get("/login/" + c.requestWith(testClientID, func(p *storage.AuthParams) { p.Prompt = []string{"login"} }).String())
	alice.confirmLogin(login, alicePhone)
	_, back := c.continueLogin(login)
	require.Equal(t, http.StatusOK, back.status)
	require.Contains(t, c.get("/phone/change").body, `name="wechat"`)

	login = c.get("/phone/change").submit("/phone/change", "wechat", "yes")
	bob.confirmLogin(login, bobPhone)
	_, back = c.continueLogin(login)
	require.Equal(t, http.StatusOK, back.status)
	page := c.get("/phone/change")
	require.Contains(t, page.body, `name="wechat"`)
	require.NotContains(t, page.body, "138****1234", "it is the account of who is signed in now")
}

func TestAChangeTakesANumberOnlyByConsent(t *testing.T) {
	w := newWorld(t, options{limits: wechatflow.Limits{MessagesPerPhoneMinute: wechatflow.Rate{Max: -1}}})
	c, holder, alice, bob := w.browser(), w.browser(), w.person(), w.person()
	theirs := bob.signIn(holder, bobPhone)
	me := alice.signIn(c, alicePhone)
	bob.chat()
	code := c.proveBySMS().submit("/number", "phone", bobPhone)
	require.NotContains(t, code.body, "linked", "before the code nothing is told")
	held := code.submit("/new", "code", w.pocket.lastCode(t))
	require.Contains(t, held.body, `name="move"`)
	require.Contains(t, c.get("/phone/change?number=1").body, `type="tel"`, "another number may be used")
	require.Equal(t, bobPhone, w.numberOf(theirs.User))
	require.Contains(t, held.submit("/move").body, `name="move"`, "without the button nothing moves")
	done := held.submit("/move", "move", "yes")
	require.Contains(t, done.body, "Your number is changed")
	require.Equal(t, bobPhone, w.numberOf(me.User))
	require.Empty(t, w.numberOf(theirs.User))
	w.eventually("the earlier holder is told", func() bool { return len(bob.chat()) > 0 })

	// Who has lost the number binds another one, in a login that WeChat confirms.
	begin := holder.get("/phone/change")
	require.NotContains(t, begin.body, `name="sms"`)
	require.Equal(t, http.StatusBadRequest, begin.submit("/phone/change", "sms", "yes").status)
	login := begin.submit("/phone/change", "wechat", "yes")
	bob.confirmLogin(login, newPhone)
	s, _ := holder.continueLogin(login)
	require.Equal(t, theirs.User, s.User)
	require.Equal(t, newPhone, w.numberOf(theirs.User))
}

func TestNotMeTakesAChangeBack(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	me := alice.signIn(c, alicePhone)
	alice.notice()
	c.proveBySMS().submit("/number", "phone", newTyped).submit("/new", "code", w.pocket.lastCode(t))
	require.Equal(t, newPhone, w.numberOf(me.User))
	page := alice.open(alice.notice())
	for range 2 {
		require.Equal(t, "disowned_phone", page.submit("/notice/", "revoke", "yes").attr("data-end"))
	}
	require.False(t, c.signedIn())
	require.Empty(t, w.numberOf(me.User))
	require.Equal(t, 1, w.audited(me.User, "phone.disowned"))
	w.clock.advance(2 * time.Minute)
	require.Equal(t, me.User, alice.signIn(w.browser(), alicePhone).User, "she is herself, and binds her number")
	require.Equal(t, alicePhone, w.numberOf(me.User))
}

// A database that is down says so, and changes nothing.
func TestAChangeWithoutTheDatabase(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	alice.signIn(c, alicePhone)
	w.signals.down.Store(true)
	require.Equal(t, http.StatusServiceUnavailable, c.get("/phone/change").submit("/phone/change", "sms", "yes").status)
	w.signals.down.Store(false)
}
