package op_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"qiao/storage"
)

func deviceWorld(t *testing.T) *world {
	w := newWorld(t, settings{})
	w.addTVs()
	return w
}

// First time in this browser: the code, the login, the question, and the TV is in.
func TestDeviceTyped(t *testing.T) {
	w := deviceWorld(t)
	d := w.tv(tvForum)
	d.polls("authorization_pending")
	b := w.browser()
	page := b.confirmPage(d, ann)
	for _, shown := range []string{d.userCode, "客厅电视", "Client tv-forum", "127.0.0.1", "138****1234", "name not verified", "Your phone number"} {
		require.Contains(t, page.body, shown)
	}
	d.polls("authorization_pending")
	require.Empty(t, w.told)
	done := b.decide(page, "approve")
	require.Equal(t, http.StatusOK, done.StatusCode, done.body)
	require.Equal(t, account+" "+ann.openID, <-w.told, "the chat says so at once")
	require.Equal(t, "approved", done.ended())
	require.Contains(t, done.body, "look at your TV")
	got, tokens := d.poll()
	require.Equal(t, "tokens", got)
	require.Equal(t, "openid profile phone", tokens["scope"])
	require.NotEmpty(t, tokens["refresh_token"])
	d.polls("invalid_grant")

	require.Equal(t, "approved", b.decide(page, "approve").ended(), "pressed again, it is the same")
	require.Equal(t, "approved", b.get(page.action()).ended(), "and so is the page that is loaded again")
	_, tokens = w.machine("/token", map[string][]string{"grant_type": {"refresh_token"}, "client_id": {tvForum}, "refresh_token": {tokens["refresh_token"].(string)}})
	require.NotEmpty(t, tokens["access_token"])
}

// Who is signed in is asked all the same, also for a client of the company itself.
func TestDeviceWithSession(t *testing.T) {
	w := deviceWorld(t)
	b := w.browser()
	b.signIn(ann)
	d := w.tv(tvApp)
	a := b.enter(strings.ToLower(strings.ReplaceAll(d.userCode, "-", " ")))
	require.Equal(t, http.StatusSeeOther, a.StatusCode)
	require.Equal(t, "/device/confirm", a.location.Path, "no login")
	d.polls("authorization_pending")
	page := b.get(a.Header.Get("Location"))
	require.NotContains(t, page.body, "would like", "first party")
	require.Contains(t, page.body, `name="approve"`)
	d.polls("authorization_pending")
	require.Equal(t, "approved", b.decide(page, "approve").ended())
	d.polls("tokens")
}

func TestDeviceDeclined(t *testing.T) {
	w := deviceWorld(t)
	b := w.browser()
	b.signIn(ann)
	d := w.tv(tvApp)
	page := b.confirmPage(d, ann)
	require.Equal(t, "declined", b.decide(page, "decline").ended())
	d.polls("access_denied")
	d.polls("access_denied")
	b.decide(page, "approve").page(t, http.StatusNotFound)
	d.polls("access_denied")
	require.Equal(t, http.StatusNotFound, b.enter(d.userCode).StatusCode)
}

// The form, and everything that can be wrong with a code.
func TestDeviceForm(t *testing.T) {
	w := deviceWorld(t)
	d := w.tv(tvApp)
	b := w.browser()
	page := b.get("/device")
	require.Equal(t, http.StatusOK, page.StatusCode)
	for _, part := range []string{`name="user_code"`, `autocapitalize="characters"`, `action="/device"`} {
		require.Contains(t, page.body, part)
	}
	require.NotContains(t, page.body, "autofocus")
	require.Contains(t, b.get("/device?lang=zh-CN").body, "电视")
	b.get("/device?lang=en")

	late := w.tv(tvApp)
	w.clock.advance(9 * time.Minute)
	fresh := w.tv(tvApp)
	w.clock.advance(2 * time.Minute)
	var answers []string
	for _, code := range []string{"", "WDJB", "1234-5678", "<script>alert(1)</script>", late.userCode, d.userCode, "BBBB-BBBB"} {
		a := b.enter(code)
		require.Equal(t, http.StatusNotFound, a.StatusCode, "%q", code)
		require.Contains(t, a.body, "wrong or has expired")
		require.NotContains(t, a.body, "<script>alert")
		answers = append(answers, strings.ReplaceAll(a.body, "BBBB-BBBB", late.userCode))
	}
	require.Equal(t, answers[4], answers[6], "a late code and one that nobody was given look the same")
	require.Equal(t, http.StatusSeeOther, b.enter(fresh.userCode).StatusCode)
}

// The complete address: a phone's camera, a computer, and WeChat itself open it.
func TestDeviceCompleteAddress(t *testing.T) {
	w := deviceWorld(t)
	d := w.tv(tvApp)
	b := w.browser()
	page := b.get(d.complete)
	require.Equal(t, http.StatusOK, page.StatusCode)
	require.Contains(t, page.body, `value="`+d.userCode+`"`)
	require.Contains(t, page.body, "Client tv")
	require.Contains(t, page.body, `src="`+strings.TrimPrefix(d.picture, w.issuer)+`.svg"`)
	require.Contains(t, page.body, "Continue in this browser")
	form := page.hidden()
	form.Set("user_code", d.userCode)
	require.Equal(t, http.StatusSeeOther, b.post("/device", form).StatusCode)

	as := func(agent, dest string) answer {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.complete, nil)
		require.NoError(t, err)
		r.Header.Set("User-Agent", agent)
		if dest != "" {
			r.Header.Set("Sec-Fetch-Dest", dest)
		}
		return b.do(r)
	}
	wechat := as("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Mobile Safari/537.36 MicroMessenger/8.0.49", "")
	require.Equal(t, http.StatusSeeOther, wechat.StatusCode)
	require.Equal(t, "/device/wechat?user_code="+d.userCode, wechat.Header.Get("Location"))
	phone := as("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148 Safari/604.1", "document")
	require.Equal(t, http.StatusOK, phone.StatusCode)
	require.NotContains(t, phone.body, "/device/picture/", "it cannot scan its own screen")
	require.NotContains(t, as("Mozilla/5.0", "image").body, "/device/picture/", "a picture on a stranger's page uses up no tries")

	d.polls("authorization_pending")
	wrong := b.get("/device?user_code=BBBB-BBBB")
	require.Equal(t, http.StatusNotFound, wrong.StatusCode)
	require.Contains(t, wrong.body, `value="BBBB-BBBB"`)
	require.Equal(t, http.StatusOK, b.get("/device?user_code=garbage").StatusCode)
}

// Everything that can have happened while the page was open.
func TestDeviceDecidedElsewhere(t *testing.T) {
	w := deviceWorld(t)
	mine, other := w.browser(), w.browser()
	mine.signIn(ann)
	other.signIn(bob)

	d := w.tv(tvApp)
	page, theirs := mine.confirmPage(d, ann), other.confirmPage(d, bob)
	require.Equal(t, "approved", other.decide(theirs, "approve").ended())
	require.Equal(t, "taken", mine.decide(page, "approve").ended())
	require.Equal(t, "taken", mine.decide(page, "decline").ended())
	d.polls("tokens")

	// A decline beside somebody who is deciding keeps nobody out.
	d = w.tv(tvApp)
	page, theirs = mine.confirmPage(d, ann), other.confirmPage(d, bob)
	require.Equal(t, "declined", other.decide(theirs, "decline").ended())
	d.polls("authorization_pending")
	require.Equal(t, "approved", mine.decide(page, "approve").ended())
	d.polls("tokens")

	d = w.tv(tvApp)
	page = mine.confirmPage(d, ann)
	w.clock.advance(11 * time.Minute)
	require.Equal(t, "expired", mine.decide(page, "approve").ended())
	require.Equal(t, "expired", mine.get(page.action()).ended())

	d = w.tv(tvApp)
	page = mine.confirmPage(d, ann)
	h, ok := mine.session()
	require.True(t, ok)
	require.NoError(t, w.store.EndSession(t.Context(), h.ID, w.clock.Now()))
	again := mine.decide(page, "approve")
	require.True(t, strings.HasPrefix(again.location.Path, "/login/"), "signed out: log in, and be asked again")
	d.polls("authorization_pending")
}

// The way out of the login page: nobody has declined, so the device is not told.
func TestDeviceLoginCancelled(t *testing.T) {
	w := deviceWorld(t)
	d := w.tv(tvApp)
	b := w.browser()
	id := b.enter(d.userCode).loginID(t)
	form := map[string][]string{"form_token": {w.guard.FormToken(b.secret(), "login "+id.String())}}
	a := b.post("/authorize/cancel?request="+id.String(), form)
	require.Equal(t, http.StatusOK, a.StatusCode, a.body)
	require.Equal(t, "cancelled", a.ended())
	require.Contains(t, a.body, `href="/device"`)
	b.get("/authorize/continue?request="+id.String()).page(t, http.StatusNotFound)
	d.polls("authorization_pending")
}

// A store that is down is a page that says so, and the code is good afterwards. Signals that are down stop no decision.
func TestDeviceOutage(t *testing.T) {
	w := deviceWorld(t)
	b := w.browser()
	b.signIn(ann)
	d := w.tv(tvApp)
	w.faults.fail("DeviceByUserCode")
	b.enter(d.userCode).page(t, http.StatusServiceUnavailable)
	b.get(d.complete).page(t, http.StatusServiceUnavailable)
	w.faults.fail("CreateAuthRequest")
	b.enter(d.userCode).page(t, http.StatusServiceUnavailable)
	w.faults.fail()
	path := b.enter(d.userCode).Header.Get("Location")
	w.faults.fail("OpenDevice")
	b.get(path).page(t, http.StatusServiceUnavailable)
	w.faults.fail("Session")
	b.get(path).page(t, http.StatusServiceUnavailable)
	w.faults.fail()
	page := b.get(path)
	w.faults.fail("ApproveDevice", "DeclineDevice")
	b.decide(page, "approve").page(t, http.StatusServiceUnavailable)
	b.decide(page, "decline").page(t, http.StatusServiceUnavailable)
	w.faults.fail()
	w.signals.setDown(true)
	require.Equal(t, "approved", b.decide(page, "approve").ended())
	d.polls("tokens")
}

// A TV that is written with x/oauth2 signs in.
func TestRealDevice(t *testing.T) {
	w := newWorld(t, settings{deviceInterval: time.Second})
	w.addTVs()
	config := oauth2.Config{
		ClientID: tvApp, Scopes: []string{"openid", "phone"},
		Endpoint: oauth2.Endpoint{DeviceAuthURL: w.issuer + "/device_authorization", TokenURL: w.issuer + "/token", AuthStyle: oauth2.AuthStyleInParams},
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	shown, err := config.DeviceAuth(ctx)
	require.NoError(t, err)
	require.Equal(t, w.issuer+"/device", shown.VerificationURI)
	require.EqualValues(t, 1, shown.Interval)

	type result struct {
		token *oauth2.Token
		err   error
	}
	polled := make(chan result, 1)
	go func() {
		token, err := config.DeviceAccessToken(ctx, shown)
		polled <- result{token, err}
	}()
	b := w.browser()
	page := b.confirmPage(&tv{w: w, userCode: shown.UserCode}, ann)
	select {
	case r := <-polled:
		t.Fatal("tokens before the approval", r)
	default:
	}
	require.Equal(t, "approved", b.decide(page, "approve").ended())
	got := <-polled
	require.NoError(t, got.err)
	require.NotEmpty(t, got.token.RefreshToken)
	require.NotEmpty(t, got.token.Extra("id_token"))
	require.True(t, got.token.Valid())
}

// The page asks for a session whose person has a phone: one that lost it to a new holder logs in again.
func TestDevicePhoneNeeded(t *testing.T) {
	w := deviceWorld(t)
	b := w.browser()
	b.signIn(ann)
	d := w.tv(tvApp)
	path := b.enter(d.userCode).Header.Get("Location")
	w.faults.failWith(storage.ErrPhoneNeeded, "OpenDevice")
	require.True(t, strings.HasPrefix(b.get(path).location.Path, "/login/"))
	w.faults.failWith(storage.ErrLocked, "OpenDevice")
	require.Equal(t, "locked", b.get(path).ended())
}
