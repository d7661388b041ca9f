package op_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/op/clients"
	"qiao/storage"
)

// account opens the page, after a login of its own where that is lacking.
func (b *tab) account(path string, who person) answer {
	b.w.t.Helper()
	a := b.get(path)
	if a.StatusCode == http.StatusOK {
		return a
	}
	id := a.loginID(b.w.t)
	b.login(id, who)
	a = b.get("/authorize/continue?request=" + id.String())
	require.Equal(b.w.t, http.StatusSeeOther, a.StatusCode, a.body)
	return b.get(a.Header.Get("Location"))
}

// press sends a form of the page, with more fields.
func (b *tab) press(page answer, path string, fields ...string) answer {
	b.w.t.Helper()
	form := url.Values{"form_token": {page.hidden().Get("form_token")}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.post(path, form)
}

// offlineGrant is the grant of a client with offline access, after the consent where that is lacking.
func (b *tab) offlineGrant(clientID, uri string) storage.ID {
	b.w.t.Helper()
	a := b.get(authorizePath(query(clientID, "scope", "openid phone offline_access")))
	if a.location.Path == "/authorize/continue" {
		a = b.decide(b.get(a.Header.Get("Location")), "approve")
	}
	return a.code(b.w.t, b.w, uri).ID
}

func (w *world) alive(id storage.ID) bool {
	_, err := w.store.AccessGrant(w.t.Context(), id)
	return err == nil
}

// tvOf signs a TV in as the person of the browser.
func (b *tab) tvOf(who person) (*tv, string) {
	b.w.t.Helper()
	d := b.w.tv(tvApp)
	b.decide(b.confirmPage(d, who), "approve")
	answer, tokens := d.poll()
	require.Equal(b.w.t, "tokens", answer)
	return d, tokens["refresh_token"].(string)
}

func (w *world) refreshTV(token string) int {
	w.t.Helper()
	status, _ := w.machine("/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {tvApp}, "refresh_token": {token}})
	return status
}

func TestAccountPage(t *testing.T) {
	w := deviceWorld(t)
	b := w.browser()
	page := b.account("/account", ann)
	require.Equal(t, http.StatusOK, page.StatusCode)
	require.Contains(t, page.body, "138****1234")
	require.Contains(t, page.body, "this browser")
	require.NotContains(t, page.body, ann.e164)
	require.Equal(t, "no-store", page.Header.Get("Cache-Control"))
	require.Zero(t, w.faults.codes(), "the page's own login yields no code")

	b.tvOf(ann)
	b.offlineGrant(thirdParty, forumURI)
	page = b.get("/account")
	for _, part := range []string{"客厅电视", "Client tv", "A Forum", "/account/apps", "/account/tvs"} {
		require.Contains(t, page.body, part)
	}
	other := w.browser().account("/account", bob)
	for _, part := range []string{"客厅电视", "A Forum", "138****1234"} {
		require.NotContains(t, other.body, part)
	}
}

// The page's client is none: nobody can be it, and its request ends nowhere but at the page.
func TestAccountClientIsNone(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	for _, id := range []string{clients.AccountPage, storage.PhoneChangeClient} {
		q := query(firstParty)
		q.Set("client_id", id)
		b.get(authorizePath(q)).page(t, http.StatusBadRequest)
		status, _ := w.machine("/token", url.Values{"grant_type": {"authorization_code"}, "client_id": {id}, "code": {"x"}})
		require.Equal(t, http.StatusUnauthorized, status)
	}

	id := b.get("/account").loginID(t)
	w.browser().get("/authorize/continue?request="+id.String()).page(t, http.StatusNotFound)
	b.login(id, ann)
	form := url.Values{"form_token": {w.guard.FormToken(b.secret(), "consent "+id.String())}, "approve": {"yes"}}
	b.post("/authorize/continue?request="+id.String(), form).page(t, http.StatusBadRequest)
	require.Zero(t, w.faults.codes())
	require.Equal(t, "/account", b.get("/authorize/continue?request="+id.String()).Header.Get("Location"))
	b.get("/authorize/continue?request="+id.String()).page(t, http.StatusNotFound)

	fresh := w.browser()
	id = fresh.get("/account").loginID(t)
	form = url.Values{"form_token": {w.guard.FormToken(fresh.secret(), "login "+id.String())}}
	require.Equal(t, "/logged-out", fresh.post("/authorize/cancel?request="+id.String(), form).Header.Get("Location"))
}

// The login that a change of the number asks for ends at the change, as often as it is asked for, and yields nothing else.
func TestPhoneChangeLogin(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	b.signIn(ann)
	codes, now := w.faults.codes(), w.clock.Now()
	request := storage.AuthRequest{
		ID: storage.NewID(now), Browser: b.secret().Hash(), ClientID: storage.PhoneChangeClient, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		Params: storage.AuthParams{Scopes: []string{"openid"}, Prompt: []string{"login"}, ACRValues: []string{acrConfirm}},
	}
	require.NoError(t, w.store.CreateAuthRequest(t.Context(), request))
	next := "/authorize/continue?request=" + request.ID.String()
	require.Equal(t, "/login/"+request.ID.String(), b.get(next).location.Path, "being signed in is not enough")
	form := url.Values{"form_token": {w.guard.FormToken(b.secret(), "consent "+request.ID.String())}, "approve": {"yes"}}
	b.post(next, form).page(t, http.StatusBadRequest)
	b.loginACR(request.ID, ann, acrScan)
	require.Equal(t, "/login/"+request.ID.String(), b.get(next).location.Path, "nor is a scan alone")
	b.login(request.ID, ann)
	for range 2 {
		require.Equal(t, "/phone/change", b.get(next).Header.Get("Location"))
	}
	form = url.Values{"form_token": {w.guard.FormToken(b.secret(), "login "+request.ID.String())}}
	require.Equal(t, "/phone/change", b.post("/authorize/cancel?request="+request.ID.String(), form).Header.Get("Location"))
	b.get(next).page(t, http.StatusNotFound)
	require.Equal(t, codes, w.faults.codes())
}

// Who sends a form, from where and for what: nothing happens but to one's own things.
func TestAccountAttacks(t *testing.T) {
	w := deviceWorld(t)
	victim, second, attacker := w.browser(), w.browser(), w.browser()
	page := victim.account("/account", ann)
	other := second.signIn(ann)
	theirs := attacker.account("/account", bob)
	d, refresh := victim.tvOf(ann)
	device, err := storage.ParseHandle(d.code)
	require.NoError(t, err)
	app := victim.offlineGrant(thirdParty, forumURI)
	fields := map[string][]string{
		"/account/sessions": {"id", other.ID.String()}, "/account/tvs": {"id", device.ID.String()},
		"/account/apps": {"client_id", thirdParty}, "/account/sign-out": nil, "/account/delete": {"approve", "yes"},
	}
	untouched := func(name string) {
		require.True(t, second.live() && victim.live() && w.alive(app) && w.alive(device.ID), name)
	}
	for path, f := range fields {
		form := url.Values{}
		for i := 0; i < len(f); i += 2 {
			form.Set(f[i], f[i+1])
		}
		send := func(b *tab, token string, header ...string) answer {
			form := url.Values{"form_token": {token}}
			for i := 0; i < len(f); i += 2 {
				form.Set(f[i], f[i+1])
			}
			r := b.postRequest(path, form)
			for i := 0; i < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			return b.do(r)
		}
		good := page.hidden().Get("form_token")
		victim.post(path, form).page(t, http.StatusForbidden)
		send(victim, theirs.hidden().Get("form_token")).page(t, http.StatusForbidden)
		send(second, good).page(t, http.StatusForbidden) // the same person's other browser
		send(attacker, good).page(t, http.StatusForbidden)
		send(w.browser(), good).page(t, http.StatusNotFound)
		send(victim, good, "Origin", "https://evil.example").page(t, http.StatusForbidden)
		send(victim, good, "Sec-Fetch-Site", "cross-site").page(t, http.StatusForbidden)
		send(victim, good+string(make([]byte, 1<<20))).page(t, http.StatusRequestEntityTooLarge)
		if path != "/account/delete" {
			require.Equal(t, http.StatusMethodNotAllowed, victim.get(path+"?"+form.Encode()).StatusCode)
		} else {
			victim.get(path + "?approve=yes")
		}
		untouched(path)
	}
	// Somebody else's things, with a page of one's own.
	attacker.press(theirs, "/account/sessions", "id", other.ID.String()).page(t, http.StatusNotFound)
	attacker.press(theirs, "/account/tvs", "id", device.ID.String()).page(t, http.StatusNotFound)
	attacker.press(theirs, "/account/tvs", "id", app.String()).page(t, http.StatusNotFound)
	attacker.press(theirs, "/account/tvs", "id", "x").page(t, http.StatusNotFound)
	attacker.press(theirs, "/account/apps").page(t, http.StatusBadRequest)
	require.Equal(t, "/account", attacker.press(theirs, "/account/apps", "client_id", thirdParty).Header.Get("Location"))
	untouched("foreign ids")
	attacker.press(theirs, "/account/sign-out")
	untouched("the attacker's own end")
	require.Equal(t, http.StatusOK, w.refreshTV(refresh))

	// The session ended while the page was open: it does nothing more.
	require.NoError(t, w.store.EndSession(t.Context(), mustSession(t, victim), w.clock.Now()))
	require.Equal(t, "/account", victim.press(page, "/account/sign-out").Header.Get("Location"))
	require.True(t, second.live() && w.alive(app))
}

func mustSession(t *testing.T, b *tab) storage.ID {
	t.Helper()
	h, ok := b.session()
	require.True(t, ok)
	return h.ID
}
