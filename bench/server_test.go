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
	deviceGrant  = "urn:ietf:params:oauth:grant-type:device_code"
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
	return start(t, binary, nil, []string{
		"DSN=" + servers.Postgres(t), "REDIS=" + servers.Redis(t), "LISTEN=" + address, "SECRET=" + clientSecret,
	}, address, "http://"+address+"/userinfo")
}

// qiao is a replica of the provider, with the simulator of its platform.
type qiao struct {
	process
	management string
	sim        string
}

// deployment is what the replicas of one provider share. Its simulator runs in this process: its work is not counted.
type deployment struct {
	binary, dir string
	issuer      string // host:port, where the first replica listens
	sim         string
	dsn, redis  string // empty for the embedded stores
	key         string
	replicas    int
}

var account = simulator.Account{
	Name: "main", DisplayName: "Bench", AppID: "wx0123456789abcdef", AppSecret: "secretsecret", OriginalID: "gh_bench",
	Token: "tokentoken", AESKey: strings.Repeat("A", 43), Mode: "safe",
}

func deploy(t *testing.T, binary, dsn, redis string) *deployment {
	t.Helper()
	d := &deployment{binary: binary, dir: t.TempDir(), issuer: freeAddress(t), dsn: dsn, redis: redis, key: seal.NewKey()}
	own := account
	own.CallbackURL = "http://" + d.issuer + "/wechat/main"
	sim, err := simulator.New(simulator.Config{Accounts: []simulator.Account{own}})
	require.NoError(t, err)
	t.Cleanup(sim.Close)
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	d.sim = server.URL
	return d
}

// startQiao runs qiao serve, alone. dsn and redis are empty for the embedded stores.
func startQiao(t *testing.T, binary, dsn, redis string) qiao {
	t.Helper()
	return deploy(t, binary, dsn, redis).replica(t, dsn, 5*time.Second)
}

// replica runs one more qiao serve, which reaches the database by dsn and has TVs poll at this interval.
func (d *deployment) replica(t *testing.T, dsn string, interval time.Duration) qiao {
	t.Helper()
	q := qiao{management: freeAddress(t), sim: d.sim}
	address := d.issuer
	if d.replicas++; d.replicas > 1 {
		address = freeAddress(t)
	}
	c := demo.Base(d.dir)
	storage := "storage: sqlite\nsignals: memory\nsqlite: {path: " + d.dir + "/qiao.db}\n"
	if dsn != "" {
		storage = fmt.Sprintf("storage: postgres\nsignals: redis\npostgres: {dsn: %q}\nredis: {url: %q}\n", dsn, d.redis)
	}
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
lifetimes: {code: 10m, device_interval: %s}
limits:
  {authorize_per_minute: %d, requests_per_minute: %d, codes_per_user_hour: %d, login_per_minute: %d, qr_per_minute: %d, qr_per_client_hour: %d,
  devices_per_minute: %d, devices_per_client_minute: %d, devices_in_all_minute: %d}
clients:
  - {client_id: %s, client_secret: %s, first_party: true, redirect_uris: [%q], grant_types: [authorization_code, refresh_token, %q], scopes: [openid, profile, phone, offline_access]}
`, d.issuer, address, q.management, d.key, d.sim, d.sim, account.AppID, account.AppSecret, account.OriginalID, account.Token, account.AESKey,
		d.sim, c.SMS.PerAddressHour, c.SMS.PerNetworkHour, c.SMS.PerDay, interval,
		c.Limits.AuthorizePerMinute, c.Limits.RequestsPerMinute, c.Limits.CodesPerUserHour, c.Limits.LoginPerMinute, c.Limits.QRPerMinute, c.Limits.QRPerClientHour,
		c.Limits.DevicesPerMinute, c.Limits.DevicesPerClientMinute, c.Limits.DevicesInAllMinute,
		clientID, clientSecret, redirectURI, deviceGrant)
	file := filepath.Join(d.dir, fmt.Sprintf("qiao%d.yaml", d.replicas))
	require.NoError(t, os.WriteFile(file, []byte(yaml), 0o600))
	if dsn != "" && d.replicas == 1 {
		text, err := exec.Command(d.binary, "migrate", "up", "--config", file).CombinedOutput()
		require.NoError(t, err, string(text))
	}
	q.process = start(t, d.binary, []string{"serve", "--config", file}, nil, address, "http://"+q.management+"/readyz")
	return q
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// processorTime sums the processor time of a process, and of the PostgreSQL and Redis servers that this test runs: the
// machine may have others.
func processorTime(p process) func() map[string]time.Duration {
	return func() map[string]time.Duration {
		sum := map[string]time.Duration{"server": ticks(p.pid)}
		entries, _ := os.ReadDir("/proc")
		parents := map[int]int{}
		var found []int
		for _, e := range entries {
			pid, err := strconv.Atoi(e.Name())
			if err != nil {
				continue
			}
			parents[pid] = parent(pid)
			switch command(pid) {
			case "postgres", "redis-server":
				found = append(found, pid)
			}
		}
		for _, pid := range found {
			above := pid
			for above != 0 && above != os.Getpid() {
				above = parents[above]
			}
			if above != 0 {
				sum[strings.TrimSuffix(command(pid), "-server")] += ticks(pid)
			}
		}
		return sum
	}
}

func command(pid int) string {
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(name))
}

// stat is what /proc/PID/stat says after the name: the state, the parent …
func stat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

func parent(pid int) int {
	fields := stat(pid)
	if fields == nil {
		return 0
	}
	above, _ := strconv.Atoi(fields[1])
	return above
}

// ticks is utime+stime of /proc/PID/stat, in hundredths of a second.
func ticks(pid int) time.Duration {
	fields := stat(pid)
	if fields == nil {
		return 0
	}
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
