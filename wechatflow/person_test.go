package wechatflow_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"
)

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
	done := c.continues(login)
	var s session
	if done.status == http.StatusOK {
		done.json(&s)
	}
	return s, done
}

// continues is continueLogin, wherever that leads.
func (c *computer) continues(login *page) *page {
	c.w.t.Helper()
	confirmed := c.get(login.path())
	require.Equal(c.w.t, "confirmed", confirmed.attr("data-state"), confirmed.body)
	var pairs []string
	if strings.Contains(confirmed.body, `name="approve"`) {
		pairs = []string{"approve", "yes"}
	}
	return confirmed.submit("/continue", pairs...)
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
