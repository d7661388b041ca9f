package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/postgres"
	"qiao/storage/relational"
)

// In a hundred rounds two replicas issue beside a logout or a lock: once that is acknowledged no grant is alive (I7).
func TestIssueBesideLogoutAndLock(t *testing.T) {
	w := newWorld(t)
	for name, end := range map[string]func(context.Context, storage.NewCode) error{
		"logout": func(ctx context.Context, c storage.NewCode) error {
			return w.b.EndSession(ctx, c.Grant.SessionID, w.now)
		},
		"lock": func(ctx context.Context, c storage.NewCode) error {
			return w.b.LockUser(ctx, c.Grant.UserID, "operator", w.now)
		},
		"unbind": func(ctx context.Context, c storage.NewCode) error {
			return w.b.UnbindUser(ctx, c.Grant.UserID, "operator", w.now)
		},
	} {
		t.Run(name, func(t *testing.T) {
			issued := 0
			for round := range 100 {
				code := w.login()
				var group sync.WaitGroup
				var mu sync.Mutex
				acknowledge := func() {
					if err := end(context.WithoutCancel(t.Context()), code); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
				if round%2 == 0 { // each side gets its head start
					group.Go(acknowledge)
				}
				for i := range 3 {
					group.Go(func() {
						ctx := context.WithoutCancel(t.Context())
						mine := code
						mine.Grant.ID = storage.NewID(w.now)
						err := []*postgres.Store{w.a, w.b}[i%2].IssueCode(ctx, mine)
						switch {
						case err == nil:
							mu.Lock()
							issued++
							mu.Unlock()
						case !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrLocked):
							t.Errorf("issue: %v", err)
						}
					})
				}
				if round%2 == 1 {
					group.Go(acknowledge)
				}
				group.Wait()
				require.Zero(t, w.live(code.Grant.UserID))
			}
			t.Logf("%d codes were issued before the %s", issued, name)
		})
	}
}

// A code is exchanged and its tokens are used beside a lock: what was issued is revoked afterwards.
func TestUseBesideLock(t *testing.T) {
	w := newWorld(t)
	for range 100 {
		code := w.login()
		require.NoError(t, w.a.IssueCode(t.Context(), code))
		use := w.use(code)
		var group sync.WaitGroup
		ctx := context.WithoutCancel(t.Context())
		group.Go(func() {
			for generation := range uint32(4) {
				var err error
				if generation == 0 {
					_, err = w.a.ConsumeCode(ctx, use)
				} else {
					_, err = w.a.RotateRefreshToken(ctx, w.rotation(use, generation-1))
				}
				if err != nil && !errors.Is(err, storage.ErrNotFound) {
					t.Errorf("use: %v", err)
				}
			}
		})
		group.Go(func() {
			if err := w.b.LockUser(ctx, code.Grant.UserID, "operator", w.now); err != nil {
				t.Errorf("lock: %v", err)
			}
		})
		group.Wait()
		require.Zero(t, w.live(code.Grant.UserID))
		_, err := w.a.AccessGrant(t.Context(), code.Grant.ID)
		require.ErrorIs(t, err, storage.ErrNotFound)
	}
}

// Of many that answer one request at once, one does, and the losers leave nothing behind.
func TestOneRequestYieldsOneCode(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		code := w.request(w.login())
		outcomes := make(chan error, 10)
		for i := range cap(outcomes) {
			go func() {
				mine := code
				mine.Grant.ID = storage.NewID(w.now)
				outcomes <- []*postgres.Store{w.a, w.b}[i%2].IssueCode(context.WithoutCancel(t.Context()), mine)
			}()
		}
		won := 0
		for range cap(outcomes) {
			if err := <-outcomes; err == nil {
				won++
			} else {
				require.ErrorIs(t, err, storage.ErrConflict)
			}
		}
		require.Equal(t, 1, won)
		require.Equal(t, 1, w.live(code.Grant.UserID))
	}
}

// A code that cannot be issued leaves its request as it was.
func TestARefusedCodeLeavesItsRequest(t *testing.T) {
	w := newWorld(t)
	for name, spoil := range map[string]func(*storage.NewCode){
		"a renewed session": func(c *storage.NewCode) { c.SessionHash = storage.NewSecret().Hash() },
		"another user":      func(c *storage.NewCode) { c.Grant.UserID = w.login().Grant.UserID },
		"a locked user":     func(c *storage.NewCode) { w.execute(`UPDATE users SET locked_at = 1 WHERE id = $1`, c.Grant.UserID) },
		"a late session": func(c *storage.NewCode) {
			w.execute(`UPDATE sessions SET idle_expires_at = $2 WHERE id = $1`, c.Grant.SessionID[:], relational.Micros(c.Now))
		},
	} {
		t.Run(name, func(t *testing.T) {
			code := w.request(w.login())
			spoil(&code)
			require.Error(t, w.a.IssueCode(t.Context(), code))
			_, err := w.a.AuthRequest(t.Context(), code.AuthRequestID, code.Browser, w.now)
			require.NoError(t, err, "the request was spent")
			require.Zero(t, w.live(code.Grant.UserID))
		})
	}
}

// What waits for a row goes on with the row's newest version: a session that is touched meanwhile is still good, one that
// is ended is not, and the request is finished only in the first case.
func TestIssueWaitsForTheSession(t *testing.T) {
	w := newWorld(t)
	for name, step := range map[string]struct {
		statement string
		want      error
	}{
		"touched": {`UPDATE sessions SET last_seen_at = last_seen_at + 1 WHERE id = $1`, nil},
		"ended":   {`UPDATE sessions SET ended_at = 1 WHERE id = $1`, storage.ErrNotFound},
		"renewed": {`UPDATE sessions SET hash = '\x00' WHERE id = $1`, storage.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			code := w.request(w.login())
			holder, err := w.pool.Begin(t.Context())
			require.NoError(t, err)
			_, err = holder.Exec(t.Context(), step.statement, code.Grant.SessionID[:])
			require.NoError(t, err)
			done := make(chan error, 1)
			go func() { done <- w.a.IssueCode(context.WithoutCancel(t.Context()), code) }()
			w.waits()
			require.NoError(t, holder.Commit(t.Context()))
			require.ErrorIs(t, <-done, step.want)
			_, err = w.a.AuthRequest(t.Context(), code.AuthRequestID, code.Browser, w.now)
			if step.want == nil {
				require.ErrorIs(t, err, storage.ErrNotFound, "the request is finished")
				require.Equal(t, 1, w.live(code.Grant.UserID))
			} else {
				require.NoError(t, err, "the request is still open")
				require.Zero(t, w.live(code.Grant.UserID))
			}
		})
	}
}
