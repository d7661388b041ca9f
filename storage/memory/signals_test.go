package memory

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/storagetest"
)

func TestContract(t *testing.T) {
	storagetest.TestSignals(t, func(t *testing.T) (a, b storage.Signals) {
		s := New()
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s, s
	})
}

func TestPending(t *testing.T) {
	storagetest.TestPending(t, func(t *testing.T, now func() time.Time) (a, b storage.Signals) {
		s := NewAt(now)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s, s
	})
}

// clock is a clock that the test moves.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func open(t *testing.T, max int) (*Signals, *clock) {
	c := &clock{time.Unix(1_700_000_000, 0)}
	s := newSignals(c.Now, max)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, c
}

func TestEverythingExpires(t *testing.T) {
	s, c := open(t, 100)
	for i := range 50 {
		key := fmt.Sprint(i)
		_, _, err := s.Allow(t.Context(), storage.Use{Key: key, Max: 1, Window: time.Minute})
		require.NoError(t, err)
		require.NoError(t, s.Put(t.Context(), key, []byte("value"), time.Minute))
		_, ok, err := s.Lock(t.Context(), key, time.Minute)
		require.NoError(t, err)
		require.True(t, ok)
	}
	c.now = c.now.Add(time.Minute - 1)
	s.sweep()
	require.Len(t, s.counters.entries, 50)
	require.Len(t, s.values.entries, 50)
	require.Len(t, s.locks.entries, 50)
	require.Equal(t, 250, s.valueBytes)
	c.now = c.now.Add(1)
	s.sweep()
	require.Empty(t, s.counters.entries)
	require.Empty(t, s.values.entries)
	require.Empty(t, s.locks.entries)
	require.Zero(t, s.valueBytes)
}

// Many devices must not shut the door for the next one, and what is forgotten of them the Store knows.
func TestPacesAreBounded(t *testing.T) {
	s, c := open(t, 128)
	for i := range 1000 {
		key := fmt.Sprint(i)
		require.NoError(t, s.MarkPending(t.Context(), key, time.Second, time.Minute))
		poll, err := s.PollPending(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, storage.Poll{Pending: true}, poll)
		_, err = s.PollPending(t.Context(), "unknown "+key)
		require.NoError(t, err)
		require.LessOrEqual(t, len(s.paces.entries), 128)
	}
	c.now = c.now.Add(time.Minute + storage.PaceKept)
	s.sweep()
	require.Empty(t, s.paces.entries)
}

func TestCountersAreBounded(t *testing.T) {
	s, _ := open(t, 128)
	for i := range 1000 {
		ok, _, err := s.Allow(t.Context(), storage.Use{Key: fmt.Sprint(i), Max: 1, Window: time.Minute})
		require.NoError(t, err)
		require.True(t, ok, "many addresses must not shut the door for the next one")
		require.LessOrEqual(t, len(s.counters.entries), 128)
	}
}

// A value may be the memory of a replay, so none is forgotten for another.
func TestFullValuesRefuse(t *testing.T) {
	s, c := open(t, 4)
	for i := range 4 {
		require.NoError(t, s.Put(t.Context(), fmt.Sprint(i), []byte("value"), time.Minute))
	}
	require.ErrorIs(t, s.Put(t.Context(), "one too many", nil, time.Minute), errFull)
	require.NoError(t, s.Put(t.Context(), "3", []byte("another"), time.Minute), "a key that is there keeps its place")
	for i := range 4 {
		value, err := s.Get(t.Context(), fmt.Sprint(i))
		require.NoError(t, err)
		require.NotNil(t, value)
	}
	c.now = c.now.Add(time.Minute)
	require.NoError(t, s.Put(t.Context(), "one too many", nil, time.Minute), "what has expired makes room at once")
}

func TestValueBytesAreBounded(t *testing.T) {
	s, _ := open(t, 100)
	big := make([]byte, maxValueBytes/2)
	require.NoError(t, s.Put(t.Context(), "a", big, time.Minute))
	require.NoError(t, s.Put(t.Context(), "b", big, time.Minute))
	require.ErrorIs(t, s.Put(t.Context(), "c", []byte("x"), time.Minute), errFull)
	require.NoError(t, s.Put(t.Context(), "a", []byte("x"), time.Minute))
	require.NoError(t, s.Put(t.Context(), "c", []byte("x"), time.Minute))
}

func TestFullLocksRefuse(t *testing.T) {
	s, _ := open(t, 1)
	unlock, ok, err := s.Lock(t.Context(), "a", time.Minute)
	require.NoError(t, err)
	require.True(t, ok)
	_, _, err = s.Lock(t.Context(), "b", time.Minute)
	require.ErrorIs(t, err, errFull)
	unlock()
	_, ok, err = s.Lock(t.Context(), "b", time.Minute)
	require.NoError(t, err)
	require.True(t, ok)
}

// Ten thousand pages that wait must cost next to nothing besides their own goroutines.
func TestWatchersAreCheap(t *testing.T) {
	const waiters, most = 10_000, 300
	var book Watchers
	watches := make([]storage.Watch, waiters)
	topics := make([]string, waiters)
	for i := range topics {
		topics[i] = fmt.Sprintf("attempt %22d", i)
	}
	before := heap()
	for i := range watches {
		watches[i] = storage.NewWatch(&book, topics[i])
	}
	each := (heap() - before) / waiters
	t.Logf("%d bytes a waiter", each)
	require.LessOrEqual(t, each, uint64(most))

	for _, topic := range topics {
		book.Wake(topic)
	}
	for _, w := range watches {
		<-w.C
		w.Close()
	}
	require.Empty(t, book.Topics())
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestCloseEndsTheJanitor(t *testing.T) {
	s := New()
	require.NoError(t, s.Close())
	select {
	case <-s.stopped:
	default:
		t.Fatal("the janitor is still there")
	}
	require.ErrorIs(t, s.Ping(context.Background()), errClosed)
}
