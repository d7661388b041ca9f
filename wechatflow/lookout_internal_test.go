package wechatflow

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// progressOnly is a Store for the lookout alone: every request is where it was.
type progressOnly struct{ Store }

func (progressOnly) Progress(_ context.Context, requests []storage.ID) ([]storage.Progress, error) {
	list := make([]storage.Progress, len(requests))
	for i, id := range requests {
		list[i].AuthRequestID = id
	}
	return list, nil
}

// watched counts who watches.
type watched struct {
	storage.Signals
	mu   sync.Mutex
	here int
}

func (s *watched) Watch(string, func()) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.here++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.here--
	})
}

// Whatever polls do, and whenever their browsers hang up, nobody is kept that nobody asks for, and none is left asleep.
func TestLookoutKeepsNobody(t *testing.T) {
	signals := &watched{}
	l := newLookout(Config{Store: progressOnly{}, Lifetimes: Lifetimes{Recheck: 5 * time.Millisecond}, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	defer l.close()
	var logins [20]storage.ID
	for i := range logins {
		logins[i] = storage.NewID(time.Now())
	}
	var browsers sync.WaitGroup
	for n := range 200 {
		browsers.Go(func() {
			id, browser := logins[n%len(logins)], storage.Hash{byte(n % 40)} // two tabs of one browser, and others
			for range 20 {
				request, hangUp := context.WithCancel(t.Context())
				var w *waiter
				if r := l.resume(id, browser, 1); r != nil {
					if r.browser != browser || r.waiter.seen.AuthRequestID != id {
						t.Error("another's")
					}
					w = r.waiter
				} else {
					w = l.enter(signals, topic(id))
					w.saw(storage.Progress{AuthRequestID: id}, time.Time{})
				}
				w.endWith(request, rand.N(4*time.Millisecond))
				if rand.IntN(3) == 0 {
					time.AfterFunc(rand.N(4*time.Millisecond), hangUp)
				}
				why := wakeReason(0)
				for why&(wakeOver|wakeGone) == 0 {
					<-w.woken
					why |= w.why()
				}
				if rand.IntN(5) > 0 {
					l.rest(id, &rested{waiter: w, browser: browser, seen: 1})
				} else {
					w.leave()
				}
				hangUp()
			}
		})
	}
	browsers.Wait()
	require.Eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		signals.mu.Lock()
		defer signals.mu.Unlock()
		return len(l.waiters) == 0 && len(l.resting) == 0 && signals.here == 0
	}, 3*restMost, 10*time.Millisecond)
}
