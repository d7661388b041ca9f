package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/config"
)

const good = `
issuer: https://login.example.com
master_key: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=
wechat:
  accounts:
    - name: main
      appid: wx0123456789abcdef
      secret: the-app-secret-of-main
sms:
  webhook_url: https://sms.example.com/send
  webhook_secret: 0123456789abcdef0123456789abcdef
lifetimes:
  session_idle: 2d
clients:
  - client_id: wiki
    client_secret: 0123456789abcdef0123456789abcdef
    redirect_uris: [https://wiki.example.com/cb]
`

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestLayersLieOverEachOther(t *testing.T) {
	path := write(t, "qiao.yaml", good)
	c, err := config.Load(config.Source{
		File:    path,
		Environ: []string{"QIAO_LISTEN=:1", "QIAO_BRAND_NAME=Env", "QIAO_WECHAT_ACCOUNTS_0_SECRET=from-env", "PATH=/bin"},
		Set:     map[string]string{"brand.name": "Flag", "sms.countries": "CN,HK"},
	})
	require.NoError(t, err)
	require.Equal(t, ":1", c.Listen, "the environment lies over the default")
	require.Equal(t, "Flag", c.Brand.Name, "a flag lies over the environment")
	require.Equal(t, "from-env", c.WeChat.Accounts[0].AppSecret)
	require.Equal(t, "safe", c.WeChat.Accounts[0].Mode, "an item starts from its defaults")
	require.Equal(t, []string{"CN", "HK"}, c.SMS.Countries)
	require.Equal(t, 48*time.Hour, c.Lifetimes.SessionIdle)
	require.Equal(t, time.Minute, c.Lifetimes.Code, "a default stays")
	require.Equal(t, []string{"openid", "profile", "phone"}, c.Clients[0].Scopes)
}

func TestSecretsFromFiles(t *testing.T) {
	secret := write(t, "dsn", "postgres://from-file\n")
	path := write(t, "qiao.yaml", good)
	c, err := config.Load(config.Source{
		File: path, Environ: []string{"QIAO_STORAGE=postgres", "QIAO_SIGNALS=redis", "QIAO_REDIS_URL=redis://r", "QIAO_POSTGRES_DSN_FILE=" + secret},
	})
	require.NoError(t, err)
	require.Equal(t, "postgres://from-file", c.Postgres.DSN)

	_, err = config.Load(config.Source{File: path, Environ: []string{"QIAO_POSTGRES_DSN=x", "QIAO_POSTGRES_DSN_FILE=" + secret}})
	require.ErrorContains(t, err, "both set")
}

func TestAllFaultsAtOnce(t *testing.T) {
	path := write(t, "qiao.yaml", `
issuer: http://login.example.com/
storrage: postgres
storage: mysql
lifetimes: {code: 5, session_idel: 1h}
`)
	_, err := config.Load(config.Source{File: path, Environ: []string{"QIAO_NOPE=1"}})
	for _, want := range []string{
		"QIAO_NOPE is not a setting", "storrage is not a setting: did you mean storage?",
		"lifetimes.session_idel is not a setting: did you mean lifetimes.session_idle?", "is not a duration",
	} {
		require.ErrorContains(t, err, want)
	}

	_, err = config.Load(config.Source{File: write(t, "qiao.yaml", "issuer: http://login.example.com/\nstorage: mysql\n")})
	for _, want := range []string{
		"without a trailing slash", "storage is \"mysql\"", "master_key_file is missing", "wechat.accounts is empty", "sms.webhook_url is missing",
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestMasterKeyFileOfOthersIsRefused(t *testing.T) {
	key := write(t, "key", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")
	text := strings.Replace(good, "master_key: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "master_key_file: "+key, 1)
	path := write(t, "qiao.yaml", text)
	_, err := config.Load(config.Source{File: path})
	require.NoError(t, err)
	require.NoError(t, os.Chmod(key, 0o644))
	_, err = config.Load(config.Source{File: path})
	require.ErrorContains(t, err, "chmod 0600")
}

func TestPrintShowsNoSecret(t *testing.T) {
	c, err := config.Load(config.Source{File: write(t, "qiao.yaml", good)})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, c.Print(&out))
	require.Contains(t, out.String(), "session_idle: 48h0m0s")
	for _, secret := range []string{"MDEyMzQ1", "the-app-secret", "0123456789abcdef0123456789abcdef"} {
		require.NotContains(t, out.String(), secret)
	}
}

func TestClientsFile(t *testing.T) {
	file := write(t, "clients.yaml", "clients:\n  - {client_id: tv, public: true, redirect_uris: [https://tv.example.com/cb]}\n")
	path := write(t, "qiao.yaml", good+"clients_file: "+file+"\n")
	c, err := config.Load(config.Source{File: path})
	require.NoError(t, err)
	require.Len(t, c.Clients, 2)
	require.True(t, c.Clients[1].Public)
}

func TestReferenceIsTrue(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, config.Reference(&out))
	have, err := os.ReadFile("../../../docs/config.md")
	require.NoError(t, err)
	require.Equal(t, out.String(), string(have), "run go generate ./cmd/qiao/config")
	require.NotContains(t, out.String(), "|  |\n", "every setting has a meaning")
}
