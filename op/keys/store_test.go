package keys

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/seal"
)

// fakeStore is the contract of storage.SigningKeys in memory. The real stores prove theirs in storagetest.
type fakeStore struct {
	mu      sync.Mutex
	keys    []storage.SigningKey
	version int64
	fail    error
}

func (f *fakeStore) Version(context.Context) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.version, f.fail
}

func (f *fakeStore) SigningKeys(_ context.Context, now time.Time) ([]storage.SigningKey, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	live := f.live(now)
	slices.SortFunc(live, func(a, b storage.SigningKey) int { return a.ActiveAt.Compare(b.ActiveAt) })
	return live, f.fail
}

func (f *fakeStore) live(now time.Time) []storage.SigningKey {
	var live []storage.SigningKey
	for _, k := range f.keys {
		if k.ExpiresAt.IsZero() || k.ExpiresAt.After(now) {
			live = append(live, k)
		}
	}
	return live
}

func (f *fakeStore) AddFirstKey(_ context.Context, k storage.SigningKey, now time.Time) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.ContainsFunc(f.live(now), func(o storage.SigningKey) bool { return o.Alg == k.Alg }) {
		return false, f.fail
	}
	f.keys = append(f.keys, k)
	f.version++
	return true, f.fail
}

func (f *fakeStore) AddNextKey(_ context.Context, k storage.SigningKey, retireAt time.Time, _ string, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.ContainsFunc(f.keys, func(o storage.SigningKey) bool { return o.Alg == k.Alg && o.ActiveAt.After(now) }) {
		return storage.ErrConflict
	}
	for i, o := range f.keys {
		if o.Alg == k.Alg && o.ExpiresAt.IsZero() {
			f.keys[i].ExpiresAt = retireAt
		}
	}
	f.keys = append(f.keys, k)
	f.version++
	return f.fail
}

func (f *fakeStore) RevokeKey(_ context.Context, id string, _ string, _ time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.keys)
	f.keys = slices.DeleteFunc(f.keys, func(k storage.SigningKey) bool { return k.ID == id })
	if len(f.keys) == before {
		return storage.ErrNotFound
	}
	f.version++
	return f.fail
}

// fakeClock is a clock that tests move.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *fakeClock { return &fakeClock{now: time.Unix(1_800_000_000, 0).UTC()} }

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const issuer = "https://id.example.com"

func newBox(t testing.TB, fill byte) *seal.Box {
	t.Helper()
	master := make([]byte, 32)
	master[0] = fill
	box, err := seal.New(master)
	require.NoError(t, err)
	return box
}

func newRing(t testing.TB, store Store, clock *fakeClock) *Ring {
	t.Helper()
	r, err := New(Config{Issuer: issuer, Store: store, Box: newBox(t, 1), Now: clock.Now, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return r
}

func loadedRing(t testing.TB) (*Ring, *fakeStore, *fakeClock) {
	t.Helper()
	store, clock := &fakeStore{}, newClock()
	r := newRing(t, store, clock)
	require.NoError(t, r.Load(t.Context()))
	return r, store, clock
}
