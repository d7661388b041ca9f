package servers_test

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"qiao/storage/storagetest/servers"
)

func TestPostgresGivesFreshDatabases(t *testing.T) {
	first, second := servers.Postgres(t), servers.Postgres(t)
	require.NotEqual(t, first, second)
	for _, dsn := range []string{first, second} {
		conn, err := pgx.Connect(t.Context(), dsn)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "CREATE TABLE something (a int)")
		require.NoError(t, err)
		for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
			var value string
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT current_setting($1)", setting).Scan(&value))
			require.Equal(t, "on", value, setting)
		}
		require.NoError(t, conn.Close(t.Context()))
	}
}

func TestPostgresKeepsWhatWasCommitted(t *testing.T) {
	s := servers.StartPostgres(t)
	conn, err := pgx.Connect(t.Context(), s.DSN())
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "CREATE TABLE something AS SELECT 42 AS a")
	require.NoError(t, err)
	s.Restart()
	require.Error(t, conn.Ping(t.Context()), "the old connection is lost")

	conn, err = pgx.Connect(t.Context(), s.DSN())
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var a int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT a FROM something").Scan(&a))
	require.Equal(t, 42, a)

	s.Stop()
	_, err = pgx.Connect(t.Context(), s.DSN())
	require.Error(t, err)
}

func TestRedisForgets(t *testing.T) {
	s := servers.StartRedis(t)
	for _, forget := range []func(){s.Flush, s.Restart, func() { s.Stop(); s.Start() }} {
		reply, err := s.Do("SET key value")
		require.NoError(t, err)
		require.Equal(t, "+OK", reply)
		forget()
		reply, err = s.Do("GET key")
		require.NoError(t, err)
		require.Equal(t, "$-1", reply)
	}
	s.Stop()
	_, err := s.Do("PING")
	require.Error(t, err)
}

// A test process that is killed leaves no server and no folder behind. The test runs itself as that process.
func TestServersEndWithAKilledProcess(t *testing.T) {
	if os.Getenv("QIAO_TEST_VICTIM") != "" {
		pg, redis := servers.Postgres(t), servers.Redis(t)
		_, _ = os.Stdout.WriteString("VICTIM " + pg + " " + redis + "\n")
		select {} // until it is killed
	}
	victim := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=2m")
	victim.Env = append(os.Environ(), "QIAO_TEST_VICTIM=1")
	stdout, err := victim.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, victim.Start())
	var words []string
	lines := bufio.NewScanner(stdout)
	for len(words) == 0 && lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "VICTIM "); ok {
			words = strings.Fields(rest)
		}
	}
	require.NoError(t, victim.Process.Signal(syscall.SIGKILL))
	_ = victim.Wait()
	require.Len(t, words, 2, "the victim did not get its servers")

	config, err := pgx.ParseConfig(words[0])
	require.NoError(t, err)
	redis := strings.TrimPrefix(words[1], "unix://")
	require.DirExists(t, config.Host)
	require.Eventually(t, func() bool {
		_, pg := os.Stat(config.Host)
		_, rd := os.Stat(strings.TrimSuffix(redis, "/s"))
		return os.IsNotExist(pg) && os.IsNotExist(rd)
	}, 30*time.Second, 20*time.Millisecond, "the folders are still there")
	_, err = pgx.Connect(t.Context(), words[0])
	require.Error(t, err)
}
