package grants

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
)

const retrySoon = "5" // seconds

// private is for answers that hold tokens or people's data: they are never cached (RFC 6749 §5.1), a fault of ours says
// when to try again, and they are counted.
func (s *Server) private(endpoint string, next http.Handler) http.Handler {
	ok, refused, failed := s.answers.WithLabelValues(endpoint, "ok"), s.answers.WithLabelValues(endpoint, "refused"), s.answers.WithLabelValues(endpoint, "failed")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["Cache-Control"], h["Pragma"] = []string{"no-store"}, []string{"no-cache"}
		h["X-Content-Type-Options"] = []string{"nosniff"}
		out := &answer{ResponseWriter: w}
		next.ServeHTTP(out, r)
		switch {
		case out.status < http.StatusBadRequest:
			ok.Inc()
		case out.status < http.StatusInternalServerError:
			refused.Inc()
		default:
			failed.Inc()
		}
	})
}

// answer remembers the status. It stays 0 where the handler leaves it to Write.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	if status >= http.StatusInternalServerError {
		a.Header().Set("Retry-After", retrySoon)
	}
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// register makes the counters. Their labels are words of ours, never something that was sent.
func (s *Server) register() error {
	s.answers = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "qiao_token_side_total",
		Help: "Answers of the token side, by endpoint (token, introspect, revoke, userinfo) and outcome: ok, refused (4xx), failed (5xx).",
	}, []string{"endpoint", "outcome"})
	s.replays = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "qiao_replays_total",
		Help: "Codes and refresh tokens that were used again, which ended their grant, by operation (exchange_code, refresh).",
	}, []string{"operation"})
	if s.cfg.Metrics == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{s.answers, s.replays} {
		if err := s.cfg.Metrics.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}
