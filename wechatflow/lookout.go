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

	mu       sync.Mutex
	waiters  map[*waiter]struct{}
	resting  map[storage.ID]*rested
	stopping bool          // nobody waits any more
	wanted   chan struct{} // holds one: somebody was woken, and wants to know now

	stop    context.CancelFunc
	running sync.WaitGroup
}

// waiter is a page that waits. Its woken receives when there is something to do for it: nothing else does, so that its
// goroutine needs no select.
type waiter struct {
	out     *lookout
	woken   chan struct{} // holds one
	unwatch func()
	gone    func() bool // these two are nil before endWith
	over    *time.Timer

	// By the lookout's lock: why it was woken, and what was read.
	reasons wakeReason
	seen    storage.Progress
	due     time.Time // when what was read has changed by itself, zero for never; by the Flow's clock
	looked  time.Time // when somebody has looked; zero while the waiter itself is reading
	wants   bool
}

// wakeReason is why a waiter was woken: to read again, because its time is over, because its browser went away, or because
// the server stops. They add up.
type wakeReason uint8

const (
	wakeRead wakeReason = 1 << iota
	wakeOver
	wakeGone
	wakeStop
)

// lookoutRest is how long the lookout leaves a Store alone that has just failed.
const lookoutRest = time.Second

func newLookout(c Config) *lookout {
	l := &lookout{
		progress: c.Store.Progress, every: c.Lifetimes.Recheck, now: c.Now, log: c.Log,
		waiters: make(map[*waiter]struct{}), resting: make(map[storage.ID]*rested), wanted: make(chan struct{}, 1),
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

// enter adds a waiter, which is looked after from its first saw until leave, and at once after each wake-up of the topic.
func (l *lookout) enter(signals storage.Signals, topic string) *waiter {
	w := &waiter{out: l, woken: make(chan struct{}, 1)}
	l.mu.Lock()
	l.waiters[w] = struct{}{}
	if l.stopping {
		w.wake(wakeStop)
	}
	l.mu.Unlock()
	w.unwatch = signals.Watch(topic, w.ask)
	return w
}

// endWith wakes the waiter when its request or its time is over, whatever the Store and the lookout are doing.
func (w *waiter) endWith(request context.Context, wait time.Duration) {
	w.gone = context.AfterFunc(request, func() { w.wakeFor(wakeGone) })
	w.over = time.AfterFunc(wait, func() { w.wakeFor(wakeOver) })
}

// why tells why the waiter was woken, once.
func (w *waiter) why() wakeReason {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	why := w.reasons
	w.reasons = 0
	return why
}

// drain wakes all who wait and who come, because the server stops.
func (l *lookout) drain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopping = true
	for w := range l.waiters {
		w.wake(wakeStop)
	}
}

func (w *waiter) leave() {
	w.unwatch()
	if w.over != nil {
		w.gone()
		w.over.Stop()
	}
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

// ask has the lookout look for this waiter at once: there was a wake-up. It waits for nothing.
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
	var list []storage.Progress
	var err error
	if fault := recovered(func() { list, err = l.progress(ctx, requests) }); fault != nil {
		err = fault
	}
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
					w.wake(wakeRead)
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
				w.wake(wakeRead)
			}
		}
		delete(turn, p.AuthRequestID)
	}
	for _, gone := range turn {
		for _, w := range gone {
			w.looked = at
			w.wake(wakeRead)
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
			w.wake(wakeRead)
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

func (w *waiter) wakeFor(why wakeReason) {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	w.wake(why)
}

// wake wakes the waiter, under the lookout's lock. It never waits for it.
func (w *waiter) wake(why wakeReason) {
	w.reasons |= why
	select {
	case w.woken <- struct{}{}:
	default: // it was woken before, and will see this reason too
	}
}
