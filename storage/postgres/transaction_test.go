package postgres_test

import (
	"errors"
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
			rows := tx.Query(ctx, `SELECT name FROM users`)
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

// What is asked for at once arrives in one round trip, each answer where it belongs.
func TestRowsThatAreAskedForAtOnce(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	user := w.login().Grant.UserID
	write := func(fn func(relational.Tx)) error {
		return w.a.Store.DB.Write(ctx, func(tx relational.Tx) error { fn(tx); return nil })
	}
	ask := func(tx relational.Tx, n int64) relational.Row { return tx.QueryRow(ctx, `SELECT CAST(? AS BIGINT)`, n) }
	read := func(row relational.Row) (n int64, err error) {
		err = row.Scan(&n)
		return n, err
	}
	wants := func(row relational.Row, want int64) {
		t.Helper()
		got, err := read(row)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for range 20 { // more than the pool has connections
		require.NoError(t, write(func(tx relational.Tx) {
			one, two := ask(tx, 1), ask(tx, 2)
			none := tx.QueryRow(ctx, `SELECT CAST(7 AS BIGINT) WHERE 1 = 0`)
			list := tx.Query(ctx, `SELECT CAST(generate_series(3, 5) AS BIGINT)`)
			require.NoError(t, tx.Do(ctx, `UPDATE users SET name = ? WHERE id = ?`, "kept back", user))
			last := ask(tx, 6)
			wants(one, 1)
			wants(two, 2)
			_, err := read(none)
			require.ErrorIs(t, err, relational.ErrNoRows)
			for want := int64(3); list.Next(); want++ {
				wants(list, want)
			}
			require.NoError(t, errors.Join(list.Err(), list.Close()))
			wants(last, 6)
		}))
		require.NoError(t, write(func(tx relational.Tx) {
			early, skipped, late := ask(tx, 1), ask(tx, 2), ask(tx, 3)
			wants(early, 1)
			wants(late, 3)
			_, err := read(skipped)
			require.Error(t, err, "it was passed over")
			left := ask(tx, 4)
			_, err = tx.Exec(ctx, `UPDATE users SET name = ? WHERE id = ?`, "sent", user)
			require.NoError(t, err)
			_, err = read(left)
			require.Error(t, err, "it was left unread")
			ask(tx, 5) // and nobody reads it
		}))
		require.ErrorIs(t, w.a.Store.DB.Write(ctx, func(tx relational.Tx) error {
			first, second := ask(tx, 1), ask(tx, 2)
			wants(first, 1)
			_ = second // its result is under way when the transaction is left
			return storage.ErrConflict
		}), storage.ErrConflict)
	}
	err := w.a.Store.DB.Write(ctx, func(tx relational.Tx) error {
		broken, after := tx.QueryRow(ctx, `SELECT CAST(1 / (SELECT 0) AS BIGINT)`), ask(tx, 2)
		_, err := read(broken)
		require.Error(t, err)
		_, err = read(after)
		require.Error(t, err, "nothing runs after a statement that failed")
		return nil
	})
	require.Error(t, err, "an error that was dropped has still undone the transaction")
}

// Rows that another statement's result has come between say so: they neither end early nor go on with the other's.
func TestRowsThatAnotherResultCameBetween(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	const list = `SELECT CAST(generate_series(CAST(? AS BIGINT), 9) AS BIGINT)`
	for name, between := range map[string]func(tx relational.Tx, later relational.Rows) error{
		"of the same round trip": func(_ relational.Tx, later relational.Rows) error {
			require.True(t, later.Next())
			var n int64
			require.NoError(t, later.Scan(&n))
			require.EqualValues(t, 5, n)
			return nil
		},
		"of another one": func(tx relational.Tx, _ relational.Rows) error {
			var n int64
			return tx.QueryRow(ctx, `SELECT CAST(7 AS BIGINT)`).Scan(&n)
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, w.a.Store.DB.Write(ctx, func(tx relational.Tx) error {
				first, later := tx.Query(ctx, list, int64(1)), tx.Query(ctx, list, int64(5))
				require.True(t, first.Next())
				require.NoError(t, between(tx, later))
				require.False(t, first.Next())
				require.Error(t, first.Err())
				require.Error(t, first.Close())
				return nil
			}))
		})
	}
}
