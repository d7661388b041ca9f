package redis_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/redis"
	"qiao/storage/storagetest"
	"qiao/storage/storagetest/servers"
)

const patience = 20 * time.Second

func open(t *testing.T, url string) *redis.Signals {
	t.Helper()
	return openAt(t, url, nil)
}

// openAt opens signals that measure the pace of polls by the test's clock.
func openAt(t *testing.T, url string, now func() time.Time) *redis.Signals {
	t.Helper()
	s, err := redis.Open(t.Context(), redis.Config{
		URL: url, Timeout: 5 * time.Second, Spread: 100 * time.Millisecond, Now: now, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestContract(t *testing.T) {
	storagetest.TestSignals(t, func(t *testing.T) (a, b storage.Signals) {
		url := servers.Redis(t)
		return open(t, url), open(t, url)
	})
}

func TestPending(t *testing.T) {
	storagetest.TestPending(t, func(t *testing.T, now func() time.Time) (a, b storage.Signals) {
		url := servers.Redis(t)
		return openAt(t, url, now), openAt(t, url, now)
	})
}

// A poll is measured by the one clock that all replicas share, and the pace outlives a shorter mark.
func TestThePaceIsMeasuredByRedis(t *testing.T) {
	server := servers.StartRedis(t)
	a, b := open(t, server.URL()), open(t, server.URL())
	require.NoError(t, a.MarkPending(t.Context(), "key", time.Hour, time.Hour))
	require.NoError(t, b.MarkPending(t.Context(), "key", time.Second, time.Minute))
	poll, err := a.PollPending(t.Context(), "key")
	require.NoError(t, err)
	require.Equal(t, storage.Poll{Pending: true}, poll)
	poll, err = b.PollPending(t.Context(), "key")
	require.NoError(t, err)
	require.Equal(t, storage.Poll{Pending: true, TooSoon: true}, poll)
	reply, err := server.Do("PTTL qiao:poll:key")
	require.NoError(t, err)
	left, err := strconv.Atoi(strings.TrimPrefix(reply, ":"))
	require.NoError(t, err)
	require.Greater(t, left, int((time.Hour).Milliseconds()), "the pace is kept as long as the longest mark")
}

func TestOpenFailsWhenUnreachable(t *testing.T) {
	server := servers.StartRedis(t)
	server.Stop()
	_, err := redis.Open(t.Context(), redis.Config{URL: server.URL()})
	require.Error(t, err)
}

func TestOpenHidesThePassword(t *testing.T) {
	for _, url := range []string{"", "redis://:hunter2@host:port:0", "http://u:hunter2@host", "redis://u:hunter2@host/x", "hunter2"} {
		_, err := redis.Open(t.Context(), redis.Config{URL: url})
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

// A server that accepts and never answers must cost a caller the deadline and no more.
func TestSilentServerFailsWithinTheDeadline(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	start := time.Now()
	_, err = redis.Open(t.Context(), redis.Config{URL: "redis://" + listener.Addr().String(), Timeout: 100 * time.Millisecond})
	require.Error(t, err)
	require.Less(t, time.Since(start), 3*time.Second)
}

func TestUnreachableFailsFastAndRecovers(t *testing.T) {
	server := servers.StartRedis(t)
	s := open(t, server.URL())
	watch := storage.NewWatch(s, "topic")
	server.Stop()

	start := time.Now()
	for name, call := range map[string]func(context.Context) error{
		"ping": s.Ping,
		"wake": func(ctx context.Context) error { return s.Wake(ctx, "topic") },
		"allow": func(ctx context.Context) error {
			_, _, err := s.Allow(ctx, storage.Use{Key: "key", Max: 1, Window: time.Minute})
			return err
		},
		"get":   func(ctx context.Context) error { _, err := s.Get(ctx, "key"); return err },
		"put":   func(ctx context.Context) error { return s.Put(ctx, "key", nil, time.Minute) },
		"lock":  func(ctx context.Context) error { _, _, err := s.Lock(ctx, "key", time.Minute); return err },
		"mark":  func(ctx context.Context) error { return s.MarkPending(ctx, "key", time.Second, time.Minute) },
		"poll":  func(ctx context.Context) error { _, err := s.PollPending(ctx, "key"); return err },
		"clear": func(ctx context.Context) error { return s.ClearPending(ctx, "key") },
	} {
		require.Error(t, call(t.Context()), name)
	}
	require.Less(t, time.Since(start), 5*time.Second)
	requireAwoken(t, watch, "a replica wakes its own watchers also without Redis")

	server.Start()
	require.Eventually(t, func() bool { return s.Ping(t.Context()) == nil }, patience, 10*time.Millisecond)
	ok, _, err := s.Allow(t.Context(), storage.Use{Key: "key", Max: 1, Window: time.Minute})
	require.NoError(t, err)
	require.True(t, ok)
}

// A Redis that hangs costs every caller the deadline and no more, however many wait behind the same answer, and none of
// them is served late.
func TestAHangingServerFailsEverybodyWithinTheDeadline(t *testing.T) {
	server := servers.StartRedis(t)
	s, err := redis.Open(t.Context(), redis.Config{URL: server.URL(), Timeout: 200 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Ping(t.Context()))
	_, err = server.Do("CLIENT PAUSE 1500 ALL")
	require.NoError(t, err)
	start := time.Now()
	var group sync.WaitGroup
	for n := range 60 {
		group.Go(func() {
			ctx := context.WithoutCancel(t.Context())
			var err error
			switch n % 3 {
			case 0:
				_, _, err = s.Allow(ctx, storage.Use{Key: "key", Max: 1, Window: time.Hour})
			case 1:
				err = s.Wake(ctx, "topic")
			case 2:
				_, err = s.PollPending(ctx, "key")
			}
			if err == nil {
				t.Error("a server that hangs has answered")
			}
		})
	}
	group.Wait()
	require.Less(t, time.Since(start), 1200*time.Millisecond)
	require.Eventually(t, func() bool {
		_, _, err := s.Allow(t.Context(), storage.Use{Key: "another key", Max: 1, Window: time.Hour})
		return err == nil
	}, patience, 10*time.Millisecond)
}

func TestAFlushLosesNothingButWakeUps(t *testing.T) {
	server := servers.StartRedis(t)
	a, b := open(t, server.URL()), open(t, server.URL())
	_, ok, err := a.Lock(t.Context(), "key", time.Hour)
	require.NoError(t, err)
	require.True(t, ok)
	_, _, err = a.Allow(t.Context(), storage.Use{Key: "key", Max: 1, Window: time.Hour})
	require.NoError(t, err)
	watch := storage.NewWatch(b, "topic")

	server.Flush()
	value, err := a.Get(t.Context(), "key")
	require.NoError(t, err)
	require.Nil(t, value)
	ok, _, err = a.Allow(t.Context(), storage.Use{Key: "key", Max: 1, Window: time.Hour})
	require.NoError(t, err, "the script is loaded again")
	require.True(t, ok)
	_, ok, err = b.Lock(t.Context(), "key", time.Hour)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, a.Wake(t.Context(), "topic"))
	requireAwoken(t, watch, "the subscription survives a flush")
}

func TestEverythingExpiresAndHasThePrefix(t *testing.T) {
	server := servers.StartRedis(t)
	s, err := redis.Open(t.Context(), redis.Config{URL: server.URL(), Prefix: "mine:"})
	require.NoError(t, err)
	defer s.Close()
	_, _, err = s.Allow(t.Context(), storage.Use{Key: "key", Max: 1, Window: time.Minute})
	require.NoError(t, err)
	require.NoError(t, s.Put(t.Context(), "key", []byte("value"), time.Minute))
	_, _, err = s.Lock(t.Context(), "key", time.Minute)
	require.NoError(t, err)
	require.NoError(t, s.ClearPending(t.Context(), "unknown"))
	_, err = s.PollPending(t.Context(), "unknown")
	require.NoError(t, err)
	require.NoError(t, s.MarkPending(t.Context(), "key", time.Second, time.Minute))
	_, err = s.PollPending(t.Context(), "key")
	require.NoError(t, err)
	for _, key := range []string{"mine:rate:key", "mine:value:key", "mine:lock:key", "mine:poll:key"} {
		reply, err := server.Do("PTTL " + key)
		require.NoError(t, err)
		require.NotContains(t, []string{":-1", ":-2"}, reply, "%s: -1 never expires, -2 is not there", key)
	}
	reply, err := server.Do("DBSIZE")
	require.NoError(t, err)
	require.Equal(t, ":4", reply)
}

// A counter without an end, which somebody else must have written, does not refuse for ever.
func TestACounterWithoutAnEndGetsOne(t *testing.T) {
	server := servers.StartRedis(t)
	s := open(t, server.URL())
	_, err := server.Do("SET qiao:rate:key 7")
	require.NoError(t, err)
	use := storage.Use{Key: "key", Max: 7, Window: 300 * time.Millisecond}
	ok, retryAfter, err := s.Allow(t.Context(), use, storage.Use{Key: "behind", Max: 1, Window: time.Minute})
	require.NoError(t, err)
	require.False(t, ok)
	require.Equal(t, use.Window, retryAfter)
	require.Eventually(t, func() bool {
		ok, _, err := s.Allow(t.Context(), use)
		return err == nil && ok
	}, patience, 10*time.Millisecond)
	reply, err := server.Do("EXISTS qiao:rate:behind")
	require.NoError(t, err)
	require.Equal(t, ":0", reply)
}

// Neither keys nor addresses reach the log: a topic or a key may hold a person's address.
func TestTheLogNamesNothing(t *testing.T) {
	server := servers.StartRedis(t)
	var log lockedBuffer
	s, err := redis.Open(t.Context(), redis.Config{URL: server.URL(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	watch := storage.NewWatch(s, "marker")
	require.NoError(t, s.Wake(t.Context(), "marker"))
	server.Restart()
	requireAwoken(t, watch, "the first wake-up")
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "subscribed again") }, patience, 10*time.Millisecond)
	require.NoError(t, s.Close())
	require.NotContains(t, log.String(), "marker")
}

func requireAwoken(t *testing.T, w storage.Watch, message string) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-w.C:
	case <-late.C:
		t.Fatal(message)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
