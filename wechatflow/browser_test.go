package wechatflow_test

import (
	"context"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/ui"
)

// computer is a browser with its own cookies.
type computer struct {
	w      *world
	http   *http.Client
	agent  string
	from   string // X-Forwarded-For
	origin string // Origin of its posts; empty: none
	site   string // where it reaches the flow
}

const (
	chromeAgent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
	wechatAgent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50"
	phoneAgent  = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1"
)

func (w *world) browser() *computer {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(w.t, err)
	transport := &http.Transport{}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &computer{w: w, http: &http.Client{Jar: jar, Transport: transport}, agent: chromeAgent, site: w.site.URL}
}

// page is what a browser shows after its redirects.
type page struct {
	c      *computer
	status int
	url    *url.URL
	header http.Header
	body   string
}

func (c *computer) do(method, target string, form url.Values) *page {
	c.w.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = c.site + target
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(context.Background(), method, target, body)
	require.NoError(c.w.t, err)
	r.Header.Set("User-Agent", c.agent)
	r.Header.Set("Accept-Language", "en")
	if c.from != "" {
		r.Header.Set("X-Forwarded-For", c.from)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
	}
	resp, err := c.http.Do(r)
	require.NoError(c.w.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(c.w.t, err)
	return &page{c: c, status: resp.StatusCode, url: resp.Request.URL, header: resp.Header, body: string(b)}
}

func (c *computer) get(target string) *page { c.w.t.Helper(); return c.do("GET", target, nil) }

// still is a copy of the browser, with the same cookies, that follows no redirect.
func (c *computer) still() *computer {
	s := *c
	client := *c.http
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.http = &client
	return &s
}

var (
	formShape   = regexp.MustCompile(`(?s)<form[^>]*method="post"[^>]*action="([^"]*)"[^>]*>(.*?)</form>`)
	tokenShape  = regexp.MustCompile(`name="form_token" value="([^"]*)"`)
	hiddenShape = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	choices     = regexp.MustCompile(`name="number" value="(\d+)"`)
	linkShape   = regexp.MustCompile(`https?://[^"\s<>]+/phone/[^"\s<>/.]+\.[^"\s<>]+`) // of a login, not of a notice
)

// attr is the value of a data attribute, empty where it is missing.
func (p *page) attr(name string) string {
	m := regexp.MustCompile(name + `="([^"]*)"`).FindStringSubmatch(p.body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// form returns the action and token of the form whose action contains the words.
func (p *page) form(words string) (action, token string) {
	p.c.w.t.Helper()
	for _, m := range formShape.FindAllStringSubmatch(p.body, -1) {
		action := html.UnescapeString(m[1])
		if t := tokenShape.FindStringSubmatch(m[2]); t != nil && strings.Contains(action, words) {
			return action, html.UnescapeString(t[1])
		}
	}
	require.Failf(p.c.w.t, "no such form", "%s on %s (status %d):\n%s", words, p.url, p.status, p.body)
	return "", ""
}

// submit sends the form whose action contains the words as a browser does, with its hidden fields, and with more fields as
// name, value pairs.
func (p *page) submit(words string, pairs ...string) *page {
	p.c.w.t.Helper()
	action, token := p.form(words)
	values := fields(token, pairs...)
	for _, m := range formShape.FindAllStringSubmatch(p.body, -1) {
		for _, hidden := range hiddenShape.FindAllStringSubmatch(m[2], -1) {
			if name := hidden[1]; html.UnescapeString(m[1]) == action && !values.Has(name) {
				values.Set(name, html.UnescapeString(hidden[2]))
			}
		}
	}
	return p.c.do("POST", action, values)
}

// hidden is the value of a hidden field.
func (p *page) hidden(name string) string {
	for _, m := range hiddenShape.FindAllStringSubmatch(p.body, -1) {
		if m[1] == name {
			return html.UnescapeString(m[2])
		}
	}
	return ""
}

func fields(token string, pairs ...string) url.Values {
	v := url.Values{"form_token": {token}}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

// choices are the numbers that the phone's page offers.
func (p *page) choices() []string {
	var all []string
	for _, m := range choices.FindAllStringSubmatch(p.body, -1) {
		all = append(all, m[1])
	}
	return all
}

func (p *page) json(v any) {
	p.c.w.t.Helper()
	require.NoError(p.c.w.t, json.Unmarshal([]byte(p.body), v), p.body)
}

// login begins an authorization request in this browser, as the provider does, and opens its login page.
func (c *computer) login() *page {
	c.w.t.Helper()
	return c.loginFor(testClientID)
}

func (c *computer) loginFor(client string) *page {
	c.w.t.Helper()
	return c.get("/login/" + c.requestFor(client).String())
}

// request stores an authorization request of this browser.
func (c *computer) request() storage.ID { c.w.t.Helper(); return c.requestFor(testClientID) }

func (c *computer) requestFor(client string) storage.ID {
	c.w.t.Helper()
	return c.requestWith(client, nil)
}

// requestWith stores a request whose parameters are changed.
func (c *computer) requestWith(client string, change func(*storage.AuthParams)) storage.ID {
	c.w.t.Helper()
	secret, ok := c.secret()
	if !ok {
		secret = storage.NewSecret()
		c.http.Jar.SetCookies(mustURL(c.w.t, c.site), []*http.Cookie{{Name: "qiao_browser", Value: secret.Text(), Path: "/"}})
	}
	now := c.w.clock.Now()
	request := storage.AuthRequest{
		ID: storage.NewID(now), Browser: secret.Hash(), ClientID: client, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		Params: storage.AuthParams{RedirectURI: "https://shop.example/callback", Scopes: []string{"openid", "phone"}, CodeChallenge: strings.Repeat("a", 43)},
	}
	if change != nil {
		change(&request.Params)
	}
	require.NoError(c.w.t, c.w.store.Store.CreateAuthRequest(context.Background(), request))
	return request.ID
}

func (c *computer) secret() (storage.Secret, bool) {
	for _, cookie := range c.http.Jar.Cookies(mustURL(c.w.t, c.site)) {
		if cookie.Name == "qiao_browser" {
			s, err := storage.ParseSecret(cookie.Value)
			return s, err == nil
		}
	}
	return storage.Secret{}, false
}

// state asks for the JSON of a login page.
func (c *computer) state(login *page, v int64, wait int) (ui.LoginState, *page) {
	c.w.t.Helper()
	p := c.get(login.url.Path + "/state?v=" + strconv.FormatInt(v, 10) + "&wait=" + strconv.Itoa(wait))
	var s ui.LoginState
	if p.status == http.StatusOK {
		p.json(&s)
	}
	return s, p
}

func (p *page) version() int64 {
	v, err := strconv.ParseInt(p.attr("data-v"), 10, 64)
	require.NoError(p.c.w.t, err)
	return v
}

func (p *page) path() string { return p.url.Path }
