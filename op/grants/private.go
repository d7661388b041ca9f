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
		case out.waits: // a poll, which has its own counter
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
	waits  bool
}

// waiter is told that its answer is an error by its status alone.
type waiter interface{ waiting() }

func (a *answer) waiting() { a.waits = true }

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
		Help: "Answers of the token side, by endpoint (token, introspect, revoke, userinfo, device_authorization) and outcome: ok, refused (4xx), failed (5xx). Polls of waiting devices are counted in qiao_device_polls_total alone.",
	}, []string{"endpoint", "outcome"})
	s.replays = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "qiao_replays_total",
		Help: "Codes and refresh tokens that were used again, which ended their grant, by operation (exchange_code, refresh).",
	}, []string{"operation"})
	s.polls = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "qiao_device_polls_total",
		Help: "Polls of device codes by answer: tokens, authorization_pending, slow_down, access_denied, expired_token, invalid_grant, server_error and the like.",
	}, []string{"answer"})
	s.pending, s.tooSoon = s.newWaitAnswer(errPending), s.newWaitAnswer(errTooSoon)
	if s.cfg.Metrics == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{s.answers, s.replays, s.polls} {
		if err := s.cfg.Metrics.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}
