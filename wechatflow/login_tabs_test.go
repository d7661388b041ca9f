package wechatflow_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// Two tabs wait at two relying parties' logins: the login in one is the login in both.
func TestASecondTabContinuesWithTheSession(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	first, second := c.login(), c.login()
	poll := w.waiting(c, second, second.version())
	alice.bind(alice.choose(alice.scanAndFollow(first), first), alicePhone)
	s, done := c.continueLogin(first)
	require.Equal(t, http.StatusOK, done.status)
	require.NotEqual(t, "waiting", soon(t, poll).State, "the poll of the secret from before ends")

	state, _ := c.state(second, second.version(), 20)
	require.Equal(t, "done", state.State, "the script looks at the page again")
	var again session
	page := c.get(second.path())
	require.Equal(t, "/authorize/continue", page.path())
	page.json(&again)
	require.Equal(t, strings.TrimPrefix(second.path(), "/login/"), again.Request)
	require.Equal(t, s.SID, again.SID)
	require.Equal(t, "done", c.get(first.path()).attr("data-state"), "its own page stays as it was")
	require.Equal(t, 1.0, w.counter("qiao_login_completions_total"))

	other := w.browser()
	require.Equal(t, http.StatusNotFound, other.get(second.path()).status)
}

// The provider would send these back to the login: they wait for one of their own, and it works with the new secret.
func TestASecondTabThatAsksForMoreWaitsOn(t *testing.T) {
	age := int64(3600)
	for name, change := range map[string]func(*storage.AuthParams){
		"prompt=login":          func(p *storage.AuthParams) { p.Prompt = []string{"consent", "login"} },
		"prompt=select_account": func(p *storage.AuthParams) { p.Prompt = []string{"select_account"} },
		"max_age":               func(p *storage.AuthParams) { p.MaxAge = &age },
		"acr_values":            func(p *storage.AuthParams) { p.ACRValues = []string{"urn:qiao:acr:confirm"} },
		"another person":        func(p *storage.AuthParams) { p.HintSubject = "somebody" },
		"a device":              func(p *storage.AuthParams) { p.Device = storage.NewID(time.Now()).String() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{})
			c, alice := w.browser(), w.person()
			second := c.get("/login/" + c.requestWith(testClientID, change).String())
			s := alice.signIn(c, alicePhone)
			w.clock.advance(time.Second)
			for range 2 {
				page := c.get(second.path())
				require.Equal(t, "waiting", page.attr("data-state"))
				require.Equal(t, second.attr("data-qr"), page.attr("data-qr"), "the code on the screen still works")
				state, _ := c.state(second, 0, 0)
				require.Equal(t, "waiting", state.State)
			}
			require.Equal(t, "done", alice.choose(alice.scanAndFollow(second), second).attr("data-end"))
			again, page := c.continueLogin(second)
			require.Equal(t, http.StatusOK, page.status, page.body)
			require.Equal(t, s.SID, again.SID)
		})
	}
}

func TestATabIsNotSignedInByAnEarlierOrEndedSession(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	s := alice.signIn(c, alicePhone)
	w.clock.advance(2 * time.Second)
	require.Equal(t, "waiting", c.login().attr("data-state"), "the provider has sent the person here with that session")

	tab := c.login()
	again := alice.signIn(c, alicePhone)
	sid, err := storage.ParseID(again.SID)
	require.NoError(t, err)
	require.Equal(t, s.SID, again.SID)
	require.NoError(t, w.store.EndSession(t.Context(), sid, w.clock.Now()))
	require.Equal(t, "waiting", c.get(tab.path()).attr("data-state"))
	state, _ := c.state(tab, 0, 0)
	require.Equal(t, "waiting", state.State)
}

// Somebody confirmed in the second tab before the first one's login: the page asks, and takes nobody's session for theirs.
func TestASecondTabThatIsConfirmedAsksAsEver(t *testing.T) {
	w := newWorld(t, options{})
	c, alice, bob := w.browser(), w.person(), w.person()
	bob.signIn(w.browser(), "+8613900005678")
	w.clock.advance(time.Second)
	second := c.login()
	bob.choose(bob.scanAndFollow(second), second)
	alice.signIn(c, alicePhone)
	page := c.get(second.path())
	require.Equal(t, "confirmed", page.attr("data-state"))
	require.Contains(t, page.body, "139****5678")
	require.Contains(t, page.body, `name="approve"`, "bob is new to this browser, also after its secret was renewed")
	require.Equal(t, "confirmed", page.submit("/continue").attr("data-state"))
}
