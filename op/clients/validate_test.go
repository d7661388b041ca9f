package clients

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func TestValidateAccepts(t *testing.T) {
	web, _ := confidential(newBox(t), "web")
	require.NoError(t, Validate(web))
	require.NoError(t, Validate(public("app")))
	web.Name, web.EmailDomain = "桥 · Example (测试)", "users.example.com"
	web.Scopes = append(Scopes(), ScopeEmail)
	web.LogoURI = "https://example.com/logo.png"
	require.NoError(t, Validate(web))

	tv := public("tv")
	tv.GrantTypes, tv.RedirectURIs = []string{GrantDeviceCode}, nil
	require.NoError(t, Validate(tv))
	tv.GrantTypes = []string{GrantRefreshToken, GrantDeviceCode}
	require.NoError(t, Validate(tv))
	tv.RedirectURIs = []string{"https://tv.example.com/"} // whose pages may call by script
	require.NoError(t, Validate(tv))
	tv.GrantTypes = GrantTypes()
	require.NoError(t, Validate(tv))
}

func TestValidateReportsAllFaultsAtOnce(t *testing.T) {
	err := Validate(storage.Client{
		ID: "has space", Name: " ", AuthMethods: []string{"none", "private_key_jwt"}, SecretHash: []byte("x"),
		RedirectURIs: []string{"http://app.example.com/cb", "relative"}, GrantTypes: []string{"implicit"},
		Scopes: []string{"root"}, IDTokenAlg: "none", LogoURI: "javascript:alert(1)", EmailDomain: "@", Source: "",
	})
	require.Error(t, err)
	for _, name := range []string{
		"client_id", "client_name", "token_endpoint_auth_methods", "secret", "http://app.example.com/cb", "relative",
		"implicit", "authorization_code", "root", "openid", "id_token_signed_response_alg", "logo_uri", "email_domain", "source",
	} {
		require.ErrorContains(t, err, name)
	}
}

func TestValidateFaults(t *testing.T) {
	for name, change := range map[string]func(*storage.Client){
		"no ID":                    func(c *storage.Client) { c.ID = "" },
		"an ID with a colon":       func(c *storage.Client) { c.ID = "a:b" },
		"a long ID":                func(c *storage.Client) { c.ID = strings.Repeat("a", 129) },
		"a name that turns around": func(c *storage.Client) { c.Name = "bank\u202egnihsihp" },
		"a name with a line break": func(c *storage.Client) { c.Name = "a\nb" },
		"a name with a zero width": func(c *storage.Client) { c.Name = "a\u200bb" },
		"a name that is not UTF-8": func(c *storage.Client) { c.Name = "a\xff" },
		"a long name":              func(c *storage.Client) { c.Name = strings.Repeat("桥", 101) },
		"no methods":               func(c *storage.Client) { c.AuthMethods = nil },
		"none beside a secret":     func(c *storage.Client) { c.AuthMethods = []string{"none", "client_secret_basic"} },
		"none with a secret":       func(c *storage.Client) { c.AuthMethods = []string{"none"} },
		"a method twice":           func(c *storage.Client) { c.AuthMethods = []string{"client_secret_post", "client_secret_post"} },
		"no secret":                func(c *storage.Client) { c.SecretHash = nil },
		"a short hash":             func(c *storage.Client) { c.SecretHash = make([]byte, 31) },
		"no redirect URI":          func(c *storage.Client) { c.RedirectURIs = nil },
		"no redirect URI beside the device grant": func(c *storage.Client) {
			c.RedirectURIs, c.GrantTypes = nil, []string{GrantAuthorizationCode, GrantDeviceCode}
		},
		"a redirect URI twice":      func(c *storage.Client) { c.RedirectURIs = append(c.RedirectURIs, c.RedirectURIs[0]) },
		"too many":                  func(c *storage.Client) { c.RedirectURIs = make([]string, 51) },
		"a bad logout URI":          func(c *storage.Client) { c.PostLogoutRedirectURIs = []string{"https://a.example/#"} },
		"refresh alone":             func(c *storage.Client) { c.GrantTypes = []string{GrantRefreshToken} },
		"no openid":                 func(c *storage.Client) { c.Scopes = []string{ScopeProfile} },
		"a scope twice":             func(c *storage.Client) { c.Scopes = []string{ScopeOpenID, ScopeOpenID} },
		"email without a domain":    func(c *storage.Client) { c.Scopes = []string{ScopeOpenID, ScopeEmail} },
		"offline without refreshes": func(c *storage.Client) { c.GrantTypes = []string{GrantAuthorizationCode} },
		"an app's scheme":           func(c *storage.Client) { c.RedirectURIs = []string{"com.example.app:/cb"} },
		"EdDSA":                     func(c *storage.Client) { c.IDTokenAlg = "EdDSA" },
		"a policy by http":          func(c *storage.Client) { c.PolicyURI = "http://example.com/policy" },
		"an email domain":           func(c *storage.Client) { c.EmailDomain = "Example.com" },
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := confidential(newBox(t), "web")
			change(&c)
			require.Error(t, Validate(c))
		})
	}
}

func TestCheckRedirectURI(t *testing.T) {
	for _, uri := range []string{
		"https://app.example.com/callback", "https://app.example.com", "https://app.example.com:8443/a?b=c&d=%20", "https://192.0.2.1/cb",
		"https://[2001:db8::1]/cb", "https://xn--fiq228c.example/cb", "http://localhost:3000/cb", "http://127.0.0.1/cb", "http://[::1]:99/cb",
		"https://my_host.internal/cb", "https://app.example.com/a/b;c=d/e,f/~g", "https://App.Example.com/cb",
	} {
		require.NoError(t, CheckRedirectURI(uri, false), uri)
		require.NoError(t, CheckRedirectURI(uri, true), uri)
	}
	for _, uri := range []string{"com.example.app:/callback", "com.example.app://callback", "com.example.app:callback"} {
		require.NoError(t, CheckRedirectURI(uri, true), uri)
		require.Error(t, CheckRedirectURI(uri, false), uri)
	}
	for _, uri := range []string{
		"", "/cb", "//app.example.com/cb", "app.example.com/cb", "https:", "https:/cb", "https://", "https:///cb", "https:app.example.com", "HTTPS://a.example/cb",
		"http://app.example.com/cb", "http://localhost.evil.example/cb", "http://127.0.0.2/cb", "http://0.0.0.0/cb", "http://127.1/cb",
		"https://a.example/cb#", "https://a.example/cb#x", "https://a.example/*", "https://*.a.example/cb", "https://u@a.example/cb", "https://u:p@a.example/cb", "https://@a.example/cb",
		"https://a.example\\@b.example/cb", "https://a.example/\\b", "https://a.example/a b", "https://a.example/\tb", "https://a.example/b\n", "https://a.example/é", "https://é.example/",
		"https://a.example/../b", "https://a.example/./b", "https://a.example/x/..", "https://a.example/%2e%2e/b", "https://a.example/%2E/b", "https://a.example/a%5c..%5cb", "https://a.example/%zz", "https://a.example/%",
		"https://a.example:0/", "https://a.example:99999/", "https://a.example:/cb", "https://a.example:x/", "https://a..example/", "https://.example/", "https://a.example./cb", "https://a%2eexample/cb",
		"https://a.example/cb?code=1", "https://a.example/cb?x=1&state=2", "https://a.example/cb?iss=x", "https://a.example/cb?error=x", "https://a.example/cb?a;b", "https://a.example/cb?%zz",
		"javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "myapp:/cb", "com.example.app:", "com.example.app:/", "com.example.app://", "com.example.app:/cb#x", "com.example.app:/../cb",
		"ftp://a.example/cb", "https://a.example/" + strings.Repeat("a", 2048), "urn:ietf:wg:oauth:2.0:oob", "https://a.example/<script>", `https://a.example/"`,
	} {
		require.Error(t, CheckRedirectURI(uri, false), uri)
		require.Error(t, CheckRedirectURI(uri, true), uri)
	}
}
