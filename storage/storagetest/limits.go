package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func bindLimits(w world) {
	l := w.approved("o1", start)
	wide, narrow := newHash(), newHash()
	limits := []storage.Limit{{Name: "day", Key: wide, Max: 3, Window: 24 * time.Hour}, {Name: "phone", Key: narrow, Max: 1, Window: time.Minute}}
	send := func(now time.Time, limits ...storage.Limit) error {
		c := l.codeFor("+8613800000001")
		c.Limits, c.Now = limits, now
		return w.a.SendPhoneCode(w.Context(), c)
	}
	require.NoError(w, send(start, limits...))
	for range 5 { // none of these counts against the day
		var limited *storage.LimitedError
		require.ErrorAs(w, send(start.Add(10*time.Second), limits...), &limited)
		require.Equal(w, "phone", limited.Key)
		require.Equal(w, 50*time.Second, limited.RetryAfter)
	}
	require.NoError(w, send(start.Add(time.Minute), limits...))
	require.NoError(w, send(start.Add(2*time.Minute), limits...))
	var limited *storage.LimitedError
	require.ErrorAs(w, send(start.Add(3*time.Minute), limits...), &limited)
	require.Equal(w, "day", limited.Key)
	require.NoError(w, send(start.Add(3*time.Minute), storage.Limit{Name: "phone", Key: wide, Max: 1, Window: time.Hour}), "one key under another name is another limit")
	// What was sent last still stands: a refused send replaces no code.
	result, err := w.b.BindPhone(w.Context(), l.bindOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindDone, result.Outcome)
}

func bindLimitsAtOnce(w world) {
	limits := []storage.Limit{{Name: "day", Key: newHash(), Max: 7, Window: 24 * time.Hour}, {Name: "address", Key: newHash(), Max: 9, Window: time.Hour}}
	logins := make([]login, 16)
	for n := range logins {
		logins[n] = w.approved(fmt.Sprintf("o%d", n), start)
	}
	sent := 0
	for _, err := range parallel(len(logins), func(n int) error {
		c := logins[n].codeFor(fmt.Sprintf("+86138%08d", n))
		c.Limits = limits
		if n%2 == 0 {
			c.Limits = []storage.Limit{limits[1], limits[0]}
		}
		return w.store(n).SendPhoneCode(context.WithoutCancel(w.Context()), c)
	}) {
		var limited *storage.LimitedError
		switch {
		case err == nil:
			sent++
		case !errors.As(err, &limited):
			w.Errorf("send: %v", err)
		}
	}
	require.Equal(w, 7, sent)
}
