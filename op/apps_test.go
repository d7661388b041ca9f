package op_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/op/clients"
	"qiao/storage"
)

// onPage checks that the answer is the page for apps, kept by nobody, and returns the parameters of its button.
func (a answer) onPage(t *testing.T, kind string) url.Values {
	t.Helper()
	_, ok := a.appURL(t)
	require.True(t, ok, "no page for apps: %d %s %s", a.StatusCode, a.Header.Get("Location"), a.body)
	require.Contains(t, a.body, `data-app="`+kind+`"`)
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	require.Equal(t, "no-referrer", a.Header.Get("Referrer-Policy"))
	return a.at(t, appURI)
}

// A browser goes to an app's own scheme only when the person taps: every answer there is a page with a button, and its
// own address holds nothing of the answer.
func TestReturnToTheApp(t *testing.T) {
	w := newWorld(t, settings{})

	t.Run("after a login, and at once with a session", func(t *testing.T) {
		b := w.in(t).browser()
		id := b.get(authorizePath(query(publicApp))).loginID(t)
		b.login(id, ann)
		path := "/authorize/continue?request=" + id.String()
		q := b.get(path).onPage(t, "signed_in")
		require.Equal(t, "st&ate=ü", q.Get("state"))
		require.Equal(t, w.issuer, q.Get("iss"))
		_, err := storage.ParseHandle(q.Get("code"))
		require.NoError(t, err)
		b.get(path).page(t, http.StatusNotFound) // reloaded, no second code

		again := b.get(authorizePath(query(publicApp))).onPage(t, "signed_in")
		require.NotEqual(t, q.Get("code"), again.Get("code"))
	})
	t.Run("an error", func(t *testing.T) {
		b := w.in(t).browser()
		q := b.get(authorizePath(query(publicApp, "scope", "phone"))).onPage(t, "not_signed_in")
		require.Equal(t, "invalid_scope", q.Get("error"))
		require.Equal(t, "st&ate=ü", q.Get("state"))
	})
	t.Run("cancelled at the login", func(t *testing.T) {
		b := w.in(t).browser()
		id := b.get(authorizePath(query(publicApp))).loginID(t)
		form := url.Values{"form_token": {w.guard.FormToken(b.secret(), "login "+id.String())}}
		q := b.post("/authorize/cancel?request="+id.String(), form).onPage(t, "not_signed_in")
		require.Equal(t, "access_denied", q.Get("error"))
	})
	t.Run("a state cannot write markup or another address", func(t *testing.T) {
		b := w.in(t).browser()
		const nasty = `"><script>alert(1)</script>&code=mine#x`
		a := b.get(authorizePath(query(publicApp, "scope", "phone", "state", nasty)))
		require.NotContains(t, a.body, "<script>alert")
		q := a.onPage(t, "not_signed_in")
		require.Equal(t, nasty, q.Get("state"))
		require.False(t, q.Has("code"))
	})
	t.Run("who wants no page gets none", func(t *testing.T) {
		b := w.in(t).browser()
		a := b.get(authorizePath(query(publicApp, "prompt", "none")))
		require.Equal(t, http.StatusSeeOther, a.StatusCode)
		require.Equal(t, "login_required", a.at(t, appURI).Get("error"))
		b.signIn(ann)
		a = b.get(authorizePath(query(publicApp, "prompt", "none")))
		require.Equal(t, http.StatusSeeOther, a.StatusCode)
		a.code(t, w, appURI)
	})
	t.Run("https and loopback go at once", func(t *testing.T) {
		b := w.in(t).browser()
		b.signIn(ann)
		for client, uri := range map[string]string{firstParty: shopURI, publicApp: "http://127.0.0.1:4711/cb"} {
			a := b.get(authorizePath(query(client, "redirect_uri", uri)))
			require.Equal(t, http.StatusSeeOther, a.StatusCode, uri)
			a.code(t, w, uri)
		}
		a := b.get(authorizePath(query(publicApp, "redirect_uri", "http://[::1]:4711/cb")))
		require.Equal(t, http.StatusSeeOther, a.StatusCode)
	})
}

func TestReturnToTheAppAfterALogout(t *testing.T) {
	w := newWorld(t, settings{})
	ctx := t.Context()
	app := storage.Client{
		ID: "reader", Name: "The Reader", AuthMethods: []string{storage.AuthMethodNone}, Native: true, FirstParty: true,
		RedirectURIs: []string{"com.example.reader:/cb"}, PostLogoutRedirectURIs: []string{"com.example.reader:/bye"},
		GrantTypes: []string{"authorization_code"}, Scopes: []string{"openid"}, IDTokenAlg: "ES256", Source: "cli",
	}
	require.NoError(t, clients.Validate(app))
	require.NoError(t, w.store.AddClient(ctx, app, "test"))
	b := w.browser()
	s := b.signIn(ann)
	hint := w.idToken("reader", s.UserID, s.ID.String())
	a := b.get("/end_session?" + url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {"com.example.reader:/bye"}, "state": {"s1"}}.Encode())
	at, ok := a.appURL(t)
	require.True(t, ok, a.body)
	require.Equal(t, "com.example.reader:/bye?state=s1", at)
	require.Contains(t, a.body, `data-app="signed_out"`)
	require.Contains(t, a.body, "The Reader")
	b.get(authorizePath(query(firstParty))).loginID(t)
}

// What would run in our pages, or be opened by somebody else, cannot be registered as the address of an app.
func TestNoAppHasABrowsersScheme(t *testing.T) {
	for _, uri := range []string{
		"javascript:alert(1)", "javascript://x.example/%0aalert(1)", "data:text/html,x", "vbscript:x", "file:///x", "blob:x", "about:blank",
		"intent://scan/#Intent;end", "app:/cb", "weixin://dl", "ws://x.example/", "ftp://x.example/", "view-source:https://x.example/",
	} {
		require.Error(t, clients.CheckRedirectURI(uri, true), uri)
		require.Error(t, clients.CheckRedirectURI(strings.ToUpper(uri[:1])+uri[1:], true), uri)
	}
	require.NoError(t, clients.CheckRedirectURI("com.example.app:/cb", true))
	require.Error(t, clients.CheckRedirectURI("com.example.app:/cb", false), "only for a native client")
}
