package browser

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/seal"
)

func guard(t testing.TB, issuer string) *Guard {
	t.Helper()
	u, err := url.Parse(issuer)
	require.NoError(t, err)
	box, err := seal.New([]byte(strings.Repeat("k", 32)))
	require.NoError(t, err)
	return &Guard{Issuer: u, Box: box}
}

// answered is a request that carries the cookies that an answer set.
func answered(w *httptest.ResponseRecorder) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	return r
}

func TestCookiesOnHTTPS(t *testing.T) {
	g := guard(t, "https://id.example")
	w := httptest.NewRecorder()
	handle := storage.NewHandle(time.Unix(0, 0))
	browser := g.EnsureSecret(w, httptest.NewRequest(http.MethodGet, "/", nil))
	phone := g.EnsurePhoneSecret(w, httptest.NewRequest(http.MethodGet, "/", nil))
	g.SetSession(w, handle, 8*time.Hour)
	ages := map[string]int{"__Host-qiao_browser": 400 * 24 * 3600, "__Host-qiao_phone": 3600, "__Host-qiao_session": 8 * 3600}
	for _, c := range w.Result().Cookies() {
		require.Equal(t, ages[c.Name], c.MaxAge, c.Name)
		require.True(t, c.Secure && c.HttpOnly && c.SameSite == http.SameSiteLaxMode && c.Path == "/" && c.Domain == "", c.Raw)
		delete(ages, c.Name)
	}
	require.Empty(t, ages)

	r := answered(w)
	got, ok := g.Secret(r)
	require.True(t, ok)
	require.Equal(t, browser, got)
	got, ok = g.PhoneSecret(r)
	require.True(t, ok)
	require.Equal(t, phone, got)
	session, ok := g.Session(r)
	require.True(t, ok)
	require.Equal(t, handle, session)
	require.NotEqual(t, browser, phone)

	again := httptest.NewRecorder()
	require.Equal(t, browser, g.EnsureSecret(again, r), "a browser keeps its secret")
	require.Equal(t, phone, g.EnsurePhoneSecret(again, r))
	require.Empty(t, again.Result().Cookies())
}

func TestCookiesOnPlainLoopback(t *testing.T) {
	g := guard(t, "http://127.0.0.1:9000")
	w := httptest.NewRecorder()
	g.EnsureSecret(w, httptest.NewRequest(http.MethodGet, "/", nil))
	c := w.Result().Cookies()[0]
	require.Equal(t, "qiao_browser", c.Name)
	require.False(t, c.Secure)
	require.True(t, c.HttpOnly)
}

// A cookie without the prefix could be planted by a sibling host: on https it does not count.
func TestPlantedCookiesDoNotCount(t *testing.T) {
	g := guard(t, "https://id.example")
	s := storage.NewSecret()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: "qiao_browser", Value: s.Text()})
	r.AddCookie(&http.Cookie{Name: "qiao_session", Value: storage.NewHandle(time.Unix(0, 0)).Text()})
	_, ok := g.Secret(r)
	require.False(t, ok)
	_, ok = g.Session(r)
	require.False(t, ok)
}

func TestMalformedCookiesAreNone(t *testing.T) {
	g := guard(t, "https://id.example")
	for _, value := range []string{"", "x", strings.Repeat("A", 10_000), "....", "AAAA.BBBB", "null", "%00"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for _, name := range []string{"browser", "session", "phone"} {
			r.AddCookie(&http.Cookie{Name: "__Host-qiao_" + name, Value: value})
		}
		_, ok := g.Secret(r)
		require.False(t, ok, value)
		_, ok = g.PhoneSecret(r)
		require.False(t, ok, value)
		_, ok = g.Session(r)
		require.False(t, ok, value)
		w := httptest.NewRecorder()
		g.EnsureSecret(w, r)
		require.Len(t, w.Result().Cookies(), 1, "a malformed secret is replaced")
	}
}

func TestClearSession(t *testing.T) {
	w := httptest.NewRecorder()
	guard(t, "https://id.example").ClearSession(w)
	require.Contains(t, w.Header().Get("Set-Cookie"), "__Host-qiao_session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax")
}

func post(token string, headers map[string]string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(url.Values{FormTokenField: {token}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	return r
}

func TestCheckForm(t *testing.T) {
	g := guard(t, "https://ID.example:443")
	mine, other := storage.NewSecret(), storage.NewSecret()
	token := g.FormToken(mine, "login 1")
	for _, c := range []struct {
		what    string
		token   string
		headers map[string]string
		ok      bool
	}{
		{"ours", token, map[string]string{"Origin": "https://id.example", "Sec-Fetch-Site": "same-origin"}, true},
		{"an old browser or a program, without those headers", token, nil, true},
		{"another site", token, map[string]string{"Origin": "https://evil.example"}, false},
		{"another port", token, map[string]string{"Origin": "https://id.example:8443"}, false},
		{"another scheme", token, map[string]string{"Origin": "http://id.example"}, false},
		{"a sandboxed frame", token, map[string]string{"Origin": "null"}, false},
		{"a sibling host", token, map[string]string{"Sec-Fetch-Site": "same-site"}, false},
		{"cross-site", token, map[string]string{"Sec-Fetch-Site": "cross-site"}, false},
		{"no token", "", nil, false},
		{"another browser's token", g.FormToken(other, "login 1"), nil, false},
		{"the token of another form", g.FormToken(mine, "login 2"), nil, false},
		{"a purpose that is a prefix", g.FormToken(mine, "login"), nil, false},
		{"the token and more", token + "A", nil, false},
		{"part of the token", token[:20], nil, false},
	} {
		err := g.CheckForm(post(c.token, c.headers), mine, "login 1")
		if c.ok {
			require.NoError(t, err, c.what)
		} else {
			require.ErrorIs(t, err, ErrForeignForm, c.what)
		}
	}
	inQuery := httptest.NewRequest(http.MethodPost, "/?"+url.Values{FormTokenField: {token}}.Encode(), nil)
	require.ErrorIs(t, g.CheckForm(inQuery, mine, "login 1"), ErrForeignForm, "a token in the address is not in the form")
	asText := post(token, map[string]string{"Content-Type": "text/plain"})
	require.ErrorIs(t, g.CheckForm(asText, mine, "login 1"), ErrForeignForm)
}

// A form of 10 MB is refused without being read.
func TestCheckFormReadsLittle(t *testing.T) {
	g := guard(t, "https://id.example")
	s := storage.NewSecret()
	for _, contentType := range []string{"application/x-www-form-urlencoded", "multipart/form-data; boundary=b"} {
		body := &counted{text: strings.NewReader(strings.Repeat("a", 10<<20) + "&form_token=" + g.FormToken(s, "x"))}
		r := httptest.NewRequest(http.MethodPost, "/", body)
		r.Header.Set("Content-Type", contentType)
		require.ErrorIs(t, g.CheckForm(r, s, "x"), ErrForeignForm)
		require.LessOrEqual(t, body.n, 128<<10)
	}
}

type counted struct {
	text *strings.Reader
	n    int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.text.Read(p)
	c.n += n
	return n, err
}

func TestOrigin(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://id.example": "https://id.example", "https://ID.Example:443": "https://id.example",
		"https://id.example:8443/path": "https://id.example:8443", "http://127.0.0.1:9000": "http://127.0.0.1:9000",
		"http://localhost:80": "http://localhost",
	} {
		require.Equal(t, want, guard(t, issuer).Origin())
	}
}

func TestAddress(t *testing.T) {
	g := guard(t, "https://id.example")
	g.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"203.0.113.9:1", nil, "203.0.113.9"},
		{"203.0.113.9:1", []string{"198.51.100.1"}, "203.0.113.9"}, // a stranger's word
		{"10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"}, // what the client wrote itself is left out
		{"10.0.0.1:1", []string{"1.1.1.1, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"1.1.1.1", "198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"nonsense"}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"198.51.100.1, nonsense"}, "10.0.0.1"},
		{"10.0.0.1:1", nil, "10.0.0.1"},
		{"10.0.0.1:1", []string{"10.0.0.2, 10.0.0.3"}, "10.0.0.2"},
		{"[::ffff:203.0.113.9]:1", nil, "203.0.113.9"},
		{"[fd00::1]:1", []string{"2001:db8::7"}, "2001:db8::7"},
		{"[fd00::1]:1", []string{"fe80::1%<script>"}, "fe80::1"},
		{"@", []string{"198.51.100.1"}, "invalid IP"},
		{"10.0.0.1:1", []string{strings.Repeat("10.0.0.2,", 2000)}, "10.0.0.1"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		for _, f := range c.forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		require.Equal(t, c.want, g.Address(r).String(), "%s %v", c.peer, c.forwarded)
	}
}

func FuzzAddress(f *testing.F) {
	f.Add("10.0.0.1:1", "1.1.1.1, 10.0.0.2")
	f.Fuzz(func(t *testing.T, peer, forwarded string) {
		g := guard(t, "https://id.example")
		g.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = peer
		r.Header.Set("X-Forwarded-For", forwarded)
		a := g.Address(r)
		require.Empty(t, a.Zone())
		if direct, err := netip.ParseAddrPort(peer); err == nil && !g.trusted(direct.Addr().Unmap()) {
			require.Equal(t, direct.Addr().Unmap().WithZone(""), a, "a stranger's word counts for nothing")
		}
	})
}
