package main

import (
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/server/servertest"
	"qiao/storage/storagetest/servers"
)

// TestServe is the command itself: it serves until it is told to stop, and then ends well.
func TestServe(t *testing.T) {
	platform := servertest.NewPlatform(t, 0, "main")
	c := platform.Config(t)
	c.Listen, c.Management = freeAddress(t), freeAddress(t)
	c.Issuer, c.Log.Level = "http://"+c.Listen, "error"
	l := newCommander(t, c)
	ended := make(chan result, 1)
	go func() { ended <- l.try("serve") }()
	require.Eventually(t, func() bool { return l.try("healthcheck").code == 0 }, 20*time.Second, 20*time.Millisecond)
	require.Empty(t, ended)
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM)) // to whoever listens for it in this process: the command
	r := <-ended
	require.Zero(t, r.code, r.stderr)
	l.refuses(exitFailure, "is the server running?", "healthcheck")
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// TestMigrate: on PostgreSQL the schema is the operator's to bring up to date; a server says so and does not start.
func TestMigrate(t *testing.T) {
	c := servertest.NewPlatform(t, 0, "main").Config(t)
	c.Storage, c.Postgres.DSN = "postgres", servers.Postgres(t)
	c.Signals, c.Redis.URL = "redis", "redis://127.0.0.1:1" // which no command asks
	l := newCommander(t, c)
	require.Contains(t, l.do("migrate", "status"), "behind: run qiao migrate up")
	l.refuses(exitFailure, "qiao migrate up", "serve")
	l.refuses(exitFailure, "qiao migrate up", "client", "list")
	for range 2 {
		require.Contains(t, l.do("migrate", "up"), "up to date")
	}
	require.Contains(t, l.do("migrate", "status"), "up to date")
	l.do("client", "add", "wiki", "--redirect-uri", "https://wiki.example/callback")
	require.Contains(t, l.do("client", "list"), "wiki")
	l.refuses(exitFailure, "open Redis", "serve")
}
