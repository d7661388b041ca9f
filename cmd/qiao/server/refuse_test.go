package server_test

import (
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/config"
	"qiao/cmd/qiao/server/servertest"
)

// A server that would be open to everybody, or would stand on what is not there, does not start. The error says what to
// change.
func TestRefusesToStart(t *testing.T) {
	t.Parallel()
	platform := servertest.NewPlatform(t, 0, "main")
	for name, c := range map[string]struct {
		change func(*config.Config)
		want   string
	}{
		"a simulated platform in production": {func(c *config.Config) {
			c.Issuer, c.SMS.SimulatorURL = "https://login.example.com", ""
			c.SMS.WebhookURL, c.SMS.WebhookSecret = "https://sms.example.com/", "0123456789abcdef0123456789abcdef"
		}, "wechat.api_base is a simulator"},
		"text messages that everybody can read in production": {func(c *config.Config) {
			c.Issuer, c.WeChat.APIBase = "https://login.example.com", ""
		}, "sms.simulator_url shows every code to everybody"},
		"PostgreSQL that does not answer": {func(c *config.Config) {
			c.Storage, c.Postgres.DSN = "postgres", "postgres:///qiao?host="+t.TempDir()
			c.Signals, c.Redis.URL = "redis", "unix://"+filepath.Join(t.TempDir(), "s")
		}, "open PostgreSQL"},
		"Redis that does not answer": {func(c *config.Config) {
			c.Signals, c.Redis.URL = "redis", "unix://"+filepath.Join(t.TempDir(), "s")
		}, "open Redis"},
		"a folder that is not there": {func(c *config.Config) {
			c.SQLite.Path = filepath.Join(t.TempDir(), "nowhere", "qiao.db")
		}, "open SQLite"},
		"a database of places that is not there": {func(c *config.Config) {
			c.GeoIPDatabase = filepath.Join(t.TempDir(), "none.mmdb")
		}, "geoip_database"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := platform.Config(t)
			changed.SQLite.Path = filepath.Join(t.TempDir(), "qiao.db")
			c.change(&changed)
			_, err := servertest.TryStart(t, changed)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// What starts, and is weaker than it could be, says so each time.
func TestWarnsOfPlainMode(t *testing.T) {
	t.Parallel()
	platform := servertest.NewPlatform(t, 0, "main", "second")
	c := platform.Config(t)
	c.WeChat.Accounts = slices.Clone(c.WeChat.Accounts)
	c.WeChat.Accounts[1].Mode = "plain"
	log := servertest.Start(t, c).Log.String()
	warnings := regexp.MustCompile(`"level":"WARN","msg":"pushes of this account[^\n]*`).FindAllString(log, -1)
	require.Len(t, warnings, 1, log)
	require.Contains(t, warnings[0], `"account":"second"`)
}

// TestOneServerForOneFile: SQLite takes one process that serves; a second one says so at once.
func TestOneServerForOneFile(t *testing.T) {
	t.Parallel()
	platform := servertest.NewPlatform(t, 0, "main")
	first := servertest.Start(t, platform.Config(t))
	c := first.Config
	_, err := servertest.TryStart(t, c)
	require.ErrorContains(t, err, "another server has this database open")
	require.Equal(t, http.StatusOK, statusOf(t, first.Management+"/readyz"), "the first goes on")

	c.MasterKey = "YW5vdGhlci1tYXN0ZXIta2V5LXdpdGgtMzItYnl0ZXM="
	require.NoError(t, first.Stop())
	_, err = servertest.TryStart(t, c)
	require.ErrorContains(t, err, "signing key")
}
