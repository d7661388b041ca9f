package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"qiao/storage"
	"qiao/storage/seal"
)

// Algorithms that the ring signs with.
const (
	ES256 = "ES256"
	RS256 = "RS256"
)

// TypeJWT is the `typ` of an ID token.
const TypeJWT = "JWT"

// Store is the part of storage.Store that the ring uses.
type Store interface {
	storage.SigningKeys
	Version(ctx context.Context) (int64, error)
}

// Config is what a Ring is made from.
type Config struct {
	Issuer string // what Verify asks of `iss`
	Store  Store
	Box    *seal.Box
	// Publish is how long a key is published before it signs; JWKS answers are cacheable for half of it. 0 means 1 h.
	Publish time.Duration
	// RotateAfter is the age at which Run replaces a key. 0 means 90 d, a negative value never.
	RotateAfter time.Duration
	// Overlap is how long a key stays published after its successor became active. It must cover the life of the
	// tokens, and of sessions whose logout brings an old ID token as a hint. 0 means 8 d.
	Overlap time.Duration
	// Poll is how often Run looks for changes by other processes. 0 means 2 s.
	Poll time.Duration
	Now  func() time.Time
	Log  *slog.Logger
}

// Ring signs and verifies. It is safe for concurrent use.
type Ring struct {
	cfg     Config
	set     atomic.Pointer[set]
	loading sync.Mutex // one Load at a time, so that an older answer never replaces a newer one
}

// New returns a ring without keys: Load fills it.
func New(cfg Config) (*Ring, error) {
	if cfg.Issuer == "" || cfg.Now == nil || cfg.Log == nil {
		return nil, errors.New("new key ring: issuer, clock and logger are needed")
	}
	def := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	def(&cfg.Publish, time.Hour)
	def(&cfg.RotateAfter, 90*24*time.Hour)
	def(&cfg.Overlap, 8*24*time.Hour)
	def(&cfg.Poll, 2*time.Second)
	if cfg.Publish < 0 || cfg.Overlap < 0 || cfg.Poll < 0 {
		return nil, errors.New("new key ring: publish, overlap and poll must not be negative")
	}
	r := &Ring{cfg: cfg}
	r.set.Store(&set{})
	return r, nil
}

// Load reads the keys, and makes the first ones on a fresh database. When it fails, the ring keeps what it had.
func (r *Ring) Load(ctx context.Context) error {
	r.loading.Lock()
	defer r.loading.Unlock()
	next, err := r.read(ctx)
	if err != nil {
		return fmt.Errorf("load signing keys: %w", err)
	}
	made := false
	for _, alg := range r.Algs() {
		if next.newest(alg) != nil {
			continue
		}
		if err := r.addFirst(ctx, alg); err != nil {
			return fmt.Errorf("load signing keys: %w", err)
		}
		made = true
	}
	if made {
		if next, err = r.read(ctx); err != nil {
			return fmt.Errorf("load signing keys: %w", err)
		}
	}
	r.set.Store(next)
	return nil
}

// read opens the stored keys. The version is read first: keys that change meanwhile are newer than it, and are read
// again when it is seen to have moved.
func (r *Ring) read(ctx context.Context) (*set, error) {
	version, err := r.cfg.Store.Version(ctx)
	if err != nil {
		return nil, err
	}
	now := r.cfg.Now()
	rows, err := r.cfg.Store.SigningKeys(ctx, now)
	if err != nil {
		return nil, err
	}
	before := r.set.Load()
	var all []*key
	for _, row := range rows {
		if known := before.byID[row.ID]; known != nil {
			all = append(all, known.at(row.ActiveAt, row.ExpiresAt))
			continue
		}
		k, err := open(r.cfg.Box, row)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", row.ID, err)
		}
		all = append(all, k)
	}
	return newSet(version, all, now)
}

// current is the set without keys that have expired since it was read.
func (r *Ring) current() *set {
	s := r.set.Load()
	now := r.cfg.Now()
	if s.expires.IsZero() || now.Before(s.expires) {
		return s
	}
	pruned, err := newSet(s.version, s.all, now)
	if err != nil {
		return s // newSet made the same keys into a set before
	}
	r.set.CompareAndSwap(s, pruned)
	return pruned
}

// JWKS is the JSON Web Key Set of the public keys; the caller must not change it.
func (r *Ring) JWKS() []byte { return r.current().jwks }

// JWKSMaxAge is how long an answer with JWKS may be cached: a key that is added now is in every cache before it signs.
func (r *Ring) JWKSMaxAge() time.Duration { return r.cfg.Publish / 2 }

// Algs lists the algorithms, the default first.
func (r *Ring) Algs() []string { return []string{ES256, RS256} }

// Info describes a key to an operator.
type Info struct {
	ID, Alg   string
	State     string // next, active or retired
	ActiveAt  time.Time
	ExpiresAt time.Time // zero until a successor is known
}

// List describes the keys, oldest ActiveAt first.
func (r *Ring) List() []Info {
	s, now := r.current(), r.cfg.Now()
	infos := make([]Info, 0, len(s.all))
	for _, k := range s.all {
		state := "retired"
		switch {
		case s.active(k.alg, now) == k:
			state = "active"
		case k.activeAt.After(now):
			state = "next"
		}
		infos = append(infos, Info{k.id, k.alg, state, k.activeAt, k.expiresAt})
	}
	return slices.Clip(infos)
}
