package servertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/config"
	"qiao/cmd/qiao/demo/play"
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
	server := httptest.NewServer(p.Handler())
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
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

// Config is the configuration of a server beside this platform: on SQLite in a folder of the test, with two relying
// parties, and without the limits that one address would run into. The issuer is the server's own address until the
// test names one.
func (p *Platform) Config(t testing.TB) config.Config {
	t.Helper()
	c := config.Default()
	c.Listen, c.Management = "127.0.0.1:0", "127.0.0.1:0"
	c.MasterKey = MasterKey
	c.SQLite.Path = filepath.Join(t.TempDir(), "qiao.db")
	c.WeChat.APIBase, c.WeChat.Accounts = p.URL, p.accounts
	c.SMS.SimulatorURL = p.URL
	c.SMS.PerAddressHour, c.SMS.PerNetworkHour, c.SMS.PerDay = 1_000_000, 1_000_000, 1_000_000
	c.Limits = config.Limits{
		AuthorizePerMinute: 1_000_000, LogoutPerMinute: 1_000_000, LoginPerMinute: 1_000_000,
		QRPerMinute: 1_000_000, QRPerClientHour: 1_000_000,
	}
	shop, forum := config.DefaultClient(), config.DefaultClient()
	shop.ID, shop.Secret, shop.RedirectURIs, shop.FirstParty = "shop", ShopSecret, []string{ShopURI}, true
	shop.GrantTypes = []string{"authorization_code", "refresh_token"}
	shop.Scopes = []string{"openid", "profile", "phone", "offline_access"}
	forum.ID, forum.Secret, forum.RedirectURIs = "forum", ForumSecret, []string{ForumURI}
	c.Clients = []config.Client{shop, forum}
	return c
}
