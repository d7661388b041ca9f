package server

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/go-chi/chi/v5"
)

// recovered answers 500 where a handler panics, and logs it: net/http would log it among the peers that went away.
func recovered(log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				fault := recover()
				if fault == nil {
					return
				}
				if err, ok := fault.(error); ok && errors.Is(err, http.ErrAbortHandler) { // a handler's way to hang up
					panic(fault)
				}
				// The route, not the path: some paths hold a secret.
				log.ErrorContext(r.Context(), "handler panicked", "method", r.Method, "route", chi.RouteContext(r.Context()).RoutePattern(),
					"panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
				w.Header().Set("Retry-After", "5")
				w.Header().Set("Cache-Control", "no-store")
				http.Error(w, "internal fault", http.StatusInternalServerError)
			}()
			next.ServeHTTP(w, r)
		})
	}
}

// serverLog is where net/http complains. Most of it is of peers that go away in the middle, which are no faults of ours;
// but a panic that came up outside of the routes above is.
type serverLog struct{ log *slog.Logger }

// Write implements io.Writer for one complaint.
func (l serverLog) Write(line []byte) (int, error) {
	text := string(bytes.TrimSpace(line))
	if rest, panicked := strings.CutPrefix(text, "http: panic serving "); panicked {
		_, fault, _ := strings.Cut(rest, ": ") // without the peer's address
		l.log.Error("handler panicked", "panic", fault)
	} else {
		l.log.Debug("http server", "complaint", text)
	}
	return len(line), nil
}
