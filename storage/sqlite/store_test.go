package sqlite_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/sqlite"
	"qiao/storage/sqlite/sqlitetest"
	"qiao/storage/storagetest"
)

// open opens a store on the file until the end of the test.
func open(t *testing.T, c sqlite.Config) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// The server is the only one that writes.
func TestStore(t *testing.T) {
	storagetest.TestStore(t, func(t *testing.T) (a, b storage.Store) {
		s := open(t, sqlite.Config{Path: sqlitetest.File(t)})
		return s, s
	})
}

// A command writes beside the server, from a process of its own.
func TestStoreBesideCommand(t *testing.T) {
	storagetest.TestStore(t, func(t *testing.T) (a, b storage.Store) {
		path := sqlitetest.File(t)
		return open(t, sqlite.Config{Path: path}), open(t, sqlite.Config{Path: path, Shared: true})
	})
}
