package op_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Until the redirect URI is known to be the client's, everything that is wrong is a page; from then on the client hears
// of it, with its state and iss.
func TestAuthorizeRefuses(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	with := func(clientID string, pairs ...string) string { return query(clientID, pairs...).Encode() }
	good := with(firstParty)
	const page = "" // the protocol error to expect, empty for a page
	for name, c := range map[string]struct {
		query  string
		status int
		code   string
	}{
		"nothing":                        {query: "", status: 400},
		"broken escape":                  {query: good + "&x=%zz", status: 400},
		"client_id missing":              {query: with(firstParty, "client_id", ""), status: 400},
		"client_id unknown":              {query: with(firstParty, "client_id", "nobody"), status: 400},
		"client_id of another":           {query: with(firstParty, "client_id", thirdParty), status: 400},
		"client_id twice":                {query: good + "&client_id=" + firstParty, status: 400},
		"client_id too long":             {query: with(firstParty, "client_id", strings.Repeat("a", 256)), status: 400},
		"client_id with a line feed":     {query: with(firstParty, "client_id", "shop\n"), status: 400},
		"redirect_uri missing":           {query: with(firstParty, "redirect_uri", ""), status: 400},
		"redirect_uri unknown":           {query: with(firstParty, "redirect_uri", "https://evil.example/cb"), status: 400},
		"redirect_uri without its query": {query: with(firstParty, "redirect_uri", "https://shop.example/cb"), status: 400},
		"redirect_uri decoded":           {query: with(firstParty, "redirect_uri", "https://shop.example/cb?tenant=a/b"), status: 400},
		"redirect_uri twice":             {query: good + "&redirect_uri=x", status: 400},
		"redirect_uri too long":          {query: with(firstParty, "redirect_uri", shopURI+strings.Repeat("a", 2048)), status: 400},
		"redirect_uri of another client": {query: with(firstParty, "redirect_uri", forumURI), status: 400},
		"any port, but not native":       {query: with(firstParty, "redirect_uri", "http://127.0.0.1:9/cb"), status: 400},
		"state twice":                    {query: good + "&state=2", status: 400},
		"state too long":                 {query: with(firstParty, "state", strings.Repeat("s", 4097)), status: 400},
		"state with a null":              {query: with(firstParty, "state", "a\x00b"), status: 400},
		"nonce twice":                    {query: good + "&nonce=2", status: 400},
		"scope twice":                    {query: good + "&scope=openid", status: 400},
		"too much together":              {query: with(firstParty, "state", strings.Repeat(`"`, 4096)), status: 400},
		"longer than 64 KiB":             {query: good + "&x=" + strings.Repeat("y", 64<<10), status: 400},

		"response_type missing":      {query: with(firstParty, "response_type", ""), code: "invalid_request"},
		"response_type token":        {query: with(firstParty, "response_type", "token"), code: "unsupported_response_type"},
		"response_type id_token":     {query: with(firstParty, "response_type", "id_token"), code: "unsupported_response_type"},
		"response_type hybrid":       {query: with(firstParty, "response_type", "code id_token"), code: "unsupported_response_type"},
		"response_type code twice":   {query: with(firstParty, "response_type", "code code"), code: "unsupported_response_type"},
		"response_mode fragment":     {query: with(firstParty, "response_mode", "fragment"), code: "invalid_request"},
		"response_mode form_post":    {query: with(firstParty, "response_mode", "form_post"), code: "invalid_request"},
		"request":                    {query: with(firstParty, "request", "e30.e30."), code: "request_not_supported"},
		"request_uri":                {query: with(firstParty, "request_uri", "https://rp.example/r"), code: "request_uri_not_supported"},
		"registration":               {query: with(firstParty, "registration", "{}"), code: "registration_not_supported"},
		"no code grant":              {query: with(machine), code: "unauthorized_client"},
		"scope missing":              {query: with(firstParty, "scope", ""), code: "invalid_scope"},
		"scope without openid":       {query: with(firstParty, "scope", "phone profile"), code: "invalid_scope"},
		"scope OpenID":               {query: with(firstParty, "scope", "OpenID"), code: "invalid_scope"},
		"PKCE plain":                 {query: with(firstParty, "code_challenge", challenge(verifier), "code_challenge_method", "plain"), code: "invalid_request"},
		"PKCE without method":        {query: with(firstParty, "code_challenge", challenge(verifier)), code: "invalid_request"},
		"PKCE method alone":          {query: with(firstParty, "code_challenge_method", "S256"), code: "invalid_request"},
		"PKCE s256":                  {query: with(firstParty, "code_challenge", challenge(verifier), "code_challenge_method", "s256"), code: "invalid_request"},
		"PKCE challenge of 42":       {query: with(firstParty, "code_challenge", challenge(verifier)[:42], "code_challenge_method", "S256"), code: "invalid_request"},
		"PKCE challenge of 44":       {query: with(firstParty, "code_challenge", challenge(verifier)+"A", "code_challenge_method", "S256"), code: "invalid_request"},
		"PKCE challenge not base64":  {query: with(firstParty, "code_challenge", "+"+challenge(verifier)[1:], "code_challenge_method", "S256"), code: "invalid_request"},
		"PKCE missing, public":       {query: with(publicApp, "code_challenge", "", "code_challenge_method", ""), code: "invalid_request"},
		"PKCE missing, required":     {query: with(pkceClient, "code_challenge", "", "code_challenge_method", ""), code: "invalid_request"},
		"prompt none login":          {query: with(firstParty, "prompt", "none login"), code: "invalid_request"},
		"prompt none none":           {query: with(firstParty, "prompt", "none none"), code: "invalid_request"},
		"prompt unknown":             {query: with(firstParty, "prompt", "please"), code: "invalid_request"},
		"max_age negative":           {query: with(firstParty, "max_age", "-1"), code: "invalid_request"},
		"max_age a word":             {query: with(firstParty, "max_age", "soon"), code: "invalid_request"},
		"max_age a fraction":         {query: with(firstParty, "max_age", "1.5"), code: "invalid_request"},
		"max_age signed":             {query: with(firstParty, "max_age", "+1"), code: "invalid_request"},
		"max_age past any bound":     {query: with(firstParty, "max_age", "9999999999999999"), code: ""},
		"id_token_hint rubbish":      {query: with(firstParty, "id_token_hint", "rubbish"), code: "invalid_request"},
		"id_token_hint alg none":     {query: with(firstParty, "id_token_hint", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."), code: "invalid_request"},
		"id_token_hint, no one here": {query: with(firstParty, "id_token_hint", w.idToken(firstParty, "somebody", "")), code: ""},
		"prompt none, no session":    {query: with(firstParty, "prompt", "none"), code: "login_required"},
	} {
		t.Run(name, func(t *testing.T) {
			a := b.get("/authorize?" + c.query)
			switch {
			case c.status != 0:
				a.page(t, c.status)
			case c.code == page:
				a.loginID(t) // nothing is wrong with it
			default:
				sent, err := url.ParseQuery(c.query)
				require.NoError(t, err)
				q := a.at(t, sent.Get("redirect_uri"))
				require.Equal(t, c.code, q.Get("error"))
				require.Regexp(t, `^[ !#-\[\]-~]+$`, q.Get("error_description"))
				require.Equal(t, sent.Get("state"), q.Get("state"))
				require.Equal(t, w.issuer, q.Get("iss"))
				require.Empty(t, q.Get("code"))
				require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
			}
		})
	}
}

// What is unknown, empty, or only a wish, changes nothing.
func TestAuthorizeAccepts(t *testing.T) {
	w := newWorld(t, settings{})
	for name, q := range map[string]url.Values{
		"plain":                     query(firstParty),
		"unknown parameters":        {"resource": {"a", "b"}, "claims": {`{"id_token":{}}`}, "display": {"touch"}, "x": {"\x00"}},
		"empty ones":                {"prompt": {""}, "max_age": {""}, "id_token_hint": {""}, "request": {""}, "response_mode": {""}},
		"wishes":                    {"login_hint": {"+8613800001234"}, "ui_locales": {"fr de en"}, "acr_values": {"urn:x " + acrConfirm}, "claims_locales": {"de"}},
		"response_mode query":       {"response_mode": {"query"}},
		"a long state":              {"state": {strings.Repeat("ü", 2048)}},
		"no state and nonce":        {"state": {""}, "nonce": {""}},
		"scopes unknown and twice":  {"scope": {"openid openid email address api:read"}},
		"max_age zero":              {"max_age": {"0"}},
		"PKCE of a confidential":    {"code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"}},
		"prompt login consent":      {"prompt": {"login consent"}},
		"prompt select_account":     {"prompt": {"select_account"}},
		"native, any loopback port": {"client_id": {publicApp}, "redirect_uri": {"http://127.0.0.1:50123/cb"}, "code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"}},
		"native, IPv6 loopback":     {"client_id": {publicApp}, "redirect_uri": {"http://[::1]:50123/cb"}, "code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			all := query(firstParty)
			for k, v := range q {
				all[k] = v
			}
			b := w.browser()
			id := b.get(authorizePath(all)).loginID(t)
			b.login(id, ann)
			code := b.get("/authorize/continue?request=" + id.String())
			code.code(t, w, all.Get("redirect_uri"))
			require.Equal(t, all.Get("state"), code.location.Query().Get("state"))
		})
	}
}

// A post comes without SameSite=Lax cookies when another site sends it: it is answered with the GET, which has them.
func TestAuthorizeByPost(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	b.signIn(ann)

	a := b.post("/authorize", query(firstParty))
	require.Equal(t, http.StatusSeeOther, a.StatusCode)
	require.Equal(t, "/authorize", a.location.Path)
	require.Equal(t, query(firstParty), a.location.Query())
	b.get(a.Header.Get("Location")).code(t, w, shopURI)

	// In the query and in the form is twice.
	a = b.post("/authorize?state=1", query(firstParty))
	b.get(a.Header.Get("Location")).page(t, http.StatusBadRequest)

	b.post("/authorize", url.Values{"x": {strings.Repeat("y", 64<<10)}}).page(t, http.StatusRequestEntityTooLarge)

	r := b.postRequest("/authorize", nil)
	r.Header.Set("Content-Type", "application/json")
	b.get(b.do(r).Header.Get("Location")).page(t, http.StatusBadRequest)

	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodOptions} {
		r := b.postRequest("/authorize", query(firstParty))
		r.Method = method
		require.Equal(t, http.StatusMethodNotAllowed, b.do(r).StatusCode)
	}
}

// Every variant of a registered address is another address: a page, and never a redirect to it.
func TestRedirectCorpus(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	b.signIn(ann) // a code would go out at once
	rewrites := []func(string) string{
		func(s string) string { return s + "/" },
		func(s string) string { return s + "&x=1" },
		func(s string) string { return s + "?x=1" },
		func(s string) string { return s + "#" },
		func(s string) string { return s + "#fragment" },
		func(s string) string { return s + "%00" },
		func(s string) string { return s + " " },
		func(s string) string { return " " + s },
		func(s string) string { return s + "\\" },
		func(s string) string { return s[:len(s)-1] },
		func(s string) string { return strings.ToUpper(s) },
		func(s string) string { return strings.Replace(s, "https:", "http:", 1) },
		func(s string) string { return strings.Replace(s, "https:", "HTTPS:", 1) },
		func(s string) string { return strings.Replace(s, "https:", "javascript:", 1) },
		func(s string) string { return strings.Replace(s, "https://", "//", 1) },
		func(s string) string { return strings.Replace(s, "https://", "https:/", 1) },
		func(s string) string { return strings.Replace(s, "https://", "https:\\\\", 1) },
		func(s string) string { return strings.Replace(s, "https://", "https://evil.example@", 1) },
		func(s string) string { return strings.Replace(s, "https://", "https://evil.example\\@", 1) },
		func(s string) string { return strings.Replace(s, "https://", "https://www.", 1) },
		func(s string) string { return strings.Replace(s, ".example", ".example.", 1) },
		func(s string) string { return strings.Replace(s, ".example", ".example.evil.example", 1) },
		func(s string) string { return strings.Replace(s, ".example", ".example@evil.example", 1) },
		func(s string) string { return strings.Replace(s, ".example", ".example:443", 1) },
		func(s string) string { return strings.Replace(s, ".example", ".example:8443", 1) },
		func(s string) string { return strings.Replace(s, ".example/", ".example//", 1) },
		func(s string) string { return strings.Replace(s, ".example/", ".example/./", 1) },
		func(s string) string { return strings.Replace(s, ".example/", ".example/x/../", 1) },
		func(s string) string { return strings.Replace(s, ".example/", ".example/%2e%2e/", 1) },
		func(s string) string { return strings.Replace(s, "/cb", "/%63b", 1) },
		func(s string) string { return strings.Replace(s, "/cb", "/CB", 1) },
		func(s string) string { return strings.Replace(s, "/cb", "%2Fcb", 1) },
		func(s string) string { return strings.Replace(s, "/cb", "/cb;x", 1) },
		func(s string) string { return strings.Replace(s, "e", "\u0435", 1) },
	}
	codes := w.faults.codes()
	for clientID, registered := range map[string]string{firstParty: shopURI, noRefresh: plainURI, pkceClient: strictURI} {
		for i, rewrite := range rewrites {
			uri := rewrite(registered)
			if uri == registered {
				continue
			}
			for _, pairs := range [][]string{{}, {"response_type", "token"}, {"prompt", "none"}} {
				a := b.get(authorizePath(query(clientID, append(pairs, "redirect_uri", uri)...)))
				require.Equal(t, http.StatusBadRequest, a.StatusCode, "rewrite %d: %q", i, uri)
				a.page(t, http.StatusBadRequest)
			}
		}
		b.get(authorizePath(query(clientID))).code(t, w, registered)
		codes++
	}
	require.Equal(t, codes, w.faults.codes())
}
