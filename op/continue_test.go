package op_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// A request goes on in the browser that began it, and nowhere else (I9).
func TestContinueInAnotherBrowser(t *testing.T) {
	w := newWorld(t, settings{})
	owner, stranger, signedIn := w.browser(), w.browser(), w.browser()
	signedIn.signIn(bob)
	id := owner.get(authorizePath(query(firstParty))).loginID(t)
	next := "/authorize/continue?request=" + id.String()

	stranger.get(next).page(t, http.StatusNotFound) // no cookie at all
	stranger.get(authorizePath(query(firstParty)))
	stranger.get(next).page(t, http.StatusNotFound) // a cookie of its own
	signedIn.get(next).page(t, http.StatusNotFound) // a session does not help
	owner.login(id, ann)
	stranger.get(next).page(t, http.StatusNotFound)
	signedIn.get(next).page(t, http.StatusNotFound)
	codes := w.faults.codes()

	for _, path := range []string{
		"/authorize/continue", "/authorize/continue?request=", "/authorize/continue?request=%00",
		"/authorize/continue?request=" + id.String() + "A", "/authorize/continue?request=" + storage.NewID(time.Now()).String(),
		"/authorize/continue?request=" + strings.Repeat("A", 1000),
	} {
		owner.get(path).page(t, http.StatusNotFound)
	}
	require.Equal(t, codes, w.faults.codes())
	owner.get(next).code(t, w, shopURI)
}

// Without a login the continuation leads to the login page, however often.
func TestContinueBeforeTheLogin(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	id := b.get(authorizePath(query(firstParty))).loginID(t)
	for range 2 {
		require.Equal(t, id, b.get("/authorize/continue?request="+id.String()).loginID(t))
	}
	w.clock.advance(30*time.Minute + time.Second)
	b.get("/authorize/continue?request="+id.String()).page(t, http.StatusNotFound)
}

// Two tabs, a reload, the back button: one code per request, then a page that says so.
func TestContinueTwice(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	id := b.get(authorizePath(query(firstParty))).loginID(t)
	b.login(id, ann)
	next := "/authorize/continue?request=" + id.String()
	b.get(next).code(t, w, shopURI)
	b.get(next).page(t, http.StatusNotFound)

	id = b.get(authorizePath(query(firstParty, "prompt", "login"))).loginID(t)
	b.login(id, ann)
	next = "/authorize/continue?request=" + id.String()
	before := w.faults.codes()
	answers := make([]answer, 8)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = b.get(next) })
	}
	group.Wait()
	codes := 0
	for _, a := range answers {
		if a.StatusCode == http.StatusSeeOther {
			a.code(t, w, shopURI)
			codes++
			continue
		}
		a.page(t, http.StatusNotFound)
	}
	require.Equal(t, 1, codes)
	require.Equal(t, before+1, w.faults.codes())
}

// What was registered when the request began may be gone when it goes on.
func TestContinueAfterTheClientIsGone(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	id := b.get(authorizePath(query(firstParty))).loginID(t)
	b.login(id, ann)
	require.NoError(t, w.store.RemoveClient(t.Context(), firstParty, "test", w.clock.Now()))
	w.clock.advance(2 * time.Second) // the registry looks once a second
	a := b.get("/authorize/continue?request=" + id.String())
	require.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound}, a.StatusCode)
	a.page(t, a.StatusCode)
	require.Zero(t, w.faults.codes())
}

// The same for an address that the client has given up.
func TestContinueToAnAddressThatIsGone(t *testing.T) {
	w := newWorld(t, settings{})
	c := w.someClients()[0]
	c.ID, c.Source, c.RedirectURIs = "moving", "config", []string{"https://old.example/cb", "https://kept.example/cb"}
	require.NoError(t, w.store.SyncClients(t.Context(), []storage.Client{c}, w.clock.Now()))
	w.clock.advance(2 * time.Second)
	b := w.browser()
	ids := map[string]storage.ID{}
	for _, uri := range c.RedirectURIs {
		q := query(firstParty, "client_id", c.ID, "redirect_uri", uri)
		ids[uri] = b.get(authorizePath(q)).loginID(t)
	}
	c.RedirectURIs = c.RedirectURIs[1:]
	require.NoError(t, w.store.SyncClients(t.Context(), []storage.Client{c}, w.clock.Now()))
	w.clock.advance(2 * time.Second)
	a := b.get("/authorize/continue?request=" + ids["https://old.example/cb"].String())
	a.page(t, http.StatusBadRequest)
	require.Contains(t, a.body, `data-failure="redirect_mismatch"`)
	form := url.Values{"form_token": {w.guard.FormToken(b.secret(), "login "+ids["https://old.example/cb"].String())}}
	b.post("/authorize/cancel?request="+ids["https://old.example/cb"].String(), form).page(t, http.StatusBadRequest)
	b.get("/authorize/continue?request=" + ids["https://kept.example/cb"].String()).loginID(t)
}

// The login page's way out answers access_denied, once, and only by its own form in this browser.
func TestCancel(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	id := b.get(authorizePath(query(firstParty))).loginID(t)
	path := "/authorize/cancel?request=" + id.String()
	form := url.Values{"form_token": {w.guard.FormToken(b.secret(), "login "+id.String())}}

	b.post(path, nil).page(t, http.StatusForbidden)
	b.post(path, url.Values{"form_token": {w.guard.FormToken(b.secret(), "consent "+id.String())}}).page(t, http.StatusForbidden)
	foreign := b.postRequest(path, form)
	foreign.Header.Set("Origin", "https://evil.example")
	b.do(foreign).page(t, http.StatusForbidden)
	w.browser().post(path, form).page(t, http.StatusNotFound)
	b.post(path, url.Values{"x": {strings.Repeat("y", 64<<10)}}).page(t, http.StatusRequestEntityTooLarge)
	require.Equal(t, http.StatusMethodNotAllowed, b.get(path).StatusCode)

	q := b.post(path, form).at(t, shopURI)
	require.Equal(t, "access_denied", q.Get("error"))
	require.Equal(t, "st&ate=ü", q.Get("state"))
	require.Equal(t, w.issuer, q.Get("iss"))
	b.post(path, form).page(t, http.StatusNotFound)
	b.get("/authorize/continue?request="+id.String()).page(t, http.StatusNotFound)
}
