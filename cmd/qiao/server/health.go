package server

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"qiao/storage"
)

// maxClockSkew is how far this machine's clock may be from the database's: one-time things end by the clock.
const maxClockSkew = 2 * time.Second

type health struct {
	store    storage.Store
	signals  storage.Signals
	hasKey   func() bool
	draining atomic.Bool
}

// ready checks what every request rests on: the database, its schema, the clock, a signing key and the signals. WeChat
// and the text-message service are not asked: without them, live sessions and tokens go on.
func (h *health) ready(ctx context.Context) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	faults := map[string]string{}
	if h.draining.Load() {
		faults["server"] = "stopping"
	}
	before := time.Now()
	state, err := h.store.Health(ctx)
	switch {
	case err != nil:
		faults["database"] = "does not answer"
	case state.SchemaVersion != state.WantVersion:
		faults["schema"] = "is not this program's: run qiao migrate"
	case state.Now.Before(before.Add(-maxClockSkew)) || state.Now.After(time.Now().Add(maxClockSkew)):
		faults["clock"] = "is more than 2 s from the database's"
	}
	if !h.hasKey() {
		faults["keys"] = "there is no signing key"
	}
	if h.signals.Ping(ctx) != nil {
		faults["signals"] = "do not answer: new logins wait"
	}
	return faults
}

// serveReady answers 503 while anything but the signals is at fault: without them sessions and tokens go on, so a
// balancer must not take all replicas away at once.
func (h *health) serveReady(w http.ResponseWriter, r *http.Request) {
	faults := h.ready(r.Context())
	status := http.StatusOK
	for part := range faults {
		if part != "signals" {
			status = http.StatusServiceUnavailable
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if status != http.StatusOK {
		w.Header().Set("Retry-After", "2")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"ready": status == http.StatusOK, "faults": faults})
}

// serveLive answers as long as the process can: it touches nothing.
func serveLive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("{\"live\":true}\n"))
}

// managementHandler serves the second port.
func managementHandler(h *health, metrics *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", serveLive)
	mux.HandleFunc("GET /readyz", h.serveReady)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	return mux
}
