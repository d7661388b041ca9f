package postgres_test

import (
	"database/sql"
	"io/fs"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"qiao/migrations"
	"qiao/storage"
	"qiao/storage/postgres"
)

// Down and up again loses no more than what the versions had added.
func TestMigrationsGoDown(t *testing.T) {
	dsn := migrated(t)
	require.NoError(t, open(t, dsn).Mark(t.Context(), storage.ModeDemo))
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer db.Close()
	files, err := fs.Sub(migrations.Postgres, "postgres")
	require.NoError(t, err)
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files)
	require.NoError(t, err)
	_, err = provider.DownTo(t.Context(), 1)
	require.NoError(t, err)
	_, err = postgres.Open(t.Context(), postgres.Config{DSN: dsn})
	require.ErrorContains(t, err, "qiao migrate up")
	require.NoError(t, postgres.Migrate(t.Context(), dsn))
	require.ErrorIs(t, open(t, dsn).Mark(t.Context(), storage.ModeProduction), storage.ErrConflict)
}
