package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"qiao/storage/relational"
)

// database runs transactions on the file. Statements are prepared once for each connection.
type database struct {
	readers *sql.DB
	reads   sync.Map // query → *sql.Stmt
	writer  *writer
}

var _ relational.DB = (*database)(nil)

func openDatabase(ctx context.Context, path string, pages int) (*database, error) {
	readers, err := sql.Open("sqlite", dataSource(path, "query_only(1)"))
	if err != nil {
		return nil, err
	}
	readers.SetMaxOpenConns(max(4, runtime.GOMAXPROCS(0)))
	readers.SetMaxIdleConns(max(4, runtime.GOMAXPROCS(0)))
	w, err := openWriter(ctx, dataSource(path, maxPages(pages)...))
	if err != nil {
		return nil, errors.Join(err, readers.Close())
	}
	return &database{readers: readers, writer: w}, nil
}

// Read runs statements on the connections that cannot write. They are not cut short when ctx ends: each takes less time
// than to watch over it.
func (d *database) Read(ctx context.Context, fn func(relational.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return fn(readTx{d})
}

// Write runs one transaction on the one connection that can write.
func (d *database) Write(ctx context.Context, fn func(relational.Tx) error) error {
	return d.writer.run(ctx, fn)
}

// Single is Write.
func (d *database) Single(ctx context.Context, fn func(relational.Tx) error) error {
	return d.Write(ctx, fn)
}

// End is Write: a transaction that was begun is not cut short, however much it does.
func (d *database) End(ctx context.Context, fn func(relational.Tx) error) error {
	return d.Write(ctx, fn)
}

func (d *database) close() error {
	err := d.writer.close()
	d.reads.Range(func(_, stmt any) bool {
		err = errors.Join(err, stmt.(*sql.Stmt).Close())
		return true
	})
	return errors.Join(err, d.readers.Close())
}

// readTx prepares statements on the pool.
type readTx struct{ d *database }

func (t readTx) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := t.d.reads.Load(query); ok {
		return stmt.(*sql.Stmt), nil
	}
	stmt, err := t.d.readers.PrepareContext(ctx, query)
	if err != nil {
		return nil, translate(err)
	}
	if first, loaded := t.d.reads.LoadOrStore(query, stmt); loaded {
		return first.(*sql.Stmt), stmt.Close()
	}
	return stmt, nil
}

func (t readTx) Do(ctx context.Context, query string, args ...any) error {
	_, err := t.Exec(ctx, query, args...)
	return err
}

func (t readTx) Exec(context.Context, string, ...any) (int64, error) {
	return 0, errors.New("a read changes nothing")
}

func (t readTx) QueryRow(ctx context.Context, query string, args ...any) relational.Row {
	return queryRow(ctx, t.prepare, query, args)
}

func (t readTx) Query(ctx context.Context, query string, args ...any) relational.Rows {
	return queryRows(ctx, t.prepare, query, args)
}

func (readTx) ForUpdate() string { return "" }
func (readTx) ForShare() string  { return "" }

type prepare func(ctx context.Context, query string) (*sql.Stmt, error)

// row is a statement that runs when its row is scanned: one that is never scanned leaves nothing open.
type row struct {
	ctx     context.Context // without an end: a statement that has begun is not cut short
	prepare prepare
	query   string
	args    []any
}

func queryRow(ctx context.Context, p prepare, query string, args []any) relational.Row {
	return row{context.WithoutCancel(ctx), p, query, args}
}

func (r row) Scan(dest ...any) error {
	stmt, err := r.prepare(r.ctx, r.query)
	if err != nil {
		return err
	}
	return translate(stmt.QueryRowContext(r.ctx, r.args...).Scan(dest...))
}

// rows is a statement that runs when its first row is asked for.
type rows struct {
	row
	*sql.Rows
	err error
}

func queryRows(ctx context.Context, p prepare, query string, args []any) relational.Rows {
	return &rows{row: row{context.WithoutCancel(ctx), p, query, args}}
}

func (r *rows) Next() bool {
	if r.Rows == nil && r.err == nil {
		var stmt *sql.Stmt
		if stmt, r.err = r.prepare(r.ctx, r.query); r.err == nil {
			r.Rows, r.err = stmt.QueryContext(r.ctx, r.args...)
		}
	}
	return r.err == nil && r.Rows.Next()
}

func (r *rows) Scan(dest ...any) error { return translate(r.Rows.Scan(dest...)) }

func (r *rows) Err() error {
	if r.Rows == nil || r.err != nil {
		return translate(r.err)
	}
	return translate(r.Rows.Err())
}

func (r *rows) Close() error {
	if r.Rows == nil {
		return nil
	}
	return r.Rows.Close()
}

// translate gives the driver's errors the names that relational knows.
func translate(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return relational.ErrNoRows
	}
	switch code(err) {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return fmt.Errorf("%w: %w", relational.ErrUnique, err)
	}
	return err
}

// code is SQLite's extended result code, 0 for other errors.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// busy reports that another process had the file for longer than the busy timeout.
func busy(err error) bool { return code(err)&0xff == sqlite3.SQLITE_BUSY }
