package wechatflow_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"qiao/browser"
	"qiao/storage"
	"qiao/storage/memory"
	"qiao/storage/seal"
	"qiao/storage/sqlite"
	"qiao/storage/sqlite/sqlitetest"
	"qiao/ui"
	"qiao/wechatflow"
	"qiao/wechatflow/simulator"
	"qiao/wechatflow/sms"
	"qiao/wechatflow/wechat"
)

// world is everything that a login needs, on real parts: SQLite, in-process signals, the simulator over HTTP.
type world struct {
	t        *testing.T
	clock    *clock
	store    *faultyStore
	signals  *faultySignals
	box      *seal.Box
	guard    *browser.Guard
	pages    *ui.Renderer
	sim      *httptest.Server
	accounts []wechatflow.Account
	pocket   *pocket
	flow     *wechatflow.Flow
	site     *httptest.Server // serves flow; the issuer
	logs     *syncBuffer
	metrics  *prometheus.Registry
	client   storage.Client
	platform *http.Transport
}

// clock is the time of every part but the network.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// syncBuffer collects the log of all goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// options change a world before its flow is made.
type options struct {
	limits    wechatflow.Limits
	lifetimes wechatflow.Lifetimes
	replies   wechatflow.Replies
	locate    bool
	mode      string
	scanAlone bool
	client    func(*storage.Client)
	draft     wechatflow.Draft
}

const testClientID = "shop"

// pages is the renderer of all worlds: it keeps nothing of a request, and to parse every template takes longer than most
// stories. A page that cannot be drawn is an answer 500, and is told in the test's output.
var pages = sync.OnceValues(func() (*ui.Renderer, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	return ui.New(ui.Config{Brand: ui.Brand{Name: "Qiao"}, Log: log})
})

func newWorld(t *testing.T, o options) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Now().Truncate(time.Second)}, logs: &syncBuffer{}, metrics: prometheus.NewRegistry(), pocket: &pocket{}}
	log := slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx := context.Background()

	db, err := sqlite.Open(ctx, sqlite.Config{Path: sqlitetest.File(t), Now: w.clock.Now, Log: log})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	w.store = &faultyStore{Store: db}
	signals := memory.New()
	t.Cleanup(func() { require.NoError(t, signals.Close()) })
	w.signals = &faultySignals{Signals: signals}
	w.box, err = seal.New(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)

	if o.mode == "" {
		o.mode = "safe"
	}
	account := simulator.Account{
		Name: "main", DisplayName: "桥测试号", AppID: "wx0123456789abcdef", AppSecret: "0123456789abcdef0123456789abcdef",
		OriginalID: "gh_0123456789ab", Token: "flowtesttoken", AESKey: strings.Repeat("abcdefg", 6) + "A", Mode: o.mode,
	}
	sim, err := simulator.New(simulator.Config{Accounts: []simulator.Account{account}, Log: log, Now: w.clock.Now, RetryPause: 10 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(sim.Close)
	w.sim = httptest.NewServer(sim.Handler())
	t.Cleanup(w.sim.Close)
	simURL, err := url.Parse(w.sim.URL)
	require.NoError(t, err)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	issuer, err := url.Parse("http://" + listener.Addr().String())
	require.NoError(t, err)
	w.guard = &browser.Guard{Issuer: issuer, Box: w.box}
	if o.locate {
		w.guard.TrustedProxies, w.guard.Locate = loopbackProxies(), placeOf
	}
	w.pages, err = pages()
	require.NoError(t, err)

	who := wechat.Account{
		Name: account.Name, DisplayName: account.DisplayName, AppID: account.AppID, AppSecret: account.AppSecret,
		OriginalID: account.OriginalID, Token: account.Token, AESKey: account.AESKey, Mode: wechat.Mode(o.mode),
	}
	w.platform = &http.Transport{}
	t.Cleanup(w.platform.CloseIdleConnections)
	client, err := wechat.New(wechat.Config{
		Account: who, APIBase: simURL, OpenBase: simURL, Transport: w.platform, Signals: w.signals, Box: w.box, Log: log, Now: w.clock.Now,
	})
	require.NoError(t, err)
	callback, err := wechat.NewCallback(who)
	require.NoError(t, err)
	callback.Now = w.clock.Now
	w.accounts = []wechatflow.Account{{Client: client, Callback: callback, Replies: o.replies}}

	w.client = storage.Client{
		ID: testClientID, Name: "Example Shop", RedirectURIs: []string{"https://shop.example/callback"}, Scopes: []string{"openid", "phone"},
		AuthMethods: []string{storage.AuthMethodBasic}, GrantTypes: []string{"authorization_code"}, IDTokenAlg: "ES256", FirstParty: true,
		Source: "cli", CreatedAt: w.clock.Now(), UpdatedAt: w.clock.Now(),
	}
	if o.client != nil {
		o.client(&w.client)
	}
	require.NoError(t, db.AddClient(ctx, w.client, "test"))

	w.flow = w.newFlow(o, log, w.metrics)
	w.site = httptest.NewUnstartedServer(w.handler(w.flow))
	require.NoError(t, w.site.Listener.Close())
	w.site.Listener = listener
	w.site.Start()
	t.Cleanup(w.site.Close)
	require.NoError(t, sim.SetCallback("main", w.site.URL+"/wechat/main"))
	return w
}

func (w *world) newFlow(o options, log *slog.Logger, metrics prometheus.Registerer) *wechatflow.Flow {
	w.t.Helper()
	if o.lifetimes.Recheck == 0 {
		o.lifetimes.Recheck = 50 * time.Millisecond
	}
	flow, err := wechatflow.New(wechatflow.Config{
		Store: w.store, Signals: w.signals, Guard: w.guard, Box: w.box, Pages: w.pages, Accounts: w.accounts, SMS: w.pocket,
		Client: w.shown, Draft: o.draft, Brand: "Qiao", ScanAlone: o.scanAlone, Lifetimes: o.lifetimes, Limits: o.limits, Metrics: metrics, Now: w.clock.Now, Log: log,
	})
	require.NoError(w.t, err)
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(w.t, flow.Close(ctx))
	})
	return flow
}

// shown looks a client up, and knows the pages of the provider, as the registry does.
func (w *world) shown(ctx context.Context, id string) (storage.Client, error) {
	if storage.OwnPage(id) {
		return storage.Client{ID: id, Name: "Qiao", FirstParty: true}, nil
	}
	return w.store.Client(ctx, id)
}

// handler is the flow, and in the provider's place a page that says which session it sees.
func (w *world) handler(flow *wechatflow.Flow) http.Handler {
	r := chi.NewRouter()
	flow.Routes(r)
	r.Get("/account", func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("the account page")) })
	r.Get("/authorize/continue", func(rw http.ResponseWriter, r *http.Request) {
		handle, ok := w.guard.Session(r)
		if !ok {
			http.Error(rw, "no session", http.StatusForbidden)
			return
		}
		session, user, err := w.store.Store.Session(r.Context(), handle.ID, handle.Secret.Hash(), time.Hour, w.clock.Now())
		if err != nil {
			http.Error(rw, "no session: "+err.Error(), http.StatusForbidden)
			return
		}
		_ = json.NewEncoder(rw).Encode(map[string]any{
			"request": r.URL.Query().Get("request"), "sid": session.ID.String(), "user": user.ID, "username": user.Username,
			"amr": session.AMR, "acr": session.ACR,
		})
	})
	return r
}

// pocket is where text messages arrive.
type pocket struct {
	mu   sync.Mutex
	got  []sms.Message
	fail error
}

func (p *pocket) Send(_ context.Context, m sms.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	p.got = append(p.got, m)
	return nil
}

func (p *pocket) failing(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = err
}

func (p *pocket) all() []sms.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]sms.Message(nil), p.got...)
}

func (p *pocket) lastCode(t *testing.T) string {
	t.Helper()
	all := p.all()
	require.NotEmpty(t, all)
	return all[len(all)-1].Code
}
