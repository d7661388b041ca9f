package op_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// consentID is the request of a redirect to the consent page.
func (a answer) consentID(t *testing.T) storage.ID {
	t.Helper()
	require.NotNil(t, a.location, "no redirect: %d %s", a.StatusCode, a.body)
	require.Equal(t, "/authorize/continue", a.location.Path)
	id, err := storage.ParseID(a.location.Query().Get("request"))
	require.NoError(t, err)
	return id
}

var tokenField = regexp.MustCompile(`name="?form_token"?[^>]* value="([^"]+)"`)

// form is the form of a page of ours, with the submit that is pressed.
func (a answer) form(t *testing.T, pressed string) url.Values {
	t.Helper()
	require.Equal(t, http.StatusOK, a.StatusCode, a.body)
	m := tokenField.FindStringSubmatch(a.body)
	require.NotNil(t, m, "no form token in %s", a.body)
	return url.Values{"form_token": {m[1]}, pressed: {"yes"}}
}

func TestConsent(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	b.signIn(ann)
	ask := func(pairs ...string) answer { return b.get(authorizePath(query(thirdParty, pairs...))) }

	require.Equal(t, "consent_required", ask("prompt", "none").at(t, forumURI).Get("error"))
	id := ask().consentID(t)
	page := b.get("/authorize/continue?request=" + id.String())
	require.Equal(t, http.StatusOK, page.StatusCode)
	for _, want := range []string{"A Forum", "forum.example", "138****1234", `name="approve"`, `name="decline"`} {
		require.Contains(t, page.body, want)
	}
	require.NotContains(t, page.body, "13800001234")
	require.Contains(t, page.Header.Get("Content-Security-Policy"), "form-action 'self' https://forum.example")
	require.Contains(t, page.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	require.Equal(t, "no-store", page.Header.Get("Cache-Control"))

	path := "/authorize/continue?request=" + id.String()
	b.post(path, page.form(t, "approve")).code(t, w, forumURI)
	require.Equal(t, []string{"openid", "phone"}, w.faults.last().Grant.Scopes)
	b.post(path, page.form(t, "approve")).page(t, http.StatusNotFound) // twice
	b.post(path, page.form(t, "decline")).page(t, http.StatusNotFound) // another mind, too late

	// Given once, it is not asked again for the same or less.
	ask().code(t, w, forumURI)
	ask("scope", "openid").code(t, w, forumURI)
	ask("prompt", "none").code(t, w, forumURI)
	// More is asked for, and so is offline_access.
	require.Equal(t, "consent_required", ask("prompt", "none", "scope", "openid phone profile").at(t, forumURI).Get("error"))
	require.Equal(t, "consent_required", ask("prompt", "none", "scope", "openid offline_access").at(t, forumURI).Get("error"))
	id = ask("scope", "openid offline_access").consentID(t)
	path = "/authorize/continue?request=" + id.String()
	b.post(path, b.get(path).form(t, "approve")).code(t, w, forumURI)
	require.True(t, w.faults.last().Grant.Offline)
	ask("prompt", "none", "scope", "openid phone offline_access").code(t, w, forumURI)
	// The client may have it asked again, each time.
	for range 2 {
		id = ask("prompt", "consent").consentID(t)
		path = "/authorize/continue?request=" + id.String()
		b.post(path, b.get(path).form(t, "approve")).code(t, w, forumURI)
	}
	// A first-party client is never asked about.
	b.get(authorizePath(query(firstParty, "prompt", "consent", "scope", "openid phone profile offline_access"))).code(t, w, shopURI)

	// One person's consent is not another's.
	other := w.browser()
	other.signIn(bob)
	other.get(authorizePath(query(thirdParty))).consentID(t)
}

func TestConsentDeclined(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	b.signIn(ann)
	id := b.get(authorizePath(query(thirdParty))).consentID(t)
	path := "/authorize/continue?request=" + id.String()
	page := b.get(path)
	codes := w.faults.codes()
	q := b.post(path, page.form(t, "decline")).at(t, forumURI)
	require.Equal(t, "access_denied", q.Get("error"))
	require.Equal(t, "st&ate=ü", q.Get("state"))
	require.Equal(t, w.issuer, q.Get("iss"))
	b.post(path, page.form(t, "approve")).page(t, http.StatusNotFound)
	b.get(path).page(t, http.StatusNotFound)
	require.Equal(t, codes, w.faults.codes())
	b.get(authorizePath(query(thirdParty))).consentID(t) // nothing was granted
}

// Consent is given by our own form, in the browser and by the person that it was shown to.
func TestConsentForged(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	session := b.signIn(ann)
	id := b.get(authorizePath(query(thirdParty))).consentID(t)
	path := "/authorize/continue?request=" + id.String()
	form := b.get(path).form(t, "approve")
	stranger := w.browser()
	stranger.post(path, form).page(t, http.StatusNotFound)
	stranger.signIn(bob)
	codes := w.faults.codes()

	stranger.post(path, form).page(t, http.StatusForbidden)
	b.post(path, url.Values{"approve": {"yes"}}).page(t, http.StatusForbidden)
	b.post(path, url.Values{"approve": {"yes"}, "form_token": {w.guard.FormToken(b.secret(), "login "+id.String())}}).page(t, http.StatusForbidden)
	other := b.get(authorizePath(query(thirdParty))).consentID(t)
	b.post("/authorize/continue?request="+other.String(), form).page(t, http.StatusForbidden)
	for header, value := range map[string]string{"Origin": "https://forum.example", "Sec-Fetch-Site": "cross-site"} {
		r := b.postRequest(path, form)
		r.Header.Set(header, value)
		b.do(r).page(t, http.StatusForbidden)
	}
	b.post(path, url.Values{"form_token": form["form_token"]}).page(t, http.StatusBadRequest)
	b.post(path, url.Values{"x": {strings.Repeat("y", 64<<10)}}).page(t, http.StatusRequestEntityTooLarge)
	require.Equal(t, codes, w.faults.codes())
	given, err := w.store.Consent(t.Context(), session.UserID, thirdParty)
	require.NoError(t, err)
	require.Empty(t, given)

	// Another person logs in while the page is open: its form is dead.
	later := b.get(authorizePath(query(firstParty, "prompt", "login"))).loginID(t)
	b.login(later, bob)
	b.post(path, form).page(t, http.StatusForbidden)
}

// The session may end, or grow too old, while the consent page is open.
func TestConsentAfterTheSession(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	session := b.signIn(ann)
	id := b.get(authorizePath(query(thirdParty, "max_age", "60"))).consentID(t)
	path := "/authorize/continue?request=" + id.String()
	form := b.get(path).form(t, "approve")
	w.clock.advance(61 * time.Second)
	a := b.post(path, form)
	require.Equal(t, id, a.consentID(t))
	require.Equal(t, id, b.get(path).loginID(t))

	require.NoError(t, w.store.EndSession(t.Context(), session.ID, w.clock.Now()))
	b.post(path, form)
	require.Equal(t, id, b.get(path).loginID(t))
	given, err := w.store.Consent(t.Context(), session.UserID, thirdParty)
	require.NoError(t, err)
	require.Empty(t, given)
}

// A double click, or approve and decline in two tabs: at most one code.
func TestConsentRaces(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	b.signIn(ann)
	for range 5 {
		id := b.get(authorizePath(query(thirdParty, "prompt", "consent"))).consentID(t)
		path := "/authorize/continue?request=" + id.String()
		page := b.get(path)
		before := w.faults.codes()
		var group sync.WaitGroup
		answers := make([]answer, 6)
		for i := range answers {
			pressed := []string{"approve", "approve", "decline"}[i%3]
			form := page.form(t, pressed)
			group.Go(func() { answers[i] = b.post(path, form) })
		}
		group.Wait()
		codes := 0
		for _, a := range answers {
			if a.location != nil && a.location.Query().Get("code") != "" {
				codes++
			}
		}
		require.LessOrEqual(t, codes, 1)
		require.Equal(t, before+codes, w.faults.codes())
	}
}
