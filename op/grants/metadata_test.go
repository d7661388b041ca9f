package grants_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func (w *world) ask(method, path, origin string, more ...string) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.issuer+path, nil)
	require.NoError(w.t, err)
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	for i := 0; i < len(more); i += 2 {
		r.Header.Set(more[i], more[i+1])
	}
	return w.do(r)
}

func TestMetadata(t *testing.T) {
	w := newWorld(t, newFakeStore())
	a := w.ask("GET", "/.well-known/openid-configuration?x=%zz", "")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "public, max-age=600", a.header.Get("Cache-Control"))
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	var same map[string]any
	require.NoError(t, json.Unmarshal(w.grants.Metadata(), &same))
	require.Equal(t, same, a.json)

	want := map[string]any{
		"issuer": w.issuer, "authorization_endpoint": w.issuer + "/authorize", "token_endpoint": w.issuer + "/token",
		"userinfo_endpoint": w.issuer + "/userinfo", "jwks_uri": w.issuer + "/keys", "end_session_endpoint": w.issuer + "/end_session",
		"revocation_endpoint": w.issuer + "/revoke", "introspection_endpoint": w.issuer + "/introspect",
		"device_authorization_endpoint": w.issuer + "/device_authorization",
		"scopes_supported":              []any{"openid", "profile", "phone", "groups", "offline_access"},
		"response_types_supported":      []any{"code"}, "response_modes_supported": []any{"query"},
		"grant_types_supported": []any{"authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"}, "acr_values_supported": []any{"urn:qiao:acr:confirm", "urn:qiao:acr:scan"},
		"subject_types_supported": []any{"public"}, "id_token_signing_alg_values_supported": []any{"ES256", "RS256"},
		"token_endpoint_auth_methods_supported":         []any{"client_secret_basic", "client_secret_post", "none"},
		"revocation_endpoint_auth_methods_supported":    []any{"client_secret_basic", "client_secret_post", "none"},
		"introspection_endpoint_auth_methods_supported": []any{"client_secret_basic", "client_secret_post"},
		"code_challenge_methods_supported":              []any{"S256"}, "claim_types_supported": []any{"normal"},
		"claims_supported": []any{
			"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash",
			"name", "preferred_username", "updated_at", "phone_number", "phone_number_verified", "groups",
		},
		"prompt_values_supported": []any{"none", "login", "consent", "select_account"}, "ui_locales_supported": []any{"zh-CN", "en"},
		"authorization_response_iss_parameter_supported": true, "claims_parameter_supported": false,
		"request_parameter_supported": false, "request_uri_parameter_supported": false, "require_request_uri_registration": false,
	}
	require.Equal(t, want, a.json)

	// The issuer comes from the configuration: what the request says of itself changes nothing.
	r, err := http.NewRequestWithContext(t.Context(), "GET", w.issuer+"/.well-known/openid-configuration", nil)
	require.NoError(t, err)
	r.Host = "evil.example"
	r.Header.Set("X-Forwarded-Host", "evil.example")
	r.Header.Set("Forwarded", "host=evil.example;proto=http")
	require.Equal(t, a.body, w.do(r).body)
}

func TestKeysEndpoint(t *testing.T) {
	w := newWorld(t, newFakeStore())
	a := w.ask("GET", "/keys", "")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "public, max-age=1800", a.header.Get("Cache-Control"))
	require.Len(t, a.json["keys"], 2)
	require.NotContains(t, a.body, `"d":`)
	require.JSONEq(t, string(w.ring.JWKS()), a.body)
}

func TestPublicDocumentsByOtherMethods(t *testing.T) {
	w := newWorld(t, newFakeStore())
	for _, path := range []string{"/keys", "/.well-known/openid-configuration"} {
		require.Equal(t, http.StatusOK, w.ask("HEAD", path, "").status)
		for _, method := range []string{"POST", "PUT", "DELETE"} {
			require.Equal(t, http.StatusMethodNotAllowed, w.ask(method, path, "").status)
		}
	}
	for _, path := range []string{"/healthz", "/ready", "/oauth/v2/keys", "/authorize", "/end_session", "/device"} {
		require.Equal(t, http.StatusNotFound, w.ask("GET", path, "").status, "the library's other routes are not mounted")
	}
}

func TestCORS(t *testing.T) {
	w := newWorld(t, newFakeStore())
	token := w.tokens(web).text("access_token")
	const ours, evil = "https://spa.example.com", "https://evil.example"
	for _, path := range []string{"/token", "/revoke", "/userinfo", "/device_authorization"} {
		a := w.ask("OPTIONS", path, ours, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
		require.Equal(t, http.StatusNoContent, a.status)
		require.Equal(t, ours, a.header.Get("Access-Control-Allow-Origin"))
		require.Contains(t, a.header.Get("Access-Control-Allow-Methods"), "POST")
		require.Equal(t, "Authorization, Content-Type", a.header.Get("Access-Control-Allow-Headers"))
		for _, origin := range []string{evil, "null", "https://spa.example.com.evil.example", "http://spa.example.com", "https://spa.example.com:444", "*", w.issuer} {
			for _, method := range []string{"OPTIONS", "POST"} {
				a := w.ask(method, path, origin)
				for name := range a.header {
					require.False(t, strings.HasPrefix(name, "Access-Control-"), "%s %s %s", method, path, origin)
				}
				require.Contains(t, a.header.Values("Vary"), "Origin")
			}
		}
		require.NotContains(t, a.header, "Access-Control-Allow-Credentials")
	}
	a := w.ask("GET", "/userinfo", ours, "Authorization", "Bearer "+token)
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, ours, a.header.Get("Access-Control-Allow-Origin"))
	require.NotContains(t, a.header, "Access-Control-Allow-Credentials")
	a = w.ask("GET", "/userinfo", ours)
	require.Equal(t, http.StatusUnauthorized, a.status)
	require.Equal(t, ours, a.header.Get("Access-Control-Allow-Origin"), "a page may read why it was refused")
	require.Contains(t, a.header.Get("Access-Control-Expose-Headers"), "WWW-Authenticate")

	for _, path := range []string{"/keys", "/.well-known/openid-configuration"} {
		for _, method := range []string{"GET", "OPTIONS"} {
			a := w.ask(method, path, evil)
			require.Equal(t, "*", a.header.Get("Access-Control-Allow-Origin"), "public documents")
			require.NotContains(t, a.header, "Access-Control-Allow-Credentials")
		}
	}
	a = w.ask("OPTIONS", "/introspect", ours)
	require.NotContains(t, a.header, "Access-Control-Allow-Origin", "introspection is for servers")
}
