package server_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	driver "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/demo/play"
	"qiao/cmd/qiao/server/servertest"
)

// everyFlow goes through what a provider does, right and wrong, so that whatever it writes down has been written. The
// other tests on these replicas, with their outages, add theirs.
func (r *replicas) everyFlow(t *testing.T) {
	ctx := t.Context()
	monitor := r.monitor(t)
	shop, forum := r.a.Shop(), r.a.Forum()
	person, b := r.platform.NewPerson(t, r.b), r.a.Browser()
	tokens := shop.SignIn(t, b, person)

	t.Run("wrong number, decline", func(t *testing.T) {
		for _, button := range []string{"number", "decline"} {
			other := r.a.Browser()
			link := r.scanIn(t, other, person, shop.Begin())
			require.NoError(t, person.Open(ctx, link))
			number, err := other.Number(ctx)
			require.NoError(t, err)
			value := "1"
			if button == "number" {
				value = wrongNumber(t, person.Web.Page, number)
			}
			require.NoError(t, person.Web.Submit(ctx, button, value, nil))
			require.NoError(t, other.Reload(ctx))
			state, _ := other.Page.Attr("data-state")
			require.Equal(t, "declined", state)
		}
	})
	t.Run("wrong code, number of somebody else", func(t *testing.T) {
		thief := r.platform.NewPerson(t, r.b)
		thief.Phone = person.Phone
		other, s := r.a.Browser(), shop.Begin()
		link := r.scanIn(t, other, thief, s)
		require.NoError(t, thief.Open(ctx, link))
		number, err := other.Number(ctx)
		require.NoError(t, err)
		require.NoError(t, thief.Web.Submit(ctx, "number", number, nil))
		require.NoError(t, thief.Web.Submit(ctx, "phone", "12", nil))
		require.NoError(t, thief.Web.Submit(ctx, "phone", thief.Phone, nil))
		for _, wrong := range []string{"000000", "not a code"} {
			require.NoError(t, thief.Web.Submit(ctx, "code", wrong, nil))
		}
		_, before, err := thief.Code(ctx, 0) // the newest; the right one is taken
		require.NoError(t, err)
		code, _, err := thief.Code(ctx, before-1)
		require.NoError(t, err)
		require.NoError(t, thief.Web.Submit(ctx, "code", code, nil))
		require.NoError(t, thief.Web.Submit(ctx, "move", "yes", nil))
		require.NoError(t, other.Finish(ctx))
		shop.Code(t, other.Page, s)
	})
	t.Run("consent, replays, revocation, logout", func(t *testing.T) {
		third := r.platform.NewPerson(t, r.b)
		browser := r.a.Browser()
		forum.SignIn(t, browser, third)
		s := shop.Begin()
		require.NoError(t, browser.Get(ctx, s.URL))
		code := shop.Code(t, browser.Page, s)
		answer, err := shop.Exchange(ctx, code, s)
		require.NoError(t, err)
		for range 2 { // and again
			_, err = shop.Exchange(ctx, code, s)
			require.NoError(t, err)
		}
		for range 5 {
			_, err = shop.Refresh(ctx, tokens.Get("refresh_token"))
			require.NoError(t, err)
		}
		for _, token := range []string{answer.Get("access_token"), tokens.Get("refresh_token"), "garbage-that-is-no-token", code} {
			for _, path := range []string{"/introspect", "/revoke"} {
				_, err = shop.Post(ctx, path, url.Values{"token": {token}})
				require.NoError(t, err)
			}
			_, err = shop.Userinfo(ctx, token)
			require.NoError(t, err)
		}
		wrong := shop
		wrong.Secret = "a-secret-that-is-wrong-a-secret-that-is-wrong"
		r.secrets.Add(servertest.Configured, wrong.Secret)
		_, err = wrong.Refresh(ctx, tokens.Get("refresh_token"))
		require.NoError(t, err)
		require.NoError(t, browser.Get(ctx, shop.Issuer+"/end_session"))
		require.NoError(t, browser.Submit(ctx, "approve", "yes", nil))
		require.NoError(t, b.Get(ctx, shop.Issuer+"/end_session?id_token_hint="+tokens.Get("id_token")))
	})
	t.Run("bad input", func(t *testing.T) {
		stranger := r.a.Browser()
		for _, path := range []string{
			"/authorize?client_id=shop&redirect_uri=https://evil.example/&state=secretstate" + strings.Repeat("x", 40),
			"/authorize/continue?request=nonsense", "/login/nonsense", "/phone/return?code=secret-code-of-the-platform&state=" + strings.Repeat("ab", 32),
			"/phone/AAAAAAAAAAAAAAAAAAAAAA.secret-token-of-a-link", "/scan/main/0123456789012345678901",
			"/wechat/main?signature=0&timestamp=1&nonce=secret-nonce&echostr=secret-echo&openid=oSecretOpenID",
		} {
			require.NoError(t, stranger.Get(ctx, shop.Issuer+path))
			require.NotEqual(t, http.StatusOK, stranger.Page.Status, path)
		}
		for _, value := range []string{"secret-code-of-the-platform", "secret-token-of-a-link", "secret-nonce", "secret-echo", "oSecretOpenID"} {
			r.secrets.Add(servertest.Bearer, value)
		}
	})
	t.Run("forged pushes and a failing platform", func(t *testing.T) {
		control := person.Sim
		r.secrets.Add(servertest.OpenID, "oForgedOpenIDForgedOpenID123")
		for _, how := range []string{"bad", "none", "good"} {
			for _, xml := range []string{
				"<xml><ToUserName>gh_00000000000a</ToUserName><FromUserName>oForgedOpenIDForgedOpenID123</FromUserName><CreateTime>1</CreateTime><MsgType>event</MsgType><Event>SCAN</Event><EventKey>a-secret-scene</EventKey><Ticket>a-secret-ticket</Ticket></xml>",
				"<xml><FromUserName>oForgedOpenIDForgedOpenID123</FromUserName>", "<!DOCTYPE x><xml/>",
			} {
				require.NoError(t, control.Call(ctx, http.MethodPost, "/sim/push", map[string]any{"xml": xml, "signature": how}, nil))
			}
		}
		r.secrets.Add(servertest.Bearer, "a-secret-scene")
		r.secrets.Add(servertest.Bearer, "a-secret-ticket")
		for _, fault := range []map[string]any{
			{"path": "/cgi-bin/qrcode/create", "errcode": 45009, "times": 1}, {"path": "/cgi-bin/user/info", "errcode": 40001, "times": 2},
			{"path": "/sns/oauth2/access_token", "errcode": 40029, "times": 1}, {"path": "/cgi-bin/message/custom/send", "errcode": 45015, "times": 1},
		} {
			require.NoError(t, control.Call(ctx, http.MethodPost, "/sim/faults", fault, nil))
		}
		unlucky, other, s := r.platform.NewPerson(t, r.b), r.a.Browser(), shop.Begin()
		require.NoError(t, other.Get(ctx, s.URL))
		qr, _ := other.Page.Attr("data-qr")
		_, err := unlucky.Scan(ctx, qr)
		require.NoError(t, err)
		require.NoError(t, control.Call(ctx, http.MethodDelete, "/sim/faults", nil, nil))
		require.NoError(t, control.Call(ctx, http.MethodPost, "/sim/people/"+person.ID+"/text", map[string]string{"content": "我的手机号是13800000001"}, nil))
		require.NoError(t, control.Call(ctx, http.MethodPost, "/sim/people/"+person.ID+"/unfollow", map[string]string{}, nil))
	})
	r.redisHolds(t, monitor)
}

// scanIn shows the login page of a request in the browser, has it scanned, and returns the link in the chat.
func (r *replicas) scanIn(t *testing.T, b *play.Browser, p *play.Person, s servertest.Sign) string {
	t.Helper()
	require.NoError(t, b.Get(t.Context(), s.URL))
	qr, _ := b.Page.Attr("data-qr")
	require.NotEmpty(t, qr, b.Page.Text())
	_, err := p.Messages(t.Context()) // only what comes from now on
	require.NoError(t, err)
	_, err = p.Scan(t.Context(), qr)
	require.NoError(t, err)
	link, err := p.Link(t.Context())
	require.NoError(t, err)
	return link
}

// wrongNumber is one of the phone's choices that is not the right one.
func wrongNumber(t *testing.T, page play.Page, right string) string {
	t.Helper()
	for n := range 100 {
		if wrong := fmt.Sprint(n); wrong != right && strings.Contains(page.Body, `name="number" value="`+wrong+`"`) {
			return wrong
		}
	}
	t.Fatal("no choice on " + page.Text())
	return ""
}

// monitor listens to every command that Redis is sent.
func (r *replicas) monitor(t *testing.T) *servertest.Log {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", strings.TrimPrefix(r.redis.URL(), "unix://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, "MONITOR\r\n")
	require.NoError(t, err)
	seen := &servertest.Log{}
	go func() { _, _ = io.Copy(seen, conn) }() // ends with the connection
	return seen
}

// redisHolds checks what Redis was told, and what it holds.
func (r *replicas) redisHolds(t *testing.T, monitor *servertest.Log) {
	t.Helper()
	ctx := t.Context()
	options, err := driver.ParseURL(r.redis.URL())
	require.NoError(t, err)
	client := driver.NewClient(options)
	defer client.Close()
	keys, err := client.Keys(ctx, "*").Result()
	require.NoError(t, err)
	require.NotEmpty(t, keys)
	var held strings.Builder
	for _, key := range keys {
		require.True(t, strings.HasPrefix(key, "qiao:"), key)
		kind, err := client.Type(ctx, key).Result()
		require.NoError(t, err)
		var value any
		switch kind {
		case "string":
			value, err = client.Get(ctx, key).Result()
		case "hash":
			value, err = client.HGetAll(ctx, key).Result()
		case "zset":
			value, err = client.ZRange(ctx, key, 0, -1).Result()
		default:
			t.Fatalf("%s is a %s, which this test does not read", key, kind)
		}
		require.NoError(t, err)
		fmt.Fprintln(&held, key, value)
	}
	r.platform.Collect(t, r.secrets)
	require.Contains(t, monitor.String(), `"publish"`)
	require.Empty(t, r.secrets.FoundIn(held.String()))
	require.Empty(t, r.secrets.FoundIn(monitor.String()))
}

// nothingIsToldOn checks, at the end, what the servers have logged, counted and stored.
func (r *replicas) nothingIsToldOn(t *testing.T) {
	r.platform.Collect(t, r.secrets)
	for kind, least := range map[string]int{
		servertest.Phone: 8, servertest.SMSCode: 8, servertest.OpenID: 8, servertest.UnionID: 8, servertest.Bearer: 200, servertest.Configured: 7,
	} {
		require.GreaterOrEqual(t, r.secrets.Count(kind), least, kind)
	}
	for _, s := range []*servertest.Server{r.a, r.b} {
		require.Contains(t, s.Log.String(), "serving", "the log is whole")
		require.Empty(t, r.secrets.FoundIn(s.Log.String()), "the log")
		res, err := http.Get(s.Management + "/metrics")
		require.NoError(t, err)
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Contains(t, string(text), "qiao_")
		require.Empty(t, r.secrets.FoundIn(string(text)), "the metrics")
	}
	require.Contains(t, r.libraries.String(), "request error", "the protocol library has logged")
	require.Empty(t, r.secrets.FoundIn(r.libraries.String()), "the libraries' log")
	// Identities are the record's business. The rest is sealed, or a hash.
	dump := dumpPostgres(t, r.postgres.DSN())
	require.NotEmpty(t, r.secrets.FoundIn(dump), "openids are found where they are")
	require.Empty(t, r.secrets.FoundIn(dump, servertest.OpenID, servertest.UnionID, servertest.Request), "the database")
}

// dumpPostgres is every row of every table, with bytes both as they are and in hexadecimal.
func dumpPostgres(t *testing.T, dsn string) string {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(ctx) }()
	tables, err := conn.Query(ctx, `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`)
	require.NoError(t, err)
	names, err := pgx.CollectRows(tables, pgx.RowTo[string])
	require.NoError(t, err)
	require.Contains(t, names, "users")
	var dump strings.Builder
	for _, name := range names {
		rows, err := conn.Query(ctx, `SELECT * FROM `+pgx.Identifier{name}.Sanitize())
		require.NoError(t, err)
		for rows.Next() {
			values, err := rows.Values()
			require.NoError(t, err)
			for _, value := range values {
				if b, ok := value.([]byte); ok {
					fmt.Fprintf(&dump, "%s %x ", b, b)
				} else {
					fmt.Fprintf(&dump, "%v ", value)
				}
			}
			dump.WriteByte('\n')
		}
		require.NoError(t, rows.Err())
	}
	return dump.String()
}
