package server

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"qiao/cmd/qiao/config"
	"qiao/storage"
)

// Options are what Run needs besides the configuration.
type Options struct {
	Config config.Config
	Mode   string // storage.ModeProduction or storage.ModeDemo
	Log    *slog.Logger
	// Listener and Management are used instead of the configured addresses, for ports that are known late.
	Listener, Management net.Listener
	// Ready is called once everything answers.
	Ready func()
}

// Run serves until ctx ends, then drains: readiness goes, long-polls end with the state they have, requests under way
// are finished, and only then the stores close.
func Run(ctx context.Context, o Options) error {
	p, err := build(ctx, o)
	if err != nil {
		return err
	}
	defer p.close()

	public, err := listen(ctx, o.Listener, o.Config.Listen)
	if err != nil {
		return err
	}
	private, err := listen(ctx, o.Management, o.Config.Management)
	if err != nil {
		_ = public.Close()
		return err
	}
	servers := []*http.Server{
		newHTTPServer(p.handler, o.Log),
		newHTTPServer(managementHandler(p.health, p.metrics), o.Log),
	}

	loops, stopLoops := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoops()
	var running errgroup.Group
	for _, loop := range p.loops {
		running.Go(func() error { loop(loops); return nil })
	}
	failed := make(chan error, len(servers))
	for i, l := range []net.Listener{public, private} {
		running.Go(func() error {
			if err := servers[i].Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
	o.Log.InfoContext(ctx, "serving", "issuer", o.Config.Issuer, "listen", public.Addr().String(), "management", private.Addr().String(), "storage", o.Config.Storage, "signals", o.Config.Signals)
	if o.Ready != nil {
		o.Ready()
	}

	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	o.Log.InfoContext(ctx, "draining", "wait", o.Config.Lifetimes.Drain.String())
	p.health.draining.Store(true)
	p.drain()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Config.Lifetimes.Drain)
	defer cancel()
	for _, s := range servers {
		if e := s.Shutdown(grace); e != nil {
			o.Log.WarnContext(ctx, "requests were cut off: lifetimes.drain was too short for them")
			_ = s.Close()
		}
	}
	stopLoops()
	_ = running.Wait()
	return err
}

func listen(ctx context.Context, given net.Listener, address string) (net.Listener, error) {
	if given != nil {
		return given, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

// newHTTPServer bounds everything that a slow or hostile peer can hold; the write time-out leaves room for a long-poll.
func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 45 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: stdlog.New(serverLog{log}, "", 0),
	}
}

// sweep is the janitor: it removes what has expired, in batches, from the first day.
func sweep(ctx context.Context, store storage.Store, log *slog.Logger) {
	const batch = 1000
	tick := time.NewTicker(15 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for {
			n, err := store.Sweep(ctx, time.Now(), batch)
			if err != nil {
				if ctx.Err() == nil {
					log.WarnContext(ctx, "sweep failed, it is tried again", "error", err)
				}
				break
			}
			if n < batch {
				break
			}
		}
	}
}
