package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/sqlite"
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

// file is a path for a fresh database, in memory where the system has a folder for that: the contract waits for the disk
// thousands of times, and these tests do not look at what a crash leaves.
func file(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/dev/shm", "qiao-test-")
	if err != nil {
		return filepath.Join(t.TempDir(), "qiao.db")
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	return filepath.Join(folder, "qiao.db")
}

// The server is the only one that writes.
func TestStore(t *testing.T) {
	storagetest.TestStore(t, func(t *testing.T) (a, b storage.Store) {
		s := open(t, sqlite.Config{Path: file(t)})
		return s, s
	})
}

// A command writes beside the server, from a process of its own.
func TestStoreBesideCommand(t *testing.T) {
	storagetest.TestStore(t, func(t *testing.T) (a, b storage.Store) {
		path := file(t)
		return open(t, sqlite.Config{Path: path}), open(t, sqlite.Config{Path: path, Shared: true})
	})
}
