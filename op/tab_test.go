package op_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// tab is a browser: cookies, and no redirects followed by itself.
type tab struct {
	w    *world
	jar  *cookiejar.Jar
	http *http.Client
}

func (w *world) browser() *tab {
	jar, err := cookiejar.New(nil)
	require.NoError(w.t, err)
	return &tab{w: w, jar: jar, http: &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what came back.
type answer struct {
	*http.Response
	body     string
	location *url.URL // nil: no redirect
}

func (b *tab) do(r *http.Request) answer {
	b.w.t.Helper()
	res, err := b.http.Do(r)
	require.NoError(b.w.t, err)
	defer func() { _ = res.Body.Close() }()
	var body bytes.Buffer
	_, err = body.ReadFrom(res.Body)
	require.NoError(b.w.t, err)
	a := answer{Response: res, body: body.String()}
	if l := res.Header.Get("Location"); l != "" {
		a.location, err = url.Parse(l)
		require.NoError(b.w.t, err)
	}
	return a
}

// get fetches a path of the provider, or an absolute address.
func (b *tab) get(path string) answer {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodGet, b.w.issuer+strings.TrimPrefix(path, b.w.issuer), nil)
	require.NoError(b.w.t, err)
	r.Header.Set("Accept-Language", "en")
	return b.do(r)
}

func (b *tab) post(path string, form url.Values) answer {
	b.w.t.Helper()
	return b.do(b.postRequest(path, form))
}

func (b *tab) postRequest(path string, form url.Values) *http.Request {
	r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodPost, b.w.issuer+path, strings.NewReader(form.Encode()))
	require.NoError(b.w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept-Language", "en")
	return r
}

// secret is the browser cookie's secret.
func (b *tab) secret() storage.Secret {
	b.w.t.Helper()
	s, ok := b.w.guard.Secret(b.withCookies())
	require.True(b.w.t, ok, "the browser has no secret")
	return s
}

func (b *tab) session() (storage.Handle, bool) { return b.w.guard.Session(b.withCookies()) }

func (b *tab) withCookies() *http.Request {
	u, err := url.Parse(b.w.issuer)
	require.NoError(b.w.t, err)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, c := range b.jar.Cookies(u) {
		r.AddCookie(c)
	}
	return r
}

// keep stores the cookies that a handler of ours would have set.
func (b *tab) keep(set func(http.ResponseWriter)) {
	rec := httptest.NewRecorder()
	set(rec)
	u, err := url.Parse(b.w.issuer)
	require.NoError(b.w.t, err)
	b.jar.SetCookies(u, rec.Result().Cookies())
}

// query is a good authorization request of the client; pairs replace parameters, and an empty value leaves one out.
func query(clientID string, pairs ...string) url.Values {
	uris := map[string]string{
		firstParty: shopURI, thirdParty: forumURI, publicApp: appURI, pkceClient: strictURI, noRefresh: plainURI,
		machine: batchURI,
	}
	q := url.Values{
		"client_id": {clientID}, "redirect_uri": {uris[clientID]}, "response_type": {"code"},
		"scope": {"openid phone"}, "state": {"st&ate=ü"}, "nonce": {"n-1"},
	}
	if clientID == publicApp || clientID == pkceClient {
		q.Set("code_challenge", challenge(verifier))
		q.Set("code_challenge_method", "S256")
	}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	return q
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func authorizePath(q url.Values) string { return "/authorize?" + q.Encode() }

// loginID is the request of a redirect to the login page.
func (a answer) loginID(t *testing.T) storage.ID {
	t.Helper()
	require.NotNil(t, a.location, "no redirect: %d %s", a.StatusCode, a.body)
	text, ok := strings.CutPrefix(a.location.Path, "/login/")
	require.True(t, ok, "redirect to %s", a.location)
	id, err := storage.ParseID(text)
	require.NoError(t, err)
	return id
}

// at checks that the answer went to the redirect URI, and returns its parameters. To an app's own scheme it goes by the
// button of a page.
func (a answer) at(t *testing.T, redirectURI string) url.Values {
	t.Helper()
	if location, ok := a.appURL(t); ok {
		require.True(t, strings.HasPrefix(location, redirectURI+"?"), "button to %s", location)
		u, err := url.Parse(location)
		require.NoError(t, err)
		return u.Query()
	}
	require.Equal(t, http.StatusSeeOther, a.StatusCode, a.body)
	location := a.Header.Get("Location")
	require.True(t, strings.HasPrefix(location, redirectURI), "redirect to %s", location)
	require.Empty(t, a.location.Fragment)
	return a.location.Query()
}

// appURL is where the button of the page for apps leads.
func (a answer) appURL(t *testing.T) (string, bool) {
	t.Helper()
	m := regexp.MustCompile(`id="app" href="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil {
		return "", false
	}
	require.Equal(t, http.StatusOK, a.StatusCode)
	require.Empty(t, a.Header.Get("Location"))
	return html.UnescapeString(m[1]), true
}

// code is the code of an answer at the redirect URI.
func (a answer) code(t *testing.T, w *world, redirectURI string) storage.Handle {
	t.Helper()
	q := a.at(t, redirectURI)
	require.Empty(t, q.Get("error"), q.Get("error_description"))
	require.Equal(t, w.issuer, q.Get("iss"))
	code, err := storage.ParseHandle(q.Get("code"))
	require.NoError(t, err)
	return code
}

// page checks that the answer is an error page and no redirect.
func (a answer) page(t *testing.T, status int) {
	t.Helper()
	require.Equal(t, status, a.StatusCode, a.body)
	require.Empty(t, a.Header.Get("Location"))
	require.Contains(t, a.Header.Get("Content-Type"), "text/html")
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
}
