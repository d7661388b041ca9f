package op_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/op"
	"qiao/storage"
)

// drafts asks for the draft of the code that answers a request of this browser, as the flow does before it completes the
// login of the person.
func (b *tab) drafts(request storage.AuthRequest, userID string) (*storage.NewCode, func(http.ResponseWriter)) {
	r := httptest.NewRequestWithContext(b.w.t.Context(), http.MethodPost, "/login/"+request.ID.String()+"/continue", nil)
	return b.w.provider.Draft(r, request, userID)
}

// asks is a stored request of this browser.
func (b *tab) asks(q url.Values) storage.AuthRequest {
	b.w.t.Helper()
	id := b.get(authorizePath(q)).loginID(b.w.t)
	request, err := b.w.store.AuthRequest(b.w.t.Context(), id, b.secret().Hash(), b.w.clock.Now())
	require.NoError(b.w.t, err)
	return request
}

// The answer to a login is the one that the continuation would have given, with a code of the same kind.
func TestALoginIsAnsweredAsTheContinuationWould(t *testing.T) {
	w := newWorld(t, settings{})
	for name, q := range map[string]url.Values{
		"online":  query(firstParty),
		"offline": query(firstParty, "scope", "openid phone offline_access"),
		"PKCE":    query(pkceClient, "code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method", "S256"),
		"a class": query(firstParty, "acr_values", acrConfirm, "prompt", "login"),
	} {
		b := w.browser()
		request := b.asks(q)
		session := b.login(request.ID, ann)
		draft, tell := b.drafts(request, session.UserID)
		require.NotNil(t, draft, name)
		rec := httptest.NewRecorder()
		tell(rec)
		require.Equal(t, http.StatusSeeOther, rec.Code, name)
		require.Equal(t, "no-store", rec.Header().Get("Cache-Control"), name)
		require.Equal(t, "no-referrer", rec.Header().Get("Referrer-Policy"), name)
		location, err := url.Parse(rec.Header().Get("Location"))
		require.NoError(t, err)
		told := answer{Response: rec.Result(), location: location}.code(t, w, q.Get("redirect_uri"))
		require.Equal(t, draft.Grant.ID, told.ID, name)
		require.Equal(t, draft.CodeHash, told.Secret.Hash(), name)
		require.Equal(t, q.Get("state"), location.Query().Get("state"), name)

		b.get("/authorize/continue?request="+request.ID.String()).code(t, w, q.Get("redirect_uri"))
		issued, completed := w.faults.last(), *draft
		completed.Grant.SessionID, completed.Grant.AuthTime, completed.Grant.AMR, completed.Grant.ACR = session.ID, session.AuthTime, session.AMR, session.ACR
		if !completed.Grant.Offline {
			completed.Grant.ExpiresAt = session.ExpiresAt
		}
		issued.Grant.ID, issued.CodeHash, issued.AuthRequestID, issued.Browser, issued.SessionHash = draft.Grant.ID, draft.CodeHash, storage.ID{}, storage.Hash{}, storage.Hash{}
		require.Equal(t, issued, completed, name)
	}
}

// Where anything is lacking, or a page is due, there is no draft: the continuation says what.
func TestALoginIsNotAnsweredWhereMoreIsLacking(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	user := b.signIn(ann).UserID
	for name, c := range map[string]struct {
		query  url.Values
		change func(r *storage.AuthRequest)
		nobody bool
	}{
		"consent is due":               {query: query(thirdParty, "prompt", "login")},
		"an app's own scheme":          {query: query(publicApp, "prompt", "login")},
		"nobody":                       {nobody: true},
		"another person's hint":        {change: func(r *storage.AuthRequest) { r.Params.HintSubject = "somebody" }},
		"a page of ours":               {change: func(r *storage.AuthRequest) { r.ClientID = storage.AccountClient }},
		"an address that was given up": {change: func(r *storage.AuthRequest) { r.Params.RedirectURI = "https://evil.example/cb" }},
		"another client's address":     {change: func(r *storage.AuthRequest) { r.Params.RedirectURI = forumURI }},
		"a client that is gone":        {change: func(r *storage.AuthRequest) { r.ClientID = "gone" }},
		"a device": {change: func(r *storage.AuthRequest) {
			r.Params.Device, r.Params.RedirectURI = storage.NewID(time.Now()).String(), ""
		}},
	} {
		if c.query == nil {
			c.query = query(firstParty, "prompt", "login")
		}
		request := b.asks(c.query)
		if c.change != nil {
			c.change(&request)
		}
		who := user
		if c.nobody {
			who = ""
		}
		draft, tell := b.drafts(request, who)
		require.Nil(t, draft, name)
		require.Nil(t, tell, name)
	}
	draft, _ := b.drafts(b.asks(query(firstParty, "prompt", "login")), user)
	require.NotNil(t, draft)
}

// A code that comes with a login counts as any other.
func TestALoginIsNotAnsweredBeyondTheRateOfCodes(t *testing.T) {
	w := newWorld(t, settings{limits: op.Limits{Codes: op.Rate{Max: 3, Window: time.Hour}}})
	b := w.browser()
	user := b.signIn(ann).UserID // one
	request := b.asks(query(firstParty, "prompt", "login"))
	for range 2 {
		draft, _ := b.drafts(request, user)
		require.NotNil(t, draft)
	}
	draft, _ := b.drafts(request, user)
	require.Nil(t, draft)
	b.login(request.ID, ann)
	b.get("/authorize/continue?request="+request.ID.String()).page(t, http.StatusTooManyRequests)
	draft, _ = b.drafts(request, "somebody else")
	require.NotNil(t, draft)
}
