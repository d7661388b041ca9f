package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/server/servertest"
)

const faulty = `
issuer: https://login.example.com
master_key: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=
language: fr
lifetimes: {code: 1h, device_code: 29s}
brand: {colour: "#07c160", logo_url: http://a.example/l.png, links: [{kind: imprint, url: /imprint}, {label_en: Us, url: /us}]}
wechat:
  accounts:
    - name: Main Account
      appid: gh_1
      original_id: wx1
      token: "not a token"
      aes_key: short
      mode: secret
      replies: {scan: "no link here", welcome: "{{.Nonsense}}"}
    - {name: second, appid: wx0123456789abcdef, secret: s, original_id: gh_1, token: abc, aes_key: aesKeyOfTheTests0123456789abcdefghijklmnopA}
    - {name: second, appid: wx0123456789abcdef, secret: s, original_id: gh_1, token: abc, aes_key: aesKeyOfTheTests0123456789abcdefghijklmnopA}
sms: {webhook_url: http://sms.example.com/, webhook_secret: short}
clients:
  - {client_id: "", public: true, redirect_uris: [https://a.example/cb]}
  - {client_id: a, client_secret: 0123456789abcdef0123456789abcdef, redirect_uris: [http://a.example/cb, "https://a.example/#x"], scopes: [openid, money], wechat_account: third}
  - {client_id: b, client_secret: short, redirect_uris: [https://b.example/cb], id_token_signed_response_alg: none}
`

// config validate names everything that can be known without connecting to anything, each with its path.
func TestValidateNamesEveryFault(t *testing.T) {
	file := filepath.Join(t.TempDir(), "qiao.yaml")
	require.NoError(t, os.WriteFile(file, []byte(faulty), 0o600))
	r := qiao("config", "validate", "--config", file)
	require.Equal(t, exitConfig, r.code, r.stdout)
	for _, want := range []string{
		"brand: colour is #07c160: on light pages its contrast is 2.38:1 to the card", "#058140 would do", "brand: logo_url is",
		"brand: links[0]: kind is \"imprint\"", "brand: links[1]: the label in zh-CN",
		`language is "fr"`, "lifetimes.code is 1h", "lifetimes.device_code is 29s: it must be between 30s and 1h",
		"wechat.accounts[0]: account \"Main Account\": name:", "appid: copy", ": secret: copy", "original_id: copy", "token: choose", "aes_key: copy", "mode: must be",
		"wechat.accounts[0]: replies", "wechat.accounts[2].name: \"second\" is there twice",
		"sms: sms webhook: the URL must be https", "sms: sms webhook: the secret needs at least 32 characters",
		"clients[0]: client \"\": client_id", "clients[1]: redirect_uris", "money", "clients[1]: wechat_account \"third\" is none of wechat.accounts",
		"clients[2].client_secret is missing or shorter", "clients[2]: client \"b\": id_token_signed_response_alg \"none\"",
	} {
		require.Contains(t, r.stderr, want)
	}
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	require.Contains(t, lines[0], "The configuration has ")
	seen := map[string]bool{}
	for _, line := range lines[1:] {
		require.Regexp(t, `^  - [][a-z_.0-9]+(: | is )`, line, "each fault begins with its setting")
		require.False(t, seen[line], "told twice: %s", line)
		seen[line] = true
	}
	for _, secret := range []string{"not a token", "0123456789abcdef0123456789abcdef"} {
		require.NotContains(t, r.stderr, secret)
	}
}

// config print shows what is in force, and no secret; printed with secrets it can be loaded again.
func TestPrint(t *testing.T) {
	c := servertest.NewPlatform(t, 0, "main").Config(t)
	op := newCommander(t, c)
	require.Equal(t, "The configuration is valid.\n", op.do("config", "validate"))
	require.Equal(t, "The configuration is valid.\n"+
		"light pages: #0a59f7 has a contrast of 5.54:1 to the card, 5.05:1 to the page and 5.54:1 to the text on it (#ffffff); 4.5:1 is needed\n"+
		"dark pages: #407ef9 has a contrast of 4.55:1 to the card, 5.01:1 to the page and 5.04:1 to the text on it (#081210); 4.5:1 is needed\n", op.do("config", "validate", "--set", "brand.colour=#0a59f7"))
	t.Setenv("QIAO_BRAND_NAME", "From the environment")
	t.Setenv("QIAO_BRAND_LINKS_0_KIND", "help")
	t.Setenv("QIAO_BRAND_LINKS_0_URL", "https://help.example/")
	printed := op.do("config", "print", "--set", "lifetimes.code=30s")
	require.Contains(t, printed, "code: 30s")
	require.Contains(t, printed, "name: From the environment")
	require.Contains(t, printed, "url: https://help.example/")
	for _, secret := range []string{servertest.MasterKey, servertest.AppSecret, servertest.Token, servertest.AESKey, servertest.ShopSecret} {
		require.NotContains(t, printed, secret)
	}
	t.Setenv("QIAO_NONSENSE", "1")
	op.refuses(exitConfig, "QIAO_NONSENSE is not a setting", "config", "validate")
}
