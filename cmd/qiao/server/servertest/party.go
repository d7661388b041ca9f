package servertest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"qiao/cmd/qiao/demo/play"
)

// Party is a relying party.
type Party struct {
	Issuer, ID, Secret, Redirect string
	Scope                        string
	HTTP                         *http.Client
}

// Shop is the company's own relying party, calling this server.
func (s *Server) Shop() Party {
	return Party{
		Issuer: s.Config.Issuer, ID: "shop", Secret: ShopSecret, Redirect: ShopURI,
		Scope: "openid profile phone offline_access", HTTP: &http.Client{Transport: s.Via(), Timeout: 30 * time.Second},
	}
}

// Forum is somebody else's relying party, calling this server.
func (s *Server) Forum() Party {
	return Party{
		Issuer: s.Config.Issuer, ID: "forum", Secret: ForumSecret, Redirect: ForumURI,
		Scope: "openid profile phone", HTTP: &http.Client{Transport: s.Via(), Timeout: 30 * time.Second},
	}
}

// TV is a device without a browser, calling this server.
func (s *Server) TV() Party {
	return Party{
		Issuer: s.Config.Issuer, ID: "tv", Scope: "openid profile phone offline_access",
		HTTP: &http.Client{Transport: s.Via(), Timeout: 30 * time.Second},
	}
}

// Browser is a fresh browser on this server. It stops where it would leave for a relying party.
func (s *Server) Browser() *play.Browser {
	issuer := hostOf(s.Config.Issuer)
	return play.NewBrowser(s.Via(), func(u *url.URL) bool { return u.Host == issuer })
}

// Sign is one sign-in at a relying party.
type Sign struct {
	URL      string // of the authorization request
	State    string
	Verifier string
}

// Begin makes an authorization request; more holds further parameters, by turns name and value.
func (p Party) Begin(more ...string) Sign {
	s := Sign{State: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	q := url.Values{
		"response_type": {"code"}, "client_id": {p.ID}, "redirect_uri": {p.Redirect}, "scope": {p.Scope},
		"state": {s.State}, "nonce": {rand.Text()},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(s.Verifier)}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	s.URL = p.Issuer + "/authorize?" + q.Encode()
	return s
}

// Code is the code in the answer that the browser carries to the relying party.
func (p Party) Code(t testing.TB, page play.Page, s Sign) string {
	t.Helper()
	location := page.Header.Get("Location")
	require.True(t, strings.HasPrefix(location, p.Redirect+"?"), "not at the relying party but at %s (%d): %s", page.URL.Path, page.Status, page.Text())
	u, err := url.Parse(location)
	require.NoError(t, err)
	require.Equal(t, s.State, u.Query().Get("state"))
	require.Equal(t, p.Issuer, u.Query().Get("iss"))
	require.NotEmpty(t, u.Query().Get("code"), location)
	return u.Query().Get("code")
}

// Answer is the answer of an endpoint that machines call.
type Answer struct {
	Status int
	Header http.Header
	Text   string
	Body   map[string]any
}

// Get is a text member of the answer.
func (a Answer) Get(name string) string {
	text, _ := a.Body[name].(string)
	return text
}

// Exchange redeems a code.
func (p Party) Exchange(ctx context.Context, code string, s Sign) (Answer, error) {
	return p.Post(ctx, "/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {p.Redirect}, "code_verifier": {s.Verifier},
	})
}

// Refresh uses a refresh token.
func (p Party) Refresh(ctx context.Context, token string) (Answer, error) {
	return p.Post(ctx, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// Introspect asks about a token.
func (p Party) Introspect(ctx context.Context, token string) (Answer, error) {
	return p.Post(ctx, "/introspect", url.Values{"token": {token}})
}

// Post posts a form with the client's authentication, or the client's name where it has no secret.
func (p Party) Post(ctx context.Context, path string, form url.Values) (Answer, error) {
	if p.Secret == "" {
		form.Set("client_id", p.ID)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		return Answer{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if p.Secret != "" {
		req.SetBasicAuth(url.QueryEscape(p.ID), url.QueryEscape(p.Secret))
	}
	return p.send(req)
}

// Userinfo asks who the access token is about.
func (p Party) Userinfo(ctx context.Context, token string) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Issuer+"/userinfo", nil)
	if err != nil {
		return Answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return p.send(req)
}

func (p Party) send(req *http.Request) (Answer, error) {
	res, err := p.HTTP.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Status: res.StatusCode, Header: res.Header, Text: string(text)}
	_ = json.Unmarshal(text, &a.Body) // stays empty where the answer is no JSON
	return a, nil
}

// SignIn takes the browser through a whole login of the person, and exchanges the code.
func (p Party) SignIn(t testing.TB, b *play.Browser, person *play.Person) Answer {
	t.Helper()
	s := p.Begin()
	require.NoError(t, b.Get(t.Context(), s.URL))
	require.NoError(t, play.Login(t.Context(), b, person))
	a, err := p.Exchange(t.Context(), p.Code(t, b.Page, s), s)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.Status, a.Text)
	return a
}

// Again signs in once more in a browser with a live session: nobody is asked.
func (p Party) Again(t testing.TB, b *play.Browser) Answer {
	t.Helper()
	s := p.Begin()
	require.NoError(t, b.Get(t.Context(), s.URL))
	a, err := p.Exchange(t.Context(), p.Code(t, b.Page, s), s)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.Status, a.Text)
	return a
}
