package ui

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// plain is the renderer without a brand, for all tests: to parse every template takes longer than to draw a page.
var plain = sync.OnceValues(func() (*Renderer, error) { return New(Config{}) })

func headers(t testing.TB, p Page) http.Header {
	t.Helper()
	r, err := plain()
	require.NoError(t, err)
	w := httptest.NewRecorder()
	r.Render(w, http.StatusTeapot, p)
	require.Equal(t, http.StatusTeapot, w.Code)
	return w.Header()
}

func TestHeaders(t *testing.T) {
	h := headers(t, Login{
		Frame:  Frame{Lang: English, Return: []string{"https://app.example", "com.example.app:", "https://app.example"}},
		Client: Client{LogoURI: "https://cdn.example/logo.png?x=1"}, State: "waiting",
	})
	h.Del("Content-Length")
	require.Equal(t, http.Header{
		"Content-Type":     {"text/html; charset=utf-8"},
		"Content-Language": {"en"},
		"Cache-Control":    {"no-store"},
		"Content-Security-Policy": {"default-src 'none'; style-src 'self'; img-src 'self' data: https://cdn.example; " +
			"form-action 'self' https://app.example com.example.app:; frame-ancestors 'none'; base-uri 'none'; " +
			"script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'; connect-src 'self'"},
		"Referrer-Policy":              {"same-origin"},
		"X-Content-Type-Options":       {"nosniff"},
		"X-Frame-Options":              {"DENY"},
		"Cross-Origin-Opener-Policy":   {"unsafe-none"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Permissions-Policy": {"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), " +
			"magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()"},
		"X-Robots-Tag": {"noindex, nofollow"},
	}, h)
}

// Every page has the whole set; the phone's pages are cut off from whoever opened them.
func TestHeadersOfEveryPage(t *testing.T) {
	for _, p := range pages() {
		h := headers(t, p)
		policy := h.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'; ", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			require.Contains(t, policy, part, p.template())
		}
		require.NotContains(t, policy, "unsafe", p.template())
		require.Equal(t, "no-store", h.Get("Cache-Control"))
		if _, answers := p.(AppReturn); !answers {
			require.Equal(t, "same-origin", h.Get("Referrer-Policy"))
		}
		require.Equal(t, "zh-CN", h.Get("Content-Language"))
		if strings.HasPrefix(p.template(), "phone_") {
			require.Equal(t, "same-origin", h.Get("Cross-Origin-Opener-Policy"))
		}
		if p.script() == "" {
			require.NotContains(t, policy, "script-src", "a page without a script allows none")
		}
	}
	require.Equal(t, "30", headers(t, Failure{RetryIn: 30}).Get("Retry-After"))
}

func TestFormTargets(t *testing.T) {
	for in, want := range map[string]string{
		"https://app.example":                 "https://app.example",
		"https://app.example/":                "https://app.example",
		"http://localhost:8080":               "http://localhost:8080",
		"http://127.0.0.1:1234":               "http://127.0.0.1:1234",
		"http://[::1]:1234":                   "http:", // the policy's grammar has no IPv6 literals
		"com.example.app:":                    "com.example.app:",
		"COM.Example.app:":                    "com.example.app:",
		"":                                    "",
		":":                                   "",
		"*":                                   "",
		"https:":                              "",
		"http:":                               "",
		"javascript:":                         "",
		"JavaScript:":                         "",
		"data:":                               "",
		"https://*":                           "",
		"https://*.example":                   "",
		"https://app.example/path":            "",
		"https://app.example?x":               "",
		"https://app.example#":                "",
		"https://user@app.example":            "",
		"https://app.example; script-src *":   "",
		"https://app.example 'unsafe-inline'": "",
		"https://app.example,evil":            "",
		"https://app.example\r\nX-Bad: 1":     "",
		"https://例子.example":                  "",
		"ftp://app.example":                   "",
		"app.example":                         "",
		"'unsafe-inline'":                     "",
		"com.example; x:":                     "",
	} {
		require.Equal(t, want, formTarget(in), "%q", in)
	}
}

func TestLogosComeFromHTTPSOnly(t *testing.T) {
	for in, want := range map[string]string{
		"https://cdn.example/a.png":          "https://cdn.example",
		"https://cdn.example:8443/a.png":     "https://cdn.example:8443",
		"http://cdn.example/a.png":           "",
		"data:image/png;base64,AA":           "",
		"javascript:alert(1)":                "",
		"//cdn.example/a.png":                "",
		"https://u:p@cdn.example/a.png":      "",
		"https://cdn.example;script-src */a": "",
		"https://cdn.example\nscript-src *":  "",
		"https://*/a.png":                    "",
		"":                                   "",
	} {
		require.Equal(t, want, imageOrigin(in), "%q", in)
		h := headers(t, Login{Client: Client{LogoURI: in}})
		require.NotContains(t, h.Get("Content-Security-Policy"), "*")
	}
}

func FuzzHost(f *testing.F) {
	for _, s := range []string{"a", "a.b-c:80", "a:", ":80", "a:123456", "-a", "a.", "a b", "a\n", strings.Repeat("a", 253), strings.Repeat("a", 254), "例子"} {
		f.Add(s)
	}
	host := regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?$`)
	f.Fuzz(func(t *testing.T, s string) {
		require.Equal(t, host.MatchString(s), isHost(s), "%q", s)
	})
}

// Whatever is handed in as a return address, the header stays one line with the directives that we wrote.
func FuzzReturn(f *testing.F) {
	for _, s := range []string{"https://app.example", "com.app:", "https://a; script-src *", "http://[::1]:1", "a\nb:", "https://a%0a.b"} {
		f.Add(s)
	}
	r, err := plain()
	require.NoError(f, err)
	plain := r.policy(Login{})
	f.Fuzz(func(t *testing.T, s string) {
		policy := r.policy(Login{Frame: Frame{Return: []string{s}}, Client: Client{LogoURI: s}})
		require.Equal(t, strings.Count(plain, ";"), strings.Count(policy, ";"))
		for _, c := range policy {
			require.True(t, c >= ' ' && c < 0x7f, "%q", policy)
		}
		for _, bad := range []string{"*", ",", "unsafe", "javascript:"} {
			require.NotContains(t, policy, bad)
		}
		require.LessOrEqual(t, len(strings.Fields(policy)), len(strings.Fields(plain))+2)
	})
}
