package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/relational"
)

// What is kept back reaches the database in its order, and its failure reaches the caller, whatever came after it.
func TestStatementsThatAreKeptBack(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	user := w.login().Grant.UserID
	name := func() (name string) {
		require.NoError(t, w.pool.QueryRow(ctx, `SELECT name FROM users WHERE id = $1`, user).Scan(&name))
		return name
	}
	set := func(tx relational.Tx, name string) error {
		return tx.Do(ctx, `UPDATE users SET name = ? WHERE id = ?`, name, user)
	}
	twice := func(tx relational.Tx) error {
		return tx.Do(ctx, `INSERT INTO users SELECT * FROM users WHERE id = ?`, user)
	}
	steps := func(all ...func(relational.Tx) error) error {
		return w.a.Store.DB.Write(ctx, func(tx relational.Tx) error {
			for _, step := range all {
				if err := step(tx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	call := func(to string) func(relational.Tx) error {
		return func(tx relational.Tx) error { return set(tx, to) }
	}
	reads := func(want string) func(relational.Tx) error {
		return func(tx relational.Tx) error {
			var got string
			err := tx.QueryRow(ctx, `SELECT name FROM users WHERE id = ?`, user).Scan(&got)
			require.Equal(t, want, got)
			return err
		}
	}

	require.NoError(t, steps())
	require.NoError(t, steps(call("alone")))
	require.Equal(t, "alone", name())
	require.NoError(t, steps(call("first"), call("last")))
	require.Equal(t, "last", name())
	require.NoError(t, steps(reads("last"), call("seen"), reads("seen"), call("then")))
	require.Equal(t, "then", name())

	fail := func(relational.Tx) error { return storage.ErrConflict }
	require.ErrorIs(t, steps(call("lost"), fail), storage.ErrConflict, "it was never sent")
	require.ErrorIs(t, steps(call("lost"), reads("lost"), call("lost too"), fail), storage.ErrConflict)

	text := func(tx relational.Tx) error { return set(tx, "a\x00") }
	for _, bad := range [][]func(relational.Tx) error{{twice}, {call("lost"), twice}, {twice, call("lost")}, {reads("then"), twice}} {
		require.ErrorIs(t, steps(bad...), relational.ErrUnique)
	}
	err := w.a.Store.DB.Write(ctx, func(tx relational.Tx) error {
		require.NoError(t, twice(tx))
		return tx.QueryRow(ctx, `SELECT name FROM users WHERE id = ?`, user).Scan(new(string))
	})
	require.ErrorIs(t, err, relational.ErrUnique, "the next statement tells of the one before")
	for _, bad := range [][]func(relational.Tx) error{{text}, {text, call("lost")}, {call("lost"), text}} {
		err := steps(bad...)
		require.Error(t, err, "what was not stored is not acknowledged")
		require.NotErrorIs(t, err, relational.ErrNoRows, "nor is it the answer to a question")
	}
	require.Error(t, w.a.Store.DB.Write(ctx, func(tx relational.Tx) error {
		_ = twice(tx)
		_, _ = tx.Exec(ctx, `UPDATE users SET name = ? WHERE id = ?`, "lost", user)
		return nil
	}), "an error that was dropped has still undone the transaction")
	require.Equal(t, "then", name())
	require.NoError(t, steps(call("after all of that"), reads("after all of that")))
}

// A query whose rows are not read to their end leaves the connection in order.
func TestRowsThatAreLeftUnread(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for range 3 {
		w.login()
	}
	for range 20 { // more than the pool has connections
		require.NoError(t, w.a.Store.DB.Write(ctx, func(tx relational.Tx) error {
			require.NoError(t, tx.Do(ctx, `UPDATE users SET name = ?`, "all"))
			rows, err := tx.Query(ctx, `SELECT name FROM users`)
			require.NoError(t, err)
			require.True(t, rows.Next())
			var name string
			require.NoError(t, rows.Scan(&name))
			require.Equal(t, "all", name)
			require.NoError(t, rows.Close())
			require.NoError(t, tx.QueryRow(ctx, `SELECT name FROM users LIMIT 1`).Scan(&name))
			return tx.Do(ctx, `UPDATE users SET name = ?`, "")
		}))
	}
}
