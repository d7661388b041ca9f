package op_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
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
	t       *testing.T
	clock   *clock
	store   *sqlite.Store
	faults  *faults
	signals *faultySignals
	guard   *browser.Guard
	box     *seal.Box
	ring    *keys.Ring
	metrics *prometheus.Registry
	log     *logBuffer
	issuer  string
	secrets map[string]string // client secrets
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
	limits op.Limits
	now    time.Time
}

func newWorld(t *testing.T, s settings) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{
		t: t, clock: &clock{at: s.now}, metrics: prometheus.NewRegistry(), log: &logBuffer{}, secrets: map[string]string{},
	}
	if s.now.IsZero() {
		w.clock.at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))

	handler := &lateHandler{}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	w.issuer = server.URL

	var err error
	w.box, err = seal.New(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	w.store, err = sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(t.TempDir(), "qiao.db"), Now: w.clock.Now, Log: log})
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.store.Close() })
	for _, c := range w.someClients() {
		if c.ID != machine { // registered by hand, before registrations were validated
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
	pages, err := ui.New(ui.Config{Brand: ui.Brand{Name: "Qiao"}, DefaultLang: browser.English, Log: log})
	require.NoError(t, err)
	registry := clients.New(clients.Config{Store: w.store, Box: w.box, Now: w.clock.Now, Log: log})
	w.ring, err = keys.New(keys.Config{Issuer: w.issuer, Store: w.store, Box: w.box, Now: w.clock.Now, Log: log})
	require.NoError(t, err)
	require.NoError(t, w.ring.Load(ctx))
	tokens, err := grants.New(grants.Config{
		Issuer: w.issuer, Store: w.store, Clients: registry, Keys: w.ring, Box: w.box, Now: w.clock.Now, Log: log,
	})
	require.NoError(t, err)
	provider, err := op.New(op.Config{
		Issuer: w.issuer, Store: w.faults, Signals: w.signals, Guard: w.guard, Pages: pages, Box: w.box, Clients: registry,
		Keys: w.ring, Grants: tokens, Limits: s.limits, Metrics: w.metrics, Now: w.clock.Now, Log: log,
	})
	require.NoError(t, err)
	router := chi.NewRouter()
	provider.Routes(router)
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
		secret, hash := clients.NewSecret(w.box)
		w.secrets[id] = secret
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
	plain.FirstParty, plain.Scopes = true, []string{"openid", "phone"}
	batch := web(machine, "Batch", batchURI, "refresh_token")
	return []storage.Client{shop, forum, app, strict, plain, batch}
}

// tab is a browser: cookies, and no redirects followed by itself.
type tab struct {
	w    *world
	jar  *cookiejar.Jar
	http *http.Client
}

func (w *world) browser() *tab {
	jar, err := cookiejar.New(nil)
	require.NoError(w.t, err)
	return &tab{w: w, jar: jar, http: &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what came back.
type answer struct {
	*http.Response
	body     string
	location *url.URL // nil: no redirect
}

func (b *tab) do(r *http.Request) answer {
	b.w.t.Helper()
	res, err := b.http.Do(r)
	require.NoError(b.w.t, err)
	defer func() { _ = res.Body.Close() }()
	var body bytes.Buffer
	_, err = body.ReadFrom(res.Body)
	require.NoError(b.w.t, err)
	a := answer{Response: res, body: body.String()}
	if l := res.Header.Get("Location"); l != "" {
		a.location, err = url.Parse(l)
		require.NoError(b.w.t, err)
	}
	return a
}

// get fetches a path of the provider, or an absolute address.
func (b *tab) get(path string) answer {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodGet, b.w.issuer+strings.TrimPrefix(path, b.w.issuer), nil)
	require.NoError(b.w.t, err)
	r.Header.Set("Accept-Language", "en")
	return b.do(r)
}

func (b *tab) post(path string, form url.Values) answer {
	b.w.t.Helper()
	return b.do(b.postRequest(path, form))
}

func (b *tab) postRequest(path string, form url.Values) *http.Request {
	r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodPost, b.w.issuer+path, strings.NewReader(form.Encode()))
	require.NoError(b.w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept-Language", "en")
	return r
}

// secret is the browser cookie's secret.
func (b *tab) secret() storage.Secret {
	b.w.t.Helper()
	s, ok := b.w.guard.Secret(b.withCookies())
	require.True(b.w.t, ok, "the browser has no secret")
	return s
}

func (b *tab) session() (storage.Handle, bool) { return b.w.guard.Session(b.withCookies()) }

func (b *tab) withCookies() *http.Request {
	u, err := url.Parse(b.w.issuer)
	require.NoError(b.w.t, err)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, c := range b.jar.Cookies(u) {
		r.AddCookie(c)
	}
	return r
}

// keep stores the cookies that a handler of ours would have set.
func (b *tab) keep(set func(http.ResponseWriter)) {
	rec := httptest.NewRecorder()
	set(rec)
	u, err := url.Parse(b.w.issuer)
	require.NoError(b.w.t, err)
	b.jar.SetCookies(u, rec.Result().Cookies())
}

// query is a good authorization request of the client; pairs replace parameters, and an empty value leaves one out.
func query(clientID string, pairs ...string) url.Values {
	uris := map[string]string{
		firstParty: shopURI, thirdParty: forumURI, publicApp: appURI, pkceClient: strictURI, noRefresh: plainURI,
		machine: batchURI,
	}
	q := url.Values{
		"client_id": {clientID}, "redirect_uri": {uris[clientID]}, "response_type": {"code"},
		"scope": {"openid phone"}, "state": {"st&ate=ü"}, "nonce": {"n-1"},
	}
	if clientID == publicApp || clientID == pkceClient {
		q.Set("code_challenge", challenge(verifier))
		q.Set("code_challenge_method", "S256")
	}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	return q
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func authorizePath(q url.Values) string { return "/authorize?" + q.Encode() }

// loginID is the request of a redirect to the login page.
func (a answer) loginID(t *testing.T) storage.ID {
	t.Helper()
	require.NotNil(t, a.location, "no redirect: %d %s", a.StatusCode, a.body)
	text, ok := strings.CutPrefix(a.location.Path, "/login/")
	require.True(t, ok, "redirect to %s", a.location)
	id, err := storage.ParseID(text)
	require.NoError(t, err)
	return id
}

// at checks that the answer went to the redirect URI, and returns its parameters.
func (a answer) at(t *testing.T, redirectURI string) url.Values {
	t.Helper()
	require.Equal(t, http.StatusSeeOther, a.StatusCode, a.body)
	location := a.Header.Get("Location")
	require.True(t, strings.HasPrefix(location, redirectURI), "redirect to %s", location)
	require.Empty(t, a.location.Fragment)
	return a.location.Query()
}

// code is the code of an answer at the redirect URI.
func (a answer) code(t *testing.T, w *world, redirectURI string) storage.Handle {
	t.Helper()
	q := a.at(t, redirectURI)
	require.Empty(t, q.Get("error"), q.Get("error_description"))
	require.Equal(t, w.issuer, q.Get("iss"))
	code, err := storage.ParseHandle(q.Get("code"))
	require.NoError(t, err)
	return code
}

// page checks that the answer is an error page and no redirect.
func (a answer) page(t *testing.T, status int) {
	t.Helper()
	require.Equal(t, status, a.StatusCode, a.body)
	require.Empty(t, a.Header.Get("Location"))
	require.Contains(t, a.Header.Get("Content-Type"), "text/html")
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
}

var errDown = errors.New("the database is down")

// faults makes chosen transitions fail, and remembers the codes that were issued.
type faults struct {
	op.Store
	mu     sync.Mutex
	broken map[string]bool
	issued []storage.NewCode
}

// last is the newest code.
func (f *faults) last() storage.NewCode {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.issued[len(f.issued)-1]
}

func (f *faults) codes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.issued)
}

func (f *faults) fail(names ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = map[string]bool{}
	for _, n := range names {
		f.broken[n] = true
	}
}

func (f *faults) err(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken[name] {
		return errDown
	}
	return nil
}

func (f *faults) CreateAuthRequest(ctx context.Context, r storage.AuthRequest) error {
	if err := f.err("CreateAuthRequest"); err != nil {
		return err
	}
	return f.Store.CreateAuthRequest(ctx, r)
}

func (f *faults) AuthRequest(ctx context.Context, id storage.ID, browser storage.Hash, now time.Time) (storage.AuthRequest, error) {
	if err := f.err("AuthRequest"); err != nil {
		return storage.AuthRequest{}, err
	}
	return f.Store.AuthRequest(ctx, id, browser, now)
}

func (f *faults) EndAuthRequest(ctx context.Context, id storage.ID, browser storage.Hash, now time.Time) error {
	if err := f.err("EndAuthRequest"); err != nil {
		return err
	}
	return f.Store.EndAuthRequest(ctx, id, browser, now)
}

func (f *faults) Session(ctx context.Context, id storage.ID, secret storage.Hash, idle time.Duration, now time.Time) (storage.Session, storage.User, error) {
	if err := f.err("Session"); err != nil {
		return storage.Session{}, storage.User{}, err
	}
	return f.Store.Session(ctx, id, secret, idle, now)
}

func (f *faults) EndSession(ctx context.Context, id storage.ID, now time.Time) error {
	if err := f.err("EndSession"); err != nil {
		return err
	}
	return f.Store.EndSession(ctx, id, now)
}

func (f *faults) Consent(ctx context.Context, userID, clientID string) ([]string, error) {
	if err := f.err("Consent"); err != nil {
		return nil, err
	}
	return f.Store.Consent(ctx, userID, clientID)
}

func (f *faults) GrantConsent(ctx context.Context, userID, clientID string, scopes []string, now time.Time) error {
	if err := f.err("GrantConsent"); err != nil {
		return err
	}
	return f.Store.GrantConsent(ctx, userID, clientID, scopes, now)
}

func (f *faults) IssueCode(ctx context.Context, c storage.NewCode) error {
	if err := f.err("IssueCode"); err != nil {
		return err
	}
	err := f.Store.IssueCode(ctx, c)
	if err == nil {
		f.mu.Lock()
		f.issued = append(f.issued, c)
		f.mu.Unlock()
	}
	return err
}

// faultySignals are signals that can be unreachable.
type faultySignals struct {
	storage.Signals
	mu   sync.Mutex
	down bool
}

func (s *faultySignals) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *faultySignals) Allow(ctx context.Context, key string, limit int, window time.Duration) (bool, time.Duration, error) {
	s.mu.Lock()
	down := s.down
	s.mu.Unlock()
	if down {
		return false, 0, errors.New("the signals are unreachable")
	}
	return s.Signals.Allow(ctx, key, limit, window)
}

// lateHandler serves what is set once the address is known.
type lateHandler struct {
	mu sync.RWMutex
	h  http.Handler
}

func (l *lateHandler) set(h http.Handler) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.h = h
}

func (l *lateHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.RLock()
	h := l.h
	l.mu.RUnlock()
	h.ServeHTTP(w, r)
}

// logBuffer keeps the log for the tests that read it.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
