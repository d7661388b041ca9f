package relational

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qiao/storage"
)

// Store implements the transitions of storage.Store that are not hot. The driver packages embed it.
type Store struct {
	DB DB
}

// write runs one transaction and names its operation in the error.
func (s *Store) write(ctx context.Context, operation string, fn func(Tx) error) error {
	if err := s.DB.Write(ctx, fn); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}

// single runs one statement that writes, and names its operation in the error.
func (s *Store) single(ctx context.Context, operation string, fn func(Tx) error) error {
	if err := s.DB.Single(ctx, fn); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}

// end is write for what ends grants.
func (s *Store) end(ctx context.Context, operation string, fn func(Tx) error) error {
	if err := s.DB.End(ctx, fn); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}

// read runs statements that change nothing and names their operation in the error.
func (s *Store) read(ctx context.Context, operation string, fn func(Tx) error) error {
	if err := s.DB.Read(ctx, fn); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}

// found makes "no row" the contract's ErrNotFound.
func found(err error) error {
	if errors.Is(err, ErrNoRows) {
		return storage.ErrNotFound
	}
	return err
}

// notFound reports that there is no such thing, where that is no error.
func notFound(err error) bool { return errors.Is(err, storage.ErrNotFound) }

// exists reports whether the query gives a row. The query selects one integer.
func exists(ctx context.Context, tx Tx, query string, args ...any) (bool, error) {
	var n int64
	err := tx.QueryRow(ctx, query, args...).Scan(&n)
	if errors.Is(err, ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// hold holds the rows of the query until the end of the transaction. A statement after it sees what was committed before
// they were free. SQLite has nothing to hold: who writes is alone.
func hold(ctx context.Context, tx Tx, query string, args ...any) error {
	if tx.ForUpdate() == "" {
		return nil
	}
	return tx.Do(ctx, query+tx.ForUpdate(), args...)
}

// each runs fn for every row of the query.
func each(ctx context.Context, tx Tx, query string, args []any, fn func(Row) error) error {
	return readAll(tx.Query(ctx, query, args...), fn)
}

// readAll runs fn for every row.
func readAll(rows Rows, fn func(Row) error) error {
	for rows.Next() {
		if err := fn(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// holdMeta makes changes of clients and keys wait for each other.
func holdMeta(ctx context.Context, tx Tx) error {
	var id int64
	return tx.QueryRow(ctx, `SELECT id FROM meta WHERE id = 1`+tx.ForUpdate()).Scan(&id)
}

// raiseVersion tells every server to reload its caches.
func raiseVersion(ctx context.Context, tx Tx) error {
	return tx.Do(ctx, `UPDATE meta SET version = version + 1 WHERE id = 1`)
}

// audit appends to the audit log within a transition.
func audit(ctx context.Context, tx Tx, e storage.AuditEntry) error {
	return tx.Do(ctx, `INSERT INTO audit (at, actor, action, user_id, client_id, account, detail) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		Micros(e.At), e.Actor, e.Action, e.UserID, e.ClientID, e.Account, e.Detail)
}

// Actors of the audit log that are no operators.
const (
	actorUser   = "user"
	actorSystem = "system"
)

// over reports whether a stored end has come.
func over(end int64, now time.Time) bool { return end <= Micros(now) }
