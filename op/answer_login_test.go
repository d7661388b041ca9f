package op_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// completed is a login that has opened its session in a browser, as the flow tells of it.
type completed struct {
	w       *world
	request storage.AuthRequest
	handle  storage.Handle
	session storage.Session
	user    storage.User
}

// completes logs ann in for a request of this browser.
func (b *tab) completes(q url.Values) completed {
	w, t := b.w, b.w.t
	t.Helper()
	id := b.get(authorizePath(q)).loginID(t)
	b.login(id, ann)
	c := completed{w: w}
	var err error
	c.request, err = w.store.AuthRequest(t.Context(), id, b.secret().Hash(), w.clock.Now())
	require.NoError(t, err)
	c.handle, _ = b.session()
	c.session, c.user, err = w.store.Session(t.Context(), c.handle.ID, c.handle.Secret.Hash(), time.Hour, w.clock.Now())
	require.NoError(t, err)
	return c
}

func (c completed) answer() (*httptest.ResponseRecorder, bool) {
	rec := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(c.w.t.Context(), http.MethodPost, "/login/"+c.request.ID.String()+"/continue", nil)
	return rec, c.w.provider.Answer(rec, r, c.request, c.handle, c.session, c.user)
}

func TestALoginIsAnsweredAtOnce(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	c := b.completes(query(firstParty))
	rec, ok := c.answer()
	require.True(t, ok)
	require.Equal(t, http.StatusSeeOther, rec.Code)
	require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
	require.Equal(t, "no-referrer", rec.Header().Get("Referrer-Policy"))
	location, err := url.Parse(rec.Header().Get("Location"))
	require.NoError(t, err)
	answer{Response: rec.Result(), location: location}.code(t, w, shopURI)
	require.Equal(t, "st&ate=ü", location.Query().Get("state"))
	require.Equal(t, c.session.ID, w.faults.last().Grant.SessionID)
	b.get("/authorize/continue?request="+c.request.ID.String()).page(t, http.StatusNotFound)
	require.Equal(t, 1, w.faults.codes())
}

// Where anything is lacking, or a page is due, nothing is written and no code is issued: the continuation says what.
func TestALoginIsNotAnsweredAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		query  url.Values
		change func(c *completed)
	}{
		"consent is due":               {query: query(thirdParty)},
		"an app's own scheme":          {query: query(publicApp)},
		"another person's hint":        {change: func(c *completed) { c.request.Params.HintSubject = "somebody" }},
		"a scan is not enough":         {query(firstParty, "acr_values", acrConfirm), func(c *completed) { c.session.ACR = acrScan }},
		"no phone any more":            {change: func(c *completed) { c.user.PhoneIndex = nil }},
		"another browser's secret":     {change: func(c *completed) { c.request.Browser = storage.NewSecret().Hash() }},
		"another session's secret":     {change: func(c *completed) { c.handle.Secret = storage.NewSecret() }},
		"another request":              {change: func(c *completed) { c.request.ID = storage.NewID(time.Now()) }},
		"a page of ours":               {change: func(c *completed) { c.request.ClientID = storage.AccountClient }},
		"an address that was given up": {change: func(c *completed) { c.request.Params.RedirectURI = "https://evil.example/cb" }},
		"a client that is gone":        {change: func(c *completed) { c.request.ClientID = "gone" }},
		"a store that is down":         {change: func(c *completed) { c.w.faults.fail("IssueCode") }},
		"a device": {change: func(c *completed) {
			c.request.Params.Device, c.request.Params.RedirectURI = storage.NewID(time.Now()).String(), ""
		}},
		"a locked user": {change: func(c *completed) {
			require.NoError(c.w.t, c.w.store.LockUser(c.w.t.Context(), c.user.ID, "test", c.w.clock.Now()))
		}},
		"a session that was ended": {change: func(c *completed) {
			require.NoError(c.w.t, c.w.store.EndSession(c.w.t.Context(), c.session.ID, c.w.clock.Now()))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.query == nil {
				c.query = query(firstParty)
			}
			done := newWorld(t, settings{}).browser().completes(c.query)
			if c.change != nil {
				c.change(&done)
			}
			rec, ok := done.answer()
			require.False(t, ok)
			require.Empty(t, rec.Header())
			require.Zero(t, rec.Body.Len())
			require.Zero(t, done.w.faults.codes())
		})
	}
}

// Several answers to one login at once, and a continuation beside them: one code.
func TestALoginIsAnsweredOnce(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	c := b.completes(query(firstParty))
	var codes atomic.Int32
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			if i == 0 {
				if a := b.get("/authorize/continue?request=" + c.request.ID.String()); a.StatusCode == http.StatusSeeOther {
					codes.Add(1)
				}
				return
			}
			if rec, ok := c.answer(); ok && strings.Contains(rec.Header().Get("Location"), "code=") {
				codes.Add(1)
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 1, codes.Load())
	require.Equal(t, 1, w.faults.codes())
}
