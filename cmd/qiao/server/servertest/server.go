package servertest

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/config"
	"qiao/cmd/qiao/server"
	"qiao/storage"
)

// Server is a running production server.
type Server struct {
	Config     config.Config
	URL        string // where it listens, which is not the issuer's address where that is another server's
	Management string
	Log        *Log
	Secrets    *Secrets // when set, Via's transports remember what they carry
	stop       context.CancelFunc
	ended      chan struct{}
	err        error
}

// Start runs a server until the test ends or stops it. Its configuration is checked as that of `qiao serve` is.
func Start(t testing.TB, c config.Config) *Server {
	t.Helper()
	s, err := TryStart(t, c)
	require.NoError(t, err)
	return s
}

// TryStart is Start for a server that may refuse to start.
func TryStart(t testing.TB, c config.Config) (*Server, error) {
	t.Helper()
	s := &Server{Log: &Log{}, stop: func() {}, ended: make(chan struct{})}
	close(s.ended) // it runs only from start on
	t.Cleanup(func() {
		require.NoError(t, s.Stop())
		if t.Failed() {
			t.Logf("the log of %s:\n%s", s.Config.Issuer, s.Log)
		}
	})
	return s, s.start(t, c)
}

// Restart stops the server and starts it with another configuration. The issuer stays; where it listens does not, and
// what Via returned leads there.
func (s *Server) Restart(t testing.TB, c config.Config) {
	t.Helper()
	require.NoError(t, s.Stop())
	c.Issuer = s.Config.Issuer
	require.NoError(t, s.start(t, c))
}

func (s *Server) start(t testing.TB, c config.Config) error {
	t.Helper()
	public, private := listen(t), listen(t)
	s.URL, s.Management = "http://"+public.Addr().String(), "http://"+private.Addr().String()
	if c.Issuer == "" {
		c.Issuer = s.URL
	}
	s.Config = c
	require.NoError(t, c.Validate())
	require.Empty(t, server.CheckParts(c))
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended, ready := make(chan struct{}), make(chan struct{})
	s.stop, s.ended = stop, ended
	go func() {
		defer close(ended)
		s.err = server.Run(ctx, server.Options{
			Config: c, Mode: storage.ModeProduction, Listener: public, Management: private, Ready: func() { close(ready) },
			Log: slog.New(slog.NewJSONHandler(s.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
	}()
	select {
	case <-ready:
		return nil
	case <-ended:
		_, _ = public.Close(), private.Close()
		err := s.err
		s.err = nil
		return err
	}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

// Drain tells the server to stop, and does not wait for it.
func (s *Server) Drain() { s.stop() }

// Stop ends the server as SIGTERM would. Twice is once.
func (s *Server) Stop() error {
	s.stop()
	<-s.ended
	return s.err
}

// Via is a transport on which the issuer's address leads to this server, as through a balancer that has chosen it.
func (s *Server) Via() http.RoundTripper {
	var dialer net.Dialer
	transport := &http.Transport{
		MaxIdleConnsPerHost: 64, DisableCompression: true, IdleConnTimeout: time.Minute,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == hostOf(s.Config.Issuer) {
				address = hostOf(s.URL)
			}
			return dialer.DialContext(ctx, network, address)
		},
	}
	if s.Secrets != nil {
		return s.Secrets.Watch(transport)
	}
	return transport
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// Log is a log that is read while it is written.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
