package wechatflow_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// A login is answered with the code that the provider has drafted for it, of the session that it has opened; without a draft
// the browser is sent on.
func TestALoginIsAnsweredWithItsCode(t *testing.T) {
	var asked []string
	var drafted *storage.NewCode
	var w *world
	o := options{draft: func(_ *http.Request, request storage.AuthRequest, user string) (*storage.NewCode, func(http.ResponseWriter)) {
		if asked = append(asked, request.ID.String()+" "+user); len(asked) < 3 {
			return nil, nil
		}
		now := w.clock.Now()
		code := storage.NewHandle(now)
		drafted = &storage.NewCode{
			Grant:    storage.Grant{ID: code.ID, UserID: user, ClientID: request.ClientID, RedirectURI: "https://shop.example/cb", Scopes: []string{"openid"}, CreatedAt: now, ExpiresAt: now.Add(time.Hour)},
			CodeHash: code.Secret.Hash(), CodeExpiresAt: now.Add(time.Minute), Now: now,
		}
		return drafted, func(rw http.ResponseWriter) {
			rw.Header().Set("Location", "/account")
			rw.WriteHeader(http.StatusSeeOther)
		}
	}}
	w = newWorld(t, o)
	c, alice := w.browser(), w.person()
	first := alice.signIn(c, alicePhone)
	require.NotEmpty(t, first.SID, "no draft: the browser went on")
	login := func(c *computer) *page {
		w.clock.advance(time.Minute)
		p := c.login()
		alice.choose(alice.scanAndFollow(p), p)
		return p
	}
	second, _ := c.continueLogin(login(c))
	require.Equal(t, first.User, second.User)

	planted := c.login()
	p := login(c)
	require.Equal(t, "/account", c.continues(p).path())
	require.Len(t, asked, 3)
	require.Equal(t, p.path()[len("/login/"):]+" "+first.User, asked[2])
	secret, _ := c.secret()
	_, err := w.store.AuthRequest(t.Context(), drafted.AuthRequestID, secret.Hash(), w.clock.Now())
	require.ErrorIs(t, err, storage.ErrNotFound, "its request is answered")
	require.Equal(t, http.StatusOK, c.get(planted.path()).status, "another tab's is not")
	issued, err := w.store.Store.ConsumeCode(t.Context(), storage.CodeUse{
		GrantID: drafted.Grant.ID, CodeHash: drafted.CodeHash, ClientID: testClientID, RedirectURI: "https://shop.example/cb", Now: w.clock.Now(),
	})
	require.NoError(t, err)
	require.Equal(t, second.SID, issued.Grant.SessionID.String(), "the same person's session is renewed")
	require.Equal(t, []string{"wechat"}, issued.Grant.AMR)
	require.Equal(t, storage.ACRConfirm, issued.Grant.ACR)
}

// Where the click is still due no code is even drafted: it would count against the rate of who has confirmed.
func TestALoginThatIsNotCompletedHasNoCode(t *testing.T) {
	drafts := 0
	w := newWorld(t, options{draft: func(*http.Request, storage.AuthRequest, string) (*storage.NewCode, func(http.ResponseWriter)) {
		drafts++
		return nil, nil
	}})
	c, alice := w.browser(), w.person()
	login := c.login()
	number := alice.choose(alice.scanAndFollow(login), login)
	alice.bind(number, alicePhone)
	again := c.get(login.path()).submit("/continue") // without the click on approve
	require.Equal(t, "confirmed", again.attr("data-state"))
	require.Zero(t, drafts)
	c.continueLogin(again)
	require.Equal(t, 1, drafts)
}

// The button pressed twice, and at once, with the cookies of before the login: one session, one code, and the other presses
// learn nothing.
func TestALoginThatIsSentTwiceHasOneCode(t *testing.T) {
	var mu sync.Mutex
	var drafted []*storage.NewCode
	answers := 0
	var w *world
	w = newWorld(t, options{draft: func(_ *http.Request, request storage.AuthRequest, user string) (*storage.NewCode, func(http.ResponseWriter)) {
		mu.Lock()
		defer mu.Unlock()
		code := storage.NewHandle(w.clock.Now())
		drafted = append(drafted, &storage.NewCode{
			Grant:    storage.Grant{ID: code.ID, UserID: user, ClientID: request.ClientID, Scopes: []string{"openid"}, CreatedAt: w.clock.Now(), ExpiresAt: w.clock.Now().Add(time.Hour)},
			CodeHash: code.Secret.Hash(), CodeExpiresAt: w.clock.Now().Add(time.Minute), Now: w.clock.Now(),
		})
		return drafted[len(drafted)-1], func(rw http.ResponseWriter) {
			mu.Lock()
			defer mu.Unlock()
			answers++
			rw.WriteHeader(http.StatusNoContent)
		}
	}})
	c, alice := w.browser(), w.person()
	login := c.login()
	alice.bind(alice.choose(alice.scanAndFollow(login), login), alicePhone)
	tabs := make([]*page, 6)
	for i := range tabs {
		tabs[i] = c.carry("qiao_browser").get(login.path())
		require.Equal(t, "confirmed", tabs[i].attr("data-state"))
	}
	var group sync.WaitGroup
	for _, tab := range tabs {
		group.Go(func() { tab.submit("/continue", "approve", "yes") })
	}
	group.Wait()
	require.Equal(t, 1, answers)
	codes := 0
	for _, d := range drafted {
		_, err := w.store.Store.ConsumeCode(t.Context(), storage.CodeUse{GrantID: d.Grant.ID, CodeHash: d.CodeHash, ClientID: testClientID, Now: w.clock.Now()})
		if err == nil {
			codes++
			continue
		}
		require.ErrorIs(t, err, storage.ErrNotFound)
	}
	require.Equal(t, 1, codes)
	require.Equal(t, 1.0, w.counter("qiao_login_completions_total"))
}
