package ui

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The button leads to an app's own scheme, a reversed domain name, and to nothing that a browser itself would run or load.
func TestAppURL(t *testing.T) {
	for uri, want := range map[string]bool{
		"com.example.app:/cb?code=x&state=%22": true,
		"com.example.app://host/cb":            true,
		"Com.Example.App:/cb":                  true,
		"javascript:alert(1)":                  false,
		"JavaScript:alert(1)":                  false,
		" javascript:alert(1)":                 false,
		"java\nscript.x:alert(1)":              false,
		"data:text/html,x":                     false,
		"vbscript:x":                           false,
		"file:///etc/passwd":                   false,
		"intent://x#Intent;end":                false,
		"https://app.example/cb":               false,
		"http://127.0.0.1/cb":                  false,
		"//com.example.app":                    false,
		"com.example.app":                      false,
		".:x":                                  false,
		"":                                     false,
	} {
		html := body(t, AppReturn{Kind: "signed_in", URL: uri})
		require.Equal(t, want, appURL(uri) != "", uri)
		require.Equal(t, want, strings.Contains(html, `id="app"`), uri)
		require.NotContains(t, html, "ZgotmplZ")
	}
	html := body(t, AppReturn{Kind: "signed_in", URL: `com.example.app:/cb?state="><script>&x=1`})
	require.Contains(t, html, `href="com.example.app:/cb?state=%22%3e%3cscript%3e&amp;x=1"`, "escaped for the attribute")
}

// The page holds an answer: nobody keeps it, and nothing that it loads or leads to hears of it.
func TestAppReturnIsKeptByNobody(t *testing.T) {
	h := headers(t, AppReturn{Kind: "signed_in", URL: "com.example.app:/cb?code=x"})
	require.Equal(t, "no-store", h.Get("Cache-Control"))
	require.Equal(t, "no-referrer", h.Get("Referrer-Policy"))
	require.Equal(t, "same-origin", h.Get("Cross-Origin-Opener-Policy"))
	require.Contains(t, h.Get("Content-Security-Policy"), "form-action 'self';")

	r, err := plain()
	require.NoError(t, err)
	w := httptest.NewRecorder()
	r.Render(w, 200, AppReturn{Kind: "?", URL: "com.example.app:/cb"})
	require.Contains(t, w.Body.String(), `data-app="not_signed_in"`, "an unknown kind is still a whole page")
}
