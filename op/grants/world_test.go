package grants_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"qiao/op/clients"
	"qiao/op/grants"
	"qiao/op/keys"
	"qiao/storage"
	"qiao/storage/seal"
)

// backend is what a world keeps its record in: the fake, or a real store.
type backend interface {
	grants.Store
	clients.Store
	keys.Store
	IssueCode(ctx context.Context, c storage.NewCode) error
	AddClient(ctx context.Context, c storage.Client, by string) error
	RemoveClient(ctx context.Context, id string, by string, now time.Time) error
	LockUser(ctx context.Context, userID string, by string, now time.Time) error
	signIn(w *world, phone []byte, now time.Time) (userID string, session storage.Handle)
}

// Clients of the world.
const (
	web   = "web"   // confidential, ES256, refreshes
	other = "other" // confidential, RS256, refreshes
	spa   = "spa"   // public, refreshes
	lean  = "lean"  // confidential, lean ID tokens, no refreshes
	mail  = "mail"  // confidential, with an email domain
)

const (
	callback = "https://app.example.com/callback"
	phone    = "+8613800001234"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

type world struct {
	t       testing.TB
	clock   *fakeClock
	store   backend
	box     *seal.Box
	ring    *keys.Ring
	grants  *grants.Server
	server  *httptest.Server
	issuer  string
	secrets map[string]string
	log     *lockedBuffer
	metrics *prometheus.Registry
	userID  string
	session storage.Handle
}

type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t testing.TB, store backend) *world {
	t.Helper()
	firstKeys()
	w := &world{t: t, clock: &fakeClock{now: time.Now().Truncate(time.Microsecond)}, store: store, secrets: map[string]string{}, log: &lockedBuffer{}, metrics: prometheus.NewRegistry()}
	mux := http.NewServeMux()
	w.server = httptest.NewServer(mux)
	t.Cleanup(w.server.Close)
	w.issuer = w.server.URL
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	w.box, err = seal.New(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	w.ring, err = keys.New(keys.Config{Issuer: w.issuer, Store: store, Box: w.box, Now: w.clock.Now, Log: log})
	require.NoError(t, err)
	for _, k := range firstKeys() {
		_, err := store.AddFirstKey(t.Context(), k, w.clock.Now())
		require.NoError(t, err)
	}
	require.NoError(t, w.ring.Load(t.Context()))
	w.addClients()
	registry := clients.New(clients.Config{Store: store, Box: w.box, Now: w.clock.Now, Log: log})
	w.grants, err = grants.New(grants.Config{
		Issuer: w.issuer, Store: store, Clients: registry, Keys: w.ring, Box: w.box, Metrics: w.metrics, Now: w.clock.Now, Log: log,
	})
	require.NoError(t, err)
	router := chi.NewRouter()
	w.grants.Routes(router)
	mux.Handle("/", router)
	w.userID, w.session = store.signIn(w, w.box.Seal("phone", []byte(phone)), w.clock.Now())
	return w
}

// firstKeys are signing keys that all worlds share: an RSA key takes longer than most tests.
var firstKeys = sync.OnceValue(func() []storage.SigningKey {
	box, err := seal.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		panic(err)
	}
	store := newFakeStore()
	ring, err := keys.New(keys.Config{Issuer: "https://id.example.com", Store: store, Box: box, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	if err := ring.Load(context.Background()); err != nil {
		panic(err)
	}
	return store.keys
})

func (w *world) addClients() {
	for _, id := range []string{web, other, spa, lean, mail} {
		secret, hash := clients.NewSecret(w.box)
		c := storage.Client{
			ID: id, Name: "Client " + id, SecretHash: hash, AuthMethods: []string{storage.AuthMethodBasic, storage.AuthMethodPost},
			RedirectURIs: []string{callback}, GrantTypes: clients.GrantTypes(), Scopes: clients.Scopes(), IDTokenAlg: keys.ES256,
			FirstParty: true, Source: "cli", CreatedAt: w.clock.Now(), UpdatedAt: w.clock.Now(),
		}
		switch id {
		case other:
			c.IDTokenAlg, c.RedirectURIs = keys.RS256, []string{"https://other.example.com/cb"}
		case spa:
			c.AuthMethods, c.SecretHash, secret = []string{storage.AuthMethodNone}, nil, ""
			c.RedirectURIs = []string{"https://spa.example.com/"}
		case lean:
			c.LeanIDToken, c.GrantTypes = true, []string{clients.GrantAuthorizationCode}
			c.Scopes = []string{"openid", "profile", "phone", "groups"}
		case mail:
			c.EmailDomain, c.Scopes = "users.example.com", append(clients.Scopes(), clients.ScopeEmail)
		}
		require.NoError(w.t, clients.Validate(c))
		require.NoError(w.t, w.store.AddClient(w.t.Context(), c, "test"))
		w.secrets[id] = secret
	}
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// code issues a code to the client as the authorization endpoint does.
func (w *world) code(client string, scopes ...string) string {
	w.t.Helper()
	if len(scopes) == 0 {
		scopes = []string{"openid", "profile", "phone", "offline_access"}
	}
	now := w.clock.Now()
	h := storage.NewHandle(now)
	require.NoError(w.t, w.store.IssueCode(w.t.Context(), storage.NewCode{
		Grant: storage.Grant{
			ID: h.ID, UserID: w.userID, ClientID: client, SessionID: w.session.ID, Scopes: scopes, Nonce: "n-0S6_WzA2Mj", Offline: true,
			RedirectURI: callback, CodeChallenge: challenge(verifier), AuthTime: now.Add(-time.Minute).Truncate(time.Second),
			AMR: []string{"wechat", "sms"}, ACR: "urn:qiao:acr:confirm", CreatedAt: now, ExpiresAt: now.Add(90 * 24 * time.Hour),
		},
		CodeHash: h.Secret.Hash(), CodeExpiresAt: now.Add(time.Minute), SessionHash: w.session.Secret.Hash(), Now: now,
	}))
	return h.Text()
}

// answer is what an endpoint said.
type answer struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

func (a answer) text(name string) string {
	s, _ := a.json[name].(string)
	return s
}

func (w *world) do(r *http.Request) answer {
	w.t.Helper()
	resp, err := w.server.Client().Do(r)
	if !assert.NoError(w.t, err) {
		return answer{}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	assert.NoError(w.t, err)
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(body)}
	_ = json.Unmarshal(body, &a.json)
	return a
}

// request is a form post as this client, which authenticates by Basic where it has a secret.
func (w *world) request(client, path string, form url.Values) *http.Request {
	w.t.Helper()
	if secret := w.secrets[client]; secret == "" && client != "" {
		form.Set("client_id", client)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.issuer+path, strings.NewReader(form.Encode()))
	require.NoError(w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if secret := w.secrets[client]; secret != "" {
		r.SetBasicAuth(client, secret)
	}
	return r
}

func (w *world) post(client, path string, pairs ...string) answer {
	w.t.Helper()
	return w.do(w.request(client, path, values(pairs...)))
}

func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

func (w *world) exchange(client, code string) answer {
	w.t.Helper()
	return w.post(client, "/token", "grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier)
}

func (w *world) refresh(client, token string, more ...string) answer {
	w.t.Helper()
	return w.post(client, "/token", append([]string{"grant_type", "refresh_token", "refresh_token", token}, more...)...)
}

// tokens are the tokens of a new grant.
func (w *world) tokens(client string, scopes ...string) answer {
	w.t.Helper()
	a := w.exchange(client, w.code(client, scopes...))
	require.Equal(w.t, http.StatusOK, a.status, a.body)
	return a
}

func (w *world) userinfo(token string) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.issuer+"/userinfo", nil)
	require.NoError(w.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	return w.do(r)
}

// refused checks an error answer: its status and code, that it is not cached, and that it is well-formed.
func refused(t testing.TB, a answer, status int, code string) {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	require.Equal(t, code, a.text("error"), a.body)
	require.Regexp(t, `^[\x20-\x21\x23-\x5B\x5D-\x7E]*$`, a.text("error_description"), "RFC 6749 section 5.2")
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	require.Empty(t, a.text("access_token"))
	if status >= 500 {
		require.NotEmpty(t, a.header.Get("Retry-After"))
	}
}

// eachStore runs a flow on the fake and on a real SQLite.
func eachStore(t *testing.T, flow func(t *testing.T, w *world)) {
	t.Run("fake", func(t *testing.T) { flow(t, newWorld(t, newFakeStore())) })
	t.Run("sqlite", func(t *testing.T) { flow(t, newWorld(t, openSQLite(t))) })
}
