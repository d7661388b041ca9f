package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// checkedStore and checkedSignals answer what the check of readiness asks, and nothing else.
type checkedStore struct {
	storage.Store
	health storage.Health
	err    error
	skew   time.Duration
}

func (s checkedStore) Health(context.Context) (storage.Health, error) {
	s.health.Now = time.Now().Add(s.skew)
	return s.health, s.err
}

type checkedSignals struct {
	storage.Signals
	err error
}

func (s checkedSignals) Ping(context.Context) error { return s.err }

func TestReadiness(t *testing.T) {
	current := storage.Health{SchemaVersion: 4, WantVersion: 4}
	down := errors.New("down")
	for name, it := range map[string]struct {
		store    checkedStore
		signals  error
		noKey    bool
		draining bool
		status   int
		fault    string
	}{
		"all is well":              {store: checkedStore{health: current}, status: 200},
		"a clock that is 1 s off":  {store: checkedStore{health: current, skew: time.Second}, status: 200},
		"a clock that is behind":   {store: checkedStore{health: current, skew: 5 * time.Second}, status: 503, fault: "clock"},
		"a clock that is ahead":    {store: checkedStore{health: current, skew: -5 * time.Second}, status: 503, fault: "clock"},
		"a database that is down":  {store: checkedStore{err: down}, status: 503, fault: "database"},
		"an older schema":          {store: checkedStore{health: storage.Health{SchemaVersion: 3, WantVersion: 4}}, status: 503, fault: "schema"},
		"a newer schema":           {store: checkedStore{health: storage.Health{SchemaVersion: 5, WantVersion: 4}}, status: 503, fault: "schema"},
		"no key":                   {store: checkedStore{health: current}, noKey: true, status: 503, fault: "keys"},
		"on its way out":           {store: checkedStore{health: current}, draining: true, status: 503, fault: "server"},
		"signals that are down":    {store: checkedStore{health: current}, signals: down, status: 200, fault: "signals"},
		"signals down and a clock": {store: checkedStore{health: current, skew: time.Minute}, signals: down, status: 503, fault: "clock"},
	} {
		t.Run(name, func(t *testing.T) {
			h := &health{store: it.store, signals: checkedSignals{err: it.signals}, hasKey: func() bool { return !it.noKey }}
			h.draining.Store(it.draining)
			w := httptest.NewRecorder()
			h.serveReady(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			require.Equal(t, it.status, w.Code)
			require.Equal(t, it.status != 200, w.Header().Get("Retry-After") != "")
			var answer struct {
				Ready  bool
				Faults map[string]string
			}
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
			require.Equal(t, it.status == 200, answer.Ready)
			if it.fault == "" {
				require.Empty(t, answer.Faults)
			} else {
				require.Contains(t, answer.Faults, it.fault)
			}
		})
	}
}
