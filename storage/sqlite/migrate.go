package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/pressly/goose/v3"

	"qiao/migrations"
	"qiao/storage"
)

// migrate brings the schema up to date and returns its version. Only who has the lock may migrate: a shared store takes
// it for that while, so that two commands do not migrate one file at once, nor one below a running server.
func migrate(ctx context.Context, path string, held *fileLock, log *slog.Logger) (version int64, err error) {
	db, err := sql.Open("sqlite", dataSource(path))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	files, err := fs.Sub(migrations.SQLite, "sqlite")
	if err != nil {
		return 0, err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithSlog(log))
	if err != nil {
		return 0, err
	}
	sources := provider.ListSources()
	want := sources[len(sources)-1].Version
	is, err := schemaVersion(ctx, db)
	switch {
	case err != nil:
		return 0, err
	case is > want:
		return 0, fmt.Errorf("%w: it has version %d, this program knows %d", storage.ErrNewerSchema, is, want)
	case is == want:
		return is, nil
	}
	if held == nil {
		lock, err := waitLock(ctx, path+".lock")
		if err != nil {
			return 0, fmt.Errorf("the schema has version %d and needs %d: %w", is, want, err)
		}
		defer func() { err = errors.Join(err, lock.release()) }()
	}
	results, err := provider.Up(ctx)
	if err != nil {
		return 0, err
	}
	log.InfoContext(ctx, "database migrated", "from", is, "to", want, "migrations", len(results))
	return want, nil
}

// schemaVersion is 0 for a fresh file. It writes nothing, so that a look takes no lock.
func schemaVersion(ctx context.Context, db *sql.DB) (version int64, err error) {
	var tables int64
	if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'`).Scan(&tables); err != nil || tables == 0 {
		return 0, err
	}
	err = db.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&version)
	return version, err
}

// waitLock waits a moment for another command that migrates; a server keeps the lock, and is not waited for long.
func waitLock(ctx context.Context, path string) (*fileLock, error) {
	for deadline := time.Now().Add(3 * time.Second); ; {
		lock, err := takeLock(path)
		if err == nil || !errors.Is(err, ErrInUse) || time.Now().After(deadline) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
