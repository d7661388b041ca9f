package wechatflow_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// Who has just followed may have left before, whether we heard of it or not; and what comes late is not of this moment.
func TestOtherEventsAreNeverAlone(t *testing.T) {
	for name, push := range map[string]func(w *world, openID string, code qrCode) string{
		"a follow": func(w *world, openID string, code qrCode) string {
			return event(openID, w.clock.Now().Unix(), "subscribe", "qrscene_"+code.Scene, code.Ticket)
		},
		"a late scan": func(w *world, openID string, code qrCode) string {
			at := w.clock.Now().Unix()
			w.clock.advance(storage.ScanAloneLag + time.Second)
			return event(openID, at, "SCAN", code.Scene, code.Ticket)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, c, alice := aloneWorld(t, options{})
			login := c.login()
			require.Equal(t, http.StatusOK, w.push(push(w, alice.openID, w.code(login)), 1).Status)
			s, _ := c.state(login, 0, 0)
			require.Equal(t, "scanned", s.State)
		})
	}
}

// However often the platform delivers a scan, the chat says the same; and another second's is no other login.
func TestARedeliveredScanAloneSaysTheSame(t *testing.T) {
	w, c, alice := aloneWorld(t, options{})
	login := c.login()
	code := w.code(login)
	xml := event(alice.openID, w.clock.Now().Unix(), "SCAN", code.Scene, code.Ticket)
	first := w.push(xml, 1)
	require.Equal(t, 1, strings.Count(first.Reply, "不是我"), first.Reply)
	w.clock.advance(10 * time.Second)
	require.Equal(t, first.Reply, w.push(xml, 1).Reply)
	again := w.push(event(alice.openID, w.clock.Now().Unix(), "SCAN", code.Scene, code.Ticket), 1)
	require.Equal(t, first.Reply, again.Reply)
	_, done := c.continueLogin(login)
	require.Equal(t, http.StatusOK, done.status)
	require.Equal(t, first.Reply, w.push(xml, 1).Reply)
	require.Contains(t, w.push(event(alice.openID, w.clock.Now().Unix()+1, "SCAN", code.Scene, code.Ticket), 1).Reply, "失效")
	require.Equal(t, 2.0, w.counter("qiao_login_completions_total"))
}

// QR phishing: the attacker is a regular himself, in a browser of his own, and shows its code to a victim who is one too.
func TestAnAttackersCodeIsNotEnoughForItsVictim(t *testing.T) {
	w, hers, alice := aloneWorld(t, options{})
	his, mallory := w.browser(), w.person()
	his.from = atHome // he even sits in her network
	mallory.signIn(his, bobsNumber)
	w.clock.advance(time.Minute)
	login := his.login()
	require.False(t, alice.aloneIn(login))
	page := his.get(login.path())
	require.Equal(t, "scanned", page.attr("data-state"))
	require.Equal(t, "scanned", page.submit("/continue", "approve", "yes").attr("data-state"))
	require.NotContains(t, page.body, "138****1234")
	require.Contains(t, strings.Join(alice.chat(), ""), "/phone/", "she is asked, as ever")

	// He carries her own browser's code away, as a picture: whoever scans it, it is her browser that goes on.
	login = hers.login()
	require.False(t, mallory.aloneIn(login))
	require.Equal(t, "event", alice.scan(login.attr("data-qr")))
	require.NotContains(t, strings.Join(alice.chat(), ""), "/phone/", "he came first")
	login = hers.login()
	require.True(t, alice.aloneIn(login))
	require.Equal(t, http.StatusNotFound, his.get(login.path()).status)
}

// The browser is carried to another network between the page and the scan, or its secret is: it begins again there.
func TestANetworkThatChangesTakesTheNumber(t *testing.T) {
	w, c, alice := aloneWorld(t, options{})
	login := c.login()
	require.True(t, alice.aloneIn(login))
	c.from = elsewhere
	confirmed := c.get(login.path())
	require.Equal(t, "confirmed", confirmed.attr("data-state"))
	again := confirmed.submit("/continue", "approve", "yes")
	require.Equal(t, "waiting", again.attr("data-state"))
	require.NotEqual(t, login.attr("data-qr"), again.attr("data-qr"))
	alice.chat()
	require.False(t, alice.aloneIn(again))
	alice.choose(alice.open(alice.link()), again)
	s, done := c.continueLogin(again)
	require.Equal(t, http.StatusOK, done.status)
	require.Equal(t, storage.ACRConfirm, s.ACR)
	w.clock.advance(time.Second)
	require.True(t, alice.aloneIn(c.login()), "and is at home there now")
}

// One tab's login renews the secret for all of them, and whoever copied it before has nothing.
func TestAScanAloneInTwoTabs(t *testing.T) {
	w, c, alice := aloneWorld(t, options{})
	first := c.login()
	age := int64(3600)
	second := c.login()
	strict := c.get("/login/" + c.requestWith(testClientID, func(p *storage.AuthParams) { p.MaxAge = &age }).String())
	copied, ok := c.secret()
	require.True(t, ok)
	require.True(t, alice.aloneIn(first))
	require.True(t, alice.aloneIn(second), "before either goes on")
	_, done := c.continueLogin(first)
	require.Equal(t, http.StatusOK, done.status)
	thief := w.browser()
	thief.from = c.from
	thief.http.Jar.SetCookies(mustURL(t, c.site), []*http.Cookie{{Name: "qiao_browser", Value: copied.Text(), Path: "/"}})
	require.Equal(t, http.StatusNotFound, thief.get(second.path()).status)
	require.False(t, alice.aloneIn(thief.login()))
	s, done := c.continueLogin(second)
	require.Equal(t, http.StatusOK, done.status)
	require.Equal(t, storage.ACRScan, s.ACR)

	// The third tab asks for more: a session of a scan alone is no answer to it, and it is not sent to and fro.
	require.Equal(t, "waiting", c.get(strict.path()).attr("data-state"))
	alice.chat()
	require.False(t, alice.aloneIn(strict))
	alice.choose(alice.open(alice.link()), strict)
	s, done = c.continueLogin(strict)
	require.Equal(t, http.StatusOK, done.status)
	require.Equal(t, storage.ACRConfirm, s.ACR)
	w.clock.advance(time.Second)
	require.True(t, alice.aloneIn(c.login()))
}

// A tab's confirmed session that another tab renews by a scan alone: "done" would send the first one to and fro.
func TestASessionThatAScanAloneHasRenewedIsNoEnd(t *testing.T) {
	_, c, alice := aloneWorld(t, options{})
	age := int64(3600)
	strict := c.get("/login/" + c.requestWith(testClientID, func(p *storage.AuthParams) { p.MaxAge = &age }).String())
	plain := c.login()
	alice.choose(alice.scanAndFollow(strict), strict)
	require.True(t, alice.aloneIn(plain))
	s, _ := c.continueLogin(strict)
	require.Equal(t, "done", c.get(strict.path()).attr("data-state"))
	renewed, done := c.continueLogin(plain)
	require.Equal(t, http.StatusOK, done.status)
	require.Equal(t, s.SID, renewed.SID)
	require.Equal(t, storage.ACRScan, renewed.ACR)
	require.Equal(t, "waiting", c.get(strict.path()).attr("data-state"))
}

// What takes the trust back, here beside the browser that is just about to go on.
func TestWhatEndsAScanAloneOnItsWay(t *testing.T) {
	for name, end := range map[string]func(w *world, c *computer, alice *person, s storage.Session){
		"a logout": func(w *world, c *computer, _ *person, s storage.Session) {
			secret, _ := c.secret()
			require.NoError(w.t, w.store.LogOut(context.Background(), s.ID, s.Hash, secret.Hash(), w.clock.Now()))
		},
		"an unfollow": func(w *world, _ *computer, alice *person, _ storage.Session) {
			w.clock.advance(time.Second)
			alice.gesture("unfollow", nil)
		},
		"not me": func(w *world, _ *computer, alice *person, _ storage.Session) {
			link := noticeShape.FindString(strings.Join(alice.chat(), ""))
			require.Equal(w.t, "disowned", alice.open(link).submit("/notice/", "revoke", "yes").attr("data-end"))
		},
		"an unbinding": func(w *world, _ *computer, _ *person, s storage.Session) {
			require.NoError(w.t, w.store.UnbindUser(context.Background(), s.UserID, "ops", w.clock.Now()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, c, alice := aloneWorld(t, options{})
			i, err := w.store.Identity(context.Background(), "main", alice.openID)
			require.NoError(t, err)
			sessions, err := w.store.UserSessions(context.Background(), i.UserID, w.clock.Now())
			require.NoError(t, err)
			require.Len(t, sessions, 1)
			login := c.login()
			require.True(t, alice.aloneIn(login))
			confirmed := c.get(login.path())
			end(w, c, alice, sessions[0])
			page := confirmed.submit("/continue", "approve", "yes")
			require.NotEqual(t, "confirmed", page.attr("data-state"))
			require.Equal(t, login.path(), page.path(), page.body)
			require.Equal(t, 1.0, w.counter("qiao_login_completions_total"))
		})
	}
}

// A TV is let in by a tap, whoever scans.
func TestATVIsNeverLetInByTheScanAlone(t *testing.T) {
	w, c, alice := aloneWorld(t, options{})
	require.True(t, alice.aloneIn(c.login()), "a regular she is")
	w.clock.advance(time.Second)
	v := w.tv()
	require.Equal(t, "event", alice.scan(v.qr()))
	_, err := v.poll()
	require.ErrorIs(t, err, storage.ErrPending)
	require.Contains(t, strings.Join(alice.chat(), ""), "/phone/")
}
