package wechat_test

import (
	"context"
	"fmt"
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
