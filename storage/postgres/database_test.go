package postgres_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/postgres"
	"qiao/storage/relational"
)

// Two transactions that hold each other up: the server gives one up, and it is run again.
func TestADeadlockIsRunAgain(t *testing.T) {
	w := newWorld(t)
	users := []string{w.login().Grant.UserID, w.login().Grant.UserID}
	both := make(chan struct{})
	var runs [2]int
	var first, group sync.WaitGroup
	first.Add(2)
	go func() { first.Wait(); close(both) }()
	for i, s := range []*postgres.Store{w.a, w.b} {
		group.Go(func() {
			ctx := context.WithoutCancel(t.Context())
			err := s.Store.DB.Write(ctx, func(tx relational.Tx) error {
				runs[i]++
				if _, err := tx.Exec(ctx, `UPDATE users SET name = ? WHERE id = ?`, "a", users[i]); err != nil {
					return err
				}
				if runs[i] == 1 {
					first.Done()
				}
				<-both
				_, err := tx.Exec(ctx, `UPDATE users SET name = ? WHERE id = ?`, "b", users[1-i])
				return err
			})
			if err != nil {
				t.Errorf("write: %v", err)
			}
		})
	}
	group.Wait()
	// The one that is run again may take its row before the other wakes, and both are in each other's way once more.
	require.GreaterOrEqual(t, runs[0]+runs[1], 3, "one of the two was run again")
}

// The driver's errors that mean something come as relational's own.
func TestErrorsAreTranslated(t *testing.T) {
	w := newWorld(t)
	user := w.login().Grant.UserID
	err := w.a.Store.DB.Write(t.Context(), func(tx relational.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO users SELECT * FROM users WHERE id = ?`, user)
		return err
	})
	require.ErrorIs(t, err, relational.ErrUnique)
	require.NotContains(t, err.Error(), user)
	err = w.a.Store.DB.Read(t.Context(), func(tx relational.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT id FROM users WHERE id = ?`, "nobody").Scan(new(string))
	})
	require.ErrorIs(t, err, relational.ErrNoRows)
	require.NotErrorIs(t, err, pgx.ErrNoRows)
}

// A transaction whose function fails, or whose caller goes away, leaves nothing behind.
func TestATransactionIsAllOrNothing(t *testing.T) {
	w := newWorld(t)
	user := w.login().Grant.UserID
	name := func() (name string) {
		require.NoError(t, w.pool.QueryRow(t.Context(), `SELECT name FROM users WHERE id = $1`, user).Scan(&name))
		return name
	}
	ctx, cancel := context.WithCancel(t.Context())
	for what, spoil := range map[string]func() error{
		"an error":  func() error { return storage.ErrConflict },
		"gone away": func() error { cancel(); return nil },
	} {
		err := w.a.Store.DB.Write(ctx, func(tx relational.Tx) error {
			if _, err := tx.Exec(ctx, `UPDATE users SET name = ? WHERE id = ?`, "changed", user); err != nil {
				return err
			}
			return spoil()
		})
		require.Error(t, err, what)
		require.Empty(t, name(), what)
	}
	require.Panics(t, func() {
		_ = w.a.Store.DB.Write(t.Context(), func(tx relational.Tx) error {
			_, _ = tx.Exec(t.Context(), `UPDATE users SET name = ? WHERE id = ?`, "changed", user)
			panic("a bug")
		})
	})
	require.Empty(t, name())
	require.NoError(t, w.a.Store.DB.Write(t.Context(), func(tx relational.Tx) error { // the row is free
		_, err := tx.Exec(t.Context(), `UPDATE users SET name = ? WHERE id = ?`, "changed", user)
		return err
	}))
	require.Equal(t, "changed", name())
}

// What a stranger sends may be no text at all. It names nothing; it is no outage.
func TestNoTextNamesNothing(t *testing.T) {
	w := newWorld(t)
	code := w.login()
	require.NoError(t, w.a.IssueCode(t.Context(), code))
	use := w.use(code)
	for _, text := range []string{"a\x00", "\xff\xfe", "\xed\xa0\x80"} {
		_, err := w.a.Client(t.Context(), text)
		require.ErrorIs(t, err, storage.ErrNotFound)
		_, err = w.a.User(t.Context(), text)
		require.ErrorIs(t, err, storage.ErrNotFound)
		bad := use
		bad.RedirectURI = text
		_, err = w.a.ConsumeCode(t.Context(), bad)
		require.ErrorIs(t, err, storage.ErrNotFound)
		rotation := w.rotation(use, 0)
		rotation.ClientID = text
		_, err = w.a.RotateRefreshToken(t.Context(), rotation)
		require.ErrorIs(t, err, storage.ErrNotFound)
		require.Error(t, w.a.Audit(t.Context(), storage.AuditEntry{At: w.now, Actor: text}), "what was not stored is not acknowledged")
	}
	_, err := w.a.ConsumeCode(t.Context(), use)
	require.NoError(t, err)
}
