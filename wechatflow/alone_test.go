package wechatflow_test

import (
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
