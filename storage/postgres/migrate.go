package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"qiao/migrations"
	"qiao/storage"
)

// migrationLock is the advisory lock under which one process migrates and the others wait.
const migrationLock = 0x7169616f // "qiao"

// Migrate brings the schema to this program's version. Several may call it at once: one migrates, the others wait and
// find nothing to do. The lock belongs to the connection, so that it never outlives a process that was killed.
// storage.ErrNewerSchema, and no change, where the database is ahead of this program.
func Migrate(ctx context.Context, dsn string) error {
	have, want, err := Status(ctx, dsn)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if have > want {
		return fmt.Errorf("migrate: it is at version %d, this program knows %d: %w", have, want, storage.ErrNewerSchema)
	}
	db, err := connect(dsn)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer db.Close()
	folder, err := fs.Sub(migrations.Postgres, "postgres")
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(migrationLock), lock.WithLockTimeout(1, 300))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, folder,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Status reports the version that the database has, 0 for an empty one, and the version that this program wants. It
// changes nothing.
func Status(ctx context.Context, dsn string) (have, want int64, err error) {
	if want, err = wantVersion(); err != nil {
		return 0, 0, err
	}
	db, err := connect(dsn)
	if err != nil {
		return 0, 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, selectVersion).Scan(&have)
	if have, err = versionOf(have, err); err != nil {
		return 0, 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return have, want, nil
}

// checkSchema refuses a database that this program must not touch.
func (s *Store) checkSchema(ctx context.Context) error {
	var have int64
	err := s.db.one(ctx, func(ctx context.Context) error {
		return s.db.pool.QueryRow(ctx, selectVersion).Scan(&have)
	})
	if have, err = versionOf(have, err); err != nil {
		return err
	}
	switch {
	case have < s.want:
		return fmt.Errorf("the schema is at version %d and this program needs %d: run `qiao migrate up`", have, s.want)
	case have > s.want:
		return fmt.Errorf("the schema is at version %d, this program knows %d: %w", have, s.want, storage.ErrNewerSchema)
	}
	return nil
}

const selectVersion = `SELECT coalesce(max(version_id), 0) FROM goose_db_version`

// versionOf reads a missing table as version 0: the database is fresh.
func versionOf(version int64, err error) (int64, error) {
	var failure *pgconn.PgError
	if errors.As(err, &failure) && failure.Code == undefinedTable {
		return 0, nil
	}
	return version, err
}

// wantVersion is the newest migration that this program was built with.
func wantVersion() (int64, error) {
	names, err := fs.Glob(migrations.Postgres, "postgres/*.sql")
	if err != nil {
		return 0, err
	}
	var newest int64
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return 0, fmt.Errorf("migration %s: %w", name, err)
		}
		newest = max(newest, version)
	}
	return newest, nil
}

// connect opens database/sql, which goose needs, with the same meaning of the DSN as the pool's.
func connect(dsn string) (*sql.DB, error) {
	options, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, badDSN(err)
	}
	if options.ConnConfig.ConnectTimeout == 0 {
		options.ConnConfig.ConnectTimeout = defaultTimeout
	}
	return stdlib.OpenDB(*options.ConnConfig), nil
}

// badDSN hides the error of a DSN that cannot be read: it may repeat the password.
func badDSN(error) error {
	return errors.New("the address is not valid: it has the form postgres://user:password@host:5432/database")
}
