package op_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// The issuer's own address leads to the account and to the page for TVs; it sets no cookie, and works while the store is
// down.
func TestHome(t *testing.T) {
	w := newWorld(t, settings{})
	w.faults.fail("Session", "CreateAuthRequest")
	for path, lang := range map[string]string{"/": "en", "/?lang=zh-CN": "zh-CN", "/?x=%3Cscript%3E": "en"} {
		a := w.browser().get(path)
		require.Equal(t, http.StatusOK, a.StatusCode, path)
		require.Contains(t, a.body, `lang="`+lang+`"`)
		require.Contains(t, a.body, `href="/account"`)
		require.Contains(t, a.body, `href="/device"`)
		require.NotContains(t, a.body, "<script>")
		if lang == "en" {
			require.Empty(t, a.Header.Values("Set-Cookie"))
		}
	}
	require.Equal(t, http.StatusMethodNotAllowed, w.browser().post("/", nil).StatusCode)
}

// What is nowhere is a page for a person and a line for a program.
func TestNotFound(t *testing.T) {
	w := newWorld(t, settings{})
	for accept, html := range map[string]bool{"text/html,application/xhtml+xml": true, "application/json": false, "": false} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.issuer+"/nothing?<script>", nil)
		require.NoError(t, err)
		r.Header.Set("Accept", accept)
		a := w.browser().do(r)
		require.Equal(t, http.StatusNotFound, a.StatusCode)
		require.NotContains(t, a.body, "<script>")
		require.Equal(t, html, a.Header.Get("Content-Type") == "text/html; charset=utf-8", accept)
		if html {
			require.Contains(t, a.body, `data-failure="not_found"`)
		}
	}
	require.NotContains(t, w.log.String(), "nothing")
}
