package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"qiao/storage/relational"
)

// SQLSTATEs that mean something here.
const (
	uniqueViolation      = "23505"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	undefinedTable       = "42P01"
	noText               = "22021"
)

// A transition that the database gave up for another one is run again, this often, after a pause that grows.
const (
	tries      = 6
	firstPause = 2 * time.Millisecond
)

// database runs statements and transactions on the pool.
type database struct {
	pool       *pgxpool.Pool
	timeout    time.Duration
	endTimeout time.Duration
	log        *slog.Logger
	statements statements
}

var _ relational.DB = (*database)(nil)

// Read runs each statement by itself on whatever connection is free: no transaction, one round trip a statement.
func (d *database) Read(ctx context.Context, fn func(relational.Tx) error) error {
	return d.one(ctx, func(ctx context.Context) error { return fn(alone{ctx, d.pool, &d.statements}) })
}

// Single is Read for one statement that writes.
func (d *database) Single(ctx context.Context, fn func(relational.Tx) error) error {
	return d.Read(ctx, fn)
}

// Write runs a transaction, again where it was given up for another one.
func (d *database) Write(ctx context.Context, fn func(relational.Tx) error) error {
	return d.one(ctx, func(ctx context.Context) error { return d.transaction(ctx, fn) })
}

// End runs a transaction that may take longer, for which the server has to be asked: its own time-out of statements is
// that of all the others.
func (d *database) End(ctx context.Context, fn func(relational.Tx) error) error {
	return d.within(ctx, d.endTimeout, func(ctx context.Context) error {
		return d.transaction(ctx, func(t relational.Tx) error {
			if err := t.Do(ctx, `SET LOCAL statement_timeout = `+strconv.FormatInt(serverTimeout(d.endTimeout), 10)); err != nil {
				return err
			}
			return fn(t)
		})
	})
}

// one runs a transition within the deadline of most.
func (d *database) one(ctx context.Context, fn func(context.Context) error) error {
	return d.within(ctx, d.timeout, fn)
}

// within runs a transition within a deadline, again where it was given up for another one or never reached the server.
// Such a statement or transaction has changed nothing.
func (d *database) within(ctx context.Context, deadline time.Duration, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	for try := range tries {
		err := fn(ctx)
		if err == nil || !again(err) || try == tries-1 || ctx.Err() != nil {
			return err
		}
		pause := time.NewTimer(firstPause<<try/2 + rand.N(firstPause<<try))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return err
		}
		d.log.DebugContext(ctx, "a transition is run again", "try", try+2)
	}
	return nil // not reached: the last try returns
}

// decided is the context of a transition's second statement, which must follow the first also when the caller has hung up
// in between: what a replay ends must not depend on who waits for the answer.
func (d *database) decided(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), d.timeout)
}

// transaction runs fn between BEGIN and COMMIT. A connection that cannot be rolled back is closed by the pool.
func (d *database) transaction(ctx context.Context, fn func(relational.Tx) error) error {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	t := newTransaction(ctx, conn, &d.statements)
	defer func() { // also when fn panics
		_ = t.settle() // what failed has been told; the rest is undone
		if conn.Conn().PgConn().TxStatus() == 'I' {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.timeout)
		defer cancel()
		_, _ = conn.Exec(ctx, "rollback")
	}()
	if err := fn(t); err != nil {
		return err
	}
	return t.commit()
}

// again reports whether the transition may be run again: the server undid it, or never saw it.
func again(err error) bool {
	var failure *pgconn.PgError
	if errors.As(err, &failure) {
		return failure.Code == serializationFailure || failure.Code == deadlockDetected
	}
	return pgconn.SafeToRetry(err)
}

// alone is relational.Tx for statements that are each a transaction of its own. Its context is the transition's, with the
// deadline: the callers' own, which they pass to each statement, is its parent.
type alone struct {
	ctx  context.Context
	pool *pgxpool.Pool
	*statements
}

var _ relational.Tx = alone{}

func (t alone) Do(ctx context.Context, query string, args ...any) error {
	_, err := t.Exec(ctx, query, args...)
	return err
}

func (t alone) Exec(_ context.Context, query string, args ...any) (int64, error) {
	tag, err := t.pool.Exec(t.ctx, t.numbered(query), args...)
	return tag.RowsAffected(), unstored(err)
}

func (t alone) QueryRow(_ context.Context, query string, args ...any) relational.Row {
	return row{t.pool.QueryRow(t.ctx, t.numbered(query), args...)}
}

func (t alone) Query(_ context.Context, query string, args ...any) relational.Rows {
	r, _ := t.pool.Query(t.ctx, t.numbered(query), args...) // its rows say the same
	return rows{r}
}

func (alone) ForUpdate() string { return forUpdate }
func (alone) ForShare() string  { return forShare }

func (*transaction) ForUpdate() string { return forUpdate }
func (*transaction) ForShare() string  { return forShare }

const (
	forUpdate = " FOR UPDATE"
	forShare  = " FOR SHARE"
)

type row struct{ pgx.Row }

func (r row) Scan(dest ...any) error { return translate(r.Row.Scan(dest...)) }

type rows struct{ pgx.Rows }

func (r rows) Err() error { return translate(r.Rows.Err()) }

func (r rows) Close() error {
	r.Rows.Close()
	return r.Err()
}

// noRow reports whether a query found nothing. A parameter with a NUL or with invalid UTF-8, which a stranger may send
// and PostgreSQL refuses, names nothing that could be stored: that is an unknown client, not a fault of the database.
func noRow(err error) bool {
	var failure *pgconn.PgError
	return errors.Is(err, pgx.ErrNoRows) || (errors.As(err, &failure) && failure.Code == noText)
}

// translate gives the errors that mean something their own names.
func translate(err error) error {
	var failure *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case noRow(err):
		return relational.ErrNoRows
	case errors.As(err, &failure) && failure.Code == uniqueViolation:
		return fmt.Errorf("%w: %s", relational.ErrUnique, failure.ConstraintName)
	default:
		return err
	}
}
