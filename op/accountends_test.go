package op_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// Each button, twice and at once, is effective when it is answered.
func TestAccountEnds(t *testing.T) {
	w := deviceWorld(t)
	b, second := w.browser(), w.browser()
	b.account("/account", ann)
	other := second.signIn(ann)
	d, refresh := b.tvOf(ann)
	device, err := storage.ParseHandle(d.code)
	require.NoError(t, err)
	app := b.offlineGrant(thirdParty, forumURI)
	page := b.get("/account")
	for _, f := range [][]string{
		{"/account/sessions", "id", other.ID.String()}, {"/account/tvs", "id", device.ID.String()}, {"/account/apps", "client_id", thirdParty},
	} {
		var running sync.WaitGroup
		for range 4 {
			running.Go(func() {
				form := url.Values{"form_token": {page.hidden().Get("form_token")}, f[1]: {f[2]}}
				if a := b.post(f[0], form); a.Header.Get("Location") != "/account" {
					t.Errorf("%s: %d", f[0], a.StatusCode)
				}
			})
		}
		running.Wait()
	}
	require.False(t, second.live())
	require.True(t, b.live())
	require.NotEqual(t, http.StatusOK, w.refreshTV(refresh))
	require.False(t, w.alive(app))
	require.Equal(t, "/authorize/continue", b.get(authorizePath(query(thirdParty))).location.Path, "the app has to ask again")
	empty := b.get("/account").body
	require.Contains(t, empty, "No TV is signed in.")

	require.Equal(t, "/logged-out", b.press(page, "/account/sessions", "id", mustSession(t, b).String()).Header.Get("Location"))
	require.Equal(t, "/login/", b.get("/account").location.Path[:7])
}

func TestSignOutEverywhere(t *testing.T) {
	w := deviceWorld(t)
	b, second, bystander := w.browser(), w.browser(), w.browser()
	b.account("/account", ann)
	second.signIn(ann)
	bystander.signIn(bob)
	_, refresh := b.tvOf(ann)
	app := b.offlineGrant(thirdParty, forumURI)
	page := b.get("/account")
	require.Equal(t, "/logged-out", b.press(page, "/account/sign-out").Header.Get("Location"))
	require.False(t, b.live() || second.live() || w.alive(app))
	require.NotEqual(t, http.StatusOK, w.refreshTV(refresh))
	require.True(t, bystander.live())
	b.account("/account", ann) // and back in
}

// A database that is down ends nothing and says so: the cookie stays, and the person can try again.
func TestAccountOutage(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	page := b.account("/account", ann)
	w.faults.fail("SignOutEverywhere")
	b.press(page, "/account/sign-out").page(t, http.StatusServiceUnavailable)
	w.faults.fail()
	require.True(t, b.live())
}

func TestAccountExport(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	session := b.signIn(ann)
	b.offlineGrant(thirdParty, forumURI)
	a := b.get("/account/export")
	require.Equal(t, http.StatusOK, a.StatusCode, a.body)
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	require.Contains(t, a.Header.Get("Content-Disposition"), "attachment")
	var data map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &data))
	require.Equal(t, ann.e164, data["phone_number"])
	require.Contains(t, a.body, ann.openID)
	for _, part := range []string{"sessions", "grants", "consents", "notices", "audit", "wechat_identities", "known_browsers"} {
		require.NotEmpty(t, data[part], part)
	}
	known := data["known_browsers"].([]any)[0].(map[string]any)
	require.NotEmpty(t, known["device"])
	require.Equal(t, data["exported_at"], known["last_login_at"])
	// What finds a browser again, or lets one in, is not in it.
	secret := b.secret()
	hash := secret.Hash()
	for _, bearer := range []string{secret.Text(), hex.EncodeToString(hash[:]), base64.RawURLEncoding.EncodeToString(hash[:]), base64.StdEncoding.EncodeToString(hash[:])} {
		require.NotContains(t, a.body, bearer)
	}
	// Nor is where somebody else was who has this person's earlier number now.
	require.NoError(t, w.store.Audit(t.Context(), storage.AuditEntry{
		At: w.clock.Now(), Actor: "user", Action: "phone.move", UserID: session.UserID, ClientID: "their-client", Account: "their-account",
	}))
	a = b.get("/account/export")
	require.Contains(t, a.body, "phone.move")
	require.NotContains(t, a.body, "their-")

	w.clock.advance(11 * time.Minute)
	page := b.account("/account/export", ann)
	require.Contains(t, page.body, "You have confirmed that it is you")
	require.Equal(t, http.StatusOK, b.get("/account/export").StatusCode)
	w.clock.advance(11 * time.Minute)
	require.NotContains(t, b.get("/account?fresh=1").body, "You have confirmed", "the address alone says nothing")
	// A login by the scan alone is not enough.
	id := b.get(authorizePath(query(firstParty, "prompt", "login"))).loginID(t)
	b.loginACR(id, ann, acrScan)
	require.Equal(t, http.StatusSeeOther, b.get("/account/export").StatusCode)
	require.NotContains(t, w.log.String(), ann.e164)
}

func TestAccountDelete(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	first := b.signIn(ann)
	app := b.offlineGrant(thirdParty, forumURI)
	page := b.get("/account/delete")
	require.Equal(t, "/account", b.press(page, "/account/delete", "decline", "yes").Header.Get("Location"))
	require.True(t, b.live() && w.alive(app))

	w.clock.advance(11 * time.Minute)
	require.Equal(t, "/account/delete", b.press(page, "/account/delete", "approve", "yes").Header.Get("Location"), "too old by now")
	require.True(t, b.live())
	page = b.account("/account/delete", ann)
	gone := b.press(page, "/account/delete", "approve", "yes")
	require.Equal(t, http.StatusOK, gone.StatusCode, gone.body)
	require.Contains(t, gone.body, "Your account is deleted")
	require.False(t, b.live() || w.alive(app))
	_, held := b.session()
	require.False(t, held, "the cookie is gone")
	again := b.press(page, "/account/delete", "approve", "yes")
	require.Equal(t, "/account", again.Header.Get("Location"), "nobody is signed in")
	_, err := w.store.User(t.Context(), first.UserID)
	require.ErrorIs(t, err, storage.ErrNotFound)
}

// A consent that is taken back between the look at it and the code: the code is not handed out, and its grant is over.
func TestConsentTakenBackBeforeTheCode(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	who := b.signIn(ann)
	b.offlineGrant(thirdParty, forumURI)
	w.faults.beforeCode = func() {
		require.NoError(t, w.store.RevokeClientAccess(t.Context(), who.UserID, thirdParty, w.clock.Now()))
	}
	answer := b.get(authorizePath(query(thirdParty, "scope", "openid phone offline_access"))).at(t, forumURI)
	require.Equal(t, "access_denied", answer.Get("error"))
	require.Empty(t, answer.Get("code"))
	require.False(t, w.alive(w.faults.last().Grant.ID))
}
