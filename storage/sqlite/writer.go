package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"qiao/storage/relational"
)

// writer owns the one connection that writes. Who has the turn has the connection; the others wait for the turn with
// their own deadlines, instead of polling the file.
type writer struct {
	turn       chan struct{}
	db         *sql.DB
	conn       *sql.Conn // nil after a failure that left its state unknown
	statements map[string]*sql.Stmt
	closed     bool
}

// errClosed: the store was closed.
var errClosed = errors.New("the database is closed")

// busyTries is how often a transaction is begun that finds the file busy.
const busyTries = 3

func openWriter(ctx context.Context, source string) (*writer, error) {
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(-1) // a connection that is given back is closed: a broken one must not come again
	w := &writer{turn: make(chan struct{}, 1), db: db}
	if err := w.connect(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return w, nil
}

func (w *writer) connect(ctx context.Context) (err error) {
	if w.conn, err = w.db.Conn(ctx); err != nil {
		w.conn = nil
		return err
	}
	w.statements = map[string]*sql.Stmt{}
	return nil
}

// run takes the turn and runs one transaction. Once begun it is not cut short, but it is not committed either when ctx
// has ended by then: nobody is told of success that did not happen, nor of failure that did.
func (w *writer) run(ctx context.Context, fn func(relational.Tx) error) error {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var err error
	for range busyTries {
		if err = w.transact(ctx, fn); !busy(err) {
			return err
		}
	}
	return err
}

func (w *writer) transact(ctx context.Context, fn func(relational.Tx) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.closed {
		return errClosed
	}
	lasting := context.WithoutCancel(ctx)
	if w.conn == nil {
		if err := w.connect(lasting); err != nil {
			return err
		}
	}
	tx := writeTx{w}
	if _, err := tx.Exec(lasting, "BEGIN IMMEDIATE"); err != nil {
		w.disconnect() // it may be within a transaction that could not be rolled back
		return err
	}
	committed := false
	defer func() { // also when fn panics
		if committed {
			return
		}
		if _, rollback := tx.Exec(lasting, "ROLLBACK"); rollback != nil {
			w.disconnect() // SQLite has rolled back by itself, or cannot: a fresh connection is clean
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := tx.Exec(lasting, "COMMIT"); err != nil {
		return err
	}
	committed = true
	return nil
}

func (w *writer) disconnect() {
	if w.conn == nil {
		return
	}
	for _, stmt := range w.statements {
		_ = stmt.Close()
	}
	_ = w.conn.Close()
	w.conn, w.statements = nil, nil
}

// close waits for the transaction that is under way.
func (w *writer) close() error {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	w.closed = true
	w.disconnect()
	return w.db.Close()
}

// writeTx prepares statements on the writer's connection.
type writeTx struct{ w *writer }

func (t writeTx) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := t.w.statements[query]; ok {
		return stmt, nil
	}
	stmt, err := t.w.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, translate(err)
	}
	t.w.statements[query] = stmt
	return stmt, nil
}

func (t writeTx) Do(ctx context.Context, query string, args ...any) error {
	_, err := t.Exec(ctx, query, args...)
	return err
}

func (t writeTx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	ctx = context.WithoutCancel(ctx)
	stmt, err := t.prepare(ctx, query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, translate(err)
	}
	return result.RowsAffected()
}

func (t writeTx) QueryRow(ctx context.Context, query string, args ...any) relational.Row {
	return queryRow(ctx, t.prepare, query, args)
}

func (t writeTx) Query(ctx context.Context, query string, args ...any) relational.Rows {
	return queryRows(ctx, t.prepare, query, args)
}

func (writeTx) ForUpdate() string { return "" }
func (writeTx) ForShare() string  { return "" }
