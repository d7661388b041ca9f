package wechatflow_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func TestDoneIsDoneOnce(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	alice.bind(alice.choose(alice.scanAndFollow(login), login), alicePhone)
	confirmed := c.get(login.path())
	beforeSecret, _ := c.secret()
	s, _ := c.continueLogin(login)
	after, _ := c.secret()
	require.NotEqual(t, beforeSecret, after, "the browser secret is renewed")

	// The same form once more, with the new cookie: its token was the old secret's.
	require.Equal(t, http.StatusForbidden, confirmed.submit("/continue", "approve", "yes").status)
	// A copy of the old cookie is worth nothing.
	thief := w.browser()
	thief.http.Jar.SetCookies(mustURL(t, w.site.URL), []*http.Cookie{{Name: "qiao_browser", Value: beforeSecret.Text()}})
	require.Equal(t, http.StatusNotFound, thief.get(login.path()).status)
	// The page that is still open leads on, and opens no second session.
	done := c.get(login.path())
	require.Equal(t, "done", done.attr("data-state"))
	var again session
	done.submit("/continue").json(&again)
	require.Equal(t, s.SID, again.SID)
	require.Equal(t, 1.0, w.counter("qiao_login_completions_total"))
}

// The button is pressed in two tabs at the same moment: one session, and nobody is told that it failed but the loser.
func TestTwoContinueAtOnce(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	alice.bind(alice.choose(alice.scanAndFollow(login), login), alicePhone)
	shown := c.get(login.path())
	action, token := shown.form("/continue")
	attempt := shown.hidden("attempt")
	still := c.still()
	secret, _ := c.secret()
	statuses := make([]int, 8)
	var together sync.WaitGroup
	for i := range statuses {
		tab := *still
		client := *still.http
		client.Jar = nil // each with the cookie of the moment before
		tab.http = &client
		together.Go(func() {
			r, err := http.NewRequest("POST", w.site.URL+action, strings.NewReader(fields(token, "approve", "yes", "attempt", attempt).Encode()))
			if err != nil {
				return
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.AddCookie(&http.Cookie{Name: "qiao_browser", Value: secret.Text()})
			resp, err := tab.http.Do(r)
			if err != nil {
				return
			}
			statuses[i] = resp.StatusCode
			for _, cookie := range resp.Cookies() {
				if cookie.Name == "qiao_session" {
					statuses[i] = http.StatusOK // this one opened it
				}
			}
			_ = resp.Body.Close()
		})
	}
	together.Wait()
	opened := 0
	for _, s := range statuses {
		switch s {
		case http.StatusOK:
			opened++
		case http.StatusSeeOther, http.StatusNotFound: // too late: shown the page, or the request is another cookie's now
		default:
			require.Failf(t, "unexpected", "status %d", s)
		}
	}
	require.Equal(t, 1, opened)
	require.Equal(t, 1.0, w.counter("qiao_login_completions_total"))
}

// Right and wrong at the same moment, from a page that somebody plays with.
func TestRightAndWrongNumberAtOnce(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	login := w.browser().login()
	confirm := alice.scanAndFollow(login)
	right, wrong := login.c.get(login.path()).attr("data-number"), wrongOne(t, confirm, login)
	action, token := confirm.form("/confirm")
	var together sync.WaitGroup
	for i := range 8 {
		together.Go(func() {
			alice.phone.do("POST", action, fields(token, "number", []string{right, wrong}[i%2]))
		})
	}
	together.Wait()
	// A wrong one ends the attempt, before the right one or after it, and only the first of them is a choice.
	require.Equal(t, 1.0, w.counter("qiao_login_confirms_total", "outcome=wrong"))
	s, _ := login.c.state(login, 0, 0)
	require.Equal(t, "declined", s.State)
}

// The provider sends a person back whose session ended meanwhile: "done" would be a dead end.
func TestLoginAgainAfterTheSessionEnded(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	alice.bind(alice.choose(alice.scanAndFollow(login), login), alicePhone)
	s, _ := c.continueLogin(login)
	sid, err := storage.ParseID(s.SID)
	require.NoError(t, err)
	require.NoError(t, w.store.EndSession(context.Background(), sid, w.clock.Now()))
	require.Equal(t, "waiting", c.get(login.path()).attr("data-state"))
}

// Nor may it say "done", or send anybody back, to somebody whose number another person has taken since: without a phone
// the provider issues nothing, and the two would send the browser to and fro for ever.
func TestLoginAgainAfterThePhoneWasTaken(t *testing.T) {
	w := newWorld(t, options{})
	c, alice, bob := w.browser(), w.person(), w.person()
	login := c.login()
	alice.bind(alice.choose(alice.scanAndFollow(login), login), alicePhone)
	second := c.request()
	s, _ := c.continueLogin(login)
	w.clock.advance(2 * time.Minute)
	_, number := bob.atNumber()
	number.submit("/number", "phone", alicePhone).submit("/code", "code", w.pocket.lastCode(t)).submit("/move", "move", "yes")
	for name, path := range map[string]string{"the tab that logged in": login.path(), "another tab": "/login/" + second.String()} {
		require.Equal(t, "waiting", c.get(path).attr("data-state"), name)
	}
	again := c.get(login.path())
	w.clock.advance(2 * time.Minute)
	alice.bind(alice.choose(alice.scanAndFollow(again), again), "+8613800009999")
	renewed, _ := c.continueLogin(again)
	require.Equal(t, s.User, renewed.User)
}

func TestANewScanVoidsTheOpenIDsEarlierAttempts(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	first, second := w.browser().login(), w.browser().login()
	confirm := alice.scanAndFollow(first)
	w.clock.advance(time.Second)
	alice.scanAndFollow(second)
	s, _ := first.c.state(first, 0, 0)
	require.Equal(t, "expired", s.State)
	late := confirm.submit("/confirm", "number", confirm.choices()[0])
	require.Equal(t, http.StatusNotFound, late.status, "this phone is at the second one now")
}
