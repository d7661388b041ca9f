package grants_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// answer is what an endpoint said.
type answer struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

func (a answer) text(name string) string {
	s, _ := a.json[name].(string)
	return s
}

func (w *world) do(r *http.Request) answer {
	w.t.Helper()
	resp, err := w.server.Client().Do(r)
	if !assert.NoError(w.t, err) {
		return answer{}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	assert.NoError(w.t, err)
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(body)}
	_ = json.Unmarshal(body, &a.json)
	return a
}

// request is a form post as this client, which authenticates by Basic where it has a secret.
func (w *world) request(client, path string, form url.Values) *http.Request {
	w.t.Helper()
	if secret := w.secrets[client]; secret == "" && client != "" {
		form.Set("client_id", client)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.issuer+path, strings.NewReader(form.Encode()))
	require.NoError(w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if secret := w.secrets[client]; secret != "" {
		r.SetBasicAuth(client, secret)
	}
	return r
}

func (w *world) post(client, path string, pairs ...string) answer {
	w.t.Helper()
	return w.do(w.request(client, path, values(pairs...)))
}

func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

func (w *world) exchange(client, code string) answer {
	w.t.Helper()
	return w.post(client, "/token", "grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier)
}

func (w *world) refresh(client, token string, more ...string) answer {
	w.t.Helper()
	return w.post(client, "/token", append([]string{"grant_type", "refresh_token", "refresh_token", token}, more...)...)
}

// tokens are the tokens of a new grant.
func (w *world) tokens(client string, scopes ...string) answer {
	w.t.Helper()
	a := w.exchange(client, w.code(client, scopes...))
	require.Equal(w.t, http.StatusOK, a.status, a.body)
	return a
}

func (w *world) userinfo(token string) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.issuer+"/userinfo", nil)
	require.NoError(w.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	return w.do(r)
}

// refused checks an error answer: its status and code, that it is not cached, and that it is well-formed.
func refused(t testing.TB, a answer, status int, code string) {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	require.Equal(t, code, a.text("error"), a.body)
	require.Regexp(t, `^[\x20-\x21\x23-\x5B\x5D-\x7E]*$`, a.text("error_description"), "RFC 6749 section 5.2")
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	require.Empty(t, a.text("access_token"))
	if status >= 500 {
		require.NotEmpty(t, a.header.Get("Retry-After"))
	}
}

// eachStore runs a flow on the fake and on a real SQLite.
func eachStore(t *testing.T, flow func(t *testing.T, w *world)) {
	t.Run("fake", func(t *testing.T) { flow(t, newWorld(t, newFakeStore())) })
	t.Run("sqlite", func(t *testing.T) { flow(t, newWorld(t, openSQLite(t))) })
}
