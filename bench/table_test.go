//go:build bench

package bench

import (
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage/storagetest/servers"
)

const (
	workers   = 16
	loginLife = 8 * time.Second
	pollLife  = 5 * time.Second
)

// TestTable measures and prints. It asserts that the operations succeed, never how fast.
func TestTable(t *testing.T) {
	dir := t.TempDir()
	binary, floorBinary := build(t, dir, "qiao/cmd/qiao"), build(t, dir, "qiao/bench/floor")
	info, err := os.Stat(binary)
	require.NoError(t, err)

	floor := startFloor(t, floorBinary)
	full := startQiao(t, binary, servers.Postgres(t), servers.Redis(t))
	embedded := startQiao(t, binary, "", "")
	time.Sleep(3 * time.Second)
	idleFull, idleEmbedded := residentMiB(full.pid), residentMiB(embedded.pid)

	report := &table{}
	report.line("machine", fmt.Sprintf("%d cores, %s", runtime.NumCPU(), runtime.Version()))
	report.line("binary", fmt.Sprintf("%.1f MiB", float64(info.Size())/(1<<20)))
	report.line("start-up", fmt.Sprintf("%d ms on PostgreSQL+Redis, %d ms on SQLite+memory (a new database, its first keys)", full.startup.Milliseconds(), embedded.startup.Milliseconds()))
	report.line("idle memory", fmt.Sprintf("%.0f MiB on PostgreSQL+Redis, %.0f MiB on SQLite+memory", idleFull, idleEmbedded))

	if part("browsers") {
		// A test of its own: its crowd and its servers are gone before anything else is measured.
		t.Run("browsers", func(t *testing.T) { waitingBrowsers(t, report, binary, floor, size("BENCH_BROWSERS", 10_000)) })
	}
	if part("tvs") {
		t.Run("tvs", func(t *testing.T) { tvs(t, report, binary, floor, size("BENCH_TVS", 50_000)) })
	}
	if !part("tokens") {
		fmt.Println(report.String())
		return
	}
	base := newTokenSide(t, floor, "")
	for _, it := range []struct {
		name string
		q    qiao
	}{{"PostgreSQL+Redis", full}, {"SQLite+memory", embedded}} {
		first, again, known, people := it.q.logins(t, workers, loginLife)
		p50, p99 := it.q.wake(t, people, 100)
		mine := newTokenSide(t, it.q.process, cookies(t, it.q, people[0]))
		compare := it.name == "PostgreSQL+Redis"
		sides := []*tokenSide{mine}
		if compare {
			sides = append(sides, base)
		}
		inTurns(t, sides...)

		report.head(it.name)
		report.login("first login", first)
		report.login("returning login", again)
		report.login("… the scan alone", known)
		report.line("scan → browser", fmt.Sprintf("p50 %.1f ms, p99 %.1f ms, from the scan at the platform", ms(p50), ms(p99)))
		for _, op := range operations {
			report.token(op, mine.results[op], base.results[op], compare)
		}
		report.line("memory after", fmt.Sprintf("%.0f MiB", residentMiB(it.q.pid)))
	}
	fmt.Println(report.String())
}

// cookies is the Cookie header of a signed-in browser.
func cookies(t *testing.T, q qiao, v *visitor) string {
	u, err := url.Parse(q.base)
	require.NoError(t, err)
	var all []string
	for _, c := range v.browser.Cookies(u) {
		all = append(all, c.Name+"="+c.Value)
	}
	return "Cookie: " + strings.Join(all, "; ") + "\r\n"
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// table collects lines and lays them out.
type table struct{ b strings.Builder }

func (r *table) head(name string)        { fmt.Fprintf(&r.b, "\t\n%s\t\n", name) }
func (r *table) line(name, value string) { fmt.Fprintf(&r.b, "%s\t%s\n", name, value) }

// login shows what was seen, with the client and the simulator on the same cores, and what the provider and its stores
// alone would do on two cores.
func (r *table) login(name string, m measured) {
	each := m.cpuEach("server", "postgres", "redis")
	r.line(name, fmt.Sprintf("%.0f/s seen, with the people on the same cores; %.2f ms CPU each (server %.2f, PostgreSQL %.2f, Redis %.2f), so %.0f/s on two cores; %d failed",
		m.rate(), ms(each), ms(m.cpuEach("server")), ms(m.cpuEach("postgres")), ms(m.cpuEach("redis")), 2000/ms(each), m.failed))
}

func (r *table) token(name string, m, floor measured, compare bool) {
	each := m.cpuEach("server", "postgres")
	text := fmt.Sprintf("%.0f/s, p50 %.1f ms, p99 %.1f ms, %.3f ms CPU each", m.rate(), ms(m.p50), ms(m.p99), ms(each))
	if compare {
		text += fmt.Sprintf("; floor %.0f/s, %.3f ms: %.0f%% of its rate", floor.rate(), ms(floor.cpuEach("server", "postgres")), 100*m.rate()/floor.rate())
	}
	r.line(name, text)
}

func (r *table) String() string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 4, 2, ' ', 0)
	_, _ = w.Write([]byte(r.b.String()))
	_ = w.Flush()
	return out.String()
}
