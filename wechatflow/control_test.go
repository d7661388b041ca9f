package wechatflow_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// control calls the simulator's control API.
func (w *world) control(method, path string, in, out any) int {
	w.t.Helper()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		require.NoError(w.t, err)
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequest(method, w.sim.URL+path, body)
	require.NoError(w.t, err)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	if out != nil {
		require.NoError(w.t, json.Unmarshal(b, out), string(b))
	}
	require.Less(w.t, resp.StatusCode, 300, "%s %s: %s", method, path, b)
	return resp.StatusCode
}

// fault makes a platform call fail, until the world's faults are cleared.
func (w *world) fault(f map[string]any) { w.control("POST", "/sim/faults", f, nil) }

func (w *world) counter(name string, labels ...string) float64 {
	w.t.Helper()
	families, err := w.metrics.Gather()
	require.NoError(w.t, err)
	total := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			var have []string
			for _, l := range m.GetLabel() {
				have = append(have, l.GetName()+"="+l.GetValue())
			}
			if strings.Contains(strings.Join(have, ","), strings.Join(labels, ",")) {
				total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return total
}

func (w *world) eventually(what string, f func() bool) {
	w.t.Helper()
	require.Eventually(w.t, f, 5*time.Second, 5*time.Millisecond, what)
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	require.NoError(t, err)
	return u
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
