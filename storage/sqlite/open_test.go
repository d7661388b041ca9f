package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/storage/sqlite"
)

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qiao.db")
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	_, err = s.Version(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Mark(t.Context(), "demo"))
	require.NoError(t, s.Close())
}
