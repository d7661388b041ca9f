package op_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"qiao/op/clients"
	"qiao/storage"
)

// relyingParty is an application that signs people in with libraries that are not ours.
type relyingParty struct {
	w        *world
	server   *httptest.Server
	provider *oidc.Provider
	config   oauth2.Config

	mu       sync.Mutex
	state    string
	nonce    string
	verifier string
	token    *oauth2.Token
	idToken  *oidc.IDToken
	failure  string
}

func newRelyingParty(t *testing.T, w *world) *relyingParty {
	t.Helper()
	rp := &relyingParty{w: w}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", rp.login)
	mux.HandleFunc("GET /callback", rp.callback)
	rp.server = httptest.NewServer(mux)
	t.Cleanup(rp.server.Close)

	secret, hash := clients.NewSecret(w.box)
	client := storage.Client{
		ID: "library", Name: "Library", SecretHash: hash, AuthMethods: []string{storage.AuthMethodBasic, storage.AuthMethodPost},
		RedirectURIs: []string{rp.server.URL + "/callback"}, PostLogoutRedirectURIs: []string{rp.server.URL + "/bye"},
		GrantTypes: []string{"authorization_code", "refresh_token"},
		Scopes:     []string{"openid", "profile", "phone", "offline_access"}, IDTokenAlg: "RS256", Source: "cli",
	}
	require.NoError(t, clients.Validate(client))
	require.NoError(t, w.store.AddClient(t.Context(), client, "test"))
	w.clock.advance(2 * time.Second) // the registry looks once a second

	var err error
	rp.provider, err = oidc.NewProvider(t.Context(), w.issuer)
	require.NoError(t, err)
	rp.config = oauth2.Config{
		ClientID: client.ID, ClientSecret: secret, Endpoint: rp.provider.Endpoint(), RedirectURL: rp.server.URL + "/callback",
		Scopes: []string{oidc.ScopeOpenID, "phone", oidc.ScopeOfflineAccess},
	}
	return rp
}

func (rp *relyingParty) login(w http.ResponseWriter, r *http.Request) {
	rp.mu.Lock()
	defer rp.mu.Unlock()
	rp.state, rp.nonce, rp.verifier = oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	http.Redirect(w, r, rp.config.AuthCodeURL(rp.state, oidc.Nonce(rp.nonce), oauth2.S256ChallengeOption(rp.verifier)), http.StatusFound)
}

func (rp *relyingParty) callback(w http.ResponseWriter, r *http.Request) {
	rp.mu.Lock()
	defer rp.mu.Unlock()
	rp.token, rp.idToken, rp.failure = nil, nil, r.FormValue("error")
	if r.FormValue("state") != rp.state || r.FormValue("iss") != rp.w.issuer || rp.failure != "" {
		http.Error(w, "not ours", http.StatusBadRequest)
		return
	}
	token, err := rp.config.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(rp.verifier))
	if err != nil {
		rp.failure = err.Error()
		return
	}
	raw, _ := token.Extra("id_token").(string)
	verifier := rp.provider.Verifier(&oidc.Config{ClientID: rp.config.ClientID, Now: rp.w.clock.Now})
	id, err := verifier.Verify(r.Context(), raw)
	if err != nil {
		rp.failure = err.Error()
		return
	}
	if err := id.VerifyAccessToken(token.AccessToken); err != nil || id.Nonce != rp.nonce {
		rp.failure = "at_hash or nonce"
		return
	}
	rp.token, rp.idToken = token, id
	_, _ = w.Write([]byte("signed in"))
}

// visit fetches an absolute address and follows redirects until a page.
func (b *tab) visit(address string) answer {
	b.w.t.Helper()
	for range 10 {
		r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodGet, address, nil)
		require.NoError(b.w.t, err)
		a := b.do(r)
		if a.location == nil {
			return a
		}
		address = r.URL.ResolveReference(a.location).String()
		if a.location.Host == "" && a.location.Path != "/authorize/continue" { // the login page is not ours to serve
			return a
		}
	}
	b.w.t.Fatal("redirects without an end")
	return answer{}
}

// A client that is written with coreos/go-oidc and x/oauth2 signs in, reads userinfo, refreshes and logs out.
func TestRealClient(t *testing.T) {
	w := newWorld(t, settings{})
	rp := newRelyingParty(t, w)
	b := w.browser()
	id := b.visit(rp.server.URL + "/login").loginID(t)
	session := b.login(id, ann)
	consent := b.visit(w.issuer + "/authorize/continue?request=" + id.String())
	done := b.post("/authorize/continue?request="+id.String(), consent.form(t, "approve"))
	require.Equal(t, "signed in", b.visit(done.Header.Get("Location")).body, rp.failure)
	require.Equal(t, session.UserID, rp.idToken.Subject)

	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, http.DefaultClient)
	info, err := rp.provider.UserInfo(ctx, oauth2.StaticTokenSource(rp.token))
	require.NoError(t, err)
	require.Equal(t, rp.idToken.Subject, info.Subject)
	var claims struct {
		Phone    string `json:"phone_number"`
		Verified bool   `json:"phone_number_verified"`
	}
	require.NoError(t, info.Claims(&claims))
	require.Equal(t, ann.e164, claims.Phone)
	require.True(t, claims.Verified)

	var said struct {
		SessionID string `json:"sid"`
		AuthTime  int64  `json:"auth_time"`
		ACR       string `json:"acr"`
	}
	require.NoError(t, rp.idToken.Claims(&said))
	require.Equal(t, session.ID.String(), said.SessionID)
	require.Equal(t, session.AuthTime.Unix(), said.AuthTime)
	require.Equal(t, acrConfirm, said.ACR)

	old := *rp.token
	old.Expiry = time.Now().Add(-time.Minute)
	fresh, err := rp.config.TokenSource(ctx, &old).Token()
	require.NoError(t, err)
	require.NotEqual(t, old.RefreshToken, fresh.RefreshToken)

	// Signed in once, the next visit asks nothing.
	require.Equal(t, "signed in", b.visit(rp.server.URL+"/login").body, rp.failure)

	raw, _ := rp.token.Extra("id_token").(string)
	q := url.Values{"id_token_hint": {raw}, "post_logout_redirect_uri": {rp.server.URL + "/bye"}, "state": {"x"}}
	require.Equal(t, rp.server.URL+"/bye?state=x", b.get("/end_session?"+q.Encode()).Header.Get("Location"))
	require.False(t, b.live())
	b.visit(rp.server.URL + "/login").loginID(t)
}
