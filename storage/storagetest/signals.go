package storagetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// patience is how long a test waits for something that has to happen.
const patience = 10 * time.Second

// TestSignals is the contract of storage.Signals. open returns two handles of the same fresh signals, as two replicas
// hold them; an implementation inside one process returns the same handle twice. open closes them with t.Cleanup.
func TestSignals(t *testing.T, open func(t *testing.T) (a, b storage.Signals)) {
	for name, test := range map[string]func(t *testing.T, a, b storage.Signals){
		"wake reaches every watcher of the topic":  wakeReachesEveryWatcher,
		"wakes are kept as one":                    wakesAreKeptAsOne,
		"a closed watch hears nothing":             closedWatchHearsNothing,
		"watch and wake in parallel":               watchAndWakeInParallel,
		"allow counts to its limit in parallel":    allowCountsToItsLimit,
		"allow starts again after its window":      allowStartsAgain,
		"allow stops at the first that is refused": allowStopsAtTheFirst,
		"allow counts several uses in parallel":    allowCountsSeveralInParallel,
		"put and get":                              putAndGet,
		"a value expires":                          valueExpires,
		"a lock has one holder":                    lockHasOneHolder,
		"unlock leaves the next holder alone":      unlockLeavesTheNextHolderAlone,
		"a caller that is gone is not served":      cancelledCaller,
		"closed signals are unreachable":           closedSignals,
	} {
		t.Run(name, func(t *testing.T) {
			a, b := open(t)
			test(t, a, b)
		})
	}
}

func wakeReachesEveryWatcher(t *testing.T, a, b storage.Signals) {
	var watches []storage.Watch
	for _, s := range []storage.Signals{a, b, a, b} {
		watches = append(watches, storage.NewWatch(s, "topic"))
	}
	other := storage.NewWatch(b, "topic2")
	require.NoError(t, a.Wake(t.Context(), "topic"))
	for i, w := range watches {
		require.True(t, awoken(w), "watcher %d slept through the wake-up", i)
	}
	settle(t, a, b)
	require.False(t, pending(other), "a wake-up reached the watcher of another topic")
}

func wakesAreKeptAsOne(t *testing.T, a, b storage.Signals) {
	w := storage.NewWatch(b, "topic")
	for range 5 {
		require.NoError(t, a.Wake(t.Context(), "topic"))
	}
	settle(t, a, b)
	require.True(t, pending(w))
	require.False(t, pending(w), "one look must take all wake-ups that came before it")
	require.NoError(t, a.Wake(t.Context(), "topic"))
	require.True(t, awoken(w), "a wake-up after the look must be heard")
}

func closedWatchHearsNothing(t *testing.T, a, b storage.Signals) {
	var watches []storage.Watch
	for range 5 {
		watches = append(watches, storage.NewWatch(b, "topic"))
	}
	for _, i := range []int{2, 0, 4} { // from the middle and from both ends
		watches[i].Close()
		watches[i].Close()
	}
	require.NoError(t, a.Wake(t.Context(), "topic"))
	settle(t, a, b)
	for i, w := range watches {
		require.Equal(t, i == 1 || i == 3, pending(w), "watcher %d", i)
	}
	watches[1].Close()
	watches[3].Close()
	again := storage.NewWatch(b, "topic")
	require.NoError(t, a.Wake(t.Context(), "topic"))
	require.True(t, awoken(again), "a topic works again after all of its watchers have left")
}

func watchAndWakeInParallel(t *testing.T, a, b storage.Signals) {
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			from, to := a, b
			if i%2 == 0 {
				from, to = b, a
			}
			for j := range 20 {
				topic := fmt.Sprintf("topic %d", (i+j)%5)
				w := storage.NewWatch(to, topic)
				if err := from.Wake(context.WithoutCancel(t.Context()), topic); err != nil {
					t.Errorf("wake: %v", err)
				} else if !awoken(w) {
					t.Errorf("a wake-up of %s was lost", topic)
				}
				w.Close()
			}
		})
	}
	group.Wait()
}

func putAndGet(t *testing.T, a, b storage.Signals) {
	get := func(key string) []byte {
		value, err := b.Get(t.Context(), key)
		require.NoError(t, err)
		return value
	}
	require.Nil(t, get("key"), "nothing is there")
	value := []byte{0, 1, 255, '\r', '\n'}
	require.NoError(t, a.Put(t.Context(), "key", value, time.Minute))
	value[0] = 9
	require.Equal(t, []byte{0, 1, 255, '\r', '\n'}, get("key"), "the caller's slice is the caller's")
	require.NoError(t, a.Put(t.Context(), "key", []byte("second"), time.Minute))
	require.Equal(t, []byte("second"), get("key"))
	require.NoError(t, a.Put(t.Context(), "empty", nil, time.Minute))
	require.NotNil(t, get("empty"), "an empty value is a value")
	require.Empty(t, get("empty"))
	require.Nil(t, get("key2"))
}

func valueExpires(t *testing.T, a, b storage.Signals) {
	require.NoError(t, a.Put(t.Context(), "short", []byte("value"), 50*time.Millisecond))
	require.NoError(t, a.Put(t.Context(), "none", []byte("value"), 0))
	require.NoError(t, a.Put(t.Context(), "long", []byte("value"), time.Minute))
	for _, key := range []string{"short", "none"} {
		require.Eventually(t, func() bool {
			value, err := b.Get(t.Context(), key)
			return err == nil && value == nil
		}, patience, 5*time.Millisecond, "%s stays for ever", key)
	}
	value, err := b.Get(t.Context(), "long")
	require.NoError(t, err)
	require.Equal(t, []byte("value"), value)
}

func lockHasOneHolder(t *testing.T, a, b storage.Signals) {
	var holders atomic.Int64
	var group sync.WaitGroup
	unlocks := make(chan func(), 20)
	for i := range 20 {
		group.Go(func() {
			s := a
			if i%2 == 0 {
				s = b
			}
			unlock, ok, err := s.Lock(context.WithoutCancel(t.Context()), "key", time.Minute)
			if err != nil {
				t.Errorf("lock: %v", err)
			}
			if ok {
				holders.Add(1)
				unlocks <- unlock
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 1, holders.Load())
	_, ok, err := b.Lock(t.Context(), "other key", time.Minute)
	require.NoError(t, err)
	require.True(t, ok, "locks are apart")

	unlock := <-unlocks
	unlock()
	unlock()
	_, ok, err = b.Lock(t.Context(), "key", time.Minute)
	require.NoError(t, err)
	require.True(t, ok, "given up, it is free")
}

func unlockLeavesTheNextHolderAlone(t *testing.T, a, b storage.Signals) {
	late, ok, err := a.Lock(t.Context(), "key", 30*time.Millisecond)
	require.NoError(t, err)
	require.True(t, ok)
	require.Eventually(t, func() bool {
		_, ok, err = b.Lock(t.Context(), "key", time.Minute)
		return err == nil && ok
	}, patience, 5*time.Millisecond, "a lock ends by itself")
	late()
	_, ok, err = a.Lock(t.Context(), "key", time.Minute)
	require.NoError(t, err)
	require.False(t, ok, "the first holder came too late and freed the lock of the second")
}

func cancelledCaller(t *testing.T, a, _ storage.Signals) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, a.Wake(ctx, "topic"))
	require.Error(t, a.Ping(ctx))
	_, _, err := a.Allow(ctx, storage.Use{Key: "key", Max: 1, Window: time.Minute})
	require.Error(t, err)
	ok, _, err := a.Allow(t.Context(), storage.Use{Key: "key", Max: 1, Window: time.Minute})
	require.NoError(t, err)
	require.True(t, ok, "the signals go on for everybody else")
}

func closedSignals(t *testing.T, a, b storage.Signals) {
	w := storage.NewWatch(a, "topic")
	require.NoError(t, b.Ping(t.Context()))
	require.NoError(t, a.Close())
	require.NoError(t, a.Close())
	require.Error(t, a.Ping(t.Context()))
	require.Error(t, a.Wake(t.Context(), "topic"))
	_, _, err := a.Allow(t.Context(), storage.Use{Key: "key", Max: 1, Window: time.Minute})
	require.Error(t, err)
	_, _, err = a.Lock(t.Context(), "key", time.Minute)
	require.Error(t, err)
	_, err = a.Get(t.Context(), "key")
	require.Error(t, err)
	require.Error(t, a.Put(t.Context(), "key", nil, time.Minute))
	w.Close()
}

// settle returns when every wake-up that was sent from a has reached both.
func settle(t *testing.T, a, b storage.Signals) {
	t.Helper()
	last, mine := storage.NewWatch(b, "the last topic"), storage.NewWatch(a, "the last topic")
	defer last.Close()
	defer mine.Close()
	require.NoError(t, a.Wake(t.Context(), "the last topic"))
	require.True(t, awoken(last))
	require.True(t, awoken(mine))
}

// awoken waits for a wake-up.
func awoken(w storage.Watch) bool {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-w.C:
		return true
	case <-late.C:
		return false
	}
}

// pending takes a wake-up that is there already.
func pending(w storage.Watch) bool {
	select {
	case <-w.C:
		return true
	default:
		return false
	}
}
