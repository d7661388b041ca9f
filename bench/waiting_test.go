//go:build bench

package bench

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage/storagetest/servers"
)

// waitingBrowsers measures browsers in their long-polls. They wait at a replica of their own, so that what their logins
// left in the first one's memory does not count, and every event reaches them through Redis.
func waitingBrowsers(t *testing.T, report *table, binary string, floor process, n int) {
	events := max(10, min(400, n/20))
	redis, dsn := servers.StartRedis(t), servers.Postgres(t)
	d, tap := deploy(t, binary, dsn, redis.URL()), newWiretap(t, dsn)
	first := d.replica(t, dsn, 5*time.Second)
	second := d.replica(t, tap.dsn, 5*time.Second)

	bare, people := startCrowd(t), startCrowd(t)
	people.send(t, order{Do: "login", N: n, Address: first.address})
	bareEach := eachWaits(t, bare, floor, n, "/wait?wait=0", func() int { return n })
	bare.end()
	people.receive(t)
	people.order(t, order{Do: "people", N: 2 * events, Sim: d.sim})
	// Twenty at once in its own measure too: a server that is warm has its connections to the database.
	each := eachWaits(t, people, second.process, n, "/readyz", func() int { return waiters(t, second) })

	report.head(fmt.Sprintf("%d waiting browsers, PostgreSQL+Redis, two replicas", n))
	report.line("memory", fmt.Sprintf("%.1f KiB each; bare long-poll %.1f KiB: %.2f times", each, bareEach, each/bareEach))

	idle, began := processorTime(second.process), time.Now()
	before, statements := idle(), total(tap.statements())
	time.Sleep(10 * time.Second)
	after, took := idle(), time.Since(began)
	report.line("while nothing happens", fmt.Sprintf("%.2f cores (server %.2f, PostgreSQL %.2f, Redis %.2f), %.0f statements/s",
		busy(before, after, took, "server", "postgres", "redis"), busy(before, after, took, "server"), busy(before, after, took, "postgres"), busy(before, after, took, "redis"),
		float64(total(tap.statements())-statements)/took.Seconds()))

	woken := people.order(t, order{Do: "scan", N: events, Gap: 40 * time.Millisecond})
	require.Zero(t, woken.Lost, "a browser was not told of its scan")
	report.line("scan → browser", fmt.Sprintf("p50 %.1f ms, p99 %.1f ms, of %d scans at 25/s, from the scan at the platform; through the first replica and Redis",
		ms(woken.Took[len(woken.Took)/2]), ms(woken.Took[len(woken.Took)*99/100]), events))
	restartRedis(t, report, people, redis, tap, events)
}

// restartRedis is Redis gone for two seconds and back, empty. Half of the people scan meanwhile: their wake-ups are lost.
func restartRedis(t *testing.T, report *table, people *crowdProcess, redis *servers.RedisServer, tap *wiretap, events int) {
	since := time.Now()
	redis.Stop()
	people.send(t, order{Do: "scan", N: events / 2, Gap: 1500 * time.Millisecond / time.Duration(events/2)})
	time.Sleep(2 * time.Second)
	redis.Start()
	back := time.Now()
	lost := people.receive(t)
	later := people.order(t, order{Do: "scan", N: events / 2, Gap: 20 * time.Millisecond})
	time.Sleep(max(0, 5*time.Second-time.Since(back)))
	seen := people.order(t, order{Do: "count", Since: since})
	recovered := time.Duration(0)
	for _, at := range lost.Answered {
		recovered = max(recovered, at.Sub(back))
	}
	report.line("Redis restarts", fmt.Sprintf("%d scans while it was gone for 2 s: %d not told of, the last %.1f s after it was back; scans after it p99 %.1f ms",
		events/2, lost.Lost, recovered.Seconds(), ms(later.Took[len(later.Took)*99/100])))
	report.line("", fmt.Sprintf("%d requests until 5 s after, at most %d within a second; failed: %s; at most %d statements within a second",
		seen.Requests, seen.Peak, failures(seen.Failed), tap.peak(since)))
}

// eachWaits is the memory in KiB that a server takes for one browser of the crowd that waits, after a moment in which
// nothing happens.
func eachWaits(t *testing.T, c *crowdProcess, p process, n int, warm string, waiting func() int) float64 {
	t.Helper()
	for range 200 {
		res, err := http.Get(p.base + warm)
		require.NoError(t, err)
		_ = res.Body.Close()
	}
	before := residentMiB(p.pid)
	c.order(t, order{Do: "wait", N: n, Address: p.address})
	for deadline := time.Now().Add(30 * time.Second); waiting() < n && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
	}
	require.GreaterOrEqual(t, waiting(), n*99/100)
	time.Sleep(5 * time.Second)
	return (residentMiB(p.pid) - before) * 1024 / float64(n)
}

// waiters is how many long-polls the replica holds.
func waiters(t *testing.T, q qiao) int {
	res, err := http.Get("http://" + q.management + "/metrics")
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), "\nqiao_login_waiters ")
	value, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseFloat(value, 64)
	require.NoError(t, err)
	return int(n)
}

func busy(before, after map[string]time.Duration, took time.Duration, names ...string) float64 {
	var sum time.Duration
	for _, n := range names {
		sum += after[n] - before[n]
	}
	return sum.Seconds() / took.Seconds()
}

func total(counts map[string]int) (sum int) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

func failures(failed map[string]int) string {
	if len(failed) == 0 {
		return "none"
	}
	return strings.TrimPrefix(fmt.Sprint(failed), "map")
}

// size is a number from the environment: a small one to try the bench out.
func size(name string, full int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return full
}

// part reports whether a part of the bench is wanted: all are, unless the environment names some.
func part(name string) bool {
	wanted := os.Getenv("BENCH_PARTS")
	return wanted == "" || strings.Contains(wanted, name)
}
