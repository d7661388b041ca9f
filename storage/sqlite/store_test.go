package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
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

// template is an empty database with the schema, made once: to migrate one for every story takes longer than the story.
var template = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "qiao-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "qiao.db")
	s, err := sqlite.Open(context.Background(), sqlite.Config{Path: path})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// file is a fresh database with the schema, in memory where the system has a folder for that: the contract waits for the
// disk thousands of times, and these tests do not look at what a crash leaves.
func file(t *testing.T) string {
	t.Helper()
	content, err := template()
	require.NoError(t, err)
	folder, err := os.MkdirTemp("/dev/shm", "qiao-test-")
	if err != nil {
		folder = t.TempDir()
	} else {
		t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	}
	path := filepath.Join(folder, "qiao.db")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
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
