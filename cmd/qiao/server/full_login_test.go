package server_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/demo/play"
	"qiao/cmd/qiao/server/servertest"
)

// login is one person's login, with what was acknowledged of it.
type login struct {
	w       *fullWorld
	person  *play.Person
	browser *play.Browser
	sign    servertest.Sign
	at      string            // of the login page, once there is one
	link    string            // in the chat: the platform was told that the scan is recorded
	bound   bool              // the phone was told that its number is bound
	tokens  servertest.Answer // of the exchange, or the newest refresh
	out     bool              // the browser was told that its session has ended
	revoked bool              // the relying party was told that its refresh token has ended
}

func (w *fullWorld) newLogin(t *testing.T) *login {
	l := &login{w: w, person: w.platform.NewPerson(t, w.server), browser: w.server.Browser()}
	w.logins = append(w.logins, l)
	return l
}

// proceed goes on with the login from where it stands, and reports false where the server has no room. Any other
// failure fails the test.
func (l *login) proceed(t *testing.T, ctx context.Context) bool {
	t.Helper()
	if l.tokens.Status == http.StatusOK {
		return true
	}
	if l.at == "" {
		l.sign = l.w.server.Shop().Begin()
		require.NoError(t, l.browser.Get(ctx, l.sign.URL))
		if full(t, l.browser.Page) {
			return false
		}
		if l.browser.Page.Header.Get("Location") != "" { // signed in already, only the exchange had failed
			return l.exchange(t, ctx)
		}
		l.at = l.browser.Page.URL.String()
	}
	if !l.reload(t, ctx) {
		return false
	}
	state, _ := l.browser.Page.Attr("data-state")
	switch {
	case state == "waiting" && !l.scan(t, ctx),
		(state == "waiting" || state == "scanned") && !l.confirm(t, ctx),
		!l.reload(t, ctx), !l.next(t, ctx):
		return false
	}
	return l.exchange(t, ctx)
}

func (l *login) reload(t *testing.T, ctx context.Context) bool {
	t.Helper()
	require.NoError(t, l.browser.Get(ctx, l.at))
	return !full(t, l.browser.Page)
}

// scan has the code scanned. What the chat says is the platform's word for whether it was told of success.
func (l *login) scan(t *testing.T, ctx context.Context) bool {
	t.Helper()
	qr, _ := l.browser.Page.Attr("data-qr")
	require.NotEmpty(t, qr, l.browser.Page.Text())
	_, err := l.person.Scan(ctx, qr)
	require.NoError(t, err)
	all, err := l.person.Messages(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, all)
	last := all[len(all)-1]
	if last.Kind == "fault" {
		t.Log("no room for a scan")
		return false
	}
	require.NotEmpty(t, last.Links, "%+v", last)
	l.link = last.Links[0]
	return true
}

// confirm is all that happens on the phone, from whichever page it shows.
func (l *login) confirm(t *testing.T, ctx context.Context) bool {
	t.Helper()
	phone := l.person.Web
	require.NoError(t, l.person.Open(ctx, l.link))
	for range 4 {
		if full(t, phone.Page) {
			return false
		}
		if _, asked := phone.Page.FormWith("number", ""); asked {
			if !l.reload(t, ctx) {
				return false
			}
			number, _ := l.browser.Page.Attr("data-number")
			require.NotEmpty(t, number, "the scan was acknowledged: %s", l.browser.Page.Text())
			require.NoError(t, phone.Submit(ctx, "number", number, nil))
		} else if f, asked := phone.Page.FormWith("", "tel"); asked {
			f.Values.Set(f.Field("type", "tel"), l.person.Phone)
			require.NoError(t, phone.Post(ctx, f.Action, f.Values))
		} else if f, asked := phone.Page.FormWith("code", ""); asked {
			code, _, err := l.person.Code(ctx, 0)
			require.NoError(t, err)
			f.Values.Set(f.Field("autocomplete", "one-time-code"), code)
			require.NoError(t, phone.Post(ctx, f.Action, f.Values))
		} else {
			l.bound = true
			return true
		}
	}
	t.Fatalf("the phone does not get further than %s: %s", phone.Page.URL.Path, phone.Page.Text())
	return false
}

// next presses the login page's button, up to the relying party.
func (l *login) next(t *testing.T, ctx context.Context) bool {
	t.Helper()
	if _, asked := l.browser.Page.FormWith("approve", ""); asked {
		require.NoError(t, l.browser.Submit(ctx, "approve", "1", nil))
	} else {
		f, ok := l.browser.Page.FormWith("form_token", "")
		require.True(t, ok, l.browser.Page.Text())
		require.NoError(t, l.browser.Post(ctx, f.Action, f.Values))
	}
	return !full(t, l.browser.Page)
}

func (l *login) exchange(t *testing.T, ctx context.Context) bool {
	t.Helper()
	shop := l.w.server.Shop()
	answer, err := shop.Exchange(ctx, shop.Code(t, l.browser.Page, l.sign), l.sign)
	require.NoError(t, err)
	if answer.Status >= http.StatusInternalServerError {
		require.NotEmpty(t, answer.Header.Get("Retry-After"))
		t.Log("no room for an exchange")
		l.at = "" // the code ends in a minute: the party asks for another
		return false
	}
	require.Equal(t, http.StatusOK, answer.Status, answer.Text)
	l.tokens = answer
	return true
}

func (l *login) refresh(t *testing.T, ctx context.Context) {
	t.Helper()
	answer, err := l.w.server.Shop().Refresh(ctx, l.tokens.Get("refresh_token"))
	require.NoError(t, err)
	if answer.Status == http.StatusOK {
		l.tokens = answer
		return
	}
	require.Equal(t, http.StatusServiceUnavailable, answer.Status, answer.Text)
	require.NotEmpty(t, answer.Header.Get("Retry-After"))
}

func (l *login) signOut(t *testing.T, ctx context.Context) {
	t.Helper()
	hint := url.Values{"id_token_hint": {l.tokens.Get("id_token")}}
	require.NoError(t, l.browser.Get(ctx, l.w.server.Config.Issuer+"/end_session?"+hint.Encode()))
	l.out = !full(t, l.browser.Page)
}

func (l *login) revoke(t *testing.T, ctx context.Context) {
	t.Helper()
	answer, err := l.w.server.Shop().Post(ctx, "/revoke", url.Values{"token": {l.tokens.Get("refresh_token")}})
	require.NoError(t, err)
	if l.revoked = answer.Status == http.StatusOK; !l.revoked {
		require.Equal(t, http.StatusServiceUnavailable, answer.Status, answer.Text)
		require.NotEmpty(t, answer.Header.Get("Retry-After"))
	}
}

// check looks for everything that was acknowledged.
func (l *login) check(t *testing.T, ctx context.Context) {
	t.Helper()
	shop := l.w.server.Shop()
	switch {
	case l.revoked:
		answer, err := shop.Refresh(ctx, l.tokens.Get("refresh_token"))
		require.NoError(t, err)
		require.Equal(t, "invalid_grant", answer.Get("error"), answer.Text)
	case l.tokens.Status == http.StatusOK:
		if l.out {
			require.NoError(t, l.browser.Get(ctx, shop.Begin("prompt", "none").URL))
			require.Contains(t, l.browser.Page.Header.Get("Location"), "error=login_required")
		}
		info, err := shop.Userinfo(ctx, l.tokens.Get("access_token"))
		require.NoError(t, err)
		require.Equal(t, l.person.Phone, info.Get("phone_number"), info.Text)
		answer, err := shop.Refresh(ctx, l.tokens.Get("refresh_token"))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.Status, answer.Text)
		l.tokens = answer
	case l.at != "":
		require.NoError(t, l.browser.Get(ctx, l.at))
		require.Equal(t, http.StatusOK, l.browser.Page.Status, "the request was answered with its page")
		state, _ := l.browser.Page.Attr("data-state")
		if l.bound {
			require.Contains(t, []string{"confirmed", "done"}, state, "the phone was told that it is done")
		} else if l.link != "" {
			require.Contains(t, []string{"scanned", "confirmed", "done"}, state, "the platform was told of success")
		}
	}
}

// full reports whether the page says that the server cannot go on now.
func full(t *testing.T, page play.Page) bool {
	t.Helper()
	if page.Status < http.StatusInternalServerError {
		require.Less(t, page.Status, http.StatusBadRequest, page.Text())
		return false
	}
	requireRetry(t, page)
	t.Logf("no room at %s", page.URL.Path)
	return true
}
