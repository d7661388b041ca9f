package wechat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/memory"
	"qiao/storage/seal"
	"qiao/wechatflow/wechat"
)

// Secrets that are planted, and that no error and no log may hold.
const (
	plantedSecret = "planted-app-secret-0123456789abcd"
	plantedToken  = "planted_access_token"
	plantedCode   = "planted_web_code"
)

// platform is a stand-in for the API host: small, scripted, and it counts.
type platform struct {
	*httptest.Server
	mu     sync.Mutex
	calls  map[string]int
	bodies map[string][]string // the last requests: query and body
	answer map[string]func(w http.ResponseWriter, r *http.Request, n int)
	live   string // the token that is accepted
	issued int
	forced int
}

func newPlatform(t testing.TB) *platform {
	p := &platform{calls: map[string]int{}, bodies: map[string][]string{}, answer: map[string]func(http.ResponseWriter, *http.Request, int){}}
	p.live = plantedToken + "_0"
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	call := strings.TrimPrefix(r.URL.Path, "/")
	p.mu.Lock()
	p.calls[call]++
	n := p.calls[call]
	p.bodies[call] = append(p.bodies[call], r.URL.RawQuery+" "+string(body))
	answer := p.answer[call]
	live := p.live
	p.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain")
	if answer != nil {
		answer(w, r, n)
		return
	}
	if call != "cgi-bin/stable_token" && !strings.HasPrefix(call, "sns/") && r.URL.Query().Get("access_token") != live {
		_, _ = fmt.Fprintf(w, `{"errcode":40001,"errmsg":"invalid credential, access_token %s is invalid or not latest rid: 65f1c1f0-1a2b3c4d-5e6f7a8b"}`, r.URL.Query().Get("access_token"))
		return
	}
	switch call {
	case "cgi-bin/stable_token":
		var asked struct {
			Force bool `json:"force_refresh"`
		}
		_ = json.Unmarshal(body, &asked)
		p.mu.Lock()
		p.issued++
		if asked.Force {
			p.forced++
			p.live = fmt.Sprintf("%s_forced_%d", plantedToken, p.forced)
		}
		live = p.live
		p.mu.Unlock()
		_, _ = fmt.Fprintf(w, `{"access_token":%q,"expires_in":7200}`, live)
	case "cgi-bin/qrcode/create":
		_, _ = io.WriteString(w, `{"ticket":"gQH4T1cket==","expire_seconds":600,"url":"http://weixin.qq.com/q/02abc"}`)
	case "cgi-bin/user/info":
		_, _ = fmt.Fprintf(w, `{"subscribe":1,"openid":%q,"unionid":"u1","nickname":"","tagid_list":[128,2]}`, r.URL.Query().Get("openid"))
	case "cgi-bin/message/custom/send":
		_, _ = io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
	case "sns/oauth2/access_token":
		_, _ = fmt.Fprintf(w, `{"access_token":"sns","expires_in":7200,"refresh_token":"r","openid":%q,"scope":"snsapi_base"}`, testOpenID)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// on scripts a call. n counts from 1.
func (p *platform) on(call string, answer func(w http.ResponseWriter, r *http.Request, n int)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer[call] = answer
}

func (p *platform) onJSON(call, body string) {
	p.on(call, func(w http.ResponseWriter, _ *http.Request, _ int) { _, _ = io.WriteString(w, body) })
}

func (p *platform) count(call string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[call]
}

func (p *platform) last(call string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.bodies[call]
	return all[len(all)-1]
}

func (p *platform) setLive(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live = token
}

// clock is a clock that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// logBuffer is a log that may be written and read at the same time.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

type fixture struct {
	*platform
	signals storage.Signals
	box     *seal.Box
	clock   *clock
	logs    *logBuffer
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	box, err := seal.New(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	signals := memory.New()
	t.Cleanup(func() { _ = signals.Close() })
	f := &fixture{platform: newPlatform(t), signals: signals, box: box, clock: &clock{at: testNow}, logs: &logBuffer{}}
	t.Cleanup(func() { requireNoSecrets(t, "log", f.logs.String()) })
	return f
}

func (f *fixture) config(t testing.TB) wechat.Config {
	t.Helper()
	base, err := url.Parse(f.URL)
	require.NoError(t, err)
	return wechat.Config{Account: testAccount(wechat.ModeSafe), APIBase: base, OpenBase: base, Signals: f.signals, Box: f.box,
		Log: slog.New(slog.NewJSONHandler(f.logs, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: f.clock.now}
}

func (f *fixture) client(t testing.TB) *wechat.Client {
	t.Helper()
	c, err := wechat.New(f.config(t))
	require.NoError(t, err)
	return c
}

func requireNoSecrets(t testing.TB, where, text string) {
	t.Helper()
	for _, secret := range []string{plantedSecret, plantedToken, plantedCode, testOpenID, testAESKey, "plantedToken123"} {
		require.NotContains(t, text, secret, where)
		require.NotContains(t, text, url.QueryEscape(secret), where)
	}
}

// everyCall makes each call once and returns their errors by name.
func everyCall(ctx context.Context, c *wechat.Client) map[string]error {
	_, qr := c.CreateQR(ctx, "scene", time.Minute)
	_, info := c.UserInfo(ctx, testOpenID)
	send := c.SendText(ctx, testOpenID, "hi")
	_, auth := c.WebAuth(ctx, plantedCode)
	return map[string]error{"cgi-bin/qrcode/create": qr, "cgi-bin/user/info": info, "cgi-bin/message/custom/send": send,
		"sns/oauth2/access_token": auth}
}
