package storagetest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// allowedAtOnce is how many of so many calls at the same time, at both replicas, are allowed. Windows are of an hour.
func allowedAtOnce(t *testing.T, a, b storage.Signals, calls int, uses ...storage.Use) int {
	t.Helper()
	var allowed atomic.Int64
	var group sync.WaitGroup
	for i := range calls {
		group.Go(func() {
			s := a
			if i%2 == 0 {
				s = b
			}
			ok, retryAfter, err := s.Allow(context.WithoutCancel(t.Context()), uses...)
			switch {
			case err != nil:
				t.Errorf("allow: %v", err)
			case ok:
				allowed.Add(1)
			case retryAfter <= 0 || retryAfter > time.Hour:
				t.Errorf("retry after %s", retryAfter)
			}
		})
	}
	group.Wait()
	return int(allowed.Load())
}

func allowCountsToItsLimit(t *testing.T, a, b storage.Signals) {
	const limit = 7
	require.Equal(t, limit, allowedAtOnce(t, a, b, 40, storage.Use{Key: "key", Max: limit, Window: time.Hour}))

	ok, _, err := a.Allow(t.Context(), storage.Use{Key: "another key", Max: limit, Window: time.Hour})
	require.NoError(t, err)
	require.True(t, ok, "keys are counted apart")
	ok, _, err = a.Allow(t.Context(), storage.Use{Key: "never", Max: 0, Window: time.Hour})
	require.NoError(t, err)
	require.False(t, ok, "a limit of none allows none")
}

func allowStartsAgain(t *testing.T, a, b storage.Signals) {
	const window = 200 * time.Millisecond
	allowed := func(s storage.Signals) bool {
		ok, _, err := s.Allow(t.Context(), storage.Use{Key: "key", Max: 1, Window: window})
		require.NoError(t, err)
		return ok
	}
	require.True(t, allowed(a))
	start := time.Now()
	for !allowed(b) { // tries that are refused do not make the window longer
		require.Less(t, time.Since(start), patience)
	}
	require.Greater(t, time.Since(start), window/2)
}

func allowStopsAtTheFirst(t *testing.T, a, b storage.Signals) {
	allow := func(s storage.Signals, uses ...storage.Use) (bool, time.Duration) {
		t.Helper()
		ok, retryAfter, err := s.Allow(t.Context(), uses...)
		require.NoError(t, err)
		return ok, retryAfter
	}
	use := func(key string, max int) storage.Use {
		window := time.Hour
		if key == "second" {
			window = time.Minute
		}
		return storage.Use{Key: key, Max: max, Window: window}
	}
	ok, _ := allow(a)
	require.True(t, ok, "no uses are none to refuse")
	ok, retryAfter := allow(a, use("first", 3), use("second", 1), use("third", 9))
	require.True(t, ok)
	require.Zero(t, retryAfter)
	ok, retryAfter = allow(b, use("first", 3), use("second", 1), use("third", 9))
	require.False(t, ok)
	require.Greater(t, retryAfter, time.Second)
	require.LessOrEqual(t, retryAfter, time.Minute, "when to retry is said of the one that is refused")

	// So far the first was counted twice, the second twice, and the third once.
	ok, _ = allow(a, use("first", 3), use("second", 3), use("third", 2))
	require.True(t, ok)
	for _, u := range []storage.Use{use("first", 3), use("second", 3), use("third", 2)} {
		ok, _ = allow(b, u)
		require.False(t, ok, "%s was counted too seldom", u.Key)
	}
	ok, _ = allow(a, use("twice", 1), use("twice", 1))
	require.False(t, ok, "the same key twice is two uses")
	ok, _ = allow(a, use("new", 1), use("first", 3), use("not yet", 1))
	require.False(t, ok)
	ok, _ = allow(b, use("new", 2), use("not yet", 1))
	require.True(t, ok, "the new one was counted once, and the one behind the refused not at all")
}

// However the calls fall, no rate passes more than its limit, and a use is counted only behind those that have passed.
func allowCountsSeveralInParallel(t *testing.T, a, b storage.Signals) {
	const outer, inner, calls = 20, 7, 40
	require.Equal(t, inner, allowedAtOnce(t, a, b, calls,
		storage.Use{Key: "outer", Max: outer, Window: time.Hour}, storage.Use{Key: "inner", Max: inner, Window: time.Hour}))
	for key, counted := range map[string]int{"outer": calls, "inner": outer} {
		ok, _, err := a.Allow(t.Context(), storage.Use{Key: key, Max: counted + 1, Window: time.Hour})
		require.NoError(t, err)
		require.True(t, ok, "%s was counted too often", key)
		ok, _, err = b.Allow(t.Context(), storage.Use{Key: key, Max: counted + 1, Window: time.Hour})
		require.NoError(t, err)
		require.False(t, ok, "%s was counted too seldom", key)
	}
}
