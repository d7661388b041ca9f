package wechatflow_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnotherBrowserSeesNothing(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	alice.bind(alice.choose(alice.scanAndFollow(login), login), alicePhone)

	for name, other := range map[string]*computer{"no cookie": w.browser(), "its own login": w.browser()} {
		t.Run(name, func(t *testing.T) {
			token := "x"
			if name != "no cookie" {
				_, token = other.login().form("/refresh")
			}
			require.Equal(t, http.StatusNotFound, other.get(login.path()).status)
			require.Equal(t, http.StatusNotFound, other.get(login.path()+"/state?v=0").status)
			require.Equal(t, http.StatusNotFound, other.get(login.path()+"/state?v=0&wait=20").status)
			for _, action := range []string{"/continue", "/refresh"} {
				p := other.do("POST", login.path()+action, fields(token, "approve", "yes"))
				require.Equal(t, http.StatusNotFound, p.status)
			}
		})
	}
	_, page := c.continueLogin(login)
	require.Equal(t, http.StatusOK, page.status)
}

// An attacker shows his own code to a victim, who scans it and does nothing more.
func TestAScanAloneSignsNobodyIn(t *testing.T) {
	w := newWorld(t, options{})
	attacker, victim := w.browser(), w.person()
	victim.signIn(w.browser(), alicePhone)
	w.clock.advance(time.Second)
	login := attacker.login()
	victim.scan(login.attr("data-qr"))
	require.Equal(t, "scanned", attacker.get(login.path()).submit("/continue", "approve", "yes").attr("data-state"))
	// The attacker even has the link, and opens it in his own WeChat and outside of WeChat.
	link := victim.link()
	mallory := w.person()
	require.Equal(t, "other_wechat", mallory.open(link).attr("data-end"))
	require.Equal(t, http.StatusForbidden, attacker.get(link).status)
	require.Equal(t, "scanned", attacker.get(login.path()).attr("data-state"))
}

// A stranger confirms on the owner's screen: without the owner's click nothing happens in the owner's browser.
func TestAPlantedLoginNeedsTheOwnersClick(t *testing.T) {
	w := newWorld(t, options{})
	mallory := w.person()
	mallory.signIn(w.browser(), "+8613900005678")
	w.clock.advance(time.Second)
	owner := w.browser()
	login := owner.login()
	mallory.choose(mallory.scanAndFollow(login), login)
	confirmed := owner.get(login.path())
	require.Contains(t, confirmed.body, "139****5678")
	require.NotContains(t, confirmed.body, "data-auto", "the script continues only where no click is due")
	again := confirmed.submit("/continue")
	require.Equal(t, "confirmed", again.attr("data-state"))
	fresh := again.submit("/refresh") // "that is not me"
	require.Equal(t, "waiting", fresh.attr("data-state"))
}

// The click is for the person whom the page named. A page that was left open says nothing about who confirms next.
func TestAClickIsForThePersonWhoWasShown(t *testing.T) {
	w := newWorld(t, options{})
	alice, mallory := w.person(), w.person()
	alice.signIn(w.browser(), alicePhone)
	mallory.signIn(w.browser(), "+8613900005678")
	w.clock.advance(time.Second)
	owner := w.browser()
	login := owner.login()
	alice.choose(alice.scanAndFollow(login), login)
	shown := owner.get(login.path())
	require.Contains(t, shown.body, "138****1234")

	fresh := shown.submit("/refresh") // in another tab
	mallory.choose(mallory.scanAndFollow(fresh), fresh)
	again := shown.submit("/continue", "approve", "yes")
	require.Equal(t, "confirmed", again.attr("data-state"))
	require.Contains(t, again.body, "139****5678", "who it is now is shown first")
	for _, attempt := range []string{"", "x", strings.Repeat("0", 32)} {
		require.Equal(t, "confirmed", again.submit("/continue", "approve", "yes", "attempt", attempt).attr("data-state"))
	}
	s, page := owner.continueLogin(login)
	require.Equal(t, http.StatusOK, page.status, page.body)
	require.NotEmpty(t, s.SID)
}

func TestForwardedPhoneLinkChangesNothing(t *testing.T) {
	w := newWorld(t, options{})
	c, alice, mallory := w.browser(), w.person(), w.person()
	login := c.login()
	alice.scan(login.attr("data-qr"))
	alice.follow()
	link := alice.link()
	before := c.get(login.path()).version()

	end := mallory.open(link)
	require.Equal(t, http.StatusForbidden, end.status)
	require.Equal(t, "other_wechat", end.attr("data-end"))
	confirmPath := strings.SplitN(mustURL(t, link).Path, ".", 2)[0] + "/confirm"
	require.Equal(t, http.StatusNotFound, mallory.phone.get(confirmPath).status)
	require.Equal(t, before, c.get(login.path()).version())

	confirm := alice.open(link)
	require.Len(t, confirm.choices(), 3, "the right phone is not hindered")
	// Mallory has no phone secret for the attempt; nor does a token of another attempt of hers help.
	_, token := confirm.form("/confirm")
	require.Equal(t, http.StatusNotFound, mallory.phone.do("POST", confirmPath, fields(token, "number", confirm.choices()[0])).status)
}

// Someone forwards not the link but where WeChat sends back to, with its code and state.
func TestForwardedReturnAddressIsWorthNothing(t *testing.T) {
	w := newWorld(t, options{})
	c, alice, mallory := w.browser(), w.person(), w.person()
	login := c.login()
	alice.scan(login.attr("data-qr"))
	alice.follow()
	link := alice.link()
	still := alice.phone.still()
	authorize := still.get(still.get(w.sim.URL + "/sim/people/" + alice.id + "/browser?url=" + url.QueryEscape(link)).header.Get("Location"))
	back := still.get(authorize.header.Get("Location"))
	require.Equal(t, http.StatusFound, back.status)
	returned := back.header.Get("Location")
	require.Contains(t, returned, "/phone/return?code=")

	for name, other := range map[string]*computer{"no cookie": w.browser(), "another phone": mallory.phone} {
		mallory.open(link)
		p := other.get(returned)
		require.Equal(t, http.StatusNotFound, p.status, name)
	}
	// The other way round: a stranger's code with this browser's state proves the stranger, who did not scan.
	mURL := mallory.phone.still()
	mAuthorize := mURL.get(mURL.get(w.sim.URL + "/sim/people/" + mallory.id + "/browser?url=" + url.QueryEscape(link)).header.Get("Location"))
	mBack := mustURL(t, mURL.get(mAuthorize.header.Get("Location")).header.Get("Location")).Query()
	mixed := mustURL(t, returned)
	q := mixed.Query()
	q.Set("code", mBack.Get("code"))
	mixed.RawQuery = q.Encode()
	require.Equal(t, "other_wechat", alice.phone.get(mixed.String()).attr("data-end"))
	// The state is used up now, also for the right code.
	require.Equal(t, http.StatusNotFound, alice.phone.get(returned).status)
	require.Len(t, alice.open(link).choices(), 3)
}

func TestTheReturnAddressWorksOnceAndInTime(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	alice.scan(login.attr("data-qr"))
	alice.follow()
	link := alice.link()
	goBack := func() string {
		still := alice.phone.still()
		authorize := still.get(still.get(w.sim.URL + "/sim/people/" + alice.id + "/browser?url=" + url.QueryEscape(link)).header.Get("Location"))
		return still.get(authorize.header.Get("Location")).header.Get("Location")
	}
	late := goBack()
	w.clock.advance(5*time.Minute + time.Second)
	require.Equal(t, http.StatusNotFound, alice.phone.get(late).status)
	good := goBack()
	require.Len(t, alice.phone.get(good).choices(), 3)
	require.Equal(t, http.StatusNotFound, alice.phone.get(good).status)
	for _, bad := range []string{"/phone/return", "/phone/return?code=x", "/phone/return?state=x&code=y",
		"/phone/return?state=" + strings.Repeat("a", 64) + "&state=b&code=c", "/phone/return?state=" + strings.Repeat("a", 64) + "&code="} {
		require.Equal(t, http.StatusBadRequest, alice.phone.get(bad).status, bad)
	}
	require.Equal(t, http.StatusNotFound, alice.phone.get("/phone/return?state="+strings.Repeat("a", 64)+"&code=c").status)
}

// A phone secret that somebody planted before the proof is worth nothing after it.
func TestPhoneSecretIsRenewedAtTheProof(t *testing.T) {
	w := newWorld(t, options{})
	c, alice, mallory := w.browser(), w.person(), w.person()
	login := c.login()
	alice.scan(login.attr("data-qr"))
	alice.follow()
	link := alice.link()
	mallory.phone.still().get(link) // sets Mallory's phone cookie
	planted := mallory.phone.http.Jar.Cookies(mustURL(t, w.site.URL))
	alice.phone.http.Jar.SetCookies(mustURL(t, w.site.URL), planted)
	confirm := alice.open(link)
	require.Len(t, confirm.choices(), 3)
	require.Equal(t, http.StatusNotFound, mallory.phone.get(confirm.path()).status)
}

func TestFetchingLinksAheadChangesNothing(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	alice.scan(login.attr("data-qr"))
	alice.follow()
	link := alice.link()
	before := c.get(login.path()).version()
	for range 20 {
		robot := w.browser()
		robot.get(link)
		robot.still().get(link)
	}
	require.Equal(t, before, c.get(login.path()).version())
	confirm := alice.open(link)
	for range 3 { // nor do the phone's own GETs
		for _, page := range []string{"confirm", "number", "code", "move", "follow"} {
			alice.phone.get(strings.TrimSuffix(confirm.path(), "confirm") + page)
		}
	}
	require.Equal(t, before, c.get(login.path()).version())
	require.Empty(t, w.pocket.all())
	require.Equal(t, http.StatusOK, alice.choose(confirm, login).status)
}

func TestBadPhoneLinks(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	alice.scan(login.attr("data-qr"))
	alice.follow()
	link := mustURL(t, alice.link()).Path
	id, token, _ := strings.Cut(strings.TrimPrefix(link, "/phone/"), ".")
	other := w.browser().login()
	bob := w.person()
	bob.scan(other.attr("data-qr"))
	bob.follow()
	_, bobToken, _ := strings.Cut(mustURL(t, bob.link()).Path, ".")
	for _, bad := range []string{id, id + ".", id + "." + token + "A", id + "." + token[:21], id + "." + bobToken, "." + token,
		strings.Repeat("A", 22) + "." + token, strings.Repeat("A", 9000), id + "." + strings.ToUpper(token)} {
		require.Equal(t, http.StatusNotFound, alice.phone.get("/phone/"+bad).status, bad)
	}
	require.Equal(t, http.StatusNotFound, alice.phone.get("/scan/main/"+strings.Repeat("A", 21)).status)
	require.Equal(t, http.StatusNotFound, alice.phone.get("/scan/nobody/"+strings.Repeat("A", 22)).status)
	require.Len(t, alice.open(w.site.URL+link).choices(), 3)
}

func TestDevicesInDifferentPlacesAreWarnedOf(t *testing.T) {
	w := newWorld(t, options{locate: true})
	c, alice := w.browser(), w.person()
	c.from, alice.phone.from = "203.0.113.1", "203.0.113.2"
	login := c.login()
	confirm := alice.scanAndFollow(login)
	require.Contains(t, confirm.body, "Shanghai")
	require.Contains(t, confirm.body, `class="far"`)
	alice.phone.from = "203.0.113.1"
	require.NotContains(t, alice.phone.get(confirm.path()).body, `class="far"`)
	alice.phone.from = "198.51.100.7" // unknown place: nothing to compare
	require.NotContains(t, alice.phone.get(confirm.path()).body, `class="far"`)
}
