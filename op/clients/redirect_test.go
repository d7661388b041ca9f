package clients

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// registered are the redirect URIs of the corpus: web, native and with a query.
func registered() []string {
	return []string{
		"https://app.example.com/callback",
		"https://app.example.com/callback?tenant=1&x=%2F",
		"https://app.example.com:8443/a/b",
		"https://app.example.com",
		"http://localhost:3000/cb",
		"http://127.0.0.1/cb",
		"http://127.0.0.1:8123/with-port",
		"http://[::1]/cb6?k=v",
		"com.example.app:/callback",
	}
}

// variants turns a URI into what attackers, sloppy clients and lenient parsers make of it.
func variants(uri string) []string {
	scheme, rest, _ := strings.Cut(uri, ":")
	authority := strings.TrimPrefix(rest, "//")
	host, path, _ := strings.Cut(authority, "/")
	v := []string{
		uri, uri + "/", uri + "?", uri + "#", uri + "#x", uri + "&x=y", uri + "?x=y", uri + " ", " " + uri, uri + "\n", "\t" + uri, uri + "\x00",
		uri + "%00", uri + "%20", uri + "/..", uri + "/../callback", uri + "/.", uri + "//", uri + ";x", uri + ".", uri + "\\", uri + "é", uri + "*",
		strings.ToUpper(uri), strings.ToUpper(scheme) + ":" + rest, scheme + ":" + strings.ToUpper(rest),
		"//" + authority, authority, "/" + path, scheme + ":", scheme + "://", scheme + ":" + authority, scheme + ":/" + authority, scheme + ":///" + authority,
		scheme + "://" + host + ".evil.example/" + path, scheme + "://evil.example/" + path, scheme + "://evil.example/" + uri,
		scheme + "://evil." + host + "/" + path, scheme + "://" + host + "@evil.example/" + path, scheme + "://user@" + authority, scheme + "://user:pw@" + authority,
		scheme + "://@" + authority, scheme + "://" + host + "\\@evil.example/" + path, scheme + "://evil.example\\@" + authority, scheme + "://evil.example#@" + authority,
		scheme + "://evil.example?@" + authority, scheme + "://" + host + "%2eevil.example/" + path, scheme + "://" + host + "%00.evil.example/" + path,
		scheme + "://" + host + "./" + path, scheme + "://" + host + ":/" + path, scheme + "://" + host + ":0/" + path, scheme + "://" + host + ":99999/" + path,
		scheme + "://" + host + ":443/" + path, scheme + "://" + host + ":080/" + path, scheme + "://" + host + ":+80/" + path, scheme + "://" + host + ":８０/" + path,
		scheme + "://" + host + "//" + path, scheme + "://" + host + "/./" + path, scheme + "://" + host + "/x/../" + path, scheme + "://" + host + "/%2e%2e/" + path,
		scheme + "://" + host + "/%63allback", scheme + "://" + host + "/callback%2F", scheme + "://" + host + "/" + path + "%0d%0aSet-Cookie:x=y",
		strings.Replace(uri, "https", "http", 1), strings.Replace(uri, "http:", "https:", 1), strings.Replace(uri, "example", "ехample", 1),
		strings.Replace(uri, "example", "ex\u00adample", 1), strings.Replace(uri, ".", "。", 1), strings.Replace(uri, "/", "\\", 1), strings.ReplaceAll(uri, "/", "\\"),
		strings.Replace(uri, "c", "%63", 1), strings.Replace(uri, "%2F", "/", 1), strings.Replace(uri, "%2F", "%2f", 1), strings.Replace(uri, "?", "%3F", 1),
		"javascript:alert(1)//" + uri, "data:text/html," + uri, "view-source:" + uri, "blob:" + uri, "https://evil.example/?next=" + url.QueryEscape(uri),
		uri + uri, uri + "," + uri, uri + " " + uri, "[" + uri + "]", `"` + uri + `"`, "<" + uri + ">",
	}
	return v
}

// corpus is every variant of every registered URI, and what belongs to none.
func corpus() []string {
	all := []string{
		"", " ", "*", "https://*", "https://", "http://", "urn:ietf:wg:oauth:2.0:oob", "about:blank", "file:///etc/passwd", "null",
		"http://127.0.0.1:8080/cb", "http://127.0.0.1:65535/cb", "http://127.0.0.1:65536/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:/cb",
		"http://127.0.0.1:0/cb", "http://127.0.0.1:01/cb", "http://127.0.0.1:-1/cb", "http://127.0.0.1: 80/cb", "http://127.0.0.1:8080", "http://127.0.0.1:8080/",
		"http://127.0.0.1:8080/cb/", "http://127.0.0.1:8080/cb?x", "http://127.0.0.1:8080/cb#x", "http://127.0.0.1:8080@evil.example/cb",
		"http://127.0.0.1@evil.example/cb", "http://127.0.0.1.evil.example/cb", "http://127.0.0.1evil.example/cb", "http://127.0.0.1:80.evil.example/cb",
		"http://127.0.0.1:8080\\@evil.example/cb", "http://127.0.0.1:80:80/cb", "http://127.0.0.1:80%2Fcb", "http://127.0.0.2:80/cb", "http://127.1/cb",
		"http://127.1:8080/cb", "http://2130706433/cb", "http://0x7f.0.0.1:80/cb", "http://0.0.0.0:80/cb", "http://localhost/cb", "http://localhost:3001/cb",
		"http://LOCALHOST:3000/cb", "https://127.0.0.1:8080/cb", "HTTP://127.0.0.1:8080/cb", "http://[::1]:9000/cb6?k=v", "http://[::1]:9000/cb6?k=w",
		"http://[::1]:9000/cb6", "http://[0:0:0:0:0:0:0:1]:9000/cb6?k=v", "http://[::ffff:127.0.0.1]:80/cb", "http://[::1%25lo]:80/cb6?k=v", "http://::1:80/cb6?k=v",
		"http://127.0.0.1:9999/with-port", "http://127.0.0.1/with-port", "http://127.0.0.1:8123/cb", "http://user@127.0.0.1:80/cb", "http://127.0.0.1:80?/cb",
		"com.example.app://callback", "com.example.app:callback", "com.example.app:/callback2", "com.example.app.evil:/callback", "COM.example.app:/callback",
		"https://app.example.com/" + strings.Repeat("a", 100_000), strings.Repeat("http://127.0.0.1:80/", 1000),
	}
	for _, uri := range registered() {
		all = append(all, variants(uri)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// nativeAccepts is RFC 8252 §7.3 written a second time, with net/url: the oracle of the loopback exception.
func nativeAccepts(uri string) bool {
	if slices.Contains(registered(), uri) {
		return true
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" || strings.Contains(uri, "#") {
		return false
	}
	if u.Hostname() != "127.0.0.1" && u.Hostname() != "::1" {
		return false
	}
	if port := u.Port(); port != "" && !isPort(port) || strings.HasSuffix(u.Host, ":") {
		return false
	}
	for _, r := range registered() {
		want, err := url.Parse(r)
		if err != nil || want.Hostname() != u.Hostname() || want.Scheme != "http" {
			continue
		}
		got := *u
		got.Host = want.Host
		// Exactly the same text but for the port: nothing was normalised on the way.
		if got.String() == r && strings.Replace(uri, u.Host, want.Host, 1) == r {
			return true
		}
	}
	return false
}

func TestRedirectCorpus(t *testing.T) {
	all := corpus()
	require.GreaterOrEqual(t, len(all), 300)
	web := storage.Client{RedirectURIs: registered()}
	native := storage.Client{RedirectURIs: registered(), Native: true}
	accepted, ports := 0, 0
	for _, uri := range all {
		exact := slices.Contains(registered(), uri)
		require.Equal(t, exact, MatchRedirect(web, uri), "%q", uri)
		require.Equal(t, nativeAccepts(uri), MatchRedirect(native, uri), "native %q", uri)
		require.False(t, MatchRedirect(storage.Client{Native: true}, uri), "nothing is registered: %q", uri)
		if exact {
			accepted++
		} else if MatchRedirect(native, uri) {
			ports++
		}
	}
	require.Equal(t, len(registered()), accepted)
	require.GreaterOrEqual(t, ports, 5, "the corpus tries the loopback exception")
	t.Logf("%d URIs", len(all))
}

func TestPostLogoutRedirectIsExact(t *testing.T) {
	c := storage.Client{PostLogoutRedirectURIs: registered(), Native: true}
	for _, uri := range corpus() {
		require.Equal(t, slices.Contains(registered(), uri), MatchPostLogoutRedirect(c, uri), "%q", uri)
	}
}

func FuzzMatchRedirect(f *testing.F) {
	for _, uri := range corpus() {
		if len(uri) < 200 {
			f.Add(uri)
		}
	}
	web := storage.Client{RedirectURIs: registered()}
	native := storage.Client{RedirectURIs: registered(), Native: true}
	f.Fuzz(func(t *testing.T, uri string) {
		if got, want := MatchRedirect(web, uri), slices.Contains(registered(), uri); got != want {
			t.Fatalf("web %q: %v", uri, got)
		}
		if got, want := MatchRedirect(native, uri), nativeAccepts(uri); got != want {
			t.Fatalf("native %q: %v", uri, got)
		}
	})
}
