package memory

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"qiao/storage"
)

// Bounds of what a process keeps. A value is at most a sealed access token or a reply, so the values' bytes are bounded
// apart from their number.
const (
	maxKeys       = 1 << 16
	maxValueBytes = 16 << 20
	sweepEvery    = 15 * time.Second
)

var (
	errClosed = errors.New("the signals are closed")
	errFull   = errors.New("the signals are full")
)

// Signals keeps everything in this process.
type Signals struct {
	watchers Watchers
	now      func() time.Time

	mu         sync.Mutex
	closed     bool
	counters   *expiring[int]
	values     *expiring[[]byte]
	valueBytes int
	locks      *expiring[*byte] // the pointer tells one holder from the next
	paces      *expiring[pace]

	stop    chan struct{}
	stopped chan struct{}
}

var _ storage.Signals = (*Signals)(nil)

// New returns signals that run until Close.
func New() *Signals { return NewAt(time.Now) }

// NewAt is New with another clock.
func NewAt(now func() time.Time) *Signals { return newSignals(now, maxKeys) }

func newSignals(now func() time.Time, max int) *Signals {
	s := &Signals{
		now:      now,
		counters: newExpiring[int](max),
		values:   newExpiring[[]byte](max),
		locks:    newExpiring[*byte](max),
		paces:    newExpiring[pace](max),
		stop:     make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	go s.janitor()
	return s
}

// Wake wakes the watchers of the topic.
func (s *Signals) Wake(ctx context.Context, topic string) error {
	if err := s.Ping(ctx); err != nil {
		return err
	}
	s.watchers.Wake(topic)
	return nil
}

// Watch watches the topic.
func (s *Signals) Watch(topic string, wake func()) (stop func()) {
	return s.watchers.Watch(topic, wake)
}

// Allow counts the uses, up to the first that is refused.
func (s *Signals) Allow(ctx context.Context, uses ...storage.Use) (bool, time.Duration, error) {
	if err := s.enter(ctx); err != nil {
		return false, 0, err
	}
	defer s.mu.Unlock()
	now := s.now()
	for _, u := range uses {
		if e := s.count(u, now); e.value > u.Max {
			return false, e.expires.Sub(now), nil
		}
	}
	return true, 0, nil
}

// count counts in a window that begins with the key's first use.
func (s *Signals) count(u storage.Use, now time.Time) entry[int] {
	e, ok := s.counters.get(u.Key, now)
	if !ok {
		e = entry[int]{expires: now.Add(atLeastMillisecond(u.Window))}
	}
	e.value++
	if !s.counters.put(u.Key, e, now) {
		// Refusing everybody would let a stranger with many addresses shut the door for all. Forgetting a few counters
		// only gives him what his many addresses give him anyway.
		s.counters.evict(s.counters.max / 64)
		s.counters.put(u.Key, e, now)
	}
	return e
}

// Get returns a copy of the value.
func (s *Signals) Get(ctx context.Context, key string) ([]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	e, ok := s.values.get(key, s.now())
	if !ok {
		return nil, nil
	}
	return append([]byte{}, e.value...), nil
}

// Put stores a copy of the value. When there is no room it fails and forgets nothing: a value may be the memory of a
// replay.
func (s *Signals) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	now := s.now()
	if !s.fits(key, value) {
		if s.sweepValues(now); !s.fits(key, value) {
			return errFull
		}
	}
	s.valueBytes += len(value) - len(s.values.entries[key].value)
	s.values.put(key, entry[[]byte]{bytes.Clone(value), now.Add(atLeastMillisecond(ttl))}, now)
	return nil
}

// fits reports whether there is room for the value under the key.
func (s *Signals) fits(key string, value []byte) bool {
	old, there := s.values.entries[key]
	return s.valueBytes+len(value)-len(old.value) <= maxValueBytes && (there || len(s.values.entries) < s.values.max)
}

// Lock takes the lock where nobody holds it.
func (s *Signals) Lock(ctx context.Context, key string, ttl time.Duration) (func(), bool, error) {
	if err := s.enter(ctx); err != nil {
		return nil, false, err
	}
	defer s.mu.Unlock()
	now := s.now()
	if _, held := s.locks.get(key, now); held {
		return nil, false, nil
	}
	mine := new(byte)
	if !s.locks.put(key, entry[*byte]{mine, now.Add(atLeastMillisecond(ttl))}, now) {
		return nil, false, errFull
	}
	return func() { s.unlock(key, mine) }, true, nil
}

func (s *Signals) unlock(key string, mine *byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locks.entries[key].value == mine {
		delete(s.locks.entries, key)
	}
}

// Ping fails only after Close.
func (s *Signals) Ping(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	s.mu.Unlock()
	return nil
}

// Close ends the janitor and waits for it. Twice is once.
func (s *Signals) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.stop)
	}
	s.mu.Unlock()
	<-s.stopped
	return nil
}

// enter takes the lock for a call, unless the signals are closed or the caller is gone.
func (s *Signals) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	return nil
}
