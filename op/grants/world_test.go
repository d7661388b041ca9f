package grants_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"qiao/browser"
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
	DeviceByUserCode(ctx context.Context, code storage.Hash, limits []storage.Limit, now time.Time) (storage.DeviceAuthorization, error)
	ApproveDevice(ctx context.Context, a storage.DeviceApproval) (storage.DeviceAuthorization, error)
	DeclineDevice(ctx context.Context, a storage.DeviceApproval) error
	signIn(w *world, phone []byte, now time.Time) (userID string, session storage.Handle)
}

// Clients of the world.
const (
	web   = "web"   // confidential, ES256, refreshes
	other = "other" // confidential, RS256, refreshes
	spa   = "spa"   // public, refreshes
	lean  = "lean"  // confidential, lean ID tokens, no refreshes
	mail  = "mail"  // confidential, with an email domain
	tv    = "tv"    // public, the device grant and refresh alone
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
	signals *fakeSignals
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

func newWorld(t testing.TB, store backend) *world { return newWorldWith(t, store, nil) }

// newWorldWith has other signals than the fake ones, which run on the world's clock.
func newWorldWith(t testing.TB, store backend, signals grants.Signals) *world {
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
	issuer, err := url.Parse(w.issuer)
	require.NoError(t, err)
	w.signals = newFakeSignals(w.clock.Now)
	if signals == nil {
		signals = w.signals
	}
	w.grants, err = grants.New(grants.Config{
		Issuer: w.issuer, Store: store, Signals: signals, Guard: &browser.Guard{Issuer: issuer, Box: w.box}, Account: "main", Clients: registry, Keys: w.ring, Box: w.box, Metrics: w.metrics, Now: w.clock.Now, Log: log,
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
	for _, id := range []string{web, other, spa, lean, mail, tv} {
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
		case tv:
			c.AuthMethods, c.SecretHash, secret = []string{storage.AuthMethodNone}, nil, ""
			c.RedirectURIs, c.GrantTypes = nil, []string{clients.GrantDeviceCode, clients.GrantRefreshToken}
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
