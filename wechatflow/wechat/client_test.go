package wechat_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow/wechat"
)

func TestCalls(t *testing.T) {
	f := newFixture(t)
	c := f.client(t)
	ctx := context.Background()

	scene := strings.Repeat("s", 64)
	qr, err := c.CreateQR(ctx, scene, 90*time.Second+time.Millisecond)
	require.NoError(t, err)
	require.Equal(t, wechat.QR{Ticket: "gQH4T1cket==", URL: "http://weixin.qq.com/q/02abc", ExpiresAt: testNow.Add(600 * time.Second)}, qr)
	_, body, _ := strings.Cut(f.last("cgi-bin/qrcode/create"), " ")
	require.JSONEq(t, `{"action_name":"QR_STR_SCENE","expire_seconds":91,"action_info":{"scene":{"scene_str":"`+scene+`"}}}`, body)
	for _, bad := range []struct {
		scene string
		ttl   time.Duration
	}{{"", time.Minute}, {scene + "s", time.Minute}, {"s", 0}, {"s", -time.Second}, {"s", wechat.MaxQRTTL + 1}} {
		_, err := c.CreateQR(ctx, bad.scene, bad.ttl)
		require.Error(t, err)
	}
	_, err = c.CreateQR(ctx, "s", wechat.MaxQRTTL)
	require.NoError(t, err)
	require.Contains(t, f.last("cgi-bin/qrcode/create"), `"expire_seconds":2592000`)
	require.Equal(t, 2, f.count("cgi-bin/qrcode/create"))

	info, err := c.UserInfo(ctx, testOpenID)
	require.NoError(t, err)
	require.Equal(t, wechat.UserInfo{Subscribed: true, OpenID: testOpenID, UnionID: "u1"}, info)
	f.onJSON("cgi-bin/user/info", `{"subscribe":0,"openid":"`+testOpenID+`"}`)
	info, err = c.UserInfo(ctx, testOpenID)
	require.NoError(t, err)
	require.Equal(t, wechat.UserInfo{OpenID: testOpenID}, info)
	f.onJSON("cgi-bin/user/info", `{"subscribe":1,"openid":"oSomebodyElse"}`)
	_, err = c.UserInfo(ctx, testOpenID)
	require.Error(t, err)
	for _, bad := range []string{"", "a b", "o&access_token=x", strings.Repeat("o", 65)} {
		_, err = c.UserInfo(ctx, bad)
		require.Error(t, err)
		require.Error(t, c.SendText(ctx, bad, "hi"))
	}
	require.Equal(t, 3, f.count("cgi-bin/user/info"))

	text := `请点 <a href="https://a.example/?x=1&y=2">这里</a>`
	require.NoError(t, c.SendText(ctx, testOpenID, text))
	_, body, _ = strings.Cut(f.last("cgi-bin/message/custom/send"), " ")
	require.Contains(t, body, `<a href=\"https://a.example/?x=1&y=2\">`, "the link is not escaped")
	require.Error(t, c.SendText(ctx, testOpenID, " "))
	require.Equal(t, 1, f.count("cgi-bin/stable_token"))
	require.Zero(t, f.count("cgi-bin/token"))
}

func TestWebAuth(t *testing.T) {
	f := newFixture(t)
	c := f.client(t)
	ctx := context.Background()
	require.Equal(t, f.URL+"/connect/oauth2/authorize?appid=wx0123456789abcdef&redirect_uri=https%3A%2F%2Fid.example%2Fscan%2Fback%3Fa%3D1"+
		"&response_type=code&scope=snsapi_base&state=abc123#wechat_redirect", c.WebAuthURL("https://id.example/scan/back?a=1", "abc123"))

	who, err := c.WebAuth(ctx, plantedCode)
	require.NoError(t, err)
	require.Equal(t, wechat.WebAuth{OpenID: testOpenID}, who)
	query, err := url.ParseQuery(strings.TrimSpace(f.last("sns/oauth2/access_token")))
	require.NoError(t, err)
	require.Equal(t, url.Values{"appid": {"wx0123456789abcdef"}, "secret": {plantedSecret}, "code": {plantedCode}, "grant_type": {"authorization_code"}}, query)

	for mark, snapshot := range map[string]bool{"1": true, "true": true, `"1"`: true, `{}`: true, "0": false, "false": false, "null": false} {
		f.onJSON("sns/oauth2/access_token", `{"openid":"`+testOpenID+`","unionid":"u","is_snapshotuser":`+mark+`}`)
		who, err = c.WebAuth(ctx, plantedCode)
		require.NoError(t, err)
		require.Equal(t, wechat.WebAuth{OpenID: testOpenID, UnionID: "u", Snapshot: snapshot}, who, mark)
	}
	calls := f.count("sns/oauth2/access_token")
	for _, code := range []int{40029, 40163} {
		f.onJSON("sns/oauth2/access_token", fmt.Sprintf(`{"errcode":%d,"errmsg":"code been used, rid: 65f1c1f0-1a2b3c4d-5e6f7a8b"}`, code))
		_, err = c.WebAuth(ctx, plantedCode)
		require.True(t, wechat.CodeRefused(err))
	}
	require.Equal(t, calls+2, f.count("sns/oauth2/access_token"), "a code is tried once")
	f.onJSON("sns/oauth2/access_token", `{"access_token":"x"}`)
	_, err = c.WebAuth(ctx, plantedCode)
	require.Error(t, err)
	_, err = c.WebAuth(ctx, "")
	require.Error(t, err)
}

// TestEveryErrcode: whatever the platform refuses is an APIError, for every call, also where the SDK's answer type has
// no errcode, and no text has a secret in it.
func TestEveryErrcode(t *testing.T) {
	predicates := map[string]func(error) bool{"quota": wechat.QuotaSpent, "following": wechat.NotFollowing, "window": wechat.WindowClosed,
		"unauthorised": wechat.Unauthorised, "ip": wechat.IPNotAllowed, "code": wechat.CodeRefused,
		"unavailable": func(err error) bool { return errors.Is(err, wechat.ErrUnavailable) }}
	for code, want := range map[int]string{-1: "unavailable", 40003: "", 40013: "", 40125: "", 40029: "code", 40163: "code", 40052: "", 40053: "",
		40164: "ip", 40243: "", 41001: "", 43004: "following", 45009: "quota", 45011: "quota", 45015: "window", 45047: "window",
		48001: "unauthorised", 48006: "", 61024: "", 99999: ""} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			f := newFixture(t)
			c := f.client(t)
			for call := range everyCall(context.Background(), c) {
				f.on(call, func(w http.ResponseWriter, r *http.Request, _ int) {
					_, _ = fmt.Fprintf(w, `{"errcode":%d,"errmsg":"no %s %s %s %s\n rid: 65f1c1f0-1a2b3c4d-5e6f7a8b"}`, code, r.URL.RawQuery, plantedSecret, testOpenID, r.URL.Query().Get("access_token"))
				})
			}
			for call, err := range everyCall(context.Background(), c) {
				var api *wechat.APIError
				require.ErrorAs(t, err, &api, call)
				require.Equal(t, call, api.Call)
				require.Equal(t, code, api.Code)
				require.Contains(t, api.Message, "rid: 65f1c1f0-1a2b3c4d-5e6f7a8b", "what an operator needs to ask about it")
				require.NotContains(t, api.Message, "\n")
				requireNoSecrets(t, call, fmt.Sprintf("%v %+v %#v", err, err, api))
				for name, is := range predicates {
					require.Equal(t, name == want, is(err), "%d %s", code, name)
					require.Equal(t, name == want, is(fmt.Errorf("wrapped: %w", err)))
				}
			}
			hint := (&wechat.APIError{Code: code}).Hint()
			if want != "" || code == 40125 || code == 40243 || code == 40013 {
				require.NotEmpty(t, hint)
			}
		})
	}
}

// TestErrcodesOfTheTokenCall: the same codes at the token call itself reach the caller.
func TestErrcodesOfTheTokenCall(t *testing.T) {
	for _, code := range []int{-1, 40001, 40013, 40125, 40164, 40243, 45009, 45011} {
		f := newFixture(t)
		c := f.client(t)
		f.on("cgi-bin/stable_token", func(w http.ResponseWriter, r *http.Request, _ int) {
			body, _ := io.ReadAll(r.Body)
			_, _ = fmt.Fprintf(w, `{"errcode":%d,"errmsg":%q}`, code, "no: "+string(body))
		})
		_, err := c.CreateQR(context.Background(), "scene", time.Minute)
		var api *wechat.APIError
		require.ErrorAs(t, err, &api)
		require.Equal(t, code, api.Code)
		require.Equal(t, "cgi-bin/stable_token", api.Call)
		require.ErrorContains(t, err, "cgi-bin/qrcode/create")
		requireNoSecrets(t, "error", fmt.Sprintf("%v %+v", err, err))
		require.Equal(t, 1, f.count("cgi-bin/stable_token"))
		require.Zero(t, f.count("cgi-bin/qrcode/create"))
	}
}

// TestAnswersThatAreNotTheAPI: each way an answer can be useless is "unavailable", in bounded time, without secrets.
func TestAnswersThatAreNotTheAPI(t *testing.T) {
	write := func(status int, contentType, body string) func(http.ResponseWriter, *http.Request, int) {
		return func(w http.ResponseWriter, r *http.Request, _ int) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Location", "https://attacker.example/?"+r.URL.RawQuery)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, strings.ReplaceAll(body, "QUERY", r.URL.RawQuery))
		}
	}
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request, int){
		"500":           write(500, "text/html", "<h1>QUERY</h1>"),
		"500 with JSON": write(500, "application/json", `{"errcode":45009,"errmsg":"QUERY"}`),
		"404":           write(404, "text/plain", "QUERY"),
		"302":           write(302, "text/plain", ""),
		"307":           write(307, "text/plain", ""),
		"empty":         write(200, "application/json", ""),
		"HTML":          write(200, "text/html", "<html>QUERY</html>"),
		"XML":           write(200, "text/xml", "<xml><errcode>0</errcode><openid>QUERY</openid></xml>"),
		"an array":      write(200, "application/json", `["QUERY"]`),
		"cut":           write(200, "application/json", `{"ticket":"QUERY`),
		"odd errcode":   write(200, "application/json", `{"errcode":1.5,"errmsg":"QUERY"}`),
		"text errcode":  write(200, "application/json", `{"errcode":"QUERY"}`),
		"other types":   write(200, "application/json", `{"ticket":5,"openid":5,"subscribe":"QUERY","expire_seconds":"x","access_token":5,"errmsg":"ok","errcode":[]}`),
		"other members": write(200, "application/json", `{"ticket":["QUERY"],"openid":["QUERY"],"access_token":["QUERY"],"errcode":0,"errmsg":"ok"}`),
		"2 MiB":         write(200, "application/json", `{"ticket":"`+strings.Repeat("a", 2<<20)+`"}`),
		"breaks off": func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "{")
		},
		"closes": func(w http.ResponseWriter, _ *http.Request, _ int) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			c := f.client(t)
			for call := range everyCall(context.Background(), c) {
				f.on(call, answer)
			}
			for call, err := range everyCall(context.Background(), c) {
				if name == "other members" && call == "cgi-bin/message/custom/send" {
					require.NoError(t, err, "of this answer nothing is read but the errcode")
					continue
				}
				require.ErrorIs(t, err, wechat.ErrUnavailable, call)
				requireNoSecrets(t, call, fmt.Sprintf("%v %+v %#v", err, err, err))
			}
			f.on("cgi-bin/stable_token", answer)
			_, err := f.fresh(t).client(t).CreateQR(context.Background(), "s", time.Minute)
			require.ErrorIs(t, err, wechat.ErrUnavailable)
			requireNoSecrets(t, "token", fmt.Sprintf("%v %+v %#v", err, err, err))
		})
	}
}

func TestUnderstoodButUseless(t *testing.T) {
	f := newFixture(t)
	c := f.client(t)
	for _, body := range []string{`{}`, `{"errcode":0,"errmsg":"ok"}`, `{"ticket":"","url":"http://weixin.qq.com/q/x","expire_seconds":60}`,
		`{"ticket":"t","expire_seconds":60}`, `{"ticket":"t","url":"u"}`} {
		f.onJSON("cgi-bin/qrcode/create", body)
		qr, err := c.CreateQR(context.Background(), "s", time.Minute)
		var api *wechat.APIError
		require.ErrorAs(t, err, &api, body)
		require.Zero(t, qr)
	}
	for _, body := range []string{`{}`, `{"access_token":"x"}`, `{"expires_in":7200}`, `{"access_token":"x","expires_in":-1}`} {
		f.onJSON("cgi-bin/stable_token", body)
		_, err := f.fresh(t).client(t).CreateQR(context.Background(), "s", time.Minute)
		var api *wechat.APIError
		require.ErrorAs(t, err, &api, body)
	}
}

func TestDeadlines(t *testing.T) {
	f := newFixture(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	stall := func(_ http.ResponseWriter, r *http.Request, _ int) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
	cfg := f.config(t)
	cfg.Timeout = 150 * time.Millisecond
	c, err := wechat.New(cfg)
	require.NoError(t, err)
	for call, err := range everyCall(context.Background(), c) {
		require.NoError(t, err)
		f.on(call, stall)
	}
	began := time.Now()
	for call, err := range everyCall(context.Background(), c) {
		require.ErrorIs(t, err, wechat.ErrUnavailable, call)
		require.ErrorIs(t, err, context.DeadlineExceeded, call)
		requireNoSecrets(t, call, fmt.Sprintf("%v %+v %#v", err, err, err))
	}
	require.Less(t, time.Since(began), 3*time.Second)

	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	began = time.Now()
	require.ErrorIs(t, f.client(t).SendText(ctx, testOpenID, "hi"), context.DeadlineExceeded, "the caller's deadline counts")
	require.Less(t, time.Since(began), 2*time.Second)

	f.on("cgi-bin/stable_token", stall)
	_, err = f.fresh(t).client(t).UserInfo(ctx, testOpenID)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, wechat.ErrUnavailable)
}

func TestUnreachable(t *testing.T) {
	f := newFixture(t)
	c := f.client(t)
	everyCall(context.Background(), c)
	f.Close()
	for call, err := range everyCall(context.Background(), c) {
		require.ErrorIs(t, err, wechat.ErrUnavailable, call)
		requireNoSecrets(t, call, fmt.Sprintf("%v %+v %#v", err, err, err))
	}
}

// chatty is a transport whose errors quote all that they were given, as proxies and dialers of somebody's making may.
type chatty struct{}

func (chatty) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/stable_token") {
		rec := httptest.NewRecorder()
		_, _ = io.WriteString(rec, `{"access_token":"`+plantedToken+`","expires_in":7200}`)
		return rec.Result(), nil
	}
	return nil, fmt.Errorf("dial for %s failed with %s", r.URL, plantedSecret)
}

func TestErrorsOfTheTransportAreRedacted(t *testing.T) {
	cfg := newFixture(t).config(t)
	cfg.Transport = chatty{}
	c, err := wechat.New(cfg)
	require.NoError(t, err)
	for call, err := range everyCall(context.Background(), c) {
		require.ErrorIs(t, err, wechat.ErrUnavailable)
		require.ErrorContains(t, err, "dial for")
		requireNoSecrets(t, call, err.Error())
	}
}

// recorder is a transport that only notes where a request would have gone.
type recorder struct {
	mu    sync.Mutex
	hosts map[string]int
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hosts[req.URL.Scheme+"://"+req.URL.Host]++
	rec := httptest.NewRecorder()
	_, _ = io.WriteString(rec, `{"access_token":"t","expires_in":7200,"ticket":"t","url":"u","expire_seconds":60,"openid":"`+testOpenID+`"}`)
	return rec.Result(), nil
}

func TestOnlyTheConfiguredHostIsCalled(t *testing.T) {
	f := newFixture(t)
	for base, want := range map[string]string{"": "https://api.weixin.qq.com", "https://stand-in.example/base/": "https://stand-in.example"} {
		r := &recorder{hosts: map[string]int{}}
		cfg := f.fresh(t).config(t)
		cfg.Transport, cfg.APIBase, cfg.OpenBase = r, nil, nil
		if base != "" {
			u, err := url.Parse(base)
			require.NoError(t, err)
			cfg.APIBase = u
		}
		c, err := wechat.New(cfg)
		require.NoError(t, err)
		for call, err := range everyCall(context.Background(), c) {
			require.NoError(t, err, call)
		}
		require.Equal(t, map[string]int{want: 5}, r.hosts)
		require.True(t, strings.HasPrefix(c.WebAuthURL("https://a.example", "s"), "https://open.weixin.qq.com/connect/oauth2/authorize?"))
	}
}

func TestNewRefusesBadConfigurationAtOnce(t *testing.T) {
	f := newFixture(t)
	cfg := f.config(t)
	cfg.Account.Token = ""
	cfg.APIBase = &url.URL{Scheme: "http", Host: "api.example"}
	cfg.OpenBase = &url.URL{Scheme: "https", Host: "open.example", User: url.UserPassword("a", "planted")}
	cfg.Signals = nil
	_, err := wechat.New(cfg)
	for _, word := range []string{"token:", "api base", "open base", "Signals"} {
		require.ErrorContains(t, err, word)
	}
	require.NotContains(t, err.Error(), "planted")
}

// TestNothingIsWritten: no file in the working or home directory, nothing on stdout and stderr.
func TestNothingIsWritten(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("HOME", dir)
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = out, out
	c := f.client(t)
	for _, err := range everyCall(context.Background(), c) {
		require.NoError(t, err)
	}
	f.setLive("another")
	for call := range everyCall(context.Background(), c) {
		f.onJSON(call, `{"errcode":40001,"errmsg":"no"}`)
	}
	everyCall(context.Background(), c)
	os.Stdout, os.Stderr = stdout, stderr
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
	written, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	require.Empty(t, string(written))
}

func TestManyCallsAtOnce(t *testing.T) {
	f := newFixture(t)
	c := f.client(t)
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			qr, err := c.CreateQR(context.Background(), fmt.Sprintf("scene%d", i), time.Minute)
			if err != nil || qr.Ticket == "" {
				t.Errorf("create: %v", err)
			}
			openID := fmt.Sprintf("oPerson%d", i)
			info, err := c.UserInfo(context.Background(), openID)
			if err != nil || info.OpenID != openID {
				t.Errorf("answers are mixed up: %v", err)
			}
		})
	}
	group.Wait()
}
