package postgres_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/postgres"
)

// held is a grant of a person whose row somebody holds, as if to revoke all of theirs took long. free lets it go.
func (w *world) held() (code storage.NewCode, free func()) {
	w.t.Helper()
	code = w.login()
	require.NoError(w.t, w.a.IssueCode(w.t.Context(), code))
	tx, err := w.pool.Begin(w.t.Context())
	require.NoError(w.t, err)
	_, err = tx.Exec(w.t.Context(), `SELECT FROM grants WHERE id = $1 FOR UPDATE`, code.Grant.ID[:])
	require.NoError(w.t, err)
	free = sync.OnceFunc(func() { _ = tx.Rollback(context.WithoutCancel(w.t.Context())) })
	w.t.Cleanup(free)
	return code, free
}

// hasty opens a store whose transitions have little time.
func (w *world) hasty(end time.Duration) *postgres.Store {
	w.t.Helper()
	s, err := postgres.Open(w.t.Context(), postgres.Config{DSN: w.pool.Config().ConnString(), Timeout: 200 * time.Millisecond, EndTimeout: end})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, s.Close()) })
	return s
}

// A lock that has no time to end what the user has locks all the same, and what is left does not come back with the
// unlocking.
func TestALockHoldsWhereItsEndsDoNot(t *testing.T) {
	w := newWorld(t)
	code, free := w.held()
	hasty, user := w.hasty(300*time.Millisecond), code.Grant.UserID
	require.Error(t, hasty.LockUser(t.Context(), user, "operator", w.now))
	u, err := w.a.User(t.Context(), user)
	require.NoError(t, err)
	require.Equal(t, w.now, u.LockedAt)
	require.Equal(t, 1, w.live(user), "the grant is not revoked")
	_, err = w.a.AccessPerson(t.Context(), code.Grant.ID)
	require.ErrorIs(t, err, storage.ErrNotFound, "and of no use")
	_, err = w.a.AccessScopes(t.Context(), code.Grant.ID)
	require.ErrorIs(t, err, storage.ErrNotFound, "nor without the person")
	require.Error(t, hasty.UnlockUser(t.Context(), user, "operator", w.now))
	u, err = w.a.User(t.Context(), user)
	require.NoError(t, err)
	require.False(t, u.LockedAt.IsZero(), "nor is it unlocked before")
	free()
	require.NoError(t, w.a.UnlockUser(t.Context(), user, "operator", w.now))
	require.Zero(t, w.live(user))

	again, free := w.held()
	require.Error(t, hasty.LockUser(t.Context(), again.Grant.UserID, "operator", w.now))
	free()
	require.NoError(t, hasty.LockUser(t.Context(), again.Grant.UserID, "operator", w.now), "locked before")
	require.Zero(t, w.live(again.Grant.UserID))
}

// What ends grants has longer than other transitions, at the server too, whose time-out of statements is theirs.
func TestAnEndHasMoreTime(t *testing.T) {
	w := newWorld(t)
	hasty := w.hasty(patience)
	for name, end := range map[string]func(context.Context, storage.NewCode) error{
		"logout": func(ctx context.Context, c storage.NewCode) error {
			return hasty.EndSession(ctx, c.Grant.SessionID, w.now)
		},
		"own logout": func(ctx context.Context, c storage.NewCode) error {
			return hasty.LogOut(ctx, c.Grant.SessionID, c.SessionHash, storage.Hash{}, w.now)
		},
		"lock": func(ctx context.Context, c storage.NewCode) error {
			return hasty.LockUser(ctx, c.Grant.UserID, "operator", w.now)
		},
		"unbind": func(ctx context.Context, c storage.NewCode) error {
			return hasty.UnbindUser(ctx, c.Grant.UserID, "operator", w.now)
		},
		"delete": func(ctx context.Context, c storage.NewCode) error {
			return hasty.DeleteUser(ctx, c.Grant.UserID, "operator", w.now)
		},
		"sign out": func(ctx context.Context, c storage.NewCode) error {
			return hasty.SignOutEverywhere(ctx, c.Grant.UserID, "user", w.now)
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, free := w.held()
			done := make(chan error, 1)
			go func() { done <- end(context.WithoutCancel(t.Context()), code) }()
			select {
			case err := <-done:
				free()
				t.Fatalf("it did not wait: %v", err)
			case <-time.After(time.Second): // beyond what others have; there is no event to wait for
			}
			free()
			require.NoError(t, <-done)
			require.Zero(t, w.live(code.Grant.UserID))
		})
	}
	code, free := w.held()
	require.Error(t, hasty.RevokeGrant(t.Context(), code.Grant.ID, "client", w.now), "a transition that ends one grant does not wait for long")
	free()
}
