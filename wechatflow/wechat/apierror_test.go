package wechat_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow/wechat"
)

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
