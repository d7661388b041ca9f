//go:build bench

package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage/storagetest/servers"
)

// tvs measures TVs that wait: n of them have a code. One replica makes the codes; the other, whose way to the database is
// tapped, is polled.
func tvs(t *testing.T, report *table, binary string, floor process, n int) {
	redis, dsn := servers.StartRedis(t), servers.Postgres(t)
	d, tap := deploy(t, binary, dsn, redis.URL()), newWiretap(t, dsn)
	maker := d.replica(t, dsn, time.Second)
	polled := d.replica(t, tap.dsn, time.Second)
	mass := newMass(t, dsn, redis)

	report.head(fmt.Sprintf("%d pending TVs, PostgreSQL+Redis, two replicas", n))
	mass.look("before", maker, polled)
	began := time.Now()
	codes := maker.deviceCodes(t, n)
	took := time.Since(began)
	mass.look("peak", maker, polled)
	fresh := codes[max(0, n-16_000):] // all marked within the last seconds

	bare := floor.pollDevices(t, floorCodes(len(fresh)), pollLife, 0)
	before := tap.statements()
	pending := polled.pollDevices(t, fresh, pollLife, 0)
	after := tap.statements()
	require.Zero(t, pending.failed)
	report.poll("poll of a pending TV", pending.measured)
	report.poll("floor, the same client", bare.measured)
	report.line("", fmt.Sprintf("statements to PostgreSQL in %d polls: %s; slow_down: %d", pending.n, difference(before, after), pending.slow))
	polled.slowDown(t, report, maker, fresh[:min(len(fresh), 200)])

	// A mark is trusted for half a minute; then a poll asks the record, and marks again.
	time.Sleep(max(0, 31*time.Second-time.Since(began)))
	stale := codes[:min(n, 4000, max(1, n-len(fresh)))]
	before = tap.statements()
	asked := polled.pollDevices(t, stale, time.Hour, len(stale))
	after = tap.statements()
	each := (5*pending.cpuEach("server", "redis", "postgres") + asked.cpuEach("server", "redis", "postgres")) / 6
	report.line("with the look at the record", fmt.Sprintf("one poll in 30 s, %.3f ms CPU, %s in %d; so %.3f ms a poll at an interval of 5 s: %.0f/s on two cores",
		ms(asked.cpuEach("server", "redis", "postgres")), difference(before, after), asked.n, ms(each), 2000/ms(each)))

	var changed int64
	time.Sleep(time.Second) // PostgreSQL's statistics come late
	mass.query(`SELECT coalesce(sum(n_tup_upd + n_tup_del), 0)::bigint FROM pg_stat_user_tables WHERE relname IN ('device_authorizations', 'grants')`, &changed)
	report.line("", fmt.Sprintf("an UPDATE there is the one that would redeem; rows changed by all of these polls, by PostgreSQL's own count: %d", changed))
	report.line("codes made", fmt.Sprintf("%.0f/s", float64(n)/took.Seconds()))
	mass.janitor("swept")
	mass.forget("")
	var left []float64
	for _, round := range []string{"second", "third"} {
		maker.deviceCodes(t, n)
		mass.look(round+" peak", maker, polled)
		left = append(left, mass.janitor("swept again"))
		mass.forget("")
	}
	mass.tell(report)
	report.line("", fmt.Sprintf("the third round leaves %+.1f MiB more than the second", left[1]-left[0]))
	approvals(t, report, binary, min(100, n))
}

// deviceCodes asks for n codes.
func (q qiao) deviceCodes(t *testing.T, n int) []string {
	t.Helper()
	conns, codes := q.dial(t), make([]string, n)
	request := q.post("/device_authorization", "scope=openid+profile+phone+offline_access&device_name=TV")
	var wg sync.WaitGroup
	for w, c := range conns {
		wg.Go(func() {
			for i := w; i < n && !t.Failed(); i += workers {
				status, _, body, err := c.do(request)
				var got struct {
					Code string `json:"device_code"`
				}
				if err == nil {
					err = json.Unmarshal(body, &got)
				}
				if codes[i] = got.Code; err != nil || got.Code == "" {
					t.Errorf("device authorization: status %d: %s: %v", status, body, err)
				}
			}
		})
	}
	wg.Wait()
	require.False(t, t.Failed())
	return codes
}

// floorCodes are as long as real ones.
func floorCodes(n int) []string {
	codes := make([]string, n)
	for i := range codes {
		codes[i] = fmt.Sprintf("%016d%027d", i, 0)
	}
	return codes
}

type polls struct {
	measured
	slow int
}

// pollDevices polls the codes in turn until the time is over, or most polls were made (0: any number).
func (p process) pollDevices(t *testing.T, codes []string, life time.Duration, most int) polls {
	t.Helper()
	conns := p.dial(t)
	requests := make([][]byte, len(codes))
	for i, code := range codes {
		requests[i] = p.poll(code)
	}
	turns, slow := make([]int, workers), make([]int, workers)
	m := loop(workers, life, processorTime(p), func(w int) (bool, error) {
		i := w + turns[w]*workers
		turns[w]++
		if most > 0 && i >= most {
			return false, nil
		}
		status, _, body, err := conns[w].do(requests[i%len(requests)])
		switch {
		case err != nil:
			return true, err
		case strings.Contains(string(body), "slow_down"):
			slow[w]++
		case !strings.Contains(string(body), "authorization_pending"):
			err = fmt.Errorf("status %d: %s", status, body)
			t.Log("poll:", err)
		}
		return true, err
	})
	all := polls{measured: m}
	for _, n := range slow {
		all.slow += n
	}
	return all
}

func (p process) poll(code string) []byte {
	return p.post("/token", url.Values{"grant_type": {deviceGrant}, "device_code": {code}}.Encode())
}

// slowDown polls each code at one replica and at once at the other: the second is told to slow down, or the pace is not
// kept across replicas.
func (q qiao) slowDown(t *testing.T, report *table, other qiao, codes []string) {
	t.Helper()
	time.Sleep(time.Second) // the interval
	here, err := dial(q.address)
	require.NoError(t, err)
	defer here.c.Close()
	there, err := dial(other.address)
	require.NoError(t, err)
	defer there.c.Close()
	for _, code := range codes {
		_, _, _, err := here.do(q.poll(code))
		require.NoError(t, err)
		_, _, body, err := there.do(other.poll(code))
		require.NoError(t, err)
		require.Contains(t, string(body), "slow_down")
	}
	report.line("slow_down", fmt.Sprintf("%d of %d polls that came too soon, each at the other replica", len(codes), len(codes)))
}

func (r *table) poll(name string, m measured) {
	each := m.cpuEach("server", "redis", "postgres")
	r.line(name, fmt.Sprintf("%.0f/s seen, with the client on the same cores, p50 %.1f ms, p99 %.1f ms; %.4f ms CPU each (server %.4f, Redis %.4f), so %.0f/s on two cores",
		m.rate(), ms(m.p50), ms(m.p99), ms(each), ms(m.cpuEach("server")), ms(m.cpuEach("redis")), 2000/ms(each)))
}

// difference tells which statements were made between two counts.
func difference(before, after map[string]int) string {
	var all []string
	for verb, n := range after {
		if n -= before[verb]; n > 0 && verb != "--" { // the pool's ping
			all = append(all, fmt.Sprintf("%d %s", n, verb))
		}
	}
	slices.Sort(all)
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

// approvals measures the time from a person's approval to the tokens on the TV: first with TVs that poll without a pause,
// which shows how soon an approval is seen, then with TVs that poll every five seconds as they are told.
func approvals(t *testing.T, report *table, binary string, n int) {
	ctx := t.Context()
	q := startQiao(t, binary, servers.Postgres(t), servers.Redis(t))
	v, err := q.newVisitor(ctx, "+8613900000000")
	require.NoError(t, err)
	require.NoError(t, v.login(ctx, q)) // follows, and binds the number
	var seen, told []time.Duration
	for range n / 2 {
		tv := q.newTV(t)
		go tv.poll(ctx, 0)
		tv.approve(t, v)
		seen = append(seen, (<-tv.tokens).Sub(tv.approved))
	}
	var waiting []*tv
	for i := range n {
		tv := q.newTV(t)
		waiting = append(waiting, tv)
		go tv.poll(ctx, 5*time.Second)
		if i%10 == 9 {
			time.Sleep(time.Second / 4)
		}
	}
	for _, i := range rand.Perm(n) {
		waiting[i].approve(t, v)
	}
	for _, tv := range waiting {
		told = append(told, (<-tv.tokens).Sub(tv.approved))
	}
	slices.Sort(seen)
	slices.Sort(told)
	report.line("approval → tokens", fmt.Sprintf("p50 %.1f ms, p99 %.1f ms from the tap to tokens where the TV asks without a pause; p50 %.2f s, p99 %.2f s where it polls every 5 s: the interval is the rest",
		ms(seen[len(seen)/2]), ms(seen[len(seen)*99/100]), told[len(told)/2].Seconds(), told[len(told)*99/100].Seconds()))
}

// tv is a TV with its code.
type tv struct {
	q        qiao
	c        *conn
	code     string
	address  string // verification_uri_complete
	approved time.Time
	tokens   chan time.Time
}

func (q qiao) newTV(t *testing.T) *tv {
	t.Helper()
	c, err := dial(q.address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.c.Close() })
	_, _, body, err := c.do(q.post("/device_authorization", "scope=openid+profile+phone+offline_access"))
	require.NoError(t, err)
	var got struct {
		Code    string `json:"device_code"`
		Address string `json:"verification_uri_complete"`
	}
	require.NoError(t, json.Unmarshal(body, &got))
	return &tv{q: q, c: c, code: got.Code, address: got.Address, tokens: make(chan time.Time, 1)}
}

// poll polls until it has tokens. They are late for ever where that goes wrong: the test then ends by its time-out.
func (v *tv) poll(ctx context.Context, interval time.Duration) {
	request := v.q.poll(v.code)
	for ctx.Err() == nil {
		status, _, _, err := v.c.do(request)
		if err != nil {
			return
		}
		if status == 200 {
			v.tokens <- time.Now()
			return
		}
		time.Sleep(interval)
	}
}

// approve scans the TV's address in WeChat and taps.
func (v *tv) approve(t *testing.T, who *visitor) {
	t.Helper()
	ctx := t.Context()
	outcome, err := who.person.Scan(ctx, v.address)
	require.NoError(t, err)
	require.Equal(t, "page", outcome)
	v.approved = time.Now()
	require.NoError(t, who.person.Web.Submit(ctx, "approve", "yes", nil), who.person.Web.Page.Text())
}
