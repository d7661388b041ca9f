package memory

import (
	"context"
	"time"

	"qiao/storage"
)

// pace is how a device code is polled.
type pace struct {
	interval time.Duration
	last     time.Time // zero before the first poll
	until    time.Time // it is pending; zero when that was cleared
	cleared  time.Time
}

// MarkPending says that the key is pending for ttl.
func (s *Signals) MarkPending(ctx context.Context, key string, interval, ttl time.Duration) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	now := s.now()
	e, ok := s.paces.get(key, now)
	if !ok {
		e = entry[pace]{value: pace{interval: interval}}
	}
	if now.Before(e.value.cleared.Add(storage.ClearHolds)) {
		return nil
	}
	e.value.until = now.Add(atLeastMillisecond(ttl))
	if end := e.value.until.Add(storage.PaceKept); end.After(e.expires) {
		e.expires = end
	}
	if !s.paces.put(key, e, now) {
		// A few devices are forgotten for this one: their next polls ask the Store, and they are marked again.
		s.paces.evict(max(s.paces.max/64, 1))
		s.paces.put(key, e, now)
	}
	return nil
}

// PollPending counts a poll.
func (s *Signals) PollPending(ctx context.Context, key string) (storage.Poll, error) {
	if err := s.enter(ctx); err != nil {
		return storage.Poll{}, err
	}
	defer s.mu.Unlock()
	now := s.now()
	e, ok := s.paces.get(key, now)
	if !ok {
		return storage.Poll{}, nil
	}
	p := &e.value
	poll := storage.Poll{Pending: now.Before(p.until), TooSoon: !p.last.IsZero() && now.Sub(p.last) < p.interval}
	if p.last = now; poll.TooSoon {
		p.interval += storage.SlowDown
	}
	s.paces.entries[key] = e
	return poll, nil
}

// ClearPending lets the next polls ask the Store.
func (s *Signals) ClearPending(ctx context.Context, key string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if e, ok := s.paces.get(key, s.now()); ok {
		e.value.until, e.value.cleared = time.Time{}, s.now()
		s.paces.entries[key] = e
	}
	return nil
}
