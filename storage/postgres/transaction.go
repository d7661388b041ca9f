package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"qiao/storage/relational"
)

// transaction is relational.Tx within BEGIN and COMMIT. Statements whose result nobody waits for are kept back and sent
// together with the next one, BEGIN with the first and COMMIT with the last: a round trip costs both sides more than most
// statements do.
type transaction struct {
	ctx     context.Context // the transition's, with the deadline: the callers' own, which they pass along, is its parent
	conn    *pgxpool.Conn
	pending *pgx.Batch // what is kept back, BEGIN included
	*statements
}

var _ relational.Tx = (*transaction)(nil)

func newTransaction(ctx context.Context, conn *pgxpool.Conn, s *statements) *transaction {
	t := &transaction{ctx: ctx, conn: conn, pending: &pgx.Batch{}, statements: s}
	t.pending.Queue("begin")
	return t
}

func (t *transaction) Do(_ context.Context, query string, args ...any) error {
	t.pending.Queue(t.numbered(query), args...)
	return nil
}

func (t *transaction) Exec(_ context.Context, query string, args ...any) (int64, error) {
	results, err := t.send(t.numbered(query), args)
	if err != nil {
		return 0, err
	}
	tag, err := results.Exec()
	return tag.RowsAffected(), unstored(errors.Join(err, results.Close()))
}

func (t *transaction) QueryRow(_ context.Context, query string, args ...any) relational.Row {
	results, err := t.send(t.numbered(query), args)
	return batchRow{results, err}
}

func (t *transaction) Query(_ context.Context, query string, args ...any) (relational.Rows, error) {
	results, err := t.send(t.numbered(query), args)
	if err != nil {
		return nil, err
	}
	r, err := results.Query()
	if err != nil {
		return nil, translate(errors.Join(err, results.Close()))
	}
	return batchRows{rows{r}, results}, nil
}

// send sends what was kept back and a statement, in one round trip. It returns when all but the last are through.
func (t *transaction) send(query string, args []any) (pgx.BatchResults, error) {
	batch := t.pending
	t.pending = &pgx.Batch{}
	batch.Queue(query, args...)
	results := t.conn.SendBatch(t.ctx, batch)
	for range batch.Len() - 1 {
		if _, err := results.Exec(); err != nil {
			_ = results.Close() // says the same
			return nil, unstored(err)
		}
	}
	return results, nil
}

// commit ends the transaction. One that has sent nothing yet is over in this round trip, and without BEGIN and COMMIT
// where it is a single statement.
func (t *transaction) commit() error {
	begun := t.conn.Conn().PgConn().TxStatus() != 'I'
	switch kept := t.pending.QueuedQueries; {
	case !begun && len(kept) == 1: // BEGIN alone
		return nil
	case !begun && len(kept) == 2:
		_, err := t.conn.Exec(t.ctx, kept[1].SQL, kept[1].Arguments...)
		return unstored(err)
	}
	results, err := t.send("commit", nil)
	if err != nil {
		return err
	}
	tag, err := results.Exec()
	if err := errors.Join(err, results.Close()); err != nil {
		return unstored(err)
	}
	if tag.String() == "ROLLBACK" { // a statement had failed, and its error was dropped
		return pgx.ErrTxCommitRollback
	}
	return nil
}

// unstored is translate for a statement that stores: nothing was stored, which must not look like success, nor like an
// answer.
func unstored(err error) error {
	if noRow(err) {
		return err
	}
	return translate(err)
}

// batchRow is the row of a batch's last statement.
type batchRow struct {
	results pgx.BatchResults
	err     error
}

func (r batchRow) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	err := r.results.QueryRow().Scan(dest...)
	if closed := r.results.Close(); err == nil {
		err = closed
	}
	return translate(err)
}

// batchRows are the rows of a batch's last statement.
type batchRows struct {
	rows
	results pgx.BatchResults
}

func (r batchRows) Close() error {
	err := r.rows.Close()
	return errors.Join(err, translate(r.results.Close()))
}
