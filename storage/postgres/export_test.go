package postgres

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// Setting is a server setting as this store's connections have it.
func (s *Store) Setting(ctx context.Context, t *testing.T, name string) string {
	var value string
	require.NoError(t, s.db.pool.QueryRow(ctx, `SELECT current_setting($1)`, name).Scan(&value))
	return value
}

// RoundTrips is how many statements this store has sent outside of transactions, one connection taken for each.
func (s *Store) RoundTrips() int64 { return s.db.pool.Stat().AcquireCount() }
