//go:build bench

package bench

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
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
// itself within a minute or so. It returns the database's size in MiB.
//
// VACUUM gives the table's pages back to the system. An index keeps its own, for its next rows; those that VACUUM has just
// emptied are reused once a transaction has begun since: on a server at work by the same VACUUM, on this one by the next.
func (m *mass) janitor(when string) float64 {
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
	var live, dead, table, indexes int64
	var xid string
	const tuples = `SELECT n_live_tup, n_dead_tup FROM pg_stat_user_tables WHERE relname = 'device_authorizations'`
	m.query(tuples, &live, &dead)
	before := m.database()
	for range 2 {
		m.query(`VACUUM device_authorizations`)
		m.query(`SELECT pg_current_xact_id()::text`, &xid)
	}
	m.query(`SELECT pg_table_size('device_authorizations'), pg_indexes_size('device_authorizations')`, &table, &indexes)
	after := m.database()
	m.lines = append(m.lines, [2]string{when, fmt.Sprintf("%d rows in %.1f s; %d live and %d dead tuples, database %.1f MiB; after VACUUM %.1f MiB (the table %.1f, its indexes, to be used again, %.1f)",
		total, took.Seconds(), live, dead, before, after, float64(table)/(1<<20), float64(indexes)/(1<<20))})
	return after
}

// forget has Redis's clock, too, go two hours ahead: what ends until then ends now. Nothing may stay for ever.
func (m *mass) forget(when string) {
	m.t.Helper()
	const script = `local at, ends, forever, longest = '0', 0, 0, 0
repeat
	local page = redis.call('SCAN', at, 'COUNT', 1000)
	at = page[1]
	for _, key in ipairs(page[2]) do
		local left = redis.call('PTTL', key)
		if left < 0 then
			forever = forever + 1
		elseif left < 7200000 then
			ends, longest = ends + 1, math.max(longest, left)
			redis.call('DEL', key)
		end
	end
until at == '0'
return {ends, forever, longest}`
	ctx := context.Background()
	options, err := redis.ParseURL(m.redis.URL())
	require.NoError(m.t, err)
	client := redis.NewClient(options)
	defer client.Close()
	keys, err := client.Eval(ctx, script, nil).Int64Slice()
	require.NoError(m.t, err)
	require.Len(m.t, keys, 3)
	require.Zero(m.t, keys[1], "keys without an end")
	used, err := m.redis.Info("used_memory")
	require.NoError(m.t, err)
	m.lines = append(m.lines, [2]string{when, fmt.Sprintf("%d keys of Redis end by themselves within %.1f minutes, none stays; without them %.1f MiB", keys[0], float64(keys[2])/60_000, float64(used)/(1<<20))})
}

func (m *mass) tell(report *table) {
	for _, l := range m.lines {
		report.line(strings.TrimSpace(l[0]), l[1])
	}
}
