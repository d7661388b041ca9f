package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/oschwald/geoip2-golang"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"qiao/browser"
	"qiao/cmd/qiao/config"
	"qiao/op"
	"qiao/op/clients"
	"qiao/op/grants"
	"qiao/op/keys"
	"qiao/storage"
	"qiao/storage/seal"
	"qiao/ui"
	"qiao/wechatflow"
)

// parts are a provider that is built and not yet listening.
type parts struct {
	handler http.Handler
	health  *health
	metrics *prometheus.Registry
	loops   []func(context.Context) // run until their context ends
	drain   func()
	closers []func() error // in the order to close
	log     *slog.Logger
}

func (p *parts) close() {
	for _, c := range p.closers {
		if err := c(); err != nil {
			p.log.Warn("close", "error", err)
		}
	}
}

// build opens the stores and hands every part what it needs. It is the only place that knows all of them.
func build(ctx context.Context, o Options) (_ *parts, err error) {
	c, log := o.Config, o.Log
	p := &parts{metrics: prometheus.NewRegistry(), log: log}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	p.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	if faults := CheckParts(c); len(faults) > 0 {
		return nil, faults
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if err := refuseSimulator(ctx, c, issuer); err != nil {
		return nil, err
	}
	masters, err := c.MasterKeys()
	if err != nil {
		return nil, err
	}
	box, err := seal.New(masters...)
	if err != nil {
		return nil, err
	}

	store, err := OpenStore(ctx, c, true, log)
	if err != nil {
		return nil, err
	}
	p.closers = append(p.closers, store.Close)
	if err := mark(ctx, store, o.Mode); err != nil {
		return nil, err
	}
	signals, err := openSignals(ctx, c, log)
	if err != nil {
		return nil, err
	}
	p.closers = append([]func() error{signals.Close}, p.closers...)

	if err := store.SyncClients(ctx, Registrations(c, box, time.Now()), time.Now()); err != nil {
		return nil, fmt.Errorf("bring the configured clients into the store: %w", err)
	}
	ring, err := OpenRing(ctx, c, store, box, log)
	if err != nil {
		return nil, err
	}
	registry := clients.New(clients.Config{Store: store, Box: box, Brand: c.Brand.Name, Now: time.Now, Log: log})

	proxies, err := c.Proxies()
	if err != nil {
		return nil, err
	}
	locate, closeGeo, err := openGeoIP(c.GeoIPDatabase)
	if err != nil {
		return nil, err
	}
	p.closers = append([]func() error{closeGeo}, p.closers...)
	guard := &browser.Guard{Issuer: issuer, Box: box, TrustedProxies: proxies, Locate: locate}
	pages, err := ui.New(ui.Config{Brand: Brand(c.Brand), DefaultLang: c.Language, Log: log})
	if err != nil {
		return nil, err
	}

	tokens, err := grants.New(grants.Config{
		Issuer: c.Issuer, Store: store, Signals: signals, Guard: guard, Clients: registry, Keys: ring, Box: box,
		Metrics: p.metrics, Now: time.Now, Log: log, Account: c.WeChat.Accounts[0].Name, ACRs: classes(c),
		Lifetimes: grants.Lifetimes{
			IDToken: c.Lifetimes.IDToken, AccessToken: c.Lifetimes.AccessToken, RefreshIdle: c.Lifetimes.RefreshIdle,
			DeviceCode: c.Lifetimes.DeviceCode, DeviceInterval: c.Lifetimes.DeviceInterval, RefreshDevice: c.Lifetimes.RefreshDevice,
		},
		Limits: grants.Limits{
			DevicesPerAddress: grants.Rate{Max: c.Limits.DevicesPerMinute, Window: time.Minute},
			DevicesPerClient:  grants.Rate{Max: c.Limits.DevicesPerClientMinute, Window: time.Minute},
			DevicesInAll:      grants.Rate{Max: c.Limits.DevicesInAllMinute, Window: time.Minute},
		},
	})
	if err != nil {
		return nil, err
	}
	var provider *op.Provider // and the flow lead to each other
	flow, err := buildFlow(c, flowParts{
		store: store, signals: signals, guard: guard, box: box, pages: pages, clients: registry, metrics: p.metrics, log: log,
		draft: func(r *http.Request, request storage.AuthRequest, userID string) (*storage.NewCode, func(http.ResponseWriter)) {
			return provider.Draft(r, request, userID)
		},
	})
	if err != nil {
		return nil, err
	}
	p.closers = append([]func() error{func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return flow.Close(ctx)
	}}, p.closers...)
	p.drain = flow.Drain

	provider, err = op.New(op.Config{
		Issuer: c.Issuer, Store: store, Signals: signals, Guard: guard, Pages: pages, Box: box,
		Clients: registry, Keys: ring, Grants: tokens, Tell: flow.Tell, Metrics: p.metrics, Now: time.Now, Log: log,
		Lifetimes: op.Lifetimes{
			Code: c.Lifetimes.Code, AuthRequest: c.Lifetimes.AuthRequest,
			SessionIdle: c.Lifetimes.SessionIdle, RefreshAbsolute: c.Lifetimes.RefreshAbsolute,
		},
		Limits: op.Limits{
			Authorize:  op.Rate{Max: c.Limits.AuthorizePerMinute, Window: time.Minute},
			EndSession: op.Rate{Max: c.Limits.LogoutPerMinute, Window: time.Minute},
			Requests:   op.Rate{Max: c.Limits.RequestsPerMinute, Window: time.Minute},
			Codes:      op.Rate{Max: c.Limits.CodesPerUserHour, Window: time.Hour},

			UserCodesPerAddress: c.Limits.UserCodesPerHour, UserCodesPerUser: c.Limits.UserCodesPerUserHour, UserCodesInAll: c.Limits.UserCodesInAllHour,
		},
	})
	if err != nil {
		return nil, err
	}

	p.health = &health{store: store, signals: signals, hasKey: func() bool { return len(ring.List()) > 0 }}
	p.loops = append(p.loops, ring.Run, func(ctx context.Context) { sweep(ctx, store, log) })
	p.handler = routes(provider, flow, pages, p.health, log)
	if o.Mode == storage.ModeDemo {
		if !config.IsLoopback(issuer) {
			return nil, errors.New("issuer: the demo runs on loopback only, for its platform lets anybody play anybody")
		}
		p.handler = LoopbackOnly(p.handler)
	}
	return p, nil
}

// classes are the authentication classes that a login can have.
func classes(c config.Config) []string {
	if !c.ScanAlone {
		return []string{storage.ACRConfirm}
	}
	return []string{storage.ACRConfirm, storage.ACRScan}
}

// routes mounts the parts on the public listener.
func routes(provider *op.Provider, flow *wechatflow.Flow, pages *ui.Renderer, h *health, log *slog.Logger) http.Handler {
	r := chi.NewRouter()
	r.Use(recovered(log))
	provider.Routes(r)
	flow.Routes(r)
	r.Handle("/static/*", pages.Static())
	r.Get("/livez", serveLive)
	r.Get("/readyz", h.serveReady)
	r.NotFound(provider.NotFound)
	return flow.Waiting(r)
}

// OpenRing loads the signing keys, and makes the first ones on a fresh database.
func OpenRing(ctx context.Context, c config.Config, store storage.Store, box *seal.Box, log *slog.Logger) (*keys.Ring, error) {
	rotate := c.Lifetimes.KeyRotation
	if rotate == 0 {
		rotate = -1
	}
	ring, err := keys.New(keys.Config{
		Issuer: c.Issuer, Store: store, Box: box, Publish: c.Lifetimes.KeyPublish, RotateAfter: rotate,
		Overlap: c.Lifetimes.SessionAbsolute + c.Lifetimes.IDToken, Now: time.Now, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("set up signing keys: %w", err)
	}
	if err := ring.Load(ctx); err != nil {
		return nil, fmt.Errorf("load signing keys: %w", err)
	}
	return ring, nil
}

// openGeoIP opens the database of places; without one, no place is known.
func openGeoIP(path string) (locate func(netip.Addr) string, closeDB func() error, err error) {
	if path == "" {
		return nil, func() error { return nil }, nil
	}
	db, err := geoip2.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("geoip_database: %w", err)
	}
	return func(a netip.Addr) string {
		city, err := db.City(a.AsSlice())
		if err != nil {
			return ""
		}
		for _, names := range []map[string]string{city.City.Names, city.Country.Names} {
			for _, lang := range []string{"zh-CN", "en"} {
				if names[lang] != "" {
					return names[lang]
				}
			}
		}
		return ""
	}, db.Close, nil
}

// errSimulator names the guard's finding.
var errSimulator = errors.New("wechat.api_base is a simulator, where anybody can play anybody: it is refused unless the issuer is on loopback")

// refuseSimulator keeps a simulated platform out of production: whoever can reach it signs in as anybody.
func refuseSimulator(ctx context.Context, c config.Config, issuer *url.URL) error {
	if config.IsLoopback(issuer) {
		return nil
	}
	if c.SMS.SimulatorURL != "" {
		return errors.New("sms.simulator_url shows every code to everybody: it is refused unless the issuer is on loopback")
	}
	for _, base := range []string{c.WeChat.APIBase, c.WeChat.OpenBase} {
		if base == "" {
			continue
		}
		u, err := url.Parse(base)
		if err != nil || u.Scheme != "https" || config.IsLoopback(u) {
			return errSimulator
		}
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.JoinPath("/sim/people").String(), nil)
		if err != nil {
			return errSimulator
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return errSimulator
			}
		}
	}
	return nil
}
