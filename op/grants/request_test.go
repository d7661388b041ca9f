package grants_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMalformedRequests sends what no client should, to every endpoint that takes a form.
func TestMalformedRequests(t *testing.T) {
	w := newWorld(t, newFakeStore())
	good := w.tokens(web)
	const form = "application/x-www-form-urlencoded"
	fill := map[string]string{
		"/token":      "grant_type=refresh_token&refresh_token=" + good.text("refresh_token"),
		"/introspect": "token=" + good.text("access_token"),
		"/revoke":     "token=" + strings.Repeat("A", 64),

		"/device_authorization": "scope=openid",
	}
	for path, body := range fill {
		for name, c := range map[string]struct {
			method, query, media, body string
			status                     int
			code                       string
		}{
			"GET":                     {method: "GET", query: body, status: 405, code: "invalid_request"},
			"PUT":                     {method: "PUT", media: form, body: body, status: 405, code: "invalid_request"},
			"DELETE":                  {method: "DELETE", status: 405, code: "invalid_request"},
			"HEAD":                    {method: "HEAD", status: 405},
			"parameters in the query": {method: "POST", query: body, media: form, status: 400, code: "invalid_request"},
			"one in the query":        {method: "POST", query: "client_secret=x", media: form, body: body, status: 400, code: "invalid_request"},
			"a token in the query":    {method: "POST", query: "access_token=x", media: form, body: body, status: 400, code: "invalid_request"},
			"a broken query":          {method: "POST", query: "a=%zz", media: form, body: body, status: 400, code: "invalid_request"},
			"JSON":                    {method: "POST", media: "application/json", body: `{"token":"x"}`, status: 400, code: "invalid_request"},
			"multipart":               {method: "POST", media: "multipart/form-data; boundary=x", body: "--x--", status: 400, code: "invalid_request"},
			"no content type":         {method: "POST", body: body, status: 400, code: "invalid_request"},
			"a broken content type":   {method: "POST", media: "application/x-www-form-urlencoded; =", body: body, status: 400, code: "invalid_request"},
			"a broken escape":         {method: "POST", media: form, body: body + "&a=%zz", status: 400, code: "invalid_request"},
			"a semicolon":             {method: "POST", media: form, body: body + ";a=b", status: 400, code: "invalid_request"},
			"twice the same":          {method: "POST", media: form, body: body + "&" + body, status: 400, code: "invalid_request"},
			"twice, one empty":        {method: "POST", media: form, body: body + "&client_id=&client_id=web", status: 400, code: "invalid_request"},
			"an unknown one twice":    {method: "POST", media: form, body: body + "&x=1&x=2", status: 400, code: "invalid_request"},
			"NUL":                     {method: "POST", media: form, body: body + "%00", status: 400, code: "invalid_request"},
			"a line break":            {method: "POST", media: form, body: body + "%0d%0a", status: 400, code: "invalid_request"},
			"not ASCII":               {method: "POST", media: form, body: body + "%E6%A1%A5", status: 400, code: "invalid_request"},
			"not UTF-8":               {method: "POST", media: form, body: body + "%FF", status: 400, code: "invalid_request"},
			"64 KiB and more":         {method: "POST", media: form, body: body + "&x=" + strings.Repeat("A", 64<<10), status: 413, code: "invalid_request"},
			"10 MB":                   {method: "POST", media: form, body: strings.Repeat("A", 10<<20), status: 413, code: "invalid_request"},
			"an empty body":           {method: "POST", media: form, status: 400, code: "invalid_request"},
			"a parameter that is empty": {method: "POST", media: form, body: body[:strings.LastIndex(body, "=")+1], status: 400,
				code: "invalid_request"},
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				r, err := http.NewRequestWithContext(t.Context(), c.method, w.issuer+path, strings.NewReader(c.body))
				require.NoError(t, err)
				r.URL.RawQuery = c.query
				if c.media != "" {
					r.Header.Set("Content-Type", c.media)
				}
				r.SetBasicAuth(web, w.secrets[web])
				a := w.do(r)
				require.Equal(t, c.status, a.status, a.body)
				if c.code == "" {
					return
				}
				if path == "/device_authorization" && (name == "an empty body" || name == "a parameter that is empty") {
					c.code = "invalid_scope" // the one parameter that it needs
				}
				refused(t, a, c.status, c.code)
				if c.status == http.StatusMethodNotAllowed {
					require.Equal(t, "POST, OPTIONS", a.header.Get("Allow"))
				}
			})
		}
	}
	require.Equal(t, http.StatusOK, w.refresh(web, good.text("refresh_token")).status, "none of them rotated anything")
}

func TestUnknownParametersAreIgnored(t *testing.T) {
	w := newWorld(t, newFakeStore())
	token := w.tokens(web).text("refresh_token")
	r := w.request(web, "/token", values("grant_type", "refresh_token", "refresh_token", token,
		"resource", "https://api.example.com", "scope.999999999", "x", "Scopes.0.0", "y", "audience", ""))
	r.URL.RawQuery = "tenant=1&tenant=2"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	require.Equal(t, http.StatusOK, w.do(r).status)
}

func TestGrantTypes(t *testing.T) {
	w := newWorld(t, newFakeStore())
	for _, grantType := range []string{
		"password", "implicit", "client_credentials", "device_code",
		"urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer",
		"Authorization_Code", "authorization_code ", "\"quoted\\", strings.Repeat("a", 10_000),
	} {
		refused(t, w.post(web, "/token", "grant_type", grantType, "code", "x"), http.StatusBadRequest, "unsupported_grant_type")
	}
	refused(t, w.post(web, "/token", "code", "x"), http.StatusBadRequest, "invalid_request")
	refused(t, w.post(web, "/token", "grant_type", "", "code", "x"), http.StatusBadRequest, "invalid_request")
	refused(t, w.post(lean, "/token", "grant_type", "refresh_token", "refresh_token", "x"), http.StatusBadRequest, "unauthorized_client")
}

// TestClientAuthenticationAtEveryEndpoint: the table of methods is in package clients; here each endpoint asks for it,
// with the status and the challenge of RFC 6749 §5.2.
func TestClientAuthenticationAtEveryEndpoint(t *testing.T) {
	w := newWorld(t, newFakeStore())
	live := w.tokens(web)
	for path, form := range map[string][]string{
		"/token":      {"grant_type", "refresh_token", "refresh_token", live.text("refresh_token")},
		"/introspect": {"token", live.text("access_token")},
		"/revoke":     {"token", live.text("refresh_token")},

		"/device_authorization": {"scope", "openid"},
	} {
		for name, c := range map[string]struct {
			change    func(r *http.Request)
			form      []string
			status    int
			code      string
			challenge bool
		}{
			"nothing":               {status: 401, code: "invalid_client"},
			"wrong secret, basic":   {change: func(r *http.Request) { r.SetBasicAuth(web, "wrong") }, status: 401, code: "invalid_client", challenge: true},
			"wrong secret, post":    {form: []string{"client_id", web, "client_secret", "wrong"}, status: 401, code: "invalid_client"},
			"no secret":             {form: []string{"client_id", web}, status: 401, code: "invalid_client"},
			"unknown client":        {form: []string{"client_id", "nobody", "client_secret", "wrong"}, status: 401, code: "invalid_client"},
			"two methods":           {change: func(r *http.Request) { r.SetBasicAuth(web, w.secrets[web]) }, form: []string{"client_id", web, "client_secret", w.secrets[web]}, status: 400, code: "invalid_request"},
			"another client_id":     {change: func(r *http.Request) { r.SetBasicAuth(web, w.secrets[web]) }, form: []string{"client_id", other}, status: 400, code: "invalid_request"},
			"bearer":                {change: func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+live.text("access_token")) }, status: 401, code: "invalid_client", challenge: true},
			"broken basic":          {change: func(r *http.Request) { r.Header.Set("Authorization", "Basic %%%") }, status: 401, code: "invalid_client", challenge: true},
			"broken escape":         {change: func(r *http.Request) { r.SetBasicAuth(web, "%zz") }, status: 401, code: "invalid_client", challenge: true},
			"empty secret":          {change: func(r *http.Request) { r.SetBasicAuth(web, "") }, status: 401, code: "invalid_client", challenge: true},
			"an assertion":          {form: []string{"client_id", web, "client_assertion", "x", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, status: 401, code: "invalid_client"},
			"an assertion's type":   {form: []string{"client_assertion_type", "x", "client_id", web}, status: 401, code: "invalid_client"},
			"a secret of another":   {form: []string{"client_id", web, "client_secret", w.secrets[other]}, status: 401, code: "invalid_client"},
			"a secret for a public": {form: []string{"client_id", spa, "client_secret", "x"}, status: 401, code: "invalid_client"},
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				r := w.request("", path, values(append(c.form, form...)...))
				if c.change != nil {
					c.change(r)
				}
				a := w.do(r)
				refused(t, a, c.status, c.code)
				if c.challenge {
					require.Contains(t, a.header.Get("WWW-Authenticate"), "Basic realm=")
				} else {
					require.Empty(t, a.header.Get("WWW-Authenticate"))
				}
			})
		}
	}
	require.Equal(t, http.StatusOK, w.userinfo(live.text("access_token")).status)
	post := w.post("", "/token", "client_id", web, "client_secret", w.secrets[web], "grant_type", "refresh_token", "refresh_token", live.text("refresh_token"))
	require.Equal(t, http.StatusOK, post.status, "client_secret_post")
}

// TestArtifactsAreNotInterchangeable takes each artifact to each place that takes another one.
func TestArtifactsAreNotInterchangeable(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		live := w.tokens(web)
		unused := w.code(web)
		artifacts := map[string]string{
			"a used code":     w.code(web),
			"an access token": live.text("access_token"),
			"a refresh token": live.text("refresh_token"),
			"an ID token":     live.text("id_token"),
			"a session":       w.session.Text(),
			"a session ID":    w.session.ID.String(),
			"a client secret": w.secrets[web],
			"a code":          unused,
			"a user ID":       w.userID,
			"nothing":         "",
		}
		require.Equal(t, http.StatusOK, w.exchange(web, artifacts["a used code"]).status)
		for name, text := range artifacts {
			if name != "a code" && name != "a used code" && text != "" {
				refused(t, w.exchange(web, text), http.StatusBadRequest, "invalid_grant")
			}
			if name != "a refresh token" && text != "" {
				refused(t, w.refresh(web, text), http.StatusBadRequest, "invalid_grant")
			}
			if name != "an access token" {
				refused(t, w.userinfo(text), http.StatusUnauthorized, "invalid_token")
			}
			if name != "an access token" && name != "a refresh token" && text != "" {
				require.Equal(t, map[string]any{"active": false}, w.post(web, "/introspect", "token", text).json, name)
				require.Equal(t, http.StatusOK, w.post(web, "/revoke", "token", text).status, name)
			}
		}
		require.Equal(t, http.StatusOK, w.exchange(web, unused).status, "an unused code survives all of it")
		require.Equal(t, http.StatusOK, w.userinfo(live.text("access_token")).status)
		require.Equal(t, http.StatusOK, w.refresh(web, live.text("refresh_token")).status)
	})
}

func TestNothingSecretIsLogged(t *testing.T) {
	store := newFakeStore()
	w := newWorld(t, store)
	code := w.code(web)
	first := w.exchange(web, code)
	second := w.refresh(web, first.text("refresh_token"))
	w.exchange(web, code)
	w.refresh(web, second.text("refresh_token"))
	w.post(web, "/introspect", "token", second.text("access_token"))
	w.post(web, "/revoke", "token", second.text("refresh_token"))
	w.userinfo(second.text("access_token"))
	for _, method := range []string{"ConsumeCode", "RotateRefreshToken", "AccessPerson", "AccessScopes", "RevokeGrant"} {
		store.setFail(method, errDown)
	}
	w.exchange(web, code)
	w.refresh(web, second.text("refresh_token"))
	w.userinfo(second.text("access_token"))
	w.post(web, "/revoke", "token", second.text("refresh_token"))
	log := w.log.String()
	require.Contains(t, log, "token request failed")
	for _, secret := range []string{
		code, first.text("access_token"), first.text("refresh_token"), first.text("id_token"), second.text("access_token"),
		second.text("refresh_token"), w.secrets[web], phone, "13800001234", verifier, w.session.Secret.Text(),
	} {
		require.NotContains(t, log, secret)
		require.False(t, bytes.Contains([]byte(log), []byte(secret[:10])), "not even the beginning")
	}
}
