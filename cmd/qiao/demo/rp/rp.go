// Package rp is the demo's relying party: a small site on another host that signs people in with any OpenID Provider.
// It knows Qiao by its issuer URL only, and uses the client libraries that a Go site would use: coreos/go-oidc and
// golang.org/x/oauth2, with PKCE, state and nonce.
package rp

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Client is one registration of the site at the provider.
type Client struct {
	ID     string
	Secret string // empty for a public client
	Title  string // what the page says of it
	About  string
	Scopes []string
}

// Config is what a site knows.
type Config struct {
	Issuer  string
	BaseURL string // of this site
	Clients []Client
	HTTP    *http.Client
	Log     *slog.Logger
}

// Site is the relying party. Its visitors live in memory, as in a site of one process.
type Site struct {
	cfg      Config
	provider *oidc.Provider
	logout   string // end_session_endpoint
	pages    *template.Template

	mu       sync.Mutex
	visitors map[string]*visitor
}

// visitor is one browser: logins under way by state, and who is signed in.
type visitor struct {
	pending map[string]pending
	signed  *signedIn
	seen    time.Time
}

type pending struct {
	client   Client
	nonce    string
	verifier string
}

type signedIn struct {
	Client   Client
	Claims   map[string]any
	UserInfo map[string]any
	IDToken  string
	Token    *oauth2.Token
	Refresh  int // how often the token was refreshed
}

//go:embed pages
var pageFiles embed.FS

// New discovers the provider.
func New(ctx context.Context, cfg Config) (*Site, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, cfg.HTTP), cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover %s: %w", cfg.Issuer, err)
	}
	var more struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, fmt.Errorf("read discovery: %w", err)
	}
	pages, err := template.New("").Funcs(template.FuncMap{"claims": claimRows}).ParseFS(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse pages: %w", err)
	}
	return &Site{cfg: cfg, provider: provider, logout: more.EndSession, pages: pages, visitors: map[string]*visitor{}}, nil
}

// Handler serves the site.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /login/{client}", s.login)
	mux.HandleFunc("GET /callback", s.callback)
	mux.HandleFunc("POST /refresh", s.refresh)
	mux.HandleFunc("POST /logout", s.signOut)
	mux.Handle("GET /pages/style.css", http.FileServerFS(pageFiles))
	return mux
}

func (s *Site) oauth(c Client) *oauth2.Config {
	return &oauth2.Config{
		ClientID: c.ID, ClientSecret: c.Secret, Endpoint: s.provider.Endpoint(),
		RedirectURL: s.cfg.BaseURL + "/callback", Scopes: c.Scopes,
	}
}

func (s *Site) home(w http.ResponseWriter, r *http.Request) {
	v, done := s.visitor(w, r)
	signed := v.signed
	done()
	s.render(w, http.StatusOK, "home.html", map[string]any{"Clients": s.cfg.Clients, "Signed": signed, "Issuer": s.cfg.Issuer})
}

// login sends the browser to the provider; ?prompt=… and ?lang=… are passed on, to try them.
func (s *Site) login(w http.ResponseWriter, r *http.Request) {
	for _, c := range s.cfg.Clients {
		if c.ID != r.PathValue("client") {
			continue
		}
		state, p := rand.Text(), pending{client: c, nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
		v, done := s.visitor(w, r)
		if len(v.pending) > 20 {
			clear(v.pending)
		}
		v.pending[state] = p
		done()
		options := []oauth2.AuthCodeOption{oidc.Nonce(p.nonce), oauth2.S256ChallengeOption(p.verifier)}
		if prompt := r.URL.Query().Get("prompt"); prompt != "" {
			options = append(options, oauth2.SetAuthURLParam("prompt", prompt))
		}
		if lang := r.URL.Query().Get("lang"); lang != "" {
			options = append(options, oauth2.SetAuthURLParam("ui_locales", lang))
		}
		http.Redirect(w, r, s.oauth(c).AuthCodeURL(state, options...), http.StatusSeeOther)
		return
	}
	s.fail(w, http.StatusNotFound, errors.New("no such client"))
}

// callback takes the code, with every check that a relying party owes: state, iss, PKCE, nonce, at_hash.
func (s *Site) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	v, done := s.visitor(w, r)
	p, ok := v.pending[q.Get("state")]
	delete(v.pending, q.Get("state"))
	done()
	switch {
	case !ok:
		s.fail(w, http.StatusBadRequest, errors.New("this answer does not belong to a sign-in of this browser"))
		return
	case q.Get("iss") != s.cfg.Issuer:
		s.fail(w, http.StatusBadRequest, errors.New("the answer comes from another issuer"))
		return
	case q.Get("error") != "":
		s.fail(w, http.StatusForbidden, fmt.Errorf("%s: %s", q.Get("error"), q.Get("error_description")))
		return
	}
	signed, err := s.exchange(r.Context(), p, q.Get("code"))
	if err != nil {
		s.fail(w, http.StatusBadGateway, err)
		return
	}
	v, done = s.visitor(w, r)
	v.signed = signed
	done()
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *Site) exchange(ctx context.Context, p pending, code string) (*signedIn, error) {
	ctx = oidc.ClientContext(ctx, s.cfg.HTTP)
	token, err := s.oauth(p.client).Exchange(ctx, code, oauth2.VerifierOption(p.verifier))
	if err != nil {
		return nil, err
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := s.provider.Verifier(&oidc.Config{ClientID: p.client.ID, SupportedSigningAlgs: []string{oidc.ES256, oidc.RS256}}).Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	if idToken.Nonce != p.nonce {
		return nil, errors.New("the ID token belongs to another sign-in")
	}
	if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
		return nil, err
	}
	signed := &signedIn{Client: p.client, IDToken: raw, Token: token}
	if err := idToken.Claims(&signed.Claims); err != nil {
		return nil, err
	}
	return signed, s.userInfo(ctx, signed)
}

func (s *Site) userInfo(ctx context.Context, signed *signedIn) error {
	info, err := s.provider.UserInfo(ctx, oauth2.StaticTokenSource(signed.Token))
	if err != nil {
		return err
	}
	return info.Claims(&signed.UserInfo)
}

func (s *Site) refresh(w http.ResponseWriter, r *http.Request) {
	v, done := s.visitor(w, r)
	signed := v.signed
	done()
	if signed == nil || signed.Token.RefreshToken == "" {
		s.fail(w, http.StatusBadRequest, errors.New("there is no refresh token"))
		return
	}
	ctx := oidc.ClientContext(r.Context(), s.cfg.HTTP)
	token, err := s.oauth(signed.Client).TokenSource(ctx, &oauth2.Token{RefreshToken: signed.Token.RefreshToken}).Token()
	if err != nil {
		s.fail(w, http.StatusBadGateway, err)
		return
	}
	next := *signed
	next.Token, next.Refresh = token, signed.Refresh+1
	if err := s.userInfo(ctx, &next); err != nil {
		s.fail(w, http.StatusBadGateway, err)
		return
	}
	v, done = s.visitor(w, r)
	v.signed = &next
	done()
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// signOut ends the visit here and the session at the provider.
func (s *Site) signOut(w http.ResponseWriter, r *http.Request) {
	v, done := s.visitor(w, r)
	signed := v.signed
	v.signed = nil
	done()
	if signed == nil || r.PostFormValue("here") != "" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	q := url.Values{"id_token_hint": {signed.IDToken}, "post_logout_redirect_uri": {s.cfg.BaseURL + "/"}, "state": {rand.Text()}}
	http.Redirect(w, r, s.logout+"?"+q.Encode(), http.StatusSeeOther)
}
