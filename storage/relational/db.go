package relational

import (
	"context"
	"errors"
)

// What a driver's own errors are translated to, wherever they come up.
var (
	// ErrNoRows is what Row.Scan returns when the statement gave no row.
	ErrNoRows = errors.New("no rows")
	// ErrUnique: the statement would have broken a primary key or a unique constraint. On PostgreSQL the transaction
	// is spent: it must be left with this error.
	ErrUnique = errors.New("unique constraint")
)

// Row is the one row of a result.
type Row interface {
	Scan(dest ...any) error
}

// Rows is a result to be read to its end, and closed.
type Rows interface {
	Next() bool
	Scan(dest ...any) error
	Close() error
	Err() error
}

// Tx is a transaction. Statements have ? for their parameters, which are string, int, int64, []byte or nil.
type Tx interface {
	// Do is Exec where nobody asks how many rows it changed. It may be sent with a later statement or with the commit, and
	// fail only then.
	Do(ctx context.Context, query string, args ...any) error
	Exec(ctx context.Context, query string, args ...any) (affected int64, err error)
	// QueryRow and Query may be sent with what comes next, as Do, and run at the latest when their result is read. So several
	// whose parameters are known are asked for at once, and read in that order: what was not read when another statement's
	// result is needed is lost. Between asking and reading nothing may change what is read.
	QueryRow(ctx context.Context, query string, args ...any) Row
	Query(ctx context.Context, query string, args ...any) Rows
	// ForUpdate and ForShare end a SELECT that holds the rows it reads: " FOR UPDATE" and " FOR SHARE" on PostgreSQL,
	// empty on SQLite, where a transaction that writes is alone.
	ForUpdate() string
	ForShare() string
}

// DB runs transactions. A transaction is retried by the driver when the database gave it up for another one (a
// deadlock, a busy file), so the function may run more than once and must set all of its results each time. It is
// rolled back when the function returns an error, which DB returns as it is.
type DB interface {
	// Read runs statements that change nothing. Each of them may see another moment.
	Read(ctx context.Context, fn func(Tx) error) error
	// Single runs one statement that writes, and nothing else.
	Single(ctx context.Context, fn func(Tx) error) error
	// Write runs one transaction, READ COMMITTED on PostgreSQL: a later statement sees what was committed before it.
	Write(ctx context.Context, fn func(Tx) error) error
	// End is Write with the patience that the end of a person's, a session's or a client's grants needs: it must not fail
	// because there are many of them.
	End(ctx context.Context, fn func(Tx) error) error
}
