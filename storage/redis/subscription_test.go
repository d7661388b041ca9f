package redis_test

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/redis"
	"qiao/storage/storagetest/servers"
)

// What was published while the subscription was down is lost, so everybody looks once when it is back.
func TestEveryWatcherIsWokenAfterARestart(t *testing.T) {
	server := servers.StartRedis(t)
	a, b := open(t, server.URL()), open(t, server.URL())
	var watches []storage.Watch
	for i := range 500 {
		watches = append(watches, storage.NewWatch(a, fmt.Sprint("topic ", i)), storage.NewWatch(b, fmt.Sprint("topic ", i)))
	}
	server.Restart()
	for _, w := range watches {
		requireAwoken(t, w, "a watcher slept on")
	}
	require.Eventually(t, func() bool { return a.Wake(t.Context(), "later") == nil }, patience, 10*time.Millisecond)
	later := storage.NewWatch(b, "later")
	require.NoError(t, a.Wake(t.Context(), "later"))
	requireAwoken(t, later, "wake-ups go on after the restart")
}

// The connection of the subscription alone is cut, as a proxy does that has enough of a quiet one.
func TestACutSubscriptionIsReplaced(t *testing.T) {
	server := servers.StartRedis(t)
	s := open(t, server.URL())
	watch := storage.NewWatch(s, "topic")
	_, err := server.Do("CLIENT KILL TYPE pubsub")
	require.NoError(t, err)
	requireAwoken(t, watch, "a watcher slept on")
}

// A connection that a router has forgotten looks like one on which nothing happens: nothing arrives, and nobody says so.
func TestASilentSubscriptionIsReplaced(t *testing.T) {
	server := servers.StartRedis(t)
	proxy := newProxy(t, strings.TrimPrefix(server.URL(), "unix://"))
	s, err := redis.Open(t.Context(), redis.Config{
		URL: "unix://" + proxy.address, Spread: 10 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	}.Quiet(100*time.Millisecond))
	require.NoError(t, err)
	defer s.Close()
	other := open(t, server.URL())
	watch := storage.NewWatch(s, "topic")
	require.NoError(t, other.Wake(t.Context(), "topic"))
	requireAwoken(t, watch, "the first wake-up")

	proxy.forget()
	require.NoError(t, other.Wake(t.Context(), "topic"))
	requireAwoken(t, watch, "a wake-up that was lost is made up for")
	require.Eventually(t, func() bool { // and the next ones arrive again
		if err := other.Wake(t.Context(), "topic"); err != nil {
			return false
		}
		select {
		case <-watch.C:
			return true
		case <-time.After(50 * time.Millisecond):
			return false
		}
	}, patience, 10*time.Millisecond)
}

// proxy hands connections on to a socket, until it forgets those that it has.
type proxy struct {
	address string
	mu      sync.Mutex
	epoch   int
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	p := &proxy{address: t.TempDir() + "/s"}
	listener, err := net.Listen("unix", p.address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", target)
			if err != nil {
				_ = client.Close()
				continue
			}
			born := p.now()
			go p.pass(server, client, born)
			go p.pass(client, server, born)
		}
	}()
	return p
}

func (p *proxy) now() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.epoch
}

// forget keeps the connections open and hands nothing on in them any more.
func (p *proxy) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epoch++
}

func (p *proxy) pass(to, from net.Conn, born int) {
	defer to.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if p.now() == born {
			_, _ = to.Write(buffer[:n])
		}
	}
}
