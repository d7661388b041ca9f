package sqlite_test

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"qiao/migrations"
	"qiao/storage"
	"qiao/storage/sqlite"
)

// A file of the first version, with logins on their way and codes that nobody has exchanged, goes on after an upgrade.
func TestUpgradeFromTheFirstVersion(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "qiao.db"), time.Now()
	end := now.Add(time.Hour).UnixMicro()
	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	files, err := fs.Sub(migrations.SQLite, "sqlite")
	require.NoError(t, err)
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	require.NoError(t, err)
	_, err = provider.UpTo(t.Context(), 1)
	require.NoError(t, err)

	attempt, grant, none, code := storage.NewID(now), storage.NewID(now), make([]byte, 16), storage.NewSecret().Hash()
	scene, hash := storage.NewSecret().Hash(), make([]byte, 32)
	execute := func(statement string, args ...any) {
		t.Helper()
		_, err := db.ExecContext(t.Context(), statement, args...)
		require.NoError(t, err)
	}
	execute(`INSERT INTO attempts VALUES (?, ?, 'rp', ?, 'main', 'qr', '{"name":"Chrome"}', 0, ?, 'waiting', 1, '', 0, 0, ?, 0, 0, 0, 0, 1, ?, '', '', 0)`,
		attempt[:], none, hash, end, hash, scene[:])
	execute(`INSERT INTO scenes VALUES (?, ?, '', ?)`, scene[:], attempt[:], end)
	execute(`INSERT INTO users VALUES ('u1', 'u1', '', NULL, NULL, 0, '[]', 0, 0, 0)`)
	execute(`INSERT INTO grants (id, user_id, client_id, session_id, account, openid, offline, auth_time, redirect_uri, code_challenge, scopes, nonce, amr, acr,
			created_at, expires_at, ends_at, revoked_at, code_hash, code_expires_at, code_uses,
			refresh_seed, refresh_generation, refresh_params, refresh_rotated_at, refresh_repeats, refresh_expires_at, access)
		VALUES (?, 'u1', 'rp', ?, 'main', 'o1', 0, 0, 'https://rp/cb', '', 'openid', '', '', '', 0, ?, ?, 0, ?, ?, 0, ?, 0, ?, 0, 0, 0, x'')`,
		grant[:], none, end, end, code[:], end, hash, hash)
	require.NoError(t, db.Close())

	s := open(t, sqlite.Config{Path: path})
	outcome, a, err := s.RecordScan(t.Context(), storage.Scan{
		Delivery: storage.NewSecret().Hash(), Account: "main", OpenID: "o1", Scene: scene, At: now, Number: 42, Choices: [3]int{17, 42, 93}, Now: now,
	})
	require.NoError(t, err)
	require.Equal(t, storage.ScanAccepted, outcome)
	require.Equal(t, storage.ViaQR, a.Via)
	require.True(t, a.DeviceID.IsZero())
	issued, err := s.ConsumeCode(t.Context(), storage.CodeUse{GrantID: grant, CodeHash: code, ClientID: "rp", RedirectURI: "https://rp/cb", Now: now})
	require.NoError(t, err)
	require.False(t, issued.Grant.ForDevice)
}

// Down and up again loses no more than what the version had added.
func TestMigrationsGoDown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qiao.db")
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	require.NoError(t, s.Mark(t.Context(), storage.ModeDemo))
	require.NoError(t, s.Close())
	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	files, err := fs.Sub(migrations.SQLite, "sqlite")
	require.NoError(t, err)
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	require.NoError(t, err)
	_, err = provider.DownTo(t.Context(), 1)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	require.ErrorIs(t, open(t, sqlite.Config{Path: path}).Mark(t.Context(), storage.ModeProduction), storage.ErrConflict)
}

// A program of before the browsers' ids finds what was told of a browser by the secret that it has by now.
func TestTheWayDownFromBrowserIDs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qiao.db")
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	execute := func(statement string, args ...any) {
		t.Helper()
		_, err := db.ExecContext(t.Context(), statement, args...)
		require.NoError(t, err)
	}
	execute(`INSERT INTO known_browsers (browser, user_id, expires_at, browser_id) VALUES (x'02', 'u1', 1, x'01')`)
	for _, row := range []struct{ id, secret, browser, ended string }{
		{"01", "12", "11", "5"}, {"02", "13", "11", "0"}, // the one that lives has the secret of now
	} {
		execute(`INSERT INTO sessions (id, hash, user_id, account, openid, browser, browser_id, auth_time, facts, created_at, last_seen_at, idle_expires_at, expires_at, ended_at)
			VALUES (x'` + row.id + `', x'', 'u1', '', '', x'` + row.secret + `', x'` + row.browser + `', 0, '', 0, 0, 0, 0, ` + row.ended + `)`)
	}
	for id, browser := range map[string]string{"21": "01", "22": "11", "23": "00"} {
		execute(`INSERT INTO notices (id, account, openid, user_id, kind, target, browser_id, client_id, device, claim, phone_hash, created_at, sent_at, revoked_at, expires_at)
			VALUES (x'` + id + `', '', '', 'u1', '', x'', x'` + browser + `', '', '', x'', x'', 0, 0, 0, 0)`)
	}
	files, err := fs.Sub(migrations.SQLite, "sqlite")
	require.NoError(t, err)
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	require.NoError(t, err)
	_, err = provider.DownTo(t.Context(), 5)
	require.NoError(t, err)
	for id, want := range map[string]string{"21": "02", "22": "13", "23": "00"} {
		var got string
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT hex(browser) FROM notices WHERE id = x'`+id+`'`).Scan(&got))
		require.Equal(t, want, got, id)
	}
}
