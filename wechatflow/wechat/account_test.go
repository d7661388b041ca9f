package wechat_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow/wechat"
)

func TestAccountValidateSaysEverythingAtOnce(t *testing.T) {
	require.NoError(t, testAccount(wechat.ModeSafe).Validate())
	plain := testAccount(wechat.ModePlain)
	plain.AESKey = ""
	require.NoError(t, plain.Validate())

	err := wechat.Account{Name: "A b", AppSecret: "two words", Token: "ab", AESKey: "short", PreviousAESKey: "short", Mode: "aes"}.Validate()
	for _, word := range []string{"name:", "appid:", "secret:", "original_id:", "token:", "mode:", "aes_key:", "previous_aes_key:"} {
		require.ErrorContains(t, err, word)
	}
	for name, change := range map[string]func(a *wechat.Account){
		"empty token":     func(a *wechat.Account) { a.Token = "" },
		"token of 33":     func(a *wechat.Account) { a.Token = strings.Repeat("a", 33) },
		"safe, no key":    func(a *wechat.Account) { a.AESKey = "" },
		"key of 44":       func(a *wechat.Account) { a.AESKey += "A" },
		"no secret":       func(a *wechat.Account) { a.AppSecret = "" },
		"no mode":         func(a *wechat.Account) { a.Mode = "" },
		"path in name":    func(a *wechat.Account) { a.Name = "a/b" },
		"appid of others": func(a *wechat.Account) { a.AppID = "gh_0123456789ab" },
		"original id":     func(a *wechat.Account) { a.OriginalID = "wx0123456789abcdef" },
	} {
		a := testAccount(wechat.ModeSafe)
		change(&a)
		err := a.Validate()
		require.Error(t, err, name)
		_, newErr := wechat.NewCallback(a)
		require.Equal(t, err, newErr, name)
		for _, secret := range []string{testAESKey, "planted"} {
			require.NotContains(t, err.Error(), secret)
		}
	}
	a := testAccount(wechat.ModeSafe)
	text := fmt.Sprintf("%v %+v %#v %s", a, a, a, a.LogValue())
	require.NotContains(t, text, "planted")
	require.NotContains(t, text, testAESKey)
}
