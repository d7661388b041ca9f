package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/demo/play"
	"qiao/cmd/qiao/server/servertest"
	"qiao/storage/postgres"
	"qiao/storage/storagetest/servers"
	"qiao/ui"
)

// replicas are two servers of one issuer on one PostgreSQL and one Redis. Browsers are on a; the platform's pushes and
// the phone's pages reach b.
type replicas struct {
	a, b     *servertest.Server
	platform *servertest.Platform
	postgres *servers.PostgresServer
	redis    *servers.RedisServer
	secrets  *servertest.Secrets // all that passed by

	libraries servertest.Log // what they log by themselves
}

func newReplicas(t *testing.T) *replicas {
	t.Helper()
	r := &replicas{
		platform: servertest.NewPlatform(t, 0, "main"),
		postgres: servers.StartPostgres(t), redis: servers.StartRedis(t), secrets: &servertest.Secrets{},
	}
	r.platform.Tell(r.secrets)
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&r.libraries, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })
	require.NoError(t, postgres.Migrate(t.Context(), r.postgres.DSN()))
	c := r.platform.Config(t)
	c.Storage, c.Postgres.DSN = "postgres", r.postgres.DSN()
	c.Signals, c.Redis.URL = "redis", r.redis.URL()
	r.a = servertest.Start(t, c)
	c.Issuer = r.a.Config.Issuer
	r.b = servertest.Start(t, c)
	r.a.Secrets, r.b.Secrets = r.secrets, r.secrets
	r.platform.PushTo(t, r.b)
	return r
}

func TestReplicas(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	for name, disturb := range map[string]func(){
		"calm":              nil,
		"signals flushed":   r.redis.Flush,
		"signals restarted": r.redis.Restart,
	} {
		t.Run("login with "+name, func(t *testing.T) { r.waitsOnTheOther(t, disturb) })
	}
	t.Run("signals stopped", r.signalsStopped)
	t.Run("parallel refreshes", r.parallelRefreshes)
	t.Run("parallel exchanges", r.parallelExchanges)
	t.Run("device", r.device)
	t.Run("database stopped", r.databaseStopped)
	t.Run("every flow", r.everyFlow)
	t.Run("nothing is told on", r.nothingIsToldOn)
}

// waitsOnTheOther is a login whose browser never reloads: it learns everything by the long poll of one replica, while
// the platform and the phone talk to the other.
func (r *replicas) waitsOnTheOther(t *testing.T, disturb func()) {
	ctx := t.Context()
	person := r.platform.NewPerson(t, r.b)
	b, shop := r.a.Browser(), r.a.Shop()
	s := shop.Begin()
	require.NoError(t, b.Get(ctx, s.URL))
	page := b.Page
	qr, _ := page.Attr("data-qr")
	require.NotEmpty(t, qr, page.Text())
	waiting := wait(ctx, b, page)

	scanned := make(chan error, 1)
	go func() { _, err := person.Scan(ctx, qr); scanned <- err }()
	if disturb != nil {
		disturb()
	}
	require.NoError(t, <-scanned)
	link, err := person.Link(ctx)
	require.NoError(t, err)
	require.NoError(t, person.Open(ctx, link))

	state := <-waiting
	require.NoError(t, state.err)
	require.Equal(t, "scanned", state.State)
	require.NotZero(t, state.Number)

	waiting = waitFrom(ctx, b, page, state.Version)
	require.NoError(t, person.Web.Submit(ctx, "number", strconv.Itoa(state.Number), nil))
	if disturb != nil {
		disturb()
	}
	state = <-waiting
	require.NoError(t, state.err)
	require.Equal(t, "bind", state.Step)

	waiting = waitFrom(ctx, b, page, state.Version)
	require.NoError(t, person.Bind(ctx))
	state = <-waiting
	require.NoError(t, state.err)
	require.Equal(t, "confirmed", state.State)
	require.Equal(t, "approve", state.Step)

	b.Page = page // the form that the page has had from the start
	require.NoError(t, b.Finish(ctx))
	tokens, err := shop.Exchange(ctx, shop.Code(t, b.Page, s), s)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, tokens.Status, tokens.Text)
	info, err := r.b.Shop().Userinfo(ctx, tokens.Get("access_token"))
	require.NoError(t, err)
	require.Equal(t, person.Phone, info.Get("phone_number"), info.Text)
}

// poll is what a poll of the login page learnt.
type poll struct {
	ui.LoginState
	Status int
	Header http.Header
	took   time.Duration
	err    error
}

// wait begins a poll that is answered once the card differs from the page's.
func wait(ctx context.Context, b *play.Browser, page play.Page) <-chan poll {
	v, _ := page.Attr("data-v")
	seen, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		seen = -1
	}
	return waitFrom(ctx, b, page, seen)
}

func waitFrom(ctx context.Context, b *play.Browser, page play.Page, seen int64) <-chan poll {
	out := make(chan poll, 1)
	at, _ := page.Attr("data-state-url")
	u, err := page.URL.Parse(at)
	if err != nil {
		out <- poll{err: err}
		return out
	}
	go func() {
		p, began := poll{}, time.Now()
		for { // as the page's script does
			if p.err = b.Get(ctx, fmt.Sprintf("%s?v=%d&wait=20", u, seen)); p.err != nil {
				break
			}
			p.Status, p.Header = b.Page.Status, b.Page.Header
			p.err = json.Unmarshal([]byte(b.Page.Body), &p.LoginState)
			if p.err != nil || p.Status != http.StatusOK || p.Version != seen || p.Reason == "retry" {
				break
			}
		}
		p.took = time.Since(began)
		out <- p
	}()
	return out
}
