package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

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
