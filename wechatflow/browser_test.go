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
	formShape  = regexp.MustCompile(`(?s)<form[^>]*method="post"[^>]*action="([^"]*)"[^>]*>(.*?)</form>`)
	tokenShape = regexp.MustCompile(`name="form_token" value="([^"]*)"`)
	choices    = regexp.MustCompile(`name="number" value="(\d+)"`)
	linkShape  = regexp.MustCompile(`https?://[^"\s<>]+/phone/[^"\s<>]+`)
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

// submit sends the form whose action contains the words, with more fields as name, value pairs.
func (p *page) submit(words string, pairs ...string) *page {
	p.c.w.t.Helper()
	action, token := p.form(words)
	return p.c.do("POST", action, fields(token, pairs...))
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

// person is somebody with a phone.
type person struct {
	w       *world
	id      string
	openID  string
	unionID string
	phone   *computer // WeChat's built-in browser
	seen    int
}

func (w *world) person(more ...map[string]any) *person {
	w.t.Helper()
	in := map[string]any{}
	for _, m := range more {
		for k, v := range m {
			in[k] = v
		}
	}
	var out struct {
		ID, UnionID string
		OpenIDs     map[string]string
	}
	w.control("POST", "/sim/people", in, &out)
	p := &person{w: w, id: out.ID, openID: out.OpenIDs["wx0123456789abcdef"], unionID: out.UnionID, phone: w.browser()}
	p.phone.agent = "Phone/1.0" // the simulator's browser: it does not say MicroMessenger
	return p
}

func (p *person) gesture(what string, in map[string]any) string {
	p.w.t.Helper()
	var out struct{ Outcome string }
	p.w.control("POST", "/sim/people/"+p.id+"/"+what, in, &out)
	return out.Outcome
}

func (p *person) scan(qr string) string {
	p.w.t.Helper()
	return p.gesture("scan", map[string]any{"qr": qr})
}

func (p *person) follow() string { p.w.t.Helper(); return p.gesture("follow", nil) }

// chat returns the messages since the last look.
func (p *person) chat() []string {
	p.w.t.Helper()
	var out []struct {
		N          int
		Kind, Text string
		Links      []string
	}
	p.w.control("GET", "/sim/people/"+p.id+"/messages?since="+strconv.Itoa(p.seen), nil, &out)
	var texts []string
	for _, m := range out {
		p.seen = max(p.seen, m.N)
		if m.Kind == "fault" {
			texts = append(texts, "FAULT")
			continue
		}
		texts = append(texts, strings.Join(append([]string{m.Text}, m.Links...), "\n"))
	}
	return texts
}

// link is the newest login link in the chat.
func (p *person) link() string {
	p.w.t.Helper()
	links := linkShape.FindAllString(strings.Join(p.chat(), "\n"), -1)
	require.NotEmpty(p.w.t, links, "no link in the chat")
	return links[len(links)-1]
}

// open opens an address in WeChat's built-in browser.
func (p *person) open(target string) *page {
	p.w.t.Helper()
	return p.phone.get(p.w.sim.URL + "/sim/people/" + p.id + "/browser?url=" + url.QueryEscape(target))
}

// scanAndFollow scans a login page's code, following where that is asked, and opens the link from the chat.
func (p *person) scanAndFollow(login *page) *page {
	p.w.t.Helper()
	qr := login.attr("data-qr")
	require.NotEmpty(p.w.t, qr, login.body)
	if p.scan(qr) == "follow_prompt" {
		require.Equal(p.w.t, "event", p.follow())
	}
	return p.open(p.link())
}

// choose taps the number that the computer shows.
func (p *person) choose(confirm, login *page) *page {
	p.w.t.Helper()
	number := login.c.get(login.path()).attr("data-number")
	require.NotEmpty(p.w.t, number)
	require.Contains(p.w.t, confirm.choices(), number)
	return confirm.submit("/confirm", "number", number)
}

// bind goes from the number page to the end.
func (p *person) bind(number *page, phone string) *page {
	p.w.t.Helper()
	code := number.submit("/number", "phone", phone)
	require.Equal(p.w.t, http.StatusOK, code.status, code.body)
	return code.submit("/code", "code", p.w.pocket.lastCode(p.w.t))
}

// session is what the stand-in for the provider saw.
type session struct {
	Request, SID, User, Username, ACR string
	AMR                               []string
}

// continueLogin presses the login page's button, with approve where the page asks.
func (c *computer) continueLogin(login *page) (session, *page) {
	c.w.t.Helper()
	confirmed := c.get(login.path())
	require.Equal(c.w.t, "confirmed", confirmed.attr("data-state"), confirmed.body)
	var pairs []string
	if strings.Contains(confirmed.body, `name="approve"`) {
		pairs = []string{"approve", "yes"}
	}
	done := confirmed.submit("/continue", pairs...)
	var s session
	if done.status == http.StatusOK {
		done.json(&s)
	}
	return s, done
}

// signIn is a whole login of a person in a browser.
func (p *person) signIn(c *computer, phone string) session {
	p.w.t.Helper()
	login := c.login()
	confirm := p.scanAndFollow(login)
	next := p.choose(confirm, login)
	if strings.HasSuffix(next.path(), "/number") {
		next = p.bind(next, phone)
	}
	require.Equal(p.w.t, "done", next.attr("data-end"), next.body)
	s, page := c.continueLogin(login)
	require.Equal(p.w.t, http.StatusOK, page.status, page.body)
	return s
}
