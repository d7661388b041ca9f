package postgres_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/postgres"
	"qiao/storage/storagetest/servers"
)

const patience = 20 * time.Second

// open opens a store as one replica does.
func open(t *testing.T, dsn string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, Timeout: 30 * time.Second, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// migrated gives a fresh database with the schema.
func migrated(t *testing.T) string {
	t.Helper()
	dsn := servers.Postgres(t)
	require.NoError(t, postgres.Migrate(t.Context(), dsn))
	return dsn
}

// execute runs SQL on a connection of its own.
func execute(t *testing.T, dsn, statement string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	_, err = conn.Exec(t.Context(), statement, args...)
	require.NoError(t, err)
}

func TestMigrateFromNothing(t *testing.T) {
	dsn := servers.Postgres(t)
	have, want, err := postgres.Status(t.Context(), dsn)
	require.NoError(t, err)
	require.Zero(t, have)
	require.Positive(t, want)

	_, err = postgres.Open(t.Context(), postgres.Config{DSN: dsn})
	require.ErrorContains(t, err, "qiao migrate up")

	require.NoError(t, postgres.Migrate(t.Context(), dsn))
	require.NoError(t, postgres.Migrate(t.Context(), dsn), "twice is once")
	have, _, err = postgres.Status(t.Context(), dsn)
	require.NoError(t, err)
	require.Equal(t, want, have)

	health, err := open(t, dsn).Health(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, health.SchemaVersion)
	require.Equal(t, want, health.WantVersion)
	require.WithinDuration(t, time.Now(), health.Now, 2*time.Second)
}

// Several replicas' deployments may migrate at once.
func TestMigrateInParallel(t *testing.T) {
	dsn := servers.Postgres(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := postgres.Migrate(context.WithoutCancel(t.Context()), dsn); err != nil {
				t.Errorf("migrate: %v", err)
			}
		})
	}
	group.Wait()
	open(t, dsn)
}

// A process that was killed while it migrated must not keep the others out: its lock dies with its connection.
func TestMigrateAfterAKilledMigration(t *testing.T) {
	dsn := servers.Postgres(t)
	dead, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	_, err = dead.Exec(t.Context(), `SELECT pg_advisory_lock($1)`, int64(0x7169616f))
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- postgres.Migrate(t.Context(), dsn) }()
	select {
	case err := <-done:
		t.Fatalf("it did not wait for the lock: %v", err)
	case <-time.After(300 * time.Millisecond): // it must still be waiting; there is no event to wait for
	}
	require.NoError(t, dead.PgConn().Conn().Close())
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(patience):
		t.Fatal("the lock of a dead process keeps the others out")
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	dsn := migrated(t)
	execute(t, dsn, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`)
	_, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn})
	require.ErrorIs(t, err, storage.ErrNewerSchema)
	require.ErrorIs(t, postgres.Migrate(t.Context(), dsn), storage.ErrNewerSchema)
}

func TestBadAddressesHideThePassword(t *testing.T) {
	for _, dsn := range []string{
		"postgres://u:hunter2@host:port/db", "postgres://u:hunter2@host/db?sslmode=never", "password=hunter2 port=many", "mysql://u:hunter2@host/db",
	} {
		_, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, Timeout: time.Second})
		require.Error(t, err, dsn)
		require.NotContains(t, err.Error(), "hunter2")
		err = postgres.Migrate(t.Context(), dsn)
		require.Error(t, err, dsn)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

// The hot transitions rely on READ COMMITTED, whatever the server's default is, and on commits that are durable.
func TestConnectionsAskForWhatTheyRelyOn(t *testing.T) {
	dsn := migrated(t)
	config, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	execute(t, dsn, `ALTER DATABASE `+config.Database+` SET default_transaction_isolation = 'serializable'`)
	s := open(t, dsn)
	require.NoError(t, s.Mark(t.Context(), storage.ModeDemo)) // makes a connection
	isolation, commit := s.Setting(t.Context(), t, "transaction_isolation"), s.Setting(t.Context(), t, "synchronous_commit")
	require.Equal(t, "read committed", isolation)
	require.Equal(t, "on", commit)
}

// While the database is down every transition fails with an error that is none of the sentinels, so that its caller
// answers 5xx and no client throws its tokens away; afterwards everything goes on by itself.
func TestADatabaseThatIsDown(t *testing.T) {
	server := servers.StartPostgres(t)
	require.NoError(t, postgres.Migrate(t.Context(), server.DSN()))
	s, err := postgres.Open(t.Context(), postgres.Config{DSN: server.DSN(), Timeout: 2 * time.Second})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Mark(t.Context(), storage.ModeProduction))
	server.Stop()

	now := time.Now()
	id := storage.NewID(now)
	for name, call := range map[string]func(context.Context) error{
		"health": func(ctx context.Context) error { _, err := s.Health(ctx); return err },
		"client": func(ctx context.Context) error { _, err := s.Client(ctx, "client"); return err },
		"lock":   func(ctx context.Context) error { return s.LockUser(ctx, "user", "operator", now) },
		"issue":  func(ctx context.Context) error { return s.IssueCode(ctx, storage.NewCode{Now: now}) },
		"consume": func(ctx context.Context) error {
			_, err := s.ConsumeCode(ctx, storage.CodeUse{GrantID: id, Now: now})
			return err
		},
		"rotate": func(ctx context.Context) error {
			_, err := s.RotateRefreshToken(ctx, storage.Rotation{GrantID: id, Seed: storage.NewSecret().Hash(), Now: now})
			return err
		},
		"access": func(ctx context.Context) error { _, err := s.AccessGrant(ctx, id); return err },
		"session": func(ctx context.Context) error {
			_, _, err := s.Session(ctx, id, storage.Hash{}, time.Hour, now)
			return err
		},
		"open": func(ctx context.Context) error {
			_, err := postgres.Open(ctx, postgres.Config{DSN: server.DSN()})
			return err
		},
		"migrate": func(ctx context.Context) error { return postgres.Migrate(ctx, server.DSN()) },
	} {
		start := time.Now()
		err := call(t.Context())
		require.Error(t, err, name)
		for _, sentinel := range []error{
			storage.ErrNotFound, storage.ErrExpired, storage.ErrReplayed, storage.ErrConflict, storage.ErrLocked,
			storage.ErrApprovalNeeded, storage.ErrPhoneNeeded, storage.ErrNewerSchema,
		} {
			require.NotErrorIs(t, err, sentinel, name)
		}
		require.Less(t, time.Since(start), 5*time.Second, name)
	}

	server.Start()
	require.Eventually(t, func() bool {
		_, err := s.Health(t.Context())
		return err == nil
	}, patience, 20*time.Millisecond)
	require.ErrorIs(t, s.Mark(t.Context(), storage.ModeDemo), storage.ErrConflict, "what was acknowledged before the crash is there")
}

// A deadline bounds also the wait for a row that somebody holds, and the wait for a connection.
func TestADeadlineBoundsEveryWait(t *testing.T) {
	dsn := migrated(t)
	s, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, Timeout: 300 * time.Millisecond, MaxConns: 1})
	require.NoError(t, err)
	defer s.Close()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	holder, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = holder.Exec(t.Context(), `SELECT FROM meta FOR UPDATE`)
	require.NoError(t, err)

	start := time.Now()
	var group sync.WaitGroup
	for range 3 { // one holds the only connection and waits for the row, the others wait for the connection
		group.Go(func() {
			if err := s.Mark(context.WithoutCancel(t.Context()), storage.ModeDemo); err == nil {
				t.Error("it did not wait")
			}
		})
	}
	group.Wait()
	require.Less(t, time.Since(start), 5*time.Second)
	require.NoError(t, holder.Rollback(t.Context()))
	require.Eventually(t, func() bool { return s.Mark(t.Context(), storage.ModeDemo) == nil }, patience, 10*time.Millisecond)
}

func TestErrorsNameTheirOperation(t *testing.T) {
	s := open(t, migrated(t))
	_, err := s.AccessGrant(t.Context(), storage.NewID(time.Now()))
	require.ErrorIs(t, err, storage.ErrNotFound)
	require.True(t, strings.HasPrefix(err.Error(), "access grant: "), err)
}
