package servers

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"qiao/storage"
)

// shared is the one server of this test process, started by the first test that asks. It is the package's only state,
// and ends with the process: a server for each test would cost two seconds each.
var shared = sync.OnceValues(newPostgres)

// Postgres returns the address of a fresh, empty database, as postgres.Config.DSN takes it. It is dropped with the test.
func Postgres(t testing.TB) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	name := "test_" + fmt.Sprintf("%x", [16]byte(storage.NewID(time.Now())))
	if err := s.exec("CREATE DATABASE " + name); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("drop a database: %v", err)
		}
	})
	return s.dsn(name)
}

// PostgresServer is a PostgreSQL server of one test.
type PostgresServer struct {
	t testing.TB
	*postgres
}

// StartPostgres starts a PostgreSQL server for this test, which ends with it.
func StartPostgres(t testing.TB) *PostgresServer {
	t.Helper()
	s, err := newPostgres()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(""); err != nil {
			t.Error(err)
		}
		_ = os.RemoveAll(s.dir) // still there where the test has stopped the server
	})
	return &PostgresServer{t, s}
}

// DSN is the address of the server's one database. It stays the same over Stop and Start.
func (s *PostgresServer) DSN() string { return s.dsn("postgres") }

// Stop ends the server as a crash would: only what was committed is still there after Start.
func (s *PostgresServer) Stop() {
	s.t.Helper()
	if err := s.stop("keep"); err != nil {
		s.t.Fatal(err)
	}
}

// Start starts the server again.
func (s *PostgresServer) Start() {
	s.t.Helper()
	if err := s.start(); err != nil {
		s.t.Fatal(err)
	}
}

// Restart stops and starts the server.
func (s *PostgresServer) Restart() {
	s.t.Helper()
	s.Stop()
	s.Start()
}

// postgres is a running server.
type postgres struct {
	bin     string
	dir     string
	who     *syscall.Credential
	process *process // nil while it is stopped
}

func newPostgres() (*postgres, error) {
	bin, err := postgresBinaries()
	if err != nil {
		return nil, err
	}
	who, err := account()
	if err != nil {
		return nil, fmt.Errorf("start postgresql: %w", err)
	}
	dir, err := folder("qiao-pg-", who)
	if err != nil {
		return nil, fmt.Errorf("start postgresql: %w", err)
	}
	s := &postgres{bin: bin, dir: dir, who: who}
	// Names sort as people sort them, not by bytes, as on most production servers: a query that relies on the order of
	// bytes must say so. What initdb writes need not be on disk before the tests begin.
	initdb := exec.Command(bin+"/initdb", "-D", s.data(), "-U", "qiao", "--auth=trust", "--encoding=UTF8",
		"--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US", "--no-sync", "--no-instructions")
	initdb.Dir = dir
	initdb.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir}
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	if output, err := initdb.CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("initdb: %w: %s", err, output)
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, nil
}

// postgresBinaries finds the folder of the newest installed server: Debian keeps it off PATH.
func postgresBinaries() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("this test needs a PostgreSQL server, which is not installed: on Debian, apt-get install postgresql")
	}
	return filepath.Dir(slices.Max(found)), nil
}

func (s *postgres) start() error {
	p, err := start(s.dir, "QUIT", s.who, func() error { return s.exec("SELECT 1") },
		s.bin+"/postgres", "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=200",
		"-c", "shared_buffers=64MB", "-c", "log_min_messages=fatal")
	if err != nil {
		return fmt.Errorf("start postgresql: %w", err)
	}
	s.process = p
	return nil
}

func (s *postgres) stop(word string) error {
	if s.process == nil {
		return nil
	}
	p := s.process
	s.process = nil
	if err := p.stop(word); err != nil {
		return fmt.Errorf("stop postgresql: %w", err)
	}
	return nil
}

func (s *postgres) data() string { return s.dir + "/data" }

func (s *postgres) dsn(database string) string {
	return "postgres:///" + database + "?" + url.Values{"host": {s.dir}, "user": {"qiao"}}.Encode()
}

// exec runs one statement over a connection of its own.
func (s *postgres) exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopDeadline)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.dsn("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}
