package storagetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// polls are two handles of the same fresh signals, as two replicas hold them, with one clock that the test moves.
type polls struct {
	*testing.T
	a, b  storage.Signals
	clock *clock
}

type clock struct{ micros atomic.Int64 }

// signals gives one of the two handles.
func (p polls) signals(n int) storage.Signals {
	if n%2 == 0 {
		return p.a
	}
	return p.b
}

func (c *clock) now() time.Time       { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) pass(d time.Duration) { c.micros.Add(d.Microseconds()) }
func (p polls) mark(key string)       { p.markFor(key, 10*time.Minute) }
func (p polls) poll(key string, n int) storage.Poll {
	p.Helper()
	poll, err := p.signals(n).PollPending(p.Context(), key)
	require.NoError(p, err)
	return poll
}

func (p polls) markFor(key string, ttl time.Duration) {
	p.Helper()
	require.NoError(p, p.a.MarkPending(p.Context(), key, 5*time.Second, ttl))
}

// What a poll may be told.
var (
	pendingPoll = storage.Poll{Pending: true}
	tooSoonPoll = storage.Poll{Pending: true, TooSoon: true}
)

// TestPending is the contract of the polls of device codes. open returns two handles of the same fresh signals whose pace
// is measured by the clock, or one handle twice; it closes them with t.Cleanup.
func TestPending(t *testing.T, open func(t *testing.T, now func() time.Time) (a, b storage.Signals)) {
	for name, test := range map[string]func(polls){
		"an unmarked key is not pending":                     pollUnmarked,
		"a poll an interval is told that it is pending":      pollInTime,
		"each poll that comes too soon costs five seconds":   pollTooSoon,
		"a hundred polls at once are one and many too soon":  pollAtOnce,
		"a mark ends, and the pace goes on":                  pollMarkEnds,
		"a cleared key asks the store, and the pace goes on": pollCleared,
		"a mark that comes too late hides no decision":       pollMarkedLate,
		"each of many polls has its own answer":              pollMany,
		"keys are apart":                                     pollApart,
		"marks, polls and clearings at once":                 pollRaces,
		"signals that are gone have no answer":               pollGone,
	} {
		t.Run(name, func(t *testing.T) {
			c := &clock{}
			c.micros.Store(start.UnixMicro())
			a, b := open(t, c.now)
			test(polls{t, a, b, c})
		})
	}
}

func pollUnmarked(p polls) {
	for n := range 3 {
		require.Zero(p, p.poll("key", n), "it leaves nothing behind that the next one could be too soon for")
	}
	require.NoError(p, p.a.ClearPending(p.Context(), "key"))
	require.Zero(p, p.poll("key", 0))
	p.mark("key")
	require.Equal(p, pendingPoll, p.poll("key", 1), "the first poll of a marked key is never too soon")
}

func pollInTime(p polls) {
	p.mark("key")
	for n := range 20 {
		require.Equal(p, pendingPoll, p.poll("key", n))
		p.clock.pass(5 * time.Second)
	}
	require.NoError(p, p.a.MarkPending(p.Context(), "no interval", 0, time.Minute))
	for n := range 3 {
		require.Equal(p, pendingPoll, p.poll("no interval", n))
	}
}

func pollTooSoon(p polls) {
	p.mark("key")
	require.Equal(p, pendingPoll, p.poll("key", 0))
	interval := 5 * time.Second
	for n := range 4 {
		p.clock.pass(interval - time.Millisecond)
		require.Equal(p, tooSoonPoll, p.poll("key", n), "a millisecond before %s", interval)
		interval += storage.SlowDown
	}
	require.Equal(p, 25*time.Second, interval)
	p.clock.pass(interval)
	require.Equal(p, pendingPoll, p.poll("key", 0), "a poll that came too soon was the last one")
	p.clock.pass(interval - time.Millisecond)
	require.Equal(p, tooSoonPoll, p.poll("key", 1), "and the interval stays as long as it has become")
}

func pollAtOnce(p polls) {
	p.mark("key")
	inTime := 0
	ctx := context.WithoutCancel(p.Context())
	for _, poll := range parallel(100, func(n int) storage.Poll {
		poll, err := p.signals(n).PollPending(ctx, "key")
		if err != nil {
			p.Errorf("poll: %v", err)
		}
		return poll
	}) {
		require.True(p, poll.Pending)
		if !poll.TooSoon {
			inTime++
		}
	}
	require.Equal(p, 1, inTime)
	interval := 5*time.Second + 99*storage.SlowDown
	p.markFor("key", time.Hour) // it was marked for less
	p.clock.pass(interval)
	require.Equal(p, pendingPoll, p.poll("key", 0))
	p.clock.pass(interval - time.Millisecond)
	require.Equal(p, tooSoonPoll, p.poll("key", 1), "every one of them has counted")
}

func pollMarkEnds(p polls) {
	p.markFor("key", 30*time.Second)
	require.Equal(p, pendingPoll, p.poll("key", 0))
	p.clock.pass(time.Second)
	require.Equal(p, tooSoonPoll, p.poll("key", 1))
	p.clock.pass(29 * time.Second)
	require.Zero(p, p.poll("key", 0), "it is to be asked for")
	p.clock.pass(10*time.Second - time.Millisecond)
	require.Equal(p, storage.Poll{TooSoon: true}, p.poll("key", 1), "the interval is 10 s")
	p.markFor("key", 30*time.Second)
	p.clock.pass(15*time.Second - time.Millisecond)
	require.Equal(p, tooSoonPoll, p.poll("key", 0), "a new mark keeps the interval and the last poll")
	p.clock.pass(14 * time.Second)
	p.markFor("key", 30*time.Second)
	p.clock.pass(29 * time.Second)
	require.Equal(p, pendingPoll, p.poll("key", 1), "a new mark is trusted from now on")
}

func pollCleared(p polls) {
	p.mark("key")
	require.Equal(p, pendingPoll, p.poll("key", 0))
	p.clock.pass(time.Second)
	require.Equal(p, tooSoonPoll, p.poll("key", 0))
	for range 2 {
		require.NoError(p, p.b.ClearPending(p.Context(), "key"))
	}
	p.clock.pass(10 * time.Second)
	require.Zero(p, p.poll("key", 0))
	require.Zero(p, p.poll("key", 1).Pending)
	p.mark("key")
	p.clock.pass(15*time.Second - time.Millisecond)
	require.Equal(p, tooSoonPoll, p.poll("key", 0))
}

func pollMany(p polls) {
	const keys = 300
	want := map[string]storage.Poll{}
	for n := range keys {
		key := fmt.Sprint("key ", n)
		switch n % 3 {
		case 0:
			want[key] = storage.Poll{}
		case 1:
			p.mark(key)
			want[key] = pendingPoll
		case 2:
			p.mark(key)
			p.poll(key, 0)
			want[key] = tooSoonPoll
		}
	}
	ctx := context.WithoutCancel(p.Context())
	for n, got := range parallel(keys, func(n int) storage.Poll {
		poll, err := p.signals(n/2).PollPending(ctx, fmt.Sprint("key ", n))
		if err != nil {
			p.Errorf("poll: %v", err)
		}
		return poll
	}) {
		require.Equal(p, want[fmt.Sprint("key ", n)], got, n)
	}
}

// pollMarkedLate: who has asked the Store before the decision marks it after that.
func pollMarkedLate(p polls) {
	p.mark("key")
	require.Equal(p, pendingPoll, p.poll("key", 0))
	require.NoError(p, p.b.ClearPending(p.Context(), "key"))
	p.mark("key")
	p.clock.pass(4 * time.Second)
	p.mark("key")
	p.clock.pass(time.Second)
	require.False(p, p.poll("key", 0).Pending, "the decision is not hidden")
	p.mark("key")
	p.clock.pass(5 * time.Second)
	require.Equal(p, pendingPoll, p.poll("key", 1), "but what is pending again is marked again")
}

func pollApart(p polls) {
	p.mark("key")
	p.mark("other")
	require.Equal(p, pendingPoll, p.poll("key", 0))
	require.Equal(p, pendingPoll, p.poll("other", 0))
	require.NoError(p, p.a.ClearPending(p.Context(), "other"))
	p.clock.pass(5 * time.Second)
	require.Equal(p, pendingPoll, p.poll("key", 1))
	require.Zero(p, p.poll("other", 1))
}

func pollRaces(p polls) {
	var group sync.WaitGroup
	ctx := context.WithoutCancel(p.Context())
	for n := range 12 {
		group.Go(func() {
			s := p.signals(n)
			for range 50 {
				var err error
				switch n / 4 {
				case 0:
					_, err = s.PollPending(ctx, "key")
				case 1:
					err = s.MarkPending(ctx, "key", 5*time.Second, time.Minute)
				default:
					err = s.ClearPending(ctx, "key")
				}
				if err != nil {
					p.Errorf("%v", err)
				}
			}
		})
	}
	group.Wait()
	require.NoError(p, p.a.ClearPending(p.Context(), "key"))
	require.False(p, p.poll("key", 1).Pending)
}

func pollGone(p polls) {
	ctx, cancel := context.WithCancel(p.Context())
	cancel()
	for range 2 {
		_, err := p.a.PollPending(ctx, "key")
		require.Error(p, err)
		require.Error(p, p.a.MarkPending(ctx, "key", time.Second, time.Minute))
		require.Error(p, p.a.ClearPending(ctx, "key"))
		require.NoError(p, p.a.Close())
		ctx = p.Context()
	}
}
