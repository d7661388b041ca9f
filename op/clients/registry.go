package clients

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"qiao/storage"
	"qiao/storage/seal"
)

// Store is the part of storage.Store that the registry uses.
type Store interface {
	ListClients(ctx context.Context) ([]storage.Client, error)
	Version(ctx context.Context) (int64, error)
}

// Config is what a Registry is made from.
type Config struct {
	Store Store
	Box   *seal.Box
	Brand string // the operator's name, which the account page has as a client; empty: Qiao
	Now   func() time.Time
	Log   *slog.Logger
}

// Registry is the cached view of the clients. It is safe for concurrent use.
type Registry struct {
	cfg    Config
	seen   atomic.Pointer[snapshot]
	flight singleflight.Group
}

const (
	maxAge      = time.Second     // how old the snapshot may be
	loadTimeout = 5 * time.Second // for a load that several requests share
)

// snapshot is the registry at one version. Everything but checkedAt is fixed.
type snapshot struct {
	version   int64
	clients   map[string]storage.Client
	origins   map[string]struct{}
	checkedAt atomic.Int64 // Unix nanoseconds of the clock's last look at the version
}

// New returns an empty registry; it reads the store when it is first asked.
func New(cfg Config) *Registry { return &Registry{cfg: cfg} }

// Client returns the client, storage.ErrNotFound for an unknown id; any other error is the store's. Its slices are
// shared: the caller must not change them.
func (r *Registry) Client(ctx context.Context, id string) (storage.Client, error) {
	s, err := r.current(ctx)
	if err != nil {
		return storage.Client{}, err
	}
	c, ok := s.clients[id]
	if !ok {
		return storage.Client{}, storage.ErrNotFound
	}
	return c, nil
}

// OriginAllowed reports whether a page of this origin may call the endpoints for scripts: it is the origin of a
// redirect URI of some client. No such call carries a cookie, so which client it is makes no difference.
func (r *Registry) OriginAllowed(ctx context.Context, origin string) (bool, error) {
	s, err := r.current(ctx)
	if err != nil {
		return false, err
	}
	_, ok := s.origins[origin]
	return ok, nil
}

// current returns a snapshot that is at most maxAge old. One request looks at the store; those that come meanwhile wait
// for its answer, and an error is theirs too: nobody is served by a registration that may be gone.
func (r *Registry) current(ctx context.Context) (*snapshot, error) {
	s := r.seen.Load()
	if s != nil {
		age := r.cfg.Now().UnixNano() - s.checkedAt.Load()
		if age >= 0 && age < int64(maxAge) {
			return s, nil
		}
	}
	result := r.flight.DoChan("load", func() (any, error) {
		// The first caller may go away: the others still wait for this.
		shared, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		return r.load(shared)
	})
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("load clients: %w", ctx.Err())
	case done := <-result:
		if done.Err != nil {
			return nil, fmt.Errorf("load clients: %w", done.Err)
		}
		return done.Val.(*snapshot), nil
	}
}

// load looks at the version, and reads the clients where it has moved. The version is read first: a change that comes
// between the two reads is seen twice, never missed.
func (r *Registry) load(ctx context.Context) (*snapshot, error) {
	now := r.cfg.Now().UnixNano()
	version, err := r.cfg.Store.Version(ctx)
	if err != nil {
		return nil, err
	}
	if s := r.seen.Load(); s != nil && s.version == version {
		s.checkedAt.Store(now)
		return s, nil
	}
	all, err := r.cfg.Store.ListClients(ctx)
	if err != nil {
		return nil, err
	}
	s := &snapshot{version: version, clients: make(map[string]storage.Client, len(all)), origins: map[string]struct{}{}}
	for _, c := range all {
		s.clients[c.ID] = c
		for _, o := range Origins(c) {
			s.origins[o] = struct{}{}
		}
	}
	s.checkedAt.Store(now)
	r.seen.Store(s)
	return s, nil
}
