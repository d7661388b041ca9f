package demo

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"qiao/cmd/qiao/config"
	"qiao/op/clients"
)

// Addresses are where the parts listen, known before the configuration is complete.
type Addresses struct {
	Provider  string // base URL
	Simulator string
	RP        string
	TV        string
}

// Base is the demo's configuration below the operator's file.
func Base(folder string) config.Config {
	c := config.Default()
	c.SQLite.Path = folder + "/qiao.db"
	c.Log = config.Log{Level: "warn", Format: "text"}
	// Everybody here has the one loopback address.
	c.Limits.AuthorizePerMinute, c.Limits.LogoutPerMinute, c.Limits.LoginPerMinute = 1_000_000, 1_000_000, 10_000_000
	c.Limits.RequestsPerMinute, c.Limits.CodesPerUserHour = 10_000_000, 10_000_000
	c.Limits.QRPerMinute, c.Limits.QRPerClientHour = 1_000_000, 10_000_000
	c.Limits.DevicesPerMinute, c.Limits.DevicesPerClientMinute, c.Limits.DevicesInAllMinute = 1_000_000, 1_000_000, 1_000_000
	c.SMS.PerAddressHour, c.SMS.PerNetworkHour, c.SMS.PerDay = 1_000_000, 1_000_000, 1_000_000
	return c
}

// complete lays the demo's own account and clients beside the operator's, and makes every secret that is missing.
func complete(c *config.Config, at Addresses, masterKey string) {
	if c.Issuer == "" {
		c.Issuer = at.Provider
	}
	if c.MasterKey == "" {
		c.MasterKey = masterKey
	}
	c.WeChat.APIBase, c.WeChat.OpenBase = at.Simulator, at.Simulator
	c.SMS.WebhookURL, c.SMS.SimulatorURL = "", at.Simulator
	if !slices.ContainsFunc(c.WeChat.Accounts, func(a config.Account) bool { return a.Name == "main" }) {
		own := config.DefaultAccount()
		own.Name, own.DisplayName = "main", "河畔生活 Riverside"
		c.WeChat.Accounts = append([]config.Account{own}, c.WeChat.Accounts...)
	}
	for i := range c.WeChat.Accounts {
		a := &c.WeChat.Accounts[i]
		for field, value := range map[*string]string{
			&a.AppID: "wx" + random(8), &a.AppSecret: random(16), &a.OriginalID: "gh_" + random(6),
			&a.Token: random(16), &a.AESKey: aesKey(),
		} {
			if *field == "" {
				*field = value
			}
		}
	}
	for _, own := range slices.Backward(Clients(at.RP)) {
		if !slices.ContainsFunc(c.Clients, func(x config.Client) bool { return x.ID == own.ID }) {
			c.Clients = append([]config.Client{own}, c.Clients...)
		}
	}
	for i := range c.Clients {
		if x := &c.Clients[i]; !x.Public && x.Secret == "" {
			x.Secret = random(32) // hexadecimal: no library has to escape it
		}
	}
}

// Clients are the demo's relying parties: the company's own site, somebody else's, an app, and a TV.
func Clients(rp string) []config.Client {
	own := config.DefaultClient()
	own.ID, own.Name = "demo-web", "河畔书店 Riverside Books"
	own.FirstParty = true
	own.GrantTypes = []string{"authorization_code", "refresh_token"}
	own.Scopes = []string{"openid", "profile", "phone", "groups", "offline_access"}
	partner := config.DefaultClient()
	partner.ID, partner.Name = "demo-partner", "远山咖啡 Yuanshan Coffee"
	app := config.DefaultClient()
	app.ID, app.Name = "demo-app", "河畔阅读 Riverside Reader"
	app.Public, app.Native, app.FirstParty = true, true, true
	app.GrantTypes = []string{"authorization_code", "refresh_token"}
	app.Scopes = own.Scopes
	all := []config.Client{own, partner, app}
	for i := range all {
		all[i].RedirectURIs = []string{rp + "/callback"}
		all[i].PostLogoutRedirectURIs = []string{rp + "/"}
	}
	all[2].RedirectURIs = append(all[2].RedirectURIs, "http://127.0.0.1/callback")
	tv := config.DefaultClient()
	tv.ID, tv.Name = "demo-tv", "河畔影院 Riverside Cinema"
	tv.Public, tv.FirstParty, tv.RedirectURIs = true, true, []string{} // it has none, and says so in the ready file
	tv.GrantTypes = []string{clients.GrantDeviceCode, clients.GrantRefreshToken}
	tv.Scopes = []string{"openid", "profile", "phone", "offline_access"}
	return append(all, tv)
}

// random is n random bytes in hexadecimal.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// aesKey is an EncodingAESKey: 32 bytes in base64 without its padding.
func aesKey() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return strings.TrimSuffix(base64.StdEncoding.EncodeToString(b), "=")
}
