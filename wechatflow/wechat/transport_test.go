package wechat_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow/wechat"
)

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
