package servertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/config"
	"qiao/cmd/qiao/demo"
	"qiao/cmd/qiao/demo/play"
	"qiao/op/clients"
	"qiao/wechatflow/simulator"
)

// Secrets of the tests. They are looked for where they must not be.
const (
	MasterKey   = "bWFzdGVyLWtleS1vZi10aGUtdGVzdHMtMzItYnl0ZXM="
	AppSecret   = "app-secret-of-the-tests-"
	Token       = "tokenOfTheTests"
	AESKey      = "aesKeyOfTheTests0123456789abcdefghijklmnopA"
	ShopSecret  = "shop-secret-shop-secret-shop-secret"
	ForumSecret = "forum-secret-forum-secret-forum-secret"
)

// The relying parties of the tests. Nothing listens at their addresses: browsers stop there.
const (
	ShopURI  = "https://shop.example/callback"
	ForumURI = "https://forum.example/callback"
)

// Platform is a simulated WeChat in the test's process.
type Platform struct {
	*simulator.Simulator
	URL      string
	accounts []config.Account
	born     atomic.Int64
	secrets  atomic.Pointer[Secrets]
}

// NewPlatform starts a platform with these accounts. It delivers a push again after retryPause; 0 is the real one's.
func NewPlatform(t testing.TB, retryPause time.Duration, names ...string) *Platform {
	t.Helper()
	p := &Platform{}
	var simulated []simulator.Account
	for i, name := range names {
		id := string(rune('a' + i))
		a := config.Account{
			Name: name, DisplayName: "Account " + name, AppID: "wx000000000000000" + id, AppSecret: AppSecret + name,
			OriginalID: "gh_00000000000" + id, Token: Token, AESKey: AESKey, Mode: "safe",
		}
		p.accounts = append(p.accounts, a)
		simulated = append(simulated, simulator.Account{
			Name: a.Name, DisplayName: a.DisplayName, AppID: a.AppID, AppSecret: a.AppSecret, OriginalID: a.OriginalID,
			Token: a.Token, AESKey: a.AESKey, Mode: a.Mode,
		})
	}
	var err error
	p.Simulator, err = simulator.New(simulator.Config{Accounts: simulated, RetryPause: retryPause})
	require.NoError(t, err)
	t.Cleanup(p.Close)
	server := httptest.NewServer(p.watch(p.Handler()))
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// Tell remembers in secrets what this platform and its accounts know: the configured secrets from the start, the
// access tokens as they are used, and the people at the end, by Collect.
func (p *Platform) Tell(secrets *Secrets) {
	p.secrets.Store(secrets)
	for _, a := range p.accounts {
		for _, value := range []string{a.AppSecret, a.Token, a.AESKey} {
			secrets.Add(Configured, value)
		}
	}
	for _, value := range []string{MasterKey, ShopSecret, ForumSecret} {
		secrets.Add(Configured, value)
	}
}

func (p *Platform) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s := p.secrets.Load(); s != nil {
			s.Add(Bearer, r.URL.Query().Get("access_token"))
			s.Add(OpenID, r.URL.Query().Get("openid"))
		}
		next.ServeHTTP(w, r)
	})
}

// Collect remembers everybody's openids, numbers and text messages.
func (p *Platform) Collect(t testing.TB, secrets *Secrets) {
	t.Helper()
	var people []struct {
		UnionID string
		OpenIDs map[string]string
	}
	require.NoError(t, p.People(nil).Call(t.Context(), http.MethodGet, "/sim/people", nil, &people))
	for _, one := range people {
		secrets.Add(UnionID, one.UnionID)
		for _, openID := range one.OpenIDs {
			secrets.Add(OpenID, openID)
		}
	}
	var messages []struct{ To, Code string }
	require.NoError(t, p.People(nil).Call(t.Context(), http.MethodGet, "/sim/sms", nil, &messages))
	for _, m := range messages {
		secrets.Add(Phone, m.To)
		secrets.Add(SMSCode, m.Code)
	}
}

// PushTo sends the platform's pushes to one server, whatever the issuer's address is.
func (p *Platform) PushTo(t testing.TB, s *Server) {
	t.Helper()
	for _, a := range p.accounts {
		require.NoError(t, p.SetCallback(a.Name, s.URL+"/wechat/"+a.Name))
	}
}

// People is the platform's control API. The pages that its people open come from the server that transport leads to.
func (p *Platform) People(transport http.RoundTripper) play.Simulator {
	return play.Simulator{Base: p.URL, Client: &http.Client{Transport: transport, Timeout: 30 * time.Second}}
}

// NewPerson is somebody with a number of their own, whose pages come from this server.
func (p *Platform) NewPerson(t testing.TB, s *Server) *play.Person {
	t.Helper()
	person, err := p.People(s.Via()).NewPerson(t.Context(), fmt.Sprintf("+86138%08d", p.born.Add(1)))
	require.NoError(t, err)
	return person
}

// Config is the configuration of a server beside this platform: on SQLite in a folder of the test, with two
// relying parties and a TV, and with the demo's limits, for everybody here has the one loopback address. The issuer is the server's own
// address until the test names one.
func (p *Platform) Config(t testing.TB) config.Config {
	t.Helper()
	c := demo.Base(t.TempDir())
	c.Listen, c.Management = "127.0.0.1:0", "127.0.0.1:0"
	c.MasterKey = MasterKey
	c.WeChat.APIBase, c.WeChat.Accounts = p.URL, p.accounts
	c.SMS.SimulatorURL = p.URL
	shop, forum := config.DefaultClient(), config.DefaultClient()
	shop.ID, shop.Secret, shop.RedirectURIs, shop.FirstParty = "shop", ShopSecret, []string{ShopURI}, true
	shop.GrantTypes = []string{"authorization_code", "refresh_token"}
	shop.Scopes = []string{"openid", "profile", "phone", "offline_access"}
	forum.ID, forum.Secret, forum.RedirectURIs = "forum", ForumSecret, []string{ForumURI}
	tv := config.DefaultClient()
	tv.ID, tv.Public, tv.FirstParty = "tv", true, true
	tv.GrantTypes = []string{clients.GrantDeviceCode, clients.GrantRefreshToken}
	tv.Scopes = []string{"openid", "profile", "phone", "offline_access"}
	c.Clients = []config.Client{shop, forum, tv}
	return c
}
