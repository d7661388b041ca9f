package op_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/op"
)

// unavailable checks a page that says to come back: never a redirect, never a protocol error.
func (a answer) unavailable(t *testing.T, w *world) {
	t.Helper()
	a.page(t, http.StatusServiceUnavailable)
	require.NotEmpty(t, a.Header.Get("Retry-After"))
	require.Contains(t, a.body, `data-failure="unavailable"`)
	_, rest, ok := strings.Cut(a.body, "<code>")
	require.True(t, ok, "no reference id")
	reference, _, _ := strings.Cut(rest, "<")
	require.Contains(t, w.log.String(), "reference="+reference)
	require.NotContains(t, a.body, errDown.Error(), "the cause is for the log")
	require.Contains(t, w.log.String(), errDown.Error())
}

// When the store fails, at whichever transition, the person gets a page and may try again: afterwards the very same
// request goes on.
func TestStoreDown(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()

	w.faults.fail("CreateAuthRequest")
	b.get(authorizePath(query(firstParty))).unavailable(t, w)
	w.faults.fail()
	id := b.get(authorizePath(query(firstParty))).loginID(t)
	next := "/authorize/continue?request=" + id.String()

	w.faults.fail("AuthRequest")
	b.get(next).unavailable(t, w)
	w.faults.fail()
	session := b.login(id, ann)
	for _, broken := range []string{"AuthRequest", "Session", "IssueCode"} {
		w.faults.fail(broken)
		b.get(next).unavailable(t, w)
	}
	w.faults.fail()
	b.get(next).code(t, w, shopURI)

	// At authorize itself, also for prompt=none: an outage is not login_required.
	for _, broken := range []string{"Session", "IssueCode"} {
		w.faults.fail(broken)
		b.get(authorizePath(query(firstParty))).unavailable(t, w)
		b.get(authorizePath(query(firstParty, "prompt", "none"))).unavailable(t, w)
	}
	w.faults.fail("Consent")
	b.get(authorizePath(query(thirdParty))).unavailable(t, w)
	w.faults.fail()

	id = b.get(authorizePath(query(thirdParty))).consentID(t)
	next = "/authorize/continue?request=" + id.String()
	page := b.get(next)
	for _, broken := range []string{"AuthRequest", "Session", "Consent", "GrantConsent", "IssueCode"} {
		w.faults.fail(broken)
		b.post(next, page.form(t, "approve")).unavailable(t, w)
		w.faults.fail()
		given, err := w.store.Consent(t.Context(), session.UserID, thirdParty)
		require.NoError(t, err)
		require.Equal(t, broken == "IssueCode", len(given) > 0)
	}
	w.faults.fail("EndAuthRequest")
	b.post(next, page.form(t, "decline")).unavailable(t, w)
	w.faults.fail()
	b.post(next, page.form(t, "approve")).code(t, w, forumURI)

	out := "/end_session?" + url.Values{"id_token_hint": {w.idToken(firstParty, session.UserID, session.ID.String())}}.Encode()
	for _, broken := range []string{"Session", "LogOut"} {
		w.faults.fail(broken)
		b.get(out).unavailable(t, w)
	}
	ask := func() answer { w.faults.fail(); return b.get("/end_session") }()
	w.faults.fail("LogOut")
	b.post("/end_session/confirm", ask.form(t, "approve")).unavailable(t, w)
	w.faults.fail()
	require.True(t, b.live(), "a logout that failed has ended nothing")
	require.Equal(t, "/logged-out", b.get(out).Header.Get("Location"))
	require.False(t, b.live())
}

// With the database gone altogether, every endpoint says so.
func TestStoreGone(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	session := b.signIn(ann)
	id := b.get(authorizePath(query(thirdParty))).consentID(t)
	next := "/authorize/continue?request=" + id.String()
	page, logout := b.get(next), b.get("/end_session")
	hint := w.idToken(firstParty, session.UserID, session.ID.String())
	require.NoError(t, w.store.Close())
	w.clock.advance(2 * time.Second) // what is cached for a second is not trusted any more
	codes := w.faults.codes()
	for name, a := range map[string]answer{
		"authorize":      b.get(authorizePath(query(firstParty))),
		"prompt none":    b.get(authorizePath(query(firstParty, "prompt", "none"))),
		"nobody":         w.browser().get(authorizePath(query(firstParty))),
		"unknown client": b.get(authorizePath(query(firstParty, "client_id", "nobody"))),
		"continue":       b.get(next),
		"approve":        b.post(next, page.form(t, "approve")),
		"decline":        b.post(next, page.form(t, "decline")),
		"logout":         b.get("/end_session?id_token_hint=" + hint),
		"logout page":    b.get("/end_session"),
		"confirmed":      b.post("/end_session/confirm", logout.form(t, "approve")),
	} {
		t.Run(name, func(t *testing.T) {
			a.page(t, http.StatusServiceUnavailable)
			require.NotEmpty(t, a.Header.Get("Retry-After"))
			require.NotContains(t, a.body, "sql")
		})
	}
	require.Equal(t, codes, w.faults.codes())
	_, cookie := b.session()
	require.True(t, cookie, "a logout that failed keeps the cookie")
}

// With the signals down nobody can log in anew, and whoever is signed in goes on.
func TestSignalsDown(t *testing.T) {
	w := newWorld(t, settings{})
	b, stranger := w.browser(), w.browser()
	b.signIn(ann)
	id := b.get(authorizePath(query(thirdParty))).consentID(t)
	w.signals.setDown(true)

	a := stranger.get(authorizePath(query(firstParty)))
	a.page(t, http.StatusServiceUnavailable)
	require.NotEmpty(t, a.Header.Get("Retry-After"))
	require.Empty(t, a.Cookies(), "nothing was begun")
	b.get(authorizePath(query(firstParty, "prompt", "login"))).page(t, http.StatusServiceUnavailable)

	b.get(authorizePath(query(firstParty))).code(t, w, shopURI)
	b.get(authorizePath(query(firstParty, "prompt", "none"))).code(t, w, shopURI)
	require.Equal(t, "login_required", stranger.get(authorizePath(query(firstParty, "prompt", "none"))).at(t, shopURI).Get("error"))
	path := "/authorize/continue?request=" + id.String()
	b.post(path, b.get(path).form(t, "approve")).code(t, w, forumURI)
	b.post("/end_session/confirm", b.get("/end_session").form(t, "approve"))
	w.signals.setDown(false)
	require.False(t, b.live())
}

// Each request that waits for a person is a row that anybody can make. Whoever is signed in makes none, and goes on.
func TestRateOfStoredRequests(t *testing.T) {
	w := newWorld(t, settings{limits: op.Limits{Requests: op.Rate{Max: 5, Window: time.Hour}}})
	w.addTVs()
	b := w.browser()
	b.signIn(ann)
	for range 4 {
		w.browser().get(authorizePath(query(firstParty))).loginID(t)
	}
	d := w.tv(tvApp)
	b.get("/account").page(t, http.StatusOK) // signed in, she makes no row
	for name, a := range map[string]answer{
		"the account page": w.browser().get("/account"),
		"a stranger":       w.browser().get(authorizePath(query(firstParty))),
		"another client":   w.browser().get(authorizePath(query(thirdParty))),
		"a new login":      b.get(authorizePath(query(firstParty, "prompt", "login"))),
		"a consent":        b.get(authorizePath(query(thirdParty))),
		"a device":         b.enter(d.userCode),
	} {
		a.page(t, http.StatusTooManyRequests)
		require.NotEmpty(t, a.Header.Get("Retry-After"), name)
		require.Contains(t, a.body, `data-failure="too_many"`, name)
	}
	for range 3 {
		b.get(authorizePath(query(firstParty))).code(t, w, shopURI)
		require.Equal(t, "login_required", w.browser().get(authorizePath(query(firstParty, "prompt", "none"))).at(t, shopURI).Get("error"))
	}
	w.signals.setDown(true)
	b.get(authorizePath(query(thirdParty))).consentID(t) // a rate is no invariant
}

// A client that goes wrong uses up nothing of what others at its address need to log in; and an address that has asked
// too often hears of that, whatever it asks.
func TestAnAddressWithABrokenClient(t *testing.T) {
	w := newWorld(t, settings{limits: op.Limits{
		Authorize: op.Rate{Max: 10, Window: time.Hour}, Requests: op.Rate{Max: 2, Window: time.Hour},
	}})
	broken := [][]string{
		{"redirect_uri", "https://shop.example.com/elsewhere"},
		{"client_id", "nobody"},
		{"code_challenge", "short"},
		{"prompt", "none login"},
		{"id_token_hint", "nonsense"},
		{"prompt", "none"}, // not broken: it never waits for a person
		{"state", strings.Repeat("x", 5000)},
	}
	for _, pairs := range broken {
		a := w.browser().get(authorizePath(query(firstParty, pairs...)))
		require.NotEqual(t, http.StatusTooManyRequests, a.StatusCode, pairs)
		require.Empty(t, a.Cookies(), pairs)
	}
	w.browser().get(authorizePath(query(firstParty))).loginID(t)
	w.browser().get(authorizePath(query(firstParty))).loginID(t)
	w.browser().get(authorizePath(query(firstParty))).page(t, http.StatusTooManyRequests) // the third that would wait
	for _, pairs := range broken {
		a := w.browser().get(authorizePath(query(firstParty, pairs...)))
		a.page(t, http.StatusTooManyRequests)
		require.NotEmpty(t, a.Header.Get("Retry-After"))
	}
}

// What a request costs in round trips.
func TestSignalsAreAskedOnce(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	w.signals.asked()
	id := b.get(authorizePath(query(firstParty))).loginID(t)
	require.Equal(t, 1, w.signals.asked(), "the address, and that it waits for a person")
	b.login(id, ann)
	w.signals.asked()
	b.get("/authorize/continue?request="+id.String()).code(t, w, shopURI)
	require.Equal(t, 2, w.signals.asked(), "the address, and the person once it is known who")
	b.get(authorizePath(query(firstParty))).code(t, w, shopURI)
	require.Equal(t, 2, w.signals.asked())
	w.browser().get(authorizePath(query(firstParty, "prompt", "none")))
	require.Equal(t, 1, w.signals.asked())
}

// A code is a row too, and a session can ask for them in a loop. The person sees a page, which ends the loop; a client
// that wants no page is told to come later.
func TestRateOfCodes(t *testing.T) {
	w := newWorld(t, settings{limits: op.Limits{Codes: op.Rate{Max: 3, Window: time.Hour}}})
	b, other := w.browser(), w.browser()
	b.signIn(ann) // with the first code
	id := b.get(authorizePath(query(thirdParty))).consentID(t)
	next := "/authorize/continue?request=" + id.String()
	form := b.get(next).form(t, "approve")
	b.get(authorizePath(query(firstParty))).code(t, w, shopURI)
	other.signIn(ann) // another browser of the same person
	codes := w.faults.codes()
	for range 3 {
		b.get(authorizePath(query(firstParty))).page(t, http.StatusTooManyRequests)
		q := b.get(authorizePath(query(firstParty, "prompt", "none"))).at(t, shopURI)
		require.Equal(t, "temporarily_unavailable", q.Get("error"))
		require.Equal(t, "st&ate=ü", q.Get("state"))
		a := b.post(next, form)
		a.page(t, http.StatusTooManyRequests)
		require.NotEmpty(t, a.Header.Get("Retry-After"))
		other.get(authorizePath(query(firstParty))).page(t, http.StatusTooManyRequests)
	}
	require.Equal(t, codes, w.faults.codes())
	w.browser().signIn(bob) // another person at the same address
	w.signals.setDown(true)
	b.get(next).code(t, w, forumURI) // the request is still there, and without the signals nobody is kept out
}

func TestRates(t *testing.T) {
	w := newWorld(t, settings{limits: op.Limits{
		Authorize: op.Rate{Max: 5, Window: time.Hour}, EndSession: op.Rate{Max: 2, Window: time.Hour},
	}})
	b := w.browser()
	for range 5 {
		b.get(authorizePath(query(firstParty))).loginID(t)
	}
	tooMany := func(a answer) {
		t.Helper()
		a.page(t, http.StatusTooManyRequests)
		require.NotEmpty(t, a.Header.Get("Retry-After"))
		require.Contains(t, a.body, `data-failure="too_many"`)
	}
	tooMany(b.get(authorizePath(query(firstParty))))
	tooMany(w.browser().get(authorizePath(query(firstParty)))) // an address, not a browser
	tooMany(b.get("/authorize/continue"))
	tooMany(b.post("/authorize/continue", nil))
	tooMany(b.post("/authorize/cancel", nil))

	b.get("/end_session")
	b.get("/end_session")
	tooMany(b.get("/end_session"))
	tooMany(b.post("/end_session/confirm", nil))

	// A header that anybody can send makes no other address.
	r, err := http.NewRequest(http.MethodGet, w.issuer+"/end_session", nil)
	require.NoError(t, err)
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	tooMany(b.do(r))
}
