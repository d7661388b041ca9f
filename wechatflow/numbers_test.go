package wechatflow_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func wrongOne(t *testing.T, confirm, login *page) string {
	t.Helper()
	number := login.c.get(login.path()).attr("data-number")
	for _, n := range confirm.choices() {
		if n != number {
			return n
		}
	}
	require.Fail(t, "no decoy")
	return ""
}

func TestTwoWrongNumbersBlock(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	for range 2 {
		login := w.browser().login()
		confirm := alice.scanAndFollow(login)
		end := confirm.submit("/confirm", "number", wrongOne(t, confirm, login))
		require.Equal(t, "wrong_number", end.attr("data-end"))
		s, _ := login.c.state(login, 0, 0)
		require.Equal(t, "declined", s.State)
		require.Equal(t, "wrong_number", s.Reason)
		// The right number comes too late.
		late := confirm.submit("/confirm", "number", confirm.choices()[0])
		require.NotEqual(t, "done", late.attr("data-end"))
		w.clock.advance(time.Second)
	}
	login := w.browser().login()
	require.Equal(t, "event", alice.scan(login.attr("data-qr")))
	require.Contains(t, strings.Join(alice.chat(), ""), "15")
	s, _ := login.c.state(login, 0, 0)
	require.Equal(t, "waiting", s.State, "a blocked openid claims nothing")

	w.clock.advance(16 * time.Minute)
	login = w.browser().login()
	require.NotEmpty(t, alice.scanAndFollow(login).choices())
}

// A number that is none of the buttons is not a choice: it neither confirms nor counts as a wrong one.
func TestNumbersThatAreNoChoice(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	login := w.browser().login()
	confirm := alice.scanAndFollow(login)
	for _, n := range []string{"", "0", "-1", "100", "abc", "1e1", "٤٢", strings.Repeat("9", 400)} {
		require.Equal(t, http.StatusBadRequest, confirm.submit("/confirm", "number", n).status, n)
	}
	require.Equal(t, http.StatusBadRequest, confirm.submit("/confirm").status)
	require.Equal(t, http.StatusBadRequest, confirm.submit("/confirm", "approve", "yes").status)
	number := login.c.get(login.path()).attr("data-number")
	require.Equal(t, http.StatusBadRequest, confirm.submit("/confirm", "number", number, "number", number).status, "twice")
	require.Equal(t, http.StatusOK, alice.choose(confirm, login).status)
}
