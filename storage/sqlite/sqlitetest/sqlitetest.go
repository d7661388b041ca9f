// Package sqlitetest gives tests fresh SQLite databases that have the schema already: to migrate one for every story
// takes longer than the story.
package sqlitetest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/storage/sqlite"
)

// template is an empty database with the schema, made once, as sqlite.Open makes it.
var template = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "qiao-test-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
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

// File is the path of a fresh database with the schema, in memory where the system has a folder for that: the tests wait
// for the disk thousands of times, and do not look at what a crash leaves. It goes with the test.
func File(t testing.TB) string {
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
