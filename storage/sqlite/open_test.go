package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/sqlite"
	"qiao/storage/sqlite/sqlitetest"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestOpenMakesAPrivateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a folder with ?#% and 空格.db")
	s := open(t, sqlite.Config{Path: path, Now: func() time.Time { return now }})
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	health, err := s.Health(t.Context())
	require.NoError(t, err)
	require.Equal(t, now, health.Now, "the file has no clock of its own")
	require.Equal(t, health.WantVersion, health.SchemaVersion)
}

func TestOpenRefuses(t *testing.T) {
	folder := t.TempDir()
	garbage := filepath.Join(folder, "garbage.db")
	require.NoError(t, os.WriteFile(garbage, make([]byte, 4096), 0o600))
	for name, path := range map[string]string{"no path": "", "no folder": filepath.Join(folder, "none", "qiao.db"), "a folder": folder, "another file": garbage} {
		_, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
		require.Error(t, err, name)
	}
}

func TestASecondServerIsRefused(t *testing.T) {
	path := sqlitetest.File(t)
	first, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	_, err = sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.ErrorIs(t, err, sqlite.ErrInUse)

	command := open(t, sqlite.Config{Path: path, Shared: true})
	before, err := first.Version(t.Context())
	require.NoError(t, err)
	require.NoError(t, command.AddClient(t.Context(), storage.Client{ID: "grafana", Source: "cli"}, "ops"))
	after, err := first.Version(t.Context())
	require.NoError(t, err)
	require.Greater(t, after, before, "the server hears of what a command did")

	require.NoError(t, first.Close())
	open(t, sqlite.Config{Path: path}) // the lock went with the first one
}

// execute changes the file behind the stores' backs.
func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), statement)
	require.NoError(t, errors.Join(err, db.Close()))
}

func TestANewerSchemaIsRefused(t *testing.T) {
	path := sqlitetest.File(t)
	execute(t, path, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`)
	for _, shared := range []bool{false, true} {
		_, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Shared: shared})
		require.ErrorIs(t, err, storage.ErrNewerSchema)
	}
	execute(t, path, `DELETE FROM goose_db_version WHERE version_id = 9999`)
	open(t, sqlite.Config{Path: path}) // the refusals left no lock behind
}

// Commands that find no database may come at once: one of them makes the schema.
func TestCommandsMigrateOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qiao.db")
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			s, err := sqlite.Open(context.WithoutCancel(t.Context()), sqlite.Config{Path: path, Shared: true})
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	group.Wait()
}

func TestClosedStore(t *testing.T) {
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: sqlitetest.File(t)})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.Error(t, s.Mark(t.Context(), storage.ModeDemo))
	_, err = s.Version(t.Context())
	require.Error(t, err)
}

// A file that is copied after a commit, without any close, has what was committed: this is what a killed process leaves.
func TestCommittedIsInTheFile(t *testing.T) {
	path := sqlitetest.File(t)
	s := open(t, sqlite.Config{Path: path})
	require.NoError(t, s.Mark(t.Context(), storage.ModeProduction))
	copied := filepath.Join(t.TempDir(), "copy.db")
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(copied+suffix, content, 0o600))
	}
	require.ErrorIs(t, open(t, sqlite.Config{Path: copied}).Mark(t.Context(), storage.ModeDemo), storage.ErrConflict)
}
