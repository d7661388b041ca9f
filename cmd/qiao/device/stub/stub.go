// Package stub is a small OpenID Provider for tests: the device authorization grant and what a device needs afterwards.
// A test says what the person on the phone does. It shares no code with the provider or with its client.
package stub

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// Settings are how the provider answers. They may be changed while it runs, by Set.
type Settings struct {
	ClientID  string
	Secret    string // empty: a public client
	OnlyPost  bool   // secrets in the form alone
	UserCode  string
	Path      string // of verification_uri
	NoURI     bool   // no verification_uri_complete
	WeChat    bool   // qiao_wechat_qr is there
	NoPicture bool   // … but its pictures are not
	Interval  int
	ExpiresIn int
	Decision  string // "" pending, "approve", "decline", "expire"
	SlowDown  bool   // the next poll is told to slow down
	Down      int    // not 0: every endpoint answers this status
	Error     string // not "": the device authorization endpoint answers this error
	Audience  string // of the ID token; empty: the client
	Claims    map[string]any
	Signed    bool // the grant lives; false: refresh and userinfo are refused
}

// Provider is the running stub.
type Provider struct {
	*httptest.Server
	now func() time.Time
	key *ecdsa.PrivateKey

	mu      sync.Mutex
	s       Settings
	code    string
	tokens  int
	ended   int // access tokens up to this number have ended
	polls   []time.Time
	started []map[string][]string
	revoked []string
	held    string // the path of the next request that is held
	arrived chan struct{}
	goOn    chan struct{}
}

// Start starts a provider that a test ends.
func Start(t *testing.T, now func() time.Time, s Settings) *Provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	p := &Provider{now: now, key: key}
	for _, preset := range []struct {
		field *string
		value string
	}{{&s.ClientID, "tv"}, {&s.UserCode, "WDJB-MJHT"}, {&s.Path, "/device"}} {
		if *preset.field == "" {
			*preset.field = preset.value
		}
	}
	if s.Interval == 0 {
		s.Interval = 5
	}
	if s.ExpiresIn == 0 {
		s.ExpiresIn = 600
	}
	p.s = s
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("POST /device_authorization", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", p.userInfo)
	mux.HandleFunc("POST /revoke", p.revoke)
	mux.HandleFunc("GET /device/picture/", p.picture)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down := p.Settings().Down; down != 0 {
			http.Error(w, "down", down)
			return
		}
		p.hold(r.URL.Path)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, code string) {
	answer(w, status, map[string]string{"error": code, "error_description": "stub: \x1b[31m" + code})
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	methods := []string{"client_secret_basic", "client_secret_post", "none"}
	if p.Settings().OnlyPost {
		methods = methods[1:]
	}
	answer(w, http.StatusOK, map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
		"userinfo_endpoint": p.URL + "/userinfo", "revocation_endpoint": p.URL + "/revoke", "jwks_uri": p.URL + "/keys",
		"device_authorization_endpoint":         p.URL + "/device_authorization",
		"id_token_signing_alg_values_supported": []string{"ES256"}, "token_endpoint_auth_methods_supported": methods,
	})
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
}

// client authenticates as RFC 6749 §2.3.1 says.
func (p *Provider) client(w http.ResponseWriter, r *http.Request) bool {
	s := p.Settings()
	id, secret := r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	encodedID, encodedSecret, basic := r.BasicAuth()
	if basic {
		id, _ = url.QueryUnescape(encodedID)
		secret, _ = url.QueryUnescape(encodedSecret)
	}
	if id != s.ClientID || secret != s.Secret || (basic && s.OnlyPost) {
		refuse(w, http.StatusUnauthorized, "invalid_client")
		return false
	}
	return true
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	if !p.client(w, r) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.s
	if s.Error != "" {
		refuse(w, http.StatusBadRequest, s.Error)
		return
	}
	p.started = append(p.started, r.PostForm)
	p.code = rand.Text()
	p.s.Decision = ""
	body := map[string]any{
		"device_code": p.code, "user_code": s.UserCode, "verification_uri": p.URL + s.Path, "expires_in": s.ExpiresIn, "interval": s.Interval,
		"verification_uri_complete": p.URL + s.Path + "?user_code=" + s.UserCode,
	}
	if s.NoURI {
		delete(body, "verification_uri_complete")
	}
	if s.WeChat {
		body["qiao_wechat_qr"] = p.URL + "/device/picture/" + p.code
	}
	answer(w, http.StatusOK, body)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	if !p.client(w, r) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.PostFormValue("grant_type") {
	case "refresh_token":
		if !p.s.Signed || r.PostFormValue("refresh_token") != fmt.Sprint("refresh-", p.tokens) {
			refuse(w, http.StatusBadRequest, "invalid_grant")
			return
		}
	case "urn:ietf:params:oauth:grant-type:device_code":
		p.polls = append(p.polls, p.now())
		if p.code == "" || r.PostFormValue("device_code") != p.code {
			refuse(w, http.StatusBadRequest, "invalid_grant")
			return
		}
		if refused := map[string]string{"": "authorization_pending", "decline": "access_denied", "expire": "expired_token"}[p.s.Decision]; refused != "" {
			if p.s.SlowDown {
				p.s.SlowDown, refused = false, "slow_down"
			}
			refuse(w, http.StatusBadRequest, refused)
			return
		}
		p.code, p.s.Signed = "", true // redeemed once
	default:
		refuse(w, http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	p.tokens++
	answer(w, http.StatusOK, map[string]any{
		"access_token": fmt.Sprint("access-", p.tokens), "token_type": "Bearer", "expires_in": 600,
		"refresh_token": fmt.Sprint("refresh-", p.tokens), "id_token": p.idToken(),
	})
}

// person are the claims about whoever approved.
func (p *Provider) person() map[string]any {
	claims := map[string]any{"sub": "a-person"}
	for name, value := range p.s.Claims {
		claims[name] = value
	}
	return claims
}

func (p *Provider) idToken() string {
	claims := p.person()
	claims["iss"], claims["aud"] = p.URL, p.s.ClientID
	if p.s.Audience != "" {
		claims["aud"] = p.s.Audience
	}
	claims["iat"], claims["exp"] = p.now().Unix(), p.now().Add(10*time.Minute).Unix()
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err) // a test's claims
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: "k"}}, nil)
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		panic(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return token
}

func (p *Provider) userInfo(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.s.Signed || p.tokens <= p.ended || r.Header.Get("Authorization") != fmt.Sprint("Bearer access-", p.tokens) {
		refuse(w, http.StatusUnauthorized, "invalid_token")
		return
	}
	answer(w, http.StatusOK, p.person())
}

func (p *Provider) revoke(w http.ResponseWriter, r *http.Request) {
	if !p.client(w, r) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.Signed = false
	p.revoked = append(p.revoked, r.PostFormValue("token"))
}

// picture is a square in place of a WeChat code.
func (p *Provider) picture(w http.ResponseWriter, r *http.Request) {
	if p.Settings().NoPicture {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path fill="#fff" d="M0 0h9v9H0z"/><path d="M4 4h1v1H4z"/></svg>`))
}
