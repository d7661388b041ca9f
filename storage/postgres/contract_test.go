package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/storagetest"
)

// empty makes a migrated database as fresh as a new one, which would cost a second for each story.
const empty = `DO $$
DECLARE name text;
BEGIN
	FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('goose_db_version', 'meta') LOOP
		EXECUTE format('DELETE FROM %I', name);
	END LOOP;
	UPDATE meta SET version = 1, mode = '';
END $$`

// The contract, with two stores on one database as two replicas have them.
func TestStoreContract(t *testing.T) {
	dsn := migrated(t)
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	defer pool.Close()
	storagetest.TestStore(t, func(t *testing.T) (a, b storage.Store) {
		_, err := pool.Exec(t.Context(), empty)
		require.NoError(t, err)
		return open(t, dsn), open(t, dsn)
	})
}
