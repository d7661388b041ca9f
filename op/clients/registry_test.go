package clients

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/seal"
)

// fakeStore counts how often it is asked.
type fakeStore struct {
	mu       sync.Mutex
	clients  map[string]storage.Client
	version  int64
	fail     error
	versions atomic.Int64
	lists    atomic.Int64
	block    chan struct{} // when set, Version waits for it or for the context
}

func (f *fakeStore) Version(ctx context.Context) (int64, error) {
	f.versions.Add(1)
	if f.block != nil {
		select {
		case <-f.block:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.version, f.fail
}

func (f *fakeStore) ListClients(context.Context) ([]storage.Client, error) {
	f.lists.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []storage.Client
	for _, c := range f.clients {
		all = append(all, c)
	}
	return all, f.fail
}

func (f *fakeStore) put(c storage.Client) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clients[c.ID] = c
	f.version++
}

func (f *fakeStore) remove(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.clients, id)
	f.version++
}

type fakeClock struct{ ns atomic.Int64 }

func (c *fakeClock) Now() time.Time      { return time.Unix(1_800_000_000, c.ns.Load()) }
func (c *fakeClock) Add(d time.Duration) { c.ns.Add(int64(d)) }

func newBox(t testing.TB) *seal.Box {
	t.Helper()
	box, err := seal.New(make([]byte, 32))
	require.NoError(t, err)
	return box
}

// confidential is a sound registration, and its secret.
func confidential(box *seal.Box, id string) (storage.Client, string) {
	secret, hash := NewSecret(box)
	return storage.Client{
		ID: id, Name: "Example", SecretHash: hash,
		AuthMethods:  []string{storage.AuthMethodBasic, storage.AuthMethodPost},
		RedirectURIs: []string{"https://app.example.com/callback"},
		GrantTypes:   []string{GrantAuthorizationCode, GrantRefreshToken},
		Scopes:       Scopes(), IDTokenAlg: "ES256", Source: "cli",
	}, secret
}

func public(id string) storage.Client {
	return storage.Client{
		ID: id, Name: "Example", AuthMethods: []string{storage.AuthMethodNone}, Native: true,
		RedirectURIs: []string{"http://127.0.0.1/callback"},
		GrantTypes:   []string{GrantAuthorizationCode}, Scopes: []string{ScopeOpenID}, IDTokenAlg: "ES256", Source: "cli",
	}
}

func newRegistry(t testing.TB, clients ...storage.Client) (*Registry, *fakeStore, *fakeClock) {
	t.Helper()
	store, clock := &fakeStore{clients: map[string]storage.Client{}}, &fakeClock{}
	for _, c := range clients {
		store.put(c)
	}
	return New(Config{Store: store, Box: newBox(t), Now: clock.Now, Log: slog.New(slog.DiscardHandler)}), store, clock
}

func TestRegistrySeesAChangeWithinASecond(t *testing.T) {
	r, store, clock := newRegistry(t, public("a"))
	for range 100 {
		_, err := r.Client(t.Context(), "a")
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, store.versions.Load())

	changed := public("a")
	changed.Name = "Renamed"
	store.put(changed)
	store.put(public("b"))
	clock.Add(time.Second - 1)
	_, err := r.Client(t.Context(), "b")
	require.ErrorIs(t, err, storage.ErrNotFound)
	clock.Add(1)
	_, err = r.Client(t.Context(), "b")
	require.NoError(t, err)
	got, err := r.Client(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "Renamed", got.Name)

	store.remove("a")
	clock.Add(time.Second)
	_, err = r.Client(t.Context(), "a")
	require.ErrorIs(t, err, storage.ErrNotFound)

	clock.Add(-time.Hour) // a clock that is set back must not freeze the cache
	store.put(public("a"))
	_, err = r.Client(t.Context(), "a")
	require.NoError(t, err)
}

func TestUnknownClientsCostNoRead(t *testing.T) {
	r, store, _ := newRegistry(t, public("a"))
	for i := range 10_000 {
		_, err := r.Client(t.Context(), string(rune('b'+i)))
		require.ErrorIs(t, err, storage.ErrNotFound)
	}
	require.EqualValues(t, 1, store.versions.Load())
	require.EqualValues(t, 1, store.lists.Load())
	require.Len(t, r.seen.Load().clients, 1, "and no memory")
}

func TestRegistryAsksOnceForMany(t *testing.T) {
	r, store, _ := newRegistry(t, public("a"))
	store.block = make(chan struct{})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			_, err := r.Client(t.Context(), "a")
			assert.NoError(t, err)
		})
	}
	for store.versions.Load() == 0 {
		runtime.Gosched() // until the first one is inside the store
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Client(gone, "a")
	require.ErrorIs(t, err, context.Canceled, "who goes away does not wait")
	close(store.block)
	wg.Wait()
	require.LessOrEqual(t, store.lists.Load(), int64(1))
}

func TestRegistryFailsClosed(t *testing.T) {
	r, store, clock := newRegistry(t, public("a"))
	_, err := r.Client(t.Context(), "a")
	require.NoError(t, err)
	store.fail = errors.New("the database is down")
	_, err = r.Client(t.Context(), "a")
	require.NoError(t, err, "within the second")
	clock.Add(time.Second)
	_, err = r.Client(t.Context(), "a")
	require.Error(t, err, "a client that may be removed is not served")
	require.NotErrorIs(t, err, storage.ErrNotFound, "and not called unknown either")
	_, err = r.OriginAllowed(t.Context(), "https://app.example.com")
	require.Error(t, err)
	store.fail = nil
	_, err = r.Client(t.Context(), "a")
	require.NoError(t, err, "it recovers by itself")
}

func TestOrigins(t *testing.T) {
	c := storage.Client{RedirectURIs: []string{
		"https://App.example.com/callback", "https://app.example.com:443/other", "https://app.example.com:8443/x",
		"http://localhost:3000/cb", "http://127.0.0.1:80/cb", "http://[::1]/cb", "com.example.app:/callback", "https:opaque", "%",
	}}
	require.Equal(t, []string{
		"https://app.example.com", "https://app.example.com:8443", "http://localhost:3000", "http://127.0.0.1", "http://[::1]",
	}, Origins(c))

	with, _ := confidential(newBox(t), "web")
	r, _, _ := newRegistry(t, with)
	for origin, want := range map[string]bool{
		"https://app.example.com": true, "https://app.example.com:443": false, "https://app.example.com/": false,
		"http://app.example.com": false, "https://evil.example.com": false, "https://app.example.com.evil.example": false,
		"null": false, "": false, "*": false, "https://APP.example.com": false,
	} {
		got, err := r.OriginAllowed(t.Context(), origin)
		require.NoError(t, err)
		require.Equal(t, want, got, origin)
	}
}
