package wechatflow_test

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// Two networks, and another address in the first one.
const (
	atHome     = "203.0.113.1"
	nextDoor   = "203.0.113.77"
	elsewhere  = "198.51.100.9"
	bobsNumber = "+8613900005678"
)

// aloneWorld has a regular: Alice, who has matched a number in her browser at home an hour ago.
func aloneWorld(t *testing.T, o options) (*world, *computer, *person) {
	t.Helper()
	o.scanAlone, o.locate = true, true
	w := newWorld(t, o)
	c, alice := w.browser(), w.person()
	c.from = atHome
	alice.signIn(c, alicePhone)
	alice.notice()
	w.clock.advance(time.Hour)
	return w, c, alice
}

// aloneIn scans a login's code, and reports whether that was all.
func (p *person) aloneIn(login *page) bool {
	p.w.t.Helper()
	require.Equal(p.w.t, "event", p.scan(login.attr("data-qr")))
	s, _ := login.c.state(login, 0, 0)
	require.Contains(p.w.t, []string{"confirmed", "scanned"}, s.State)
	require.Equal(p.w.t, s.State == "confirmed", s.Number == 0)
	return s.State == "confirmed"
}

func TestAPersonWhoComesBackIsInWithTheScanAlone(t *testing.T) {
	w, c, alice := aloneWorld(t, options{})
	c.from = nextDoor
	login := c.login()
	poll := w.waiting(c, login, login.version())
	require.True(t, alice.aloneIn(login))
	require.Equal(t, "confirmed", soon(t, poll).State, "the waiting browser is woken")
	chat := strings.Join(alice.chat(), "\n")
	require.NotRegexp(t, linkShape, chat, "there is nothing to confirm")
	for _, part := range []string{"Example Shop", "Chrome · Windows", w.clock.Now().In(time.FixedZone("", 8*3600)).Format("2006-01-02 15:04"), "不是我"} {
		require.Contains(t, chat, part)
	}
	link := noticeShape.FindString(chat)
	require.NotEmpty(t, link)
	require.NotContains(t, c.get(login.path()).body, `name="approve"`)
	s, done := c.continueLogin(login)
	require.Equal(t, http.StatusOK, done.status, done.body)
	require.Equal(t, storage.ACRScan, s.ACR)
	require.Equal(t, []string{"wechat"}, s.AMR)
	require.Empty(t, alice.chat(), "told once")
	require.Equal(t, 1.0, w.counter("qiao_login_scans_total", "outcome=alone"))

	require.Equal(t, "disowned", alice.open(link).submit("/notice/", "revoke", "yes").attr("data-end"))
	require.False(t, c.signedIn())
	login = c.login()
	require.False(t, alice.aloneIn(login))
	alice.choose(alice.open(alice.link()), login)
	require.Contains(t, c.get(login.path()).body, `name="approve"`, "no browser knows her")
	require.NotContains(t, w.logs.String(), alice.openID)
	require.NotContains(t, w.logs.String(), atHome)
}

// The reply names the place where that is known.
func TestTheReplyToAScanAloneNamesThePlace(t *testing.T) {
	_, c, alice := aloneWorld(t, options{})
	require.True(t, alice.aloneIn(c.login()))
	require.Contains(t, strings.Join(alice.chat(), ""), "Shanghai")
}

// What a page shows before the scan is the same for a browser that knows somebody and for one that knows nobody.
func TestThePageTellsNobodyWhoIsKnown(t *testing.T) {
	w, c, alice := aloneWorld(t, options{})
	stranger := w.browser()
	stranger.from = atHome
	faceless := func(b *computer) (string, string) {
		login := b.login()
		s, state := b.state(login, 0, 0)
		text := login.body + login.header.Get("Cache-Control")
		for _, own := range []string{s.QR, login.path(), strings.TrimPrefix(login.path(), "/login/"), login.attr("data-v")} {
			text, state.body = strings.ReplaceAll(text, own, "X"), strings.ReplaceAll(state.body, own, "X")
		}
		for _, shape := range []string{`name="form_token" value="[^"]*"`, `nonce="[^"]*"`, `(?s)<svg.*?</svg>`, `nonce-[^']*`} {
			text = regexp.MustCompile(shape).ReplaceAllString(text, "X")
		}
		s.QR, s.Picture, s.Version = "", "", 0
		return text, strings.Join([]string{s.State, s.Step, s.As, s.Reason}, "|")
	}
	known, knownState := faceless(c)
	unknown, unknownState := faceless(stranger)
	require.Equal(t, unknown, known)
	require.Equal(t, unknownState, knownState)
	require.NotContains(t, known, "138****1234")
	_ = alice
}

// Each of these lacks one condition, and takes the number.
func TestWithoutOneConditionTheScanIsNotEnough(t *testing.T) {
	age := int64(3600)
	params := func(change func(*storage.AuthParams)) func(*world, *computer, *person) *page {
		return func(_ *world, c *computer, _ *person) *page {
			return c.get("/login/" + c.requestWith(testClientID, change).String())
		}
	}
	for name, lack := range map[string]struct {
		options options
		login   func(*world, *computer, *person) *page
		enough  bool
	}{
		"nothing":                      {enough: true},
		"plain mode":                   {options: options{mode: "plain"}},
		"compat mode":                  {options: options{mode: "compat"}},
		"a client of somebody else":    {options: options{client: func(c *storage.Client) { c.FirstParty = false }}},
		"a client that always asks":    {options: options{client: func(c *storage.Client) { c.AlwaysConfirm = true }}},
		"prompt":                       {login: params(func(p *storage.AuthParams) { p.Prompt = []string{"login"} })},
		"max_age":                      {login: params(func(p *storage.AuthParams) { p.MaxAge = &age })},
		"acr_values":                   {login: params(func(p *storage.AuthParams) { p.ACRValues = []string{storage.ACRScan} })},
		"a new scope":                  {login: params(func(p *storage.AuthParams) { p.Scopes = append(p.Scopes, "groups") })},
		"a device whose code is typed": {login: params(func(p *storage.AuthParams) { p.Device = storage.NewID(time.Now()).String() })},
		"another network": {login: func(_ *world, c *computer, _ *person) *page {
			c.from = elsewhere
			return c.login()
		}},
		"another browser": {login: func(w *world, c *computer, _ *person) *page {
			other := w.browser()
			other.from = c.from
			return other.login()
		}},
		"a browser without a page": {login: func(w *world, c *computer, _ *person) *page {
			// The address comes from a proxy that nobody has named: everybody's would be the same.
			w.guard.TrustedProxies = nil
			return c.login()
		}},
		"thirty days": {login: func(w *world, c *computer, _ *person) *page {
			w.clock.advance(30 * 24 * time.Hour)
			return c.login()
		}},
		"a phone": {login: func(w *world, c *computer, alice *person) *page {
			thief := w.person()
			there := w.browser().login()
			held := thief.bind(thief.choose(thief.scanAndFollow(there), there), alicePhone)
			require.Equal(w.t, http.StatusOK, held.submit("/move", "move", "yes").status)
			return c.login()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w, c, alice := aloneWorld(t, lack.options)
			login := func(_ *world, c *computer, _ *person) *page { return c.login() }
			if lack.login != nil {
				login = lack.login
			}
			page := login(w, c, alice)
			require.Equal(t, http.StatusOK, page.status, page.body)
			alice.chat()
			require.Equal(t, lack.enough, alice.aloneIn(page))
			require.Equal(t, !lack.enough, linkShape.MatchString(strings.Join(alice.chat(), "")))
		})
	}
}

// The operator's switch.
func TestScanAloneSwitchedOff(t *testing.T) {
	w := newWorld(t, options{locate: true})
	c, alice := w.browser(), w.person()
	c.from = atHome
	alice.signIn(c, alicePhone)
	w.clock.advance(time.Hour)
	require.False(t, alice.aloneIn(c.login()))
}

// A code of our own page is opened by a link as easily as by a scan.
func TestAPageSceneIsNeverAlone(t *testing.T) {
	w, c, alice := aloneWorld(t, options{})
	w.fault(map[string]any{"path": "/cgi-bin/qrcode/create", "errcode": 45009, "times": 100})
	login := c.login()
	require.Contains(t, login.attr("data-qr"), "/scan/main/")
	confirm := alice.open(login.attr("data-qr"))
	require.Len(t, confirm.choices(), 3)
	s, _ := c.state(login, 0, 0)
	require.Equal(t, "scanned", s.State)
}

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
