package wechat_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"qiao/storage"
)

// noPause lets the 30 s between two forced renewals pass at once: the real Signals have a clock of their own.
type noPause struct{ storage.Signals }

func (s noPause) Allow(ctx context.Context, uses ...storage.Use) (bool, time.Duration, error) {
	uses = slices.DeleteFunc(slices.Clone(uses), func(u storage.Use) bool { return u.Window < time.Minute })
	return s.Signals.Allow(ctx, uses...)
}

// spySignals notes what is stored; it can be unreachable, or have a lock that is held for the first few tries.
type spySignals struct {
	storage.Signals
	mu     sync.Mutex
	values [][]byte
	keys   []string
	down   bool
	held   int

	beforeLock func()
}

var errDown = errors.New("unreachable")

func (s *spySignals) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if s.down {
		return errDown
	}
	s.mu.Lock()
	s.values, s.keys = append(s.values, value), append(s.keys, key)
	s.mu.Unlock()
	return s.Signals.Put(ctx, key, value, ttl)
}

func (s *spySignals) Get(ctx context.Context, key string) ([]byte, error) {
	if s.down {
		return nil, errDown
	}
	return s.Signals.Get(ctx, key)
}

func (s *spySignals) Lock(ctx context.Context, key string, ttl time.Duration) (func(), bool, error) {
	if s.down {
		return nil, false, errDown
	}
	if s.beforeLock != nil {
		s.beforeLock()
	}
	s.mu.Lock()
	s.held--
	held := s.held >= 0
	s.mu.Unlock()
	if held {
		return nil, false, nil
	}
	return s.Signals.Lock(ctx, key, ttl)
}

func (s *spySignals) Allow(ctx context.Context, uses ...storage.Use) (bool, time.Duration, error) {
	if s.down {
		return false, 0, errDown
	}
	return s.Signals.Allow(ctx, uses...)
}
