package op_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"qiao/browser"
	"qiao/op"
	"qiao/op/clients"
	"qiao/op/grants"
	"qiao/op/keys"
	"qiao/storage"
	"qiao/storage/memory"
	"qiao/storage/seal"
	"qiao/storage/sqlite"
	"qiao/storage/sqlite/sqlitetest"
	"qiao/ui"
)

// The clients of the tests.
const (
	firstParty = "shop"   // confidential, first party, refresh tokens
	thirdParty = "forum"  // confidential, third party, refresh tokens
	publicApp  = "app"    // public, native, first party
	pkceClient = "strict" // confidential, PKCE required
	noRefresh  = "plain"  // confidential, first party, authorization_code alone
	machine    = "batch"  // may not use the code grant
)

const (
	shopURI   = "https://shop.example/cb?tenant=a%2Fb"
	forumURI  = "https://forum.example/cb"
	appURI    = "com.example.app:/cb"
	strictURI = "https://strict.example/cb"
	plainURI  = "https://plain.example/cb"
	batchURI  = "https://batch.example/cb"
	shopBye   = "https://shop.example/bye?x=1"
	forumBye  = "https://forum.example/bye"
)

// world is a provider on a real SQLite store, over HTTP.
type world struct {
	t        *testing.T
	clock    *clock
	store    *sqlite.Store
	faults   *faults
	signals  *faultySignals
	guard    *browser.Guard
	box      *seal.Box
	ring     *keys.Ring
	metrics  *prometheus.Registry
	log      *logBuffer
	issuer   string
	provider *op.Provider
	told     chan string // account and openid of whom the chat was asked to tell
}

// clock is a clock that stands until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type settings struct {
	limits         op.Limits
	deviceInterval time.Duration
}

// sameKeys are the signing keys of the first world, sealed: each further one takes them over, because making an RSA key
// costs more than all the rest of a world.
var sameKeys struct {
	sync.Mutex
	keys []storage.SigningKey
}

func (w *world) loadKeys(ctx context.Context) {
	sameKeys.Lock()
	defer sameKeys.Unlock()
	for _, k := range sameKeys.keys {
		_, err := w.store.AddFirstKey(ctx, k, w.clock.Now())
		require.NoError(w.t, err)
	}
	require.NoError(w.t, w.ring.Load(ctx))
	var err error
	sameKeys.keys, err = w.store.SigningKeys(ctx, w.clock.Now())
	require.NoError(w.t, err)
}

// pages is the renderer of all worlds: it keeps nothing of a request, and to parse every template takes longer than most
// stories. A page that cannot be drawn is an answer 500, and is told in the test's output.
var pages = sync.OnceValues(func() (*ui.Renderer, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	return ui.New(ui.Config{Brand: ui.Brand{Name: "Qiao"}, DefaultLang: browser.English, Log: log})
})

func newWorld(t *testing.T, s settings) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{
		t: t, clock: &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, metrics: prometheus.NewRegistry(),
		log: &logBuffer{}, told: make(chan string, 100),
	}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))

	handler := &lateHandler{}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	w.issuer = server.URL

	var err error
	w.box, err = seal.New(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	w.store, err = sqlite.Open(ctx, sqlite.Config{Path: sqlitetest.File(t), Now: w.clock.Now, Log: log})
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.store.Close() })
	for _, c := range w.someClients() {
		if c.ID != machine && c.ID != noRefresh { // these two are in no registry that validates: the checks stand alone
			require.NoError(t, clients.Validate(c), c.ID)
		}
		require.NoError(t, w.store.AddClient(ctx, c, "test"))
	}
	w.faults = &faults{Store: w.store}
	signals := memory.New()
	t.Cleanup(func() { _ = signals.Close() })
	w.signals = &faultySignals{Signals: signals}
	issuer, err := url.Parse(w.issuer)
	require.NoError(t, err)
	w.guard = &browser.Guard{Issuer: issuer, Box: w.box}
	pages, err := pages()
	require.NoError(t, err)
	registry := clients.New(clients.Config{Store: w.store, Box: w.box, Now: w.clock.Now, Log: log})
	w.ring, err = keys.New(keys.Config{Issuer: w.issuer, Store: w.store, Box: w.box, Now: w.clock.Now, Log: log})
	require.NoError(t, err)
	w.loadKeys(ctx)
	tokens, err := grants.New(grants.Config{
		Issuer: w.issuer, Store: w.store, Signals: w.signals, Guard: w.guard, Account: account, Clients: registry, Keys: w.ring, Box: w.box, Now: w.clock.Now, Log: log,
		Lifetimes: grants.Lifetimes{DeviceInterval: s.deviceInterval},
	})
	require.NoError(t, err)
	provider, err := op.New(op.Config{
		Issuer: w.issuer, Store: w.faults, Signals: w.signals, Guard: w.guard, Pages: pages, Box: w.box, Clients: registry,
		Keys: w.ring, Grants: tokens, Limits: s.limits, Metrics: w.metrics, Now: w.clock.Now, Log: log,
		Tell: func(_ context.Context, account, openID string) { w.told <- account + " " + openID },
	})
	require.NoError(t, err)
	router := chi.NewRouter()
	w.provider = provider
	provider.Routes(router)
	router.NotFound(provider.NotFound)
	handler.set(router)
	return w
}

// in is the same world for a subtest.
func (w *world) in(t *testing.T) *world {
	part := *w
	part.t = t
	return &part
}

func (w *world) someClients() []storage.Client {
	all := []string{"openid", "profile", "phone", "groups", "offline_access"}
	web := func(id, name, uri string, grantTypes ...string) storage.Client {
		_, hash := clients.NewSecret(w.box)
		return storage.Client{
			ID: id, Name: name, SecretHash: hash, AuthMethods: []string{storage.AuthMethodBasic, storage.AuthMethodPost},
			RedirectURIs: []string{uri}, GrantTypes: grantTypes, Scopes: all, IDTokenAlg: "ES256", Source: "cli",
			CreatedAt: w.clock.Now(), UpdatedAt: w.clock.Now(),
		}
	}
	shop := web(firstParty, "The Shop", shopURI, "authorization_code", "refresh_token")
	shop.FirstParty, shop.PostLogoutRedirectURIs = true, []string{shopBye}
	forum := web(thirdParty, "A Forum", forumURI, "authorization_code", "refresh_token")
	forum.PostLogoutRedirectURIs = []string{forumBye}
	app := web(publicApp, "App", appURI, "authorization_code", "refresh_token")
	app.SecretHash, app.AuthMethods, app.Native, app.FirstParty = nil, []string{storage.AuthMethodNone}, true, true
	app.RedirectURIs = append(app.RedirectURIs, "http://127.0.0.1/cb", "http://[::1]/cb")
	strict := web(pkceClient, "Strict", strictURI, "authorization_code")
	strict.RequirePKCE, strict.FirstParty, strict.Scopes = true, true, []string{"openid", "profile", "phone"}
	plain := web(noRefresh, "Plain", plainURI, "authorization_code")
	plain.FirstParty, plain.Scopes = true, []string{"openid", "phone", "offline_access"}
	batch := web(machine, "Batch", batchURI, "refresh_token")
	return []storage.Client{shop, forum, app, strict, plain, batch}
}
