package sms_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow/sms"
)

const plantedSecret = "planted-webhook-secret-0123456789abcdef"

var (
	testNow     = time.Unix(1767225600, 0)
	testMessage = sms.Message{To: "+8613800001234", Text: "【桥】验证码 654321 <5 分钟>", Code: "654321", Lang: "zh-CN", Kind: "code"}
)

func requireNoSecrets(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{plantedSecret, "13800001234", "654321", "验证码", "planted-path"} {
		require.NotContains(t, text, secret)
	}
}

// gateway answers with the given handler and hands each request on.
func gateway(t *testing.T, handle http.HandlerFunc) (base string, got chan *http.Request) {
	t.Helper()
	got = make(chan *http.Request, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		got <- r
		handle(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://elsewhere.example/")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "planted-path 654321")
	}
}

func senders(t *testing.T, base string) map[string]sms.Sender {
	t.Helper()
	webhook, err := sms.NewWebhook(sms.WebhookConfig{URL: base + "/planted-path?key=planted-path", Secret: plantedSecret, Now: func() time.Time { return testNow }})
	require.NoError(t, err)
	u, err := url.Parse(base + "/planted-path/")
	require.NoError(t, err)
	return map[string]sms.Sender{"webhook": webhook, "simulator": sms.NewSimulator(u, http.DefaultClient)}
}

func TestWebhookSendsSignedJSON(t *testing.T) {
	base, got := gateway(t, status(202))
	webhook := senders(t, base)["webhook"]
	deliveries := map[string]bool{}
	for range 2 {
		require.NoError(t, webhook.Send(context.Background(), testMessage))
		r := <-got
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.Equal(t, http.MethodPost, r.Method)
		require.Equal(t, "application/json", r.Header.Get("Content-Type"))
		var sent map[string]string
		require.NoError(t, json.Unmarshal(body, &sent))
		require.Equal(t, map[string]string{"to": testMessage.To, "text": testMessage.Text, "code": "654321", "lang": "zh-CN", "kind": "code"}, sent)
		mac := hmac.New(sha256.New, []byte(plantedSecret))
		_, _ = fmt.Fprintf(mac, "1767225600.%s", body)
		require.Equal(t, "t=1767225600,v1="+hex.EncodeToString(mac.Sum(nil)), r.Header.Get("X-Qiao-Signature"))
		require.Len(t, r.Header.Get("X-Qiao-Delivery"), 32)
		deliveries[r.Header.Get("X-Qiao-Delivery")] = true
	}
	require.Len(t, deliveries, 2)
}

func TestSimulator(t *testing.T) {
	base, got := gateway(t, status(200))
	require.NoError(t, senders(t, base)["simulator"].Send(context.Background(), testMessage))
	r := <-got
	require.Equal(t, "/planted-path/sim/sms", r.URL.Path)
	require.Equal(t, "application/json", r.Header.Get("Content-Type"))
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	var sent map[string]string
	require.NoError(t, json.Unmarshal(body, &sent))
	require.Equal(t, map[string]string{"to": testMessage.To, "text": testMessage.Text, "code": "654321"}, sent)

	away, err := url.Parse("https://sim.example/")
	require.NoError(t, err)
	require.ErrorIs(t, sms.NewSimulator(away, nil).Send(context.Background(), testMessage), sms.ErrRefused)
}

func TestVerdicts(t *testing.T) {
	for code, want := range map[int]error{200: nil, 201: nil, 204: nil, 301: sms.ErrRefused, 307: sms.ErrRefused, 308: sms.ErrRefused, 400: sms.ErrRefused,
		401: sms.ErrRefused, 404: sms.ErrRefused, 408: sms.ErrUnavailable, 429: sms.ErrUnavailable, 500: sms.ErrUnavailable, 503: sms.ErrUnavailable} {
		base, got := gateway(t, status(code))
		for name, sender := range senders(t, base) {
			err := sender.Send(context.Background(), testMessage)
			require.ErrorIs(t, err, want, "%s %d", name, code)
			require.Len(t, got, 1, "no redirect is followed, nothing is tried again")
			<-got
			if err != nil {
				require.ErrorContains(t, err, fmt.Sprint(code))
				requireNoSecrets(t, fmt.Sprintf("%v %+v %#v", err, err, err))
			}
		}
	}
}

func TestUnreachableAndSlow(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	base, _ := gateway(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for name, sender := range senders(t, base) {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		err := sender.Send(ctx, testMessage)
		cancel()
		require.ErrorIs(t, err, sms.ErrUnavailable, name)
		require.ErrorIs(t, err, context.DeadlineExceeded, name)
		requireNoSecrets(t, fmt.Sprintf("%v %+v %#v", err, err, err))
	}
	for name, sender := range senders(t, closed.URL) {
		err := sender.Send(context.Background(), testMessage)
		require.ErrorIs(t, err, sms.ErrUnavailable, name)
		requireNoSecrets(t, fmt.Sprintf("%v %+v %#v", err, err, err))
	}
}

func TestDeadlineOfFiveSeconds(t *testing.T) {
	var left time.Duration
	webhook, err := sms.NewWebhook(sms.WebhookConfig{URL: "https://gateway.example/", Secret: plantedSecret, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		deadline, ok := r.Context().Deadline()
		require.True(t, ok)
		left = time.Until(deadline)
		return httptest.NewRecorder().Result(), nil
	})})
	require.NoError(t, err)
	require.NoError(t, webhook.Send(context.Background(), testMessage))
	require.InDelta(t, 5, left.Seconds(), 1)
}

type roundTrip func(r *http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestBadMessagesAreNotSent(t *testing.T) {
	base, got := gateway(t, status(200))
	for name, sender := range senders(t, base) {
		for _, to := range []string{"", "13800001234", "+0123456789", "+86 138", "+8613800001234\n", "+861380000123456789", "tel:+8613800001234"} {
			m := testMessage
			m.To = to
			require.ErrorIs(t, sender.Send(context.Background(), m), sms.ErrRefused, "%s %q", name, to)
		}
		m := testMessage
		m.Text = " "
		require.ErrorIs(t, sender.Send(context.Background(), m), sms.ErrRefused)
	}
	require.Empty(t, got)
}

func TestWebhookConfig(t *testing.T) {
	for _, good := range []string{"https://gateway.example/send", "https://gateway.example:8443", "http://127.0.0.1:9/", "http://[::1]:9/", "http://localhost:9"} {
		_, err := sms.NewWebhook(sms.WebhookConfig{URL: good, Secret: plantedSecret})
		require.NoError(t, err, good)
	}
	for _, bad := range []string{"", "gateway.example", "http://gateway.example/", "http://10.0.0.1/", "http://localhost.gateway.example/", "ftp://127.0.0.1/",
		"https://user:planted-path@gateway.example/", "https:///send", "https://gateway.example/#planted-path", "https://gateway.example/%zz-planted-path", "//gateway.example"} {
		_, err := sms.NewWebhook(sms.WebhookConfig{URL: bad, Secret: "short"})
		require.ErrorContains(t, err, "URL", bad)
		require.ErrorContains(t, err, "secret", "all faults at once")
		requireNoSecrets(t, err.Error())
	}
}

func TestMessageHidesItself(t *testing.T) {
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "message", testMessage, "pointer", &testMessage)
	requireNoSecrets(t, log.String()+fmt.Sprintf("%v %+v %#v %s %v", testMessage, testMessage, testMessage, testMessage, &testMessage))
}
