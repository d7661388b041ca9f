package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"qiao/cmd/qiao/config"
	"qiao/cmd/qiao/demo/rp"
	"qiao/cmd/qiao/demo/tv"
	"qiao/cmd/qiao/server"
	"qiao/storage"
	"qiao/storage/postgres"
	"qiao/wechatflow/simulator"
)

// Options are the demo's own settings; the provider's come from Source.
type Options struct {
	Source        config.Source // the operator's file, environment and flags; Base and Complete are the demo's
	Folder        string        // kept when given; empty: a temporary one that is removed at the end
	ProviderPort  int           // 0: any free one
	SimulatorPort int
	RPPort        int
	TVPort        int
	TVCodeLife    time.Duration // of the codes of TVs, where it is shorter than lifetimes.device_code may be; zero: what that says
	ReadyFile     string        // written once everything answers
	Out           io.Writer
	NewLog        func(config.Log) *slog.Logger
}

// Run starts everything and serves until ctx ends. Nothing is left behind but the folder, where one was given.
func Run(ctx context.Context, o Options) error {
	started := false
	err := run(ctx, o, &started)
	if !started && ctx.Err() != nil {
		return nil // told to stop during the start, whatever failed by that
	}
	return err
}

func run(ctx context.Context, o Options, started *bool) (err error) {
	folder, removeFolder, err := openFolder(o.Folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeFolder()) }()
	if o.ReadyFile != "" {
		// An old one would tell of a demo that is gone.
		if err := removeFile(o.ReadyFile); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, removeFile(o.ReadyFile)) }()
	}
	masterKey, err := keepMasterKey(filepath.Join(folder, "master.key"))
	if err != nil {
		return err
	}

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	l, err := openListeners(ctx, o)
	if err != nil {
		return err
	}
	defer l.close()
	at := Addresses{
		Provider: "http://" + l.provider.Addr().String(), Simulator: "http://" + l.simulator.Addr().String(),
		// Another host than the provider's: another site to a browser.
		RP: "http://localhost:" + portOf(l.rp), TV: "http://localhost:" + portOf(l.tv),
	}
	base := Base(folder)
	source := o.Source
	source.Base, source.Check = &base, server.CheckParts
	source.Complete = func(c *config.Config) {
		complete(c, at, masterKey)
		// What the folder's file says must be true for the commands that read it.
		c.Listen, c.Management = l.provider.Addr().String(), l.management.Addr().String()
	}
	c, err := config.Load(source)
	if err != nil {
		return err
	}
	log := o.NewLog(c.Log)
	if err := writeOwn(filepath.Join(folder, "qiao.yaml"), func(f io.Writer) error { return c.PrintWithSecrets(f) }); err != nil {
		return err
	}
	if o.TVCodeLife > 0 { // after the file is written: no command may read it there
		c.Lifetimes.DeviceCode = o.TVCodeLife
	}
	if c.Storage == "postgres" {
		if err := postgres.Migrate(ctx, c.Postgres.DSN); err != nil {
			return fmt.Errorf("migrate PostgreSQL: %w", err)
		}
	}

	sim, err := startSimulator(c, at, log)
	if err != nil {
		return err
	}
	defer sim.Close()

	var running errgroup.Group
	serve := func(l net.Listener, h http.Handler) {
		s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 32 << 10}
		running.Go(func() error {
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				stop()
				return err
			}
			return nil
		})
		context.AfterFunc(ctx, func() { _ = s.Close() })
	}
	serve(l.simulator, sim.Handler())

	provided := make(chan struct{})
	running.Go(func() error {
		defer stop()
		return server.Run(ctx, server.Options{
			Config: c, Mode: storage.ModeDemo, Log: log, Listener: l.provider, Management: l.management,
			Ready: func() { close(provided) },
		})
	})
	select {
	case <-provided:
	case <-ctx.Done():
		return running.Wait()
	}
	site, err := newSite(ctx, c, at, log)
	if err != nil {
		stop()
		return errors.Join(err, running.Wait())
	}
	serve(l.rp, server.LoopbackOnly(site.Handler()))
	serve(l.tv, server.LoopbackOnly(newTV(c, at, log).Handler()))

	ready := readyFile(c, at, "http://"+l.management.Addr().String())
	if o.ReadyFile != "" {
		err := writeOwn(o.ReadyFile, func(f io.Writer) error { return json.NewEncoder(f).Encode(ready) })
		if err != nil {
			stop()
			return errors.Join(err, running.Wait())
		}
	}
	printWelcome(o.Out, c, at)
	*started = true
	err = running.Wait()
	if ctx.Err() != nil && errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// newSite makes the relying party from its registrations. It reaches the provider where it listens, which is not the
// issuer's address when a proxy stands in front.
func newSite(ctx context.Context, c config.Config, at Addresses, log *slog.Logger) (*rp.Site, error) {
	about := map[string][2]string{
		"demo-web":     {"河畔书店（自家网站） · first party", "保密客户端，带刷新令牌，不询问授权 · confidential, refresh tokens, no consent"},
		"demo-partner": {"远山咖啡（第三方） · third party", "保密客户端，首次询问授权 · confidential, asks for consent once"},
		"demo-app":     {"河畔阅读（公开客户端） · public", "没有密钥，以 PKCE 证明 · no secret, proven by PKCE"},
	}
	var all []rp.Client
	for _, own := range Clients(at.RP) {
		for _, x := range c.Clients {
			if x.ID == own.ID && len(own.RedirectURIs) > 0 { // the TV's is no site's
				all = append(all, rp.Client{ID: x.ID, Secret: x.Secret, Title: about[x.ID][0], About: about[x.ID][1], Scopes: x.Scopes[:min(3, len(x.Scopes))]})
			}
		}
	}
	return rp.New(ctx, rp.Config{Issuer: c.Issuer, BaseURL: at.RP, Clients: all, HTTP: toProvider(c, at), Log: log})
}

// newTV makes the demo's TV from its registration.
func newTV(c config.Config, at Addresses, log *slog.Logger) *tv.Server {
	own := tv.Config{Issuer: c.Issuer, ClientID: "demo-tv", DeviceName: "客厅电视 Living Room", HTTP: toProvider(c, at), Now: time.Now, Log: log}
	for _, x := range c.Clients {
		if x.ID == own.ClientID {
			own.ClientSecret, own.Scopes = x.Secret, x.Scopes
		}
	}
	return tv.New(own)
}

func toProvider(c config.Config, at Addresses) *http.Client {
	client := &http.Client{Timeout: 10 * time.Second}
	if c.Issuer != at.Provider {
		client.Transport = viaListener{issuer: c.Issuer, provider: at.Provider}
	}
	return client
}

func startSimulator(c config.Config, at Addresses, log *slog.Logger) (*simulator.Simulator, error) {
	var accounts []simulator.Account
	for _, a := range c.WeChat.Accounts {
		accounts = append(accounts, simulator.Account{
			Name: a.Name, DisplayName: a.DisplayName, AppID: a.AppID, AppSecret: a.AppSecret, OriginalID: a.OriginalID,
			Token: a.Token, AESKey: a.AESKey, Mode: a.Mode, CallbackURL: at.Provider + "/wechat/" + a.Name,
		})
	}
	sim, err := simulator.New(simulator.Config{Accounts: accounts, Log: log})
	if err != nil {
		return nil, fmt.Errorf("start the simulator: %w", err)
	}
	return sim, nil
}
