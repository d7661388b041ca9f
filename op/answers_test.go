package op_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every answer to a browser is kept by nobody and framed by nobody, and no other site's script may read it.
func TestHeaders(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	b.signIn(ann)
	consent := "/authorize/continue?request=" + b.get(authorizePath(query(thirdParty))).consentID(t).String()
	for name, path := range map[string]string{
		"code":           authorizePath(query(firstParty)),
		"login":          authorizePath(query(firstParty, "prompt", "login")),
		"error":          authorizePath(query(firstParty, "scope", "phone")),
		"error page":     "/authorize?client_id=nobody",
		"consent":        consent,
		"expired":        "/authorize/continue?request=x",
		"logout":         "/end_session",
		"logout refused": "/end_session?id_token_hint=x",
		"logged out":     "/logged-out",
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest(http.MethodGet, w.issuer+path, nil)
			require.NoError(t, err)
			r.Header.Set("Origin", "https://forum.example")
			a := b.do(r)
			require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
			require.NotEmpty(t, a.Header.Get("Referrer-Policy"))
			for header := range a.Header {
				require.False(t, strings.HasPrefix(header, "Access-Control-"), header)
			}
			if a.location != nil {
				require.Equal(t, http.StatusSeeOther, a.StatusCode)
				require.Empty(t, a.body, "a redirect repeats nothing in its body")
				return
			}
			require.Contains(t, a.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
			require.Equal(t, "DENY", a.Header.Get("X-Frame-Options"))
			require.Equal(t, "nosniff", a.Header.Get("X-Content-Type-Options"))
		})
	}
}

// What was sent is never part of a page as markup, and pages speak the person's language.
func TestPages(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	const nasty = `"><script>alert(1)</script>`
	for _, path := range []string{
		"/authorize?client_id=" + url.QueryEscape(nasty),
		authorizePath(query(firstParty, "redirect_uri", "https://evil.example/"+nasty)),
		"/authorize?" + url.QueryEscape(nasty) + "=1",
		"/end_session?state=" + url.QueryEscape(nasty) + "&id_token_hint=x",
		"/logged-out?x=" + url.QueryEscape(nasty),
	} {
		a := b.get(path)
		require.NotContains(t, a.body, "<script>alert")
		require.NotContains(t, a.body, "alert(1)</script>")
	}
	for path, words := range map[string][2]string{
		"/authorize?client_id=nobody&ui_locales=": {"lang=\"zh-CN\"", "lang=\"en\""},
		"/end_session?client_id=nobody":           {"lang=\"zh-CN\"", "lang=\"en\""},
		"/logged-out?x=1":                         {"lang=\"zh-CN\"", "lang=\"en\""},
		"/authorize/continue?request=x":           {"lang=\"zh-CN\"", "lang=\"en\""},
	} {
		for i, lang := range []string{"zh-CN", "en"} {
			require.Contains(t, w.browser().get(path+"&lang="+lang).body, words[i], path)
		}
	}
	require.Contains(t, b.get("/authorize?client_id=nobody&ui_locales=zh").body, `lang="zh-CN"`)
}

// The log says what happened and never to whom: no phone, openid, address, state, code, hint or cookie.
func TestNothingPersonalIsLogged(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	s := b.signIn(ann)
	hint := w.idToken(firstParty, s.UserID, s.ID.String())
	code := b.get(authorizePath(query(firstParty, "state", "marker-state", "nonce", "marker-nonce", "login_hint", "marker-hint", "id_token_hint", hint)))
	b.get(authorizePath(query(firstParty, "state", "marker-state", "redirect_uri", "https://marker-uri.example/")))
	b.get(authorizePath(query(thirdParty, "state", "marker-state", "prompt", "none")))
	b.get("/authorize/continue?request=marker")
	w.faults.fail("Session")
	b.get(authorizePath(query(firstParty, "state", "marker-state")))
	w.faults.fail()
	b.get("/end_session?" + url.Values{"id_token_hint": {flip(hint)}, "state": {"marker-state"}}.Encode())
	handle, _ := b.session()
	log := w.log.String()
	require.Contains(t, log, "request refused with a page")
	for _, secret := range []string{
		"marker", ann.e164, ann.e164[3:], ann.openID, "127.0.0.1", handle.Text(), handle.Secret.Text(), b.secret().Text(), hint,
		code.location.Query().Get("code"), s.UserID,
	} {
		require.NotContains(t, log, secret)
	}
}

func TestMetrics(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	b.signIn(ann)
	b.get(authorizePath(query(firstParty)))
	b.get(authorizePath(query(thirdParty)))
	b.get(authorizePath(query(thirdParty, "prompt", "none")))
	b.get("/authorize?client_id=nobody")
	b.post("/end_session/confirm", b.get("/end_session").form(t, "approve"))
	families, err := w.metrics.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			got[family.GetName()+" "+m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
		}
	}
	require.Equal(t, map[string]float64{
		"qiao_authorize_total code": 2, "qiao_authorize_total consent": 1, "qiao_authorize_total login": 1,
		"qiao_authorize_total error_consent_required": 1, "qiao_authorize_total page_unknown_client": 1,
		"qiao_end_session_total asked": 1, "qiao_end_session_total ended": 1,
	}, got)
}

// Both well-known addresses serve one document, to any page, and it promises only routes that exist.
func TestMetadata(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	a := b.get("/.well-known/oauth-authorization-server")
	require.Equal(t, http.StatusOK, a.StatusCode)
	require.Equal(t, "application/json", a.Header.Get("Content-Type"))
	require.Equal(t, "*", a.Header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, a.Header.Get("Cache-Control"), "max-age=")
	require.JSONEq(t, b.get("/.well-known/openid-configuration").body, a.body)

	var doc map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &doc))
	require.Equal(t, w.issuer, doc["issuer"])
	require.Equal(t, true, doc["authorization_response_iss_parameter_supported"])
	for _, name := range []string{"authorization_endpoint", "end_session_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"} {
		address, ok := doc[name].(string)
		require.True(t, ok, name)
		require.True(t, strings.HasPrefix(address, w.issuer+"/"), address)
		require.NotEqual(t, http.StatusNotFound, b.get(address).StatusCode, name)
	}
	// A hostile Host changes nothing.
	r, err := http.NewRequest(http.MethodGet, w.issuer+"/.well-known/oauth-authorization-server", nil)
	require.NoError(t, err)
	r.Host = "evil.example"
	r.Header.Set("X-Forwarded-Host", "evil.example")
	require.Equal(t, a.body, b.do(r).body)
}
