package tv

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"qiao/cmd/qiao/device"
)

// Config is what the TV's server knows.
type Config struct {
	Issuer       string
	ClientID     string
	ClientSecret string // empty for a public client
	Scopes       []string
	DeviceName   string
	HTTP         *http.Client
	Now          func() time.Time
	Log          *slog.Logger
}

// Server is the server of the TV app. Its TVs live in memory.
type Server struct {
	cfg Config

	mu       sync.Mutex
	provider *device.Client // nil until the provider was reached once
	sets     map[string]*set
}

//go:embed page
var pageFiles embed.FS

// New makes the server. The provider is discovered when the first TV starts: a TV that boots before its provider shows
// an error and tries again.
func New(cfg Config) *Server {
	return &Server{cfg: cfg, sets: map[string]*set{}}
}

// Handler serves the page and its API.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.file("page/tv.html", "text/html; charset=utf-8"))
	for _, script := range []string{"words.js", "remote.js", "tv.js"} {
		mux.HandleFunc("GET /"+script, s.file("page/"+script, "text/javascript; charset=utf-8"))
	}
	mux.HandleFunc("GET /tv.css", s.file("page/tv.css", "text/css; charset=utf-8"))
	for _, picture := range []string{"river.svg", "icon.svg"} {
		mux.HandleFunc("GET /"+picture, s.file("page/"+picture, "image/svg+xml"))
	}
	mux.HandleFunc("GET /qr.svg", s.qr)
	mux.HandleFunc("POST /api/start", s.api(s.start))
	mux.HandleFunc("POST /api/poll", s.api(s.poll))
	mux.HandleFunc("GET /api/me", s.api(s.me))
	mux.HandleFunc("POST /api/signout", s.api(s.signOut))
	return mux
}

func (s *Server) file(name, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.headers(w)
		w.Header().Set("Content-Type", contentType)
		http.ServeFileFS(w, r, pageFiles, name)
	}
}

// headers lets the page load its own files and the provider's pictures, and nothing else.
func (s *Server) headers(w http.ResponseWriter) {
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; img-src 'self'"
	if u, err := url.Parse(s.cfg.Issuer); err == nil {
		policy += " " + u.Scheme + "://" + u.Host
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

// discover returns the provider's client, and asks the provider when it was not reached yet.
func (s *Server) discover(ctx context.Context) (*device.Client, error) {
	s.mu.Lock()
	provider := s.provider
	s.mu.Unlock()
	if provider != nil {
		return provider, nil
	}
	provider, err := device.Discover(ctx, device.Config{
		Issuer: s.cfg.Issuer, ClientID: s.cfg.ClientID, ClientSecret: s.cfg.ClientSecret, Scopes: s.cfg.Scopes,
		DeviceName: s.cfg.DeviceName, HTTP: s.cfg.HTTP, Now: s.cfg.Now,
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.provider = provider
	return provider, nil
}
