package keys

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestRunFollowsTheStoreUntilItIsStopped(t *testing.T) {
	store, clock, log := &fakeStore{}, newClock(), &lockedBuffer{}
	r, err := New(Config{
		Issuer: issuer, Store: store, Box: newBox(t, 1), Poll: time.Millisecond, Now: clock.Now, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	require.NoError(t, err)
	require.NoError(t, r.Load(t.Context()))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }()

	command := newRing(t, store, clock) // qiao keys rotate, in another process
	require.NoError(t, command.Load(t.Context()))
	require.NoError(t, command.Rotate(t.Context(), "operator"))
	require.Eventually(t, func() bool { return string(r.JWKS()) == string(command.JWKS()) }, 10*time.Second, time.Millisecond)

	failing := func(err error) {
		store.mu.Lock()
		defer store.mu.Unlock()
		store.fail = err
	}
	failing(errors.New("the database is down"))
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "signing keys not checked") }, 10*time.Second, time.Millisecond)
	failing(nil)
	require.NoError(t, command.Revoke(t.Context(), command.List()[0].ID, "operator"))
	require.Eventually(t, func() bool { return string(r.JWKS()) == string(command.JWKS()) }, 10*time.Second, time.Millisecond)
	stop()
	<-done
	require.Equal(t, 1, strings.Count(log.String(), "signing keys not checked"), "an outage is one line")
}
