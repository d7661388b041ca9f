package grants_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMetrics(t *testing.T) {
	store := newFakeStore()
	w := newWorld(t, store)
	code := w.code(web)
	first := w.exchange(web, code)
	w.userinfo(first.text("access_token"))
	w.userinfo("garbage")
	w.exchange(web, code)
	store.setFail("AccessScopes", errDown)
	w.post(web, "/introspect", "token", first.text("access_token"))

	families, err := w.metrics.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			if v := m.GetCounter().GetValue(); v > 0 {
				got[name] = v
			}
		}
	}
	require.Equal(t, map[string]float64{
		"qiao_replays_total exchange_code":        1,
		"qiao_token_side_total introspect failed": 1,
		"qiao_token_side_total token ok":          1,
		"qiao_token_side_total token refused":     1,
		"qiao_token_side_total userinfo ok":       1,
		"qiao_token_side_total userinfo refused":  1,
	}, got)
}
