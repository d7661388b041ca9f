package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/config"
	"qiao/cmd/qiao/server/servertest"
)

// TestMain keeps what the libraries log by themselves out of the tests' output.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// result is what a command did.
type result struct {
	code           int
	stdout, stderr string
}

// qiao runs one command line in this process.
func qiao(args ...string) result {
	var stdout, stderr bytes.Buffer
	code := run(args, &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// commander is somebody who runs commands with a configuration file.
type commander struct {
	t    *testing.T
	file string
}

// newCommander writes a configuration where commands find it.
func newCommander(t *testing.T, c config.Config) commander {
	t.Helper()
	if c.Issuer == "" {
		c.Issuer = "http://127.0.0.1:1" // where nobody is
	}
	file := filepath.Join(t.TempDir(), "qiao.yaml")
	var text bytes.Buffer
	require.NoError(t, c.PrintWithSecrets(&text))
	require.NoError(t, os.WriteFile(file, text.Bytes(), 0o600))
	return commander{t, file}
}

func (c commander) try(args ...string) result { return qiao(append(args, "--config", c.file)...) }

// do runs a command that must succeed, and returns what it prints.
func (c commander) do(args ...string) string {
	c.t.Helper()
	r := c.try(args...)
	require.Zero(c.t, r.code, "qiao %s: %s", strings.Join(args, " "), r.stderr)
	require.Empty(c.t, r.stderr)
	return r.stdout
}

// refuses runs a command that must fail with this code, and say this on standard error alone.
func (c commander) refuses(code int, want string, args ...string) {
	c.t.Helper()
	r := c.try(args...)
	require.Equal(c.t, code, r.code, "qiao %s: %s%s", strings.Join(args, " "), r.stdout, r.stderr)
	require.Contains(c.t, r.stderr, want)
	require.Empty(c.t, r.stdout)
}

// after is the first word after a label in what a command printed.
func after(text, label string) string {
	_, rest, _ := strings.Cut(text, label)
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return ""
	}
	return fields[0]
}

func TestExitCodes(t *testing.T) {
	c := newCommander(t, servertest.NewPlatform(t, 0, "main").Config(t))
	broken := newCommander(t, config.Default())
	for want, cases := range map[int]map[string][]string{
		exitFailure: {
			"no answer at 127.0.0.1:1": {"healthcheck", "--address", "127.0.0.1:1"},
			"is not host:port":         {"healthcheck", "--address", "nonsense"},
		},
		exitUsage: {
			"unexpected argument nonsense": {"nonsense"},
			"unknown flag --nonsense":      {"client", "list", "--nonsense"},
			"unknown flag --tv-code-life":  {"serve", "--tv-code-life", "6s"},
			"expected \"<client-id>\"":     {"client", "show"},
			"redirect_uris":                {"client", "add", "x"},
			"must not have a fragment":     {"client", "add", "x", "--redirect-uri", "https://x.example/#y"},
			"is none of wechat.accounts":   {"client", "add", "x", "--redirect-uri", "https://x.example/", "--account", "nobody's"},
			"is not known here":            {"client", "add", "x", "--redirect-uri", "https://x.example/", "--scope", "everything"},
			"repeat with --yes":            {"user", "delete", "x"},
			"to whoever holds":             {"user", "recover", "x", "--from", "y"},
			"is not a phone number":        {"user", "list", "--phone", "x"},
		},
		exitNotFound: {
			"there is no client \"x\": `qiao client list`":    {"client", "show", "x"},
			"there is no client \"y\": `qiao client list`":    {"client", "remove", "y"},
			"there is no client \"z\": `qiao client list`":    {"client", "rotate-secret", "z"},
			"there is no user \"x\": `qiao user list`":        {"user", "show", "x"},
			"there is no user \"y\": `qiao user list`":        {"user", "lock", "y"},
			"there is no user \"z\": `qiao user list`":        {"user", "delete", "z", "--yes"},
			"there is no signing key \"x\": `qiao keys list`": {"keys", "revoke", "x"},
		},
	} {
		for text, args := range cases {
			t.Run(strings.Join(args, " "), func(t *testing.T) {
				c.t = t
				c.refuses(want, text, args...)
			})
		}
	}
	for _, args := range [][]string{{"config", "validate"}, {"client", "list"}, {"serve"}, {"demo", "--provider-port", "0", "--set", "storage=mysql"}} {
		t.Run("faulty: "+strings.Join(args, " "), func(t *testing.T) {
			broken.t = t
			broken.refuses(exitConfig, "The configuration has ", args...)
		})
	}
	require.Equal(t, 0, qiao("version").code)
	require.Contains(t, qiao("version").stdout, "qiao ")
}

// Every command teaches: what it does, what it takes.
func TestHelp(t *testing.T) {
	for _, args := range []string{
		"", "demo", "serve", "migrate", "migrate up", "migrate status", "client", "client add", "client list", "client show", "client remove",
		"client rotate-secret", "user", "user list", "user show", "user lock", "user unlock", "user unbind", "user recover", "user delete",
		"keys", "keys list", "keys rotate", "keys revoke", "tv", "config", "config validate", "config print", "healthcheck", "version",
	} {
		r := qiao(append(strings.Fields(args), "--help")...)
		require.Zero(t, r.code, args)
		require.Contains(t, r.stdout, "Usage: qiao "+args, args)
		require.Empty(t, r.stderr)
		for line := range strings.Lines(r.stdout) {
			// A flag, argument or command without a word on what it does.
			require.NotRegexp(t, `^  (-\S|<|[a-z]+$)\S*( \S+)?\n$`, line, "qiao %s --help", args)
		}
	}
	require.Contains(t, qiao("--help").stdout, "qiao demo")
	require.Contains(t, qiao("client", "add", "--help").stdout, "--redirect-uri")
}
