//go:build bench

package bench

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/demo"
	"qiao/storage/seal"
	"qiao/storage/storagetest/servers"
	"qiao/wechatflow/simulator"
)

const (
	clientID     = "bench"
	clientSecret = "0123456789abcdef0123456789abcdef"
	redirectURI  = "http://localhost:9/callback"
)

// build compiles a command without the race detector, as it is shipped.
func build(t *testing.T, dir, pkg string) string {
	t.Helper()
	out := filepath.Join(dir, filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, string(text))
	return out
}

// process is a command that runs until the test ends.
type process struct {
	pid     int
	address string // host:port
	base    string // http://host:port
	startup time.Duration
}

func start(t *testing.T, binary string, args, env []string, address, ready string) process {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	began := time.Now()
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		if res, err := http.Get(ready); err == nil {
			_ = res.Body.Close()
			if res.StatusCode < 500 {
				break
			}
		}
		require.True(t, time.Now().Before(deadline), "no answer at %s", ready)
	}
	return process{pid: cmd.Process.Pid, address: address, base: "http://" + address, startup: time.Since(began)}
}

// startFloor runs the floor on a database of its own.
func startFloor(t *testing.T, binary string) process {
	address := freeAddress(t)
	return start(t, binary, nil, []string{"DSN=" + servers.Postgres(t), "LISTEN=" + address, "SECRET=" + clientSecret}, address, "http://"+address+"/userinfo")
}

// qiao is the provider with its simulator, which runs in this process: its work is not counted.
type qiao struct {
	process
	management string
	sim        string
}

// startQiao runs qiao serve. dsn and redis are empty for the embedded stores.
func startQiao(t *testing.T, binary, dsn, redis string) qiao {
	t.Helper()
	dir := t.TempDir()
	q := qiao{management: freeAddress(t)}
	address := freeAddress(t)
	c := demo.Base(dir)
	storage := "storage: sqlite\nsignals: memory\nsqlite: {path: " + dir + "/qiao.db}\n"
	if dsn != "" {
		storage = fmt.Sprintf("storage: postgres\nsignals: redis\npostgres: {dsn: %q}\nredis: {url: %q}\n", dsn, redis)
	}
	account := simulator.Account{
		Name: "main", DisplayName: "Bench", AppID: "wx0123456789abcdef", AppSecret: "secretsecret", OriginalID: "gh_bench",
		Token: "tokentoken", AESKey: strings.Repeat("A", 43), Mode: "safe", CallbackURL: "http://" + address + "/wechat/main",
	}
	sim, err := simulator.New(simulator.Config{Accounts: []simulator.Account{account}})
	require.NoError(t, err)
	t.Cleanup(sim.Close)
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	q.sim = server.URL
	yaml := storage + fmt.Sprintf(`
issuer: http://%s
listen: %s
management: %s
master_key: %s
log: {level: error}
wechat:
  api_base: %s
  open_base: %s
  accounts: [{name: main, appid: %s, secret: %s, original_id: %s, token: %s, aes_key: %s}]
sms: {simulator_url: %s, per_address_hour: %d, per_network_hour: %d, per_day: %d}
lifetimes: {code: 10m}
limits: {authorize_per_minute: %d, requests_per_minute: %d, codes_per_user_hour: %d, login_per_minute: %d, qr_per_minute: %d, qr_per_client_hour: %d}
clients:
  - {client_id: %s, client_secret: %s, first_party: true, redirect_uris: [%q], grant_types: [authorization_code, refresh_token], scopes: [openid, profile, phone]}
`, address, address, q.management, seal.NewKey(), q.sim, q.sim, account.AppID, account.AppSecret, account.OriginalID, account.Token, account.AESKey,
		q.sim, c.SMS.PerAddressHour, c.SMS.PerNetworkHour, c.SMS.PerDay,
		c.Limits.AuthorizePerMinute, c.Limits.RequestsPerMinute, c.Limits.CodesPerUserHour, c.Limits.LoginPerMinute, c.Limits.QRPerMinute, c.Limits.QRPerClientHour,
		clientID, clientSecret, redirectURI)
	file := filepath.Join(dir, "qiao.yaml")
	require.NoError(t, os.WriteFile(file, []byte(yaml), 0o600))
	if dsn != "" {
		text, err := exec.Command(binary, "migrate", "up", "--config", file).CombinedOutput()
		require.NoError(t, err, string(text))
	}
	q.process = start(t, binary, []string{"serve", "--config", file}, nil, address, "http://"+q.management+"/readyz")
	return q
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// processorTime sums the processor time of a process, and of the PostgreSQL and Redis servers that this test runs.
func processorTime(p process) func() map[string]time.Duration {
	return func() map[string]time.Duration {
		sum := map[string]time.Duration{"server": ticks(p.pid)}
		entries, _ := os.ReadDir("/proc")
		for _, e := range entries {
			pid, err := strconv.Atoi(e.Name())
			if err != nil {
				continue
			}
			name, _ := os.ReadFile("/proc/" + e.Name() + "/comm")
			switch strings.TrimSpace(string(name)) {
			case "postgres":
				sum["postgres"] += ticks(pid)
			case "redis-server":
				sum["redis"] += ticks(pid)
			}
		}
		return sum
	}
}

// ticks is utime+stime of /proc/PID/stat, in hundredths of a second.
func ticks(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// residentMiB is VmRSS of a process.
func residentMiB(pid int) float64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "VmRSS:"); ok {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return float64(kib) / 1024
		}
	}
	return 0
}
