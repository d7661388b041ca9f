package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"qiao/storage/relational"
)

// transaction is relational.Tx within BEGIN and COMMIT. Statements are kept back until somebody needs a result, and sent
// together, BEGIN with the first and COMMIT with the last: a round trip costs both sides more than most statements do.
type transaction struct {
	ctx     context.Context // the transition's, with the deadline: the callers' own, which they pass along, is its parent
	conn    *pgxpool.Conn
	pending *batch // what is kept back, BEGIN included
	open    *batch // what was sent last, while results of it are unread
	failed  error  // of what was sent: nothing is stored any more
	*statements
}

var _ relational.Tx = (*transaction)(nil)

func newTransaction(ctx context.Context, conn *pgxpool.Conn, s *statements) *transaction {
	t := &transaction{ctx: ctx, conn: conn, pending: &batch{}, statements: s}
	t.pending.Queue("begin")
	return t
}

func (t *transaction) Do(_ context.Context, query string, args ...any) error {
	t.keep(query, args)
	return nil
}

func (t *transaction) Exec(_ context.Context, query string, args ...any) (int64, error) {
	results, err := t.keep(query, args).results()
	if err != nil {
		return 0, err
	}
	tag, err := results.Exec()
	return tag.RowsAffected(), unstored(errors.Join(err, t.settle()))
}

func (t *transaction) QueryRow(_ context.Context, query string, args ...any) relational.Row {
	return t.keep(query, args)
}

func (t *transaction) Query(_ context.Context, query string, args ...any) relational.Rows {
	return &lateRows{late: t.keep(query, args)}
}

// keep keeps a statement back.
func (t *transaction) keep(query string, args []any) late {
	t.pending.Queue(t.numbered(query), args...)
	return late{t, t.pending, t.pending.Len() - 1}
}

// send sends what was kept back, in one round trip. What was left unread of the last one is lost.
func (t *transaction) send() error {
	if err := t.settle(); err != nil {
		return unstored(err)
	}
	t.open, t.pending = t.pending, &batch{}
	t.open.results = t.conn.SendBatch(t.ctx, &t.open.Batch)
	return nil
}

// settle reads what is unread of the last round trip: the connection is free after it. A failure stays: a connection that
// died behind an answer is no more within a transaction than one that has begun none, and what is sent later stores nothing.
func (t *transaction) settle() error {
	if b := t.open; b != nil {
		t.open = nil
		if err := b.results.Close(); t.failed == nil {
			t.failed = err
		}
	}
	return t.failed
}

// commit ends the transaction. One that has sent nothing yet is over in this round trip, and without BEGIN and COMMIT
// where it is a single statement.
func (t *transaction) commit() error {
	if err := t.settle(); err != nil {
		return unstored(err)
	}
	begun := t.conn.Conn().PgConn().TxStatus() != 'I'
	switch kept := t.pending.QueuedQueries; {
	case !begun && len(kept) == 1: // BEGIN alone
		return nil
	case !begun && len(kept) == 2:
		_, err := t.conn.Exec(t.ctx, kept[1].SQL, kept[1].Arguments...)
		return unstored(err)
	}
	results, err := t.keep("commit", nil).results()
	if err != nil {
		return err
	}
	tag, err := results.Exec()
	if err := errors.Join(err, t.settle()); err != nil {
		return unstored(err)
	}
	if tag.String() == "ROLLBACK" { // a statement had failed, and its error was dropped
		return pgx.ErrTxCommitRollback
	}
	return nil
}

// batch is what travels in one round trip.
type batch struct {
	pgx.Batch
	results pgx.BatchResults // nil until it is sent
	read    int              // so many results were read
}

// late is a statement of a batch, and its one row.
type late struct {
	t     *transaction
	batch *batch
	at    int
}

// errUnread: the row was asked for, but another statement's result was read before it.
var errUnread = errors.New("the result was left unread, and is lost")

// results sends the batch where that was not done yet, and reads it up to this statement, whose result is the next.
func (l late) results() (pgx.BatchResults, error) {
	if l.batch.results == nil {
		if err := l.t.send(); err != nil {
			return nil, err
		}
	}
	if l.t.open != l.batch || l.batch.read > l.at {
		return nil, errUnread
	}
	for ; l.batch.read < l.at; l.batch.read++ {
		if _, err := l.batch.results.Exec(); err != nil {
			_ = l.t.settle() // says the same
			return nil, unstored(err)
		}
	}
	l.batch.read++
	return l.batch.results, nil
}

func (l late) Scan(dest ...any) error {
	results, err := l.results()
	if err != nil {
		return err
	}
	err = results.QueryRow().Scan(dest...)
	if l.batch.read == l.batch.Len() {
		if failed := l.t.settle(); failed != nil { // which is no answer, also where no row came
			err = failed
		}
	}
	return translate(err)
}

// lateRows are the rows of a statement of a batch.
type lateRows struct {
	late
	rows pgx.Rows
	err  error
}

func (r *lateRows) Next() bool {
	if r.rows == nil && r.err == nil {
		var results pgx.BatchResults
		if results, r.err = r.results(); r.err == nil {
			r.rows, r.err = results.Query()
		}
	}
	return !r.passed() && r.err == nil && r.rows.Next()
}

// passed reports that another statement's result was read since: the driver would go on with that one's rows.
func (r *lateRows) passed() bool {
	if r.rows != nil && r.err == nil && (r.t.open != r.batch || r.batch.read != r.at+1) {
		r.err = errUnread
	}
	return errors.Is(r.err, errUnread)
}

func (r *lateRows) Scan(dest ...any) error { return translate(r.rows.Scan(dest...)) }

func (r *lateRows) Err() error {
	if r.rows == nil || r.err != nil {
		return translate(r.err)
	}
	return translate(r.rows.Err())
}

func (r *lateRows) Close() error {
	if r.rows == nil {
		return nil
	}
	if !r.passed() {
		r.rows.Close()
	}
	return r.Err()
}

// unstored is translate for a statement that stores: nothing was stored, which must not look like success, nor like an
// answer.
func unstored(err error) error {
	if noRow(err) {
		return err
	}
	return translate(err)
}
