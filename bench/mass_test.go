//go:build bench

package bench

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"qiao/storage/postgres"
	"qiao/storage/storagetest/servers"
)

// mass follows what many TVs take: memory of the replicas and of Redis, and the size of the database.
type mass struct {
	t     *testing.T
	dsn   string
	redis *servers.RedisServer
	lines [][2]string
}

func newMass(t *testing.T, dsn string, redis *servers.RedisServer) *mass {
	return &mass{t: t, dsn: dsn, redis: redis}
}

func (m *mass) look(when string, maker, polled qiao) {
	m.t.Helper()
	used, err := m.redis.Info("used_memory")
	require.NoError(m.t, err)
	m.lines = append(m.lines, [2]string{when, fmt.Sprintf("database %.1f MiB; Redis %.1f MiB; server %.0f MiB where the codes are made, %.0f MiB at the other",
		m.database(), float64(used)/(1<<20), residentMiB(maker.pid), residentMiB(polled.pid))})
}

// database is the database's size in MiB.
func (m *mass) database() float64 {
	var bytes int64
	m.query(`SELECT pg_database_size(current_database())`, &bytes)
	return float64(bytes) / (1 << 20)
}

func (m *mass) query(statement string, into ...any) {
	m.t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, m.dsn)
	require.NoError(m.t, err)
	defer conn.Close(ctx)
	if len(into) == 0 {
		_, err = conn.Exec(ctx, statement)
	} else {
		err = conn.QueryRow(ctx, statement).Scan(into...)
	}
	require.NoError(m.t, err)
}

// janitor sweeps as the server's janitor does, by a clock that is two hours ahead, and vacuums as PostgreSQL does by
// itself within a minute or so.
func (m *mass) janitor(when string) {
	m.t.Helper()
	ctx := context.Background()
	store, err := postgres.Open(ctx, postgres.Config{DSN: m.dsn})
	require.NoError(m.t, err)
	began, total := time.Now(), 0
	for n := 1000; n >= 1000; total += n {
		n, err = store.Sweep(ctx, began.Add(2*time.Hour), 1000)
		require.NoError(m.t, err)
	}
	took := time.Since(began)
	require.NoError(m.t, store.Close())
	time.Sleep(time.Second) // the statistics of what has just ended
	var live, dead int64
	const tuples = `SELECT n_live_tup, n_dead_tup FROM pg_stat_user_tables WHERE relname = 'device_authorizations'`
	m.query(tuples, &live, &dead)
	before := m.database()
	m.query(`VACUUM device_authorizations`)
	m.lines = append(m.lines, [2]string{when, fmt.Sprintf("%d rows in %.1f s; %d live and %d dead tuples, database %.1f MiB; after VACUUM %.1f MiB",
		total, took.Seconds(), live, dead, before, m.database())})
}

func (m *mass) tell(report *table) {
	for _, l := range m.lines {
		report.line(strings.TrimSpace(l[0]), l[1])
	}
}
