package wechatflow

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"qiao/storage"
)

// lookout looks at the Store for all pages that wait in this replica. A wake-up may be lost, so each has to be looked
// after every few seconds, and after Redis was gone all of them at once: ten thousand that read by themselves would keep
// the database busy with nothing. The lookout asks for many in one statement, and wakes only those that have to read.
type lookout struct {
	progress func(ctx context.Context, requests []storage.ID) ([]storage.Progress, error)
	every    time.Duration
	now      func() time.Time
	log      *slog.Logger

	mu      sync.Mutex
	waiters map[*waiter]struct{}
	wanted  chan struct{} // holds one: somebody was woken, and wants to know now

	stop    context.CancelFunc
	running sync.WaitGroup
}

// waiter is a page that waits. Its changed receives when it has to read again.
type waiter struct {
	out     *lookout
	changed chan struct{} // holds one

	// What was read, by the lookout's lock.
	seen   storage.Progress
	due    time.Time // when what was read has changed by itself, zero for never; by the Flow's clock
	looked time.Time // when somebody has looked; zero while the waiter itself is reading
	wants  bool
}

// lookoutRest is how long the lookout leaves a Store alone that has just failed.
const lookoutRest = time.Second

func newLookout(c Config) *lookout {
	l := &lookout{
		progress: c.Store.Progress, every: c.Lifetimes.Recheck, now: c.Now, log: c.Log,
		waiters: make(map[*waiter]struct{}), wanted: make(chan struct{}, 1),
	}
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	l.running.Go(func() { l.run(ctx) })
	return l
}

// close ends the lookout. Who waits is not looked after any more.
func (l *lookout) close() {
	l.stop()
	l.running.Wait()
}

// enter adds a waiter, which is looked after from its first saw until leave.
func (l *lookout) enter() *waiter {
	w := &waiter{out: l, changed: make(chan struct{}, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiters[w] = struct{}{}
	return w
}

func (w *waiter) leave() {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	delete(w.out.waiters, w)
}

// saw says what the waiter has read, and when that changes by itself.
func (w *waiter) saw(p storage.Progress, due time.Time) {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	w.seen, w.due, w.looked = p, due, time.Now()
}

// ask has the lookout look for this waiter at once: there was a wake-up.
func (w *waiter) ask() {
	w.out.mu.Lock()
	w.wants = true
	w.out.mu.Unlock()
	select {
	case w.out.wanted <- struct{}{}:
	default:
	}
}

func (l *lookout) run(ctx context.Context) {
	tick := time.NewTicker(min(max(l.every/30, 5*time.Millisecond), 100*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-l.wanted:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := l.look(ctx); err != nil && ctx.Err() == nil {
			l.log.WarnContext(ctx, "waiting logins not looked after", "error", err)
			rest := time.NewTimer(lookoutRest)
			select {
			case <-rest.C:
			case <-ctx.Done():
			}
			rest.Stop()
		}
	}
}

// look asks for everybody whose turn it is. Those who come meanwhile are asked for together the next time.
func (l *lookout) look(ctx context.Context) error {
	turn := l.turn(time.Now(), l.now())
	if len(turn) == 0 {
		return nil
	}
	requests := make([]storage.ID, 0, len(turn))
	for request := range turn {
		requests = append(requests, request)
	}
	list, err := l.progress(ctx, requests)
	at := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		// A quarter of them read by themselves and tell their browsers that it fails, a quarter of the others the next time.
		some := (len(turn) + 3) / 4
		for _, unknown := range turn {
			for _, w := range unknown {
				w.wants = true
				if some > 0 {
					w.wake()
				}
			}
			some--
		}
		return err
	}
	for _, p := range list {
		for _, w := range turn[p.AuthRequestID] {
			w.looked = at
			if p != w.seen {
				w.wake()
			}
		}
		delete(turn, p.AuthRequestID)
	}
	for _, gone := range turn {
		for _, w := range gone {
			w.looked = at
			w.wake()
		}
	}
	return nil
}

// turn lists the waiters to be asked for, by their request. It wakes those whose time has come without asking.
func (l *lookout) turn(now, clock time.Time) map[storage.ID][]*waiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	var turn map[storage.ID][]*waiter
	for w := range l.waiters {
		switch {
		case w.looked.IsZero(): // it is reading by itself; what woke it meanwhile stays wanted
		case !w.due.IsZero() && !clock.Before(w.due):
			w.due = time.Time{}
			w.wake()
		case w.wants, now.Sub(w.looked) >= l.every:
			if turn == nil {
				turn = make(map[storage.ID][]*waiter)
			}
			turn[w.seen.AuthRequestID] = append(turn[w.seen.AuthRequestID], w)
			w.wants = false
		}
	}
	return turn
}

// wake has the waiter read. It never waits for it.
func (w *waiter) wake() {
	select {
	case w.changed <- struct{}{}:
	default: // it was told before
	}
}
