package wechatflow_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow"
)

// What the provider is told of a completed login is what the browser will show with its next request, with its new cookies;
// where it has no answer, the browser is sent on.
func TestALoginIsAnsweredByTheProvider(t *testing.T) {
	var told []wechatflow.Completed
	answers := false
	w := newWorld(t, options{answer: func(rw http.ResponseWriter, r *http.Request, done wechatflow.Completed) bool {
		told = append(told, done)
		if answers {
			http.Redirect(rw, r, "/account", http.StatusSeeOther)
		}
		return answers
	}})
	c, alice := w.browser(), w.person()
	planted := c.login()
	before, _ := c.secret()
	first := alice.signIn(c, alicePhone)
	require.NotEmpty(t, first.SID, "no answer: the browser went on")
	require.Len(t, told, 1, "a login that is not completed tells nothing")

	answers = true
	w.clock.advance(time.Minute)
	login := c.login()
	alice.choose(alice.scanAndFollow(login), login)
	require.Equal(t, "/account", c.continues(login).path())
	require.Len(t, told, 2)
	done := told[1]
	secret, _ := c.secret()
	require.NotEqual(t, before, secret)
	require.Equal(t, secret.Hash(), done.Request.Browser, "the new secret's")
	require.Equal(t, login.path(), "/login/"+done.Request.ID.String())
	require.Equal(t, done.Session.ID, done.Request.SessionID)
	require.Equal(t, done.Session.ID, done.Handle.ID)
	session, user, err := w.store.Session(t.Context(), done.Handle.ID, done.Handle.Secret.Hash(), time.Hour, w.clock.Now())
	require.NoError(t, err)
	require.Equal(t, session, done.Session)
	require.Equal(t, user, done.User)
	request, err := w.store.AuthRequest(t.Context(), done.Request.ID, secret.Hash(), w.clock.Now())
	require.NoError(t, err)
	require.Equal(t, request, done.Request)
	require.Equal(t, http.StatusOK, c.get(planted.path()).status)
}
