package servers

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Redis starts a Redis server for this test and returns its address, as redis.Config.URL takes it.
func Redis(t testing.TB) string {
	t.Helper()
	return StartRedis(t).URL()
}

// RedisServer is a Redis server of one test. It keeps nothing on disk.
type RedisServer struct {
	t       testing.TB
	binary  string
	dir     string
	process *process // nil while it is stopped
}

// StartRedis starts a Redis server for this test, which ends with it.
func StartRedis(t testing.TB) *RedisServer {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("this test needs redis-server, which is not installed: on Debian, apt-get install redis-server")
	}
	dir, err := folder("qiao-redis-", nil)
	if err != nil {
		t.Fatalf("start redis: %v", err)
	}
	s := &RedisServer{t: t, binary: binary, dir: dir}
	s.Start()
	t.Cleanup(func() {
		s.stop("")
		_ = os.RemoveAll(dir) // still there where the test has stopped the server
	})
	return s
}

// URL is the server's address. It stays the same over Stop and Start.
func (s *RedisServer) URL() string { return "unix://" + s.socket() }

// Stop ends the server as a crash would, with all that it holds.
func (s *RedisServer) Stop() {
	s.t.Helper()
	s.stop("keep")
}

// Start starts the server again, empty.
func (s *RedisServer) Start() {
	s.t.Helper()
	p, err := start(s.dir, "KILL", nil, func() error { _, err := s.Do("PING"); return err },
		s.binary, "--port", "0", "--unixsocket", s.socket(), "--save", "", "--appendonly", "no",
		"--daemonize", "no", "--loglevel", "warning")
	if err != nil {
		s.t.Fatalf("start redis: %v", err)
	}
	s.process = p
}

// Restart stops and starts the server: it comes back empty, and all connections are lost.
func (s *RedisServer) Restart() {
	s.t.Helper()
	s.Stop()
	s.Start()
}

// Flush forgets everything that the server holds, with its scripts; the connections stay.
func (s *RedisServer) Flush() {
	s.t.Helper()
	for _, command := range []string{"FLUSHALL", "SCRIPT FLUSH"} {
		if _, err := s.Do(command); err != nil {
			s.t.Fatalf("flush redis: %v", err)
		}
	}
}

// Do sends one command, words parted by spaces, over a connection of its own and returns the first line of the reply.
func (s *RedisServer) Do(command string) (string, error) {
	conn, err := net.Dial("unix", s.socket())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if failure, failed := strings.CutPrefix(line, "-"); failed {
		return "", errors.New(failure)
	}
	return line, nil
}

// Info is a number of the server's INFO, such as used_memory.
func (s *RedisServer) Info(name string) (int64, error) {
	conn, err := net.Dial("unix", s.socket())
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return 0, err
	}
	if _, err := fmt.Fprint(conn, "INFO\r\nQUIT\r\n"); err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+":"); ok {
			return strconv.ParseInt(value, 10, 64)
		}
	}
	return 0, fmt.Errorf("the server tells no %s", name)
}

func (s *RedisServer) socket() string { return s.dir + "/s" }

func (s *RedisServer) stop(word string) {
	s.t.Helper()
	if s.process == nil {
		return
	}
	if err := s.process.stop(word); err != nil {
		s.t.Errorf("stop redis: %v", err)
	}
	s.process = nil
}
