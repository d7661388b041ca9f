package demo_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/config"
	"qiao/cmd/qiao/demo"
	"qiao/cmd/qiao/demo/play"
	"qiao/cmd/qiao/server/servertest"
	"qiao/storage/storagetest/servers"
)

// The demo answers to this machine's own names and pages only: its platform lets anybody play anybody.
func TestForeignNamesAndPagesAreRefused(t *testing.T) {
	t.Parallel()
	ready, _ := start(t, "")
	for _, base := range []string{ready.Issuer, ready.Simulator, ready.RP, ready.TV} {
		u, err := url.Parse(base)
		require.NoError(t, err)
		for name, c := range map[string]struct {
			host, origin string
			refused      bool
		}{
			"own host":         {"", "", false},
			"localhost":        {"localhost:" + u.Port(), "http://localhost:" + u.Port(), false},
			"rebound name":     {"evil.example:" + u.Port(), "", true},
			"this machine's":   {"192.168.1.20", "", true},
			"looks like ours":  {"127.0.0.1.evil.example", "", true},
			"foreign page":     {"", "https://evil.example", true},
			"foreign loopback": {"", "https://localhost.evil.example", true},
		} {
			t.Run(u.Port()+" "+name, func(t *testing.T) {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/", nil)
				require.NoError(t, err)
				if c.host != "" {
					req.Host = c.host
				}
				if c.origin != "" {
					req.Header.Set("Origin", c.origin)
				}
				res, err := http.DefaultClient.Do(req)
				require.NoError(t, err)
				require.NoError(t, res.Body.Close())
				require.Equal(t, c.refused, res.StatusCode == http.StatusForbidden, "%s", res.Status)
			})
		}
	}
}

// The demo and production never share a database, whichever comes first.
func TestDatabasesOfDemoAndProductionStayApart(t *testing.T) {
	t.Parallel()
	platform := servertest.NewPlatform(t, 0, "main")
	production := servertest.Start(t, platform.Config(t))
	path := production.Config.SQLite.Path
	require.NoError(t, production.Stop())
	err := refused(t, "sqlite: {path: "+path+"}\nmaster_key: "+servertest.MasterKey+"\n")
	require.ErrorContains(t, err, "this database belongs to `qiao serve`")

	folder := t.TempDir()
	d := launch(t, demo.Options{Folder: folder})
	require.NoError(t, d.stop())
	c := platform.Config(t)
	c.SQLite.Path = filepath.Join(folder, "qiao.db")
	_, err = servertest.TryStart(t, c)
	require.ErrorContains(t, err, "this database belongs to `qiao demo`")

	// What the demo has written for the commands is a whole configuration.
	written, err := config.Load(config.Source{File: filepath.Join(folder, "qiao.yaml")})
	require.NoError(t, err)
	require.Equal(t, d.ready.Issuer, written.Issuer)
	require.Len(t, written.Clients, len(d.ready.Clients))
}

func TestDemoIsForLoopback(t *testing.T) {
	require.ErrorContains(t, refused(t, "issuer: https://login.example.com\n"), "loopback")
	require.ErrorContains(t, refused(t, "issuer: http://192.168.1.20:9080\n"), "loopback")
}

func TestTakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	for flag, o := range map[string]demo.Options{
		"--provider-port": {ProviderPort: port}, "--simulator-port": {SimulatorPort: port}, "--rp-port": {RPPort: port},
	} {
		err := demo.Run(t.Context(), quiet(o))
		require.ErrorContains(t, err, flag)
		require.ErrorContains(t, err, "another demo")
	}
}

// An https issuer on loopback, behind a proxy that ends TLS: cookies get the prefix that only https may set.
func TestIssuerBehindATLSProxy(t *testing.T) {
	port := freePort(t)
	proxy := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: "127.0.0.1:" + strconv.Itoa(port)})
		r.Out.Host = r.In.Host
	}})
	t.Cleanup(proxy.Close)
	transport := proxy.Client().Transport
	d := launch(t, demo.Options{ProviderPort: port}, "issuer: "+proxy.URL+"\n")
	require.Equal(t, proxy.URL, d.ready.Issuer)

	ctx := t.Context()
	person, err := play.Simulator{Base: d.ready.Simulator, Client: &http.Client{Transport: transport}}.NewPerson(ctx, "+8613800001234")
	require.NoError(t, err)
	seen := &cookies{next: transport}
	b := play.NewBrowser(seen, nil)
	require.NoError(t, b.Get(ctx, d.ready.RP+"/login/demo-web"))
	require.NoError(t, play.Login(ctx, b, person))
	require.Contains(t, b.Page.Text(), "+8613800001234")
	for _, name := range []string{"__Host-qiao_browser", "__Host-qiao_session"} {
		require.Contains(t, seen.set, name)
	}
	for _, c := range seen.set {
		require.True(t, c.Secure && c.HttpOnly && c.Path == "/" && c.SameSite == http.SameSiteLaxMode && strings.HasPrefix(c.Name, "__Host-"), c.Raw)
	}
	plain, err := http.Get("http://127.0.0.1:" + strconv.Itoa(port) + "/.well-known/openid-configuration")
	require.NoError(t, err)
	text, err := io.ReadAll(plain.Body)
	require.NoError(t, err)
	require.NoError(t, plain.Body.Close())
	require.Contains(t, string(text), proxy.URL+"/token")
	require.NotContains(t, string(text), strconv.Itoa(port), "nothing is derived from the Host of a request")
}

// cookies remembers the cookies that https answers set.
type cookies struct {
	next http.RoundTripper
	set  map[string]*http.Cookie
}

func (c *cookies) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := c.next.RoundTrip(r)
	if err == nil && r.URL.Scheme == "https" {
		if c.set == nil {
			c.set = map[string]*http.Cookie{}
		}
		for _, one := range res.Cookies() {
			c.set[one.Name] = one
		}
	}
	return res, err
}

// A configuration file lies over the demo's defaults: another client, another account that has only a name, and
// PostgreSQL with Redis.
func TestOwnConfiguration(t *testing.T) {
	t.Parallel()
	d := launch(t, demo.Options{}, `
language: en
storage: postgres
postgres: {dsn: "`+servers.Postgres(t)+`"}
signals: redis
redis: {url: "`+servers.Redis(t)+`"}
wechat:
  accounts:
    - name: second
clients:
  - client_id: mine
    redirect_uris: [https://mine.example/callback]
    scopes: [openid, phone]
    first_party: true
    wechat_account: second
`)
	var names []string
	for _, a := range d.ready.Accounts {
		names = append(names, a.Name)
		require.NotEmpty(t, a.AppID)
	}
	require.Equal(t, []string{"main", "second"}, names)
	var mine demo.ReadyClient
	for _, c := range d.ready.Clients {
		if c.ID == "mine" {
			mine = c
		}
	}
	require.GreaterOrEqual(t, len(mine.Secret), 32, "a missing secret is made")

	ctx := t.Context()
	person, err := d.people().NewPerson(ctx, "+8613800001234")
	require.NoError(t, err)
	party := servertest.Party{
		Issuer: d.ready.Issuer, ID: mine.ID, Secret: mine.Secret, Redirect: "https://mine.example/callback",
		Scope: "openid phone", HTTP: &http.Client{Timeout: 10 * time.Second},
	}
	b := play.NewBrowser(nil, func(u *url.URL) bool { return u.Host != "mine.example" })
	tokens := party.SignIn(t, b, person)
	info, err := party.Userinfo(ctx, tokens.Get("access_token"))
	require.NoError(t, err)
	require.Equal(t, "+8613800001234", info.Get("phone_number"), info.Text)
	var chat []play.Message
	require.NoError(t, person.Sim.Call(ctx, http.MethodGet, "/sim/people/"+person.ID+"/messages?since=0", nil, &chat))
	for _, m := range chat {
		require.Equal(t, "second", m.Account, "the client's own account is scanned")
		require.NotRegexp(t, `\p{Han}`, m.Text, "the configured language is the chat's")
	}
	require.NotEmpty(t, chat)
}

// A folder that is kept keeps everything; a demo without one leaves nothing.
func TestRestartAndEnd(t *testing.T) {
	folder, temp := filepath.Join(t.TempDir(), "kept"), t.TempDir()
	t.Setenv("TMPDIR", temp)
	first := launch(t, demo.Options{Folder: folder, ProviderPort: freePort(t), RPPort: freePort(t)})
	ctx := t.Context()
	person, err := first.people().NewPerson(ctx, "+8613800001234")
	require.NoError(t, err)
	b := play.NewBrowser(nil, nil)
	require.NoError(t, b.Get(ctx, first.ready.RP+"/login/demo-web"))
	require.NoError(t, play.Login(ctx, b, person))
	require.NoError(t, first.stop())

	o := demo.Options{Folder: folder, ProviderPort: portOf(t, first.ready.Issuer), RPPort: portOf(t, first.ready.RP)}
	second := launch(t, o)
	require.NoError(t, b.Get(ctx, second.ready.RP+"/login/demo-web"))
	require.Contains(t, b.Page.Text(), "+8613800001234", "the session is still there")
	require.NoError(t, second.stop())
	for _, address := range []string{second.ready.Issuer, second.ready.Simulator, second.ready.RP, second.ready.TV, second.ready.Management} {
		require.Eventually(t, func() bool {
			l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(portOf(t, address)))
			return err == nil && l.Close() == nil
		}, 5*time.Second, 10*time.Millisecond, "the port of %s is free again", address)
	}
	require.FileExists(t, filepath.Join(folder, "qiao.db"))
	require.NoFileExists(t, second.file, "the ready file tells of a demo that is ready")

	passing := launch(t, demo.Options{})
	made, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Len(t, made, 1)
	info, err := made[0].Info()
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm(), "it holds secrets")
	require.NoError(t, passing.stop())
	made, err = os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, made)
}

// Ctrl-C also ends a demo that is not ready yet.
func TestEndDuringTheStart(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	for _, after := range []time.Duration{0, time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond} {
		ctx, stop := context.WithTimeout(t.Context(), after)
		err := demo.Run(ctx, quiet(demo.Options{}))
		stop()
		require.NoError(t, err, after)
	}
	made, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, made)
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	return port
}
