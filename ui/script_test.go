package ui_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/ui"
	"qiao/ui/chromium"
)

// party is a login as the server sees it: it draws the page for the state, answers the polls, and takes notes.
type party struct {
	t     *testing.T
	pages *ui.Renderer
	url   string

	mu      sync.Mutex
	page    ui.Login
	state   ui.LoginState
	status  int           // of the polls
	changed chan struct{} // closed when state or status changes
	loads   int
	polls   []url.Values
	open    int
	posts   []string
}

func newParty(t *testing.T) *party {
	p := &party{
		t: t, pages: renderer(t), changed: make(chan struct{}), status: http.StatusOK,
		page: ui.Login{
			Frame: ui.Frame{Lang: ui.English, Here: "/login/x"}, Client: ui.Client{Name: "Grafana"}, State: "waiting", Version: 1,
			QR: "http://weixin.qq.com/q/first", ExpiresIn: 90, Renewable: true, StateURL: "/login/x/state",
			ContinueURL: "/login/x/continue", RefreshURL: "/login/x/refresh", CancelURL: "/cancel", FormToken: "the-token",
		},
		state: ui.LoginState{State: "waiting", Version: 1, QR: "http://weixin.qq.com/q/first", ExpiresIn: 90, Renewable: true},
	}
	mux := http.NewServeMux()
	mux.Handle("/static/", p.pages.Static())
	mux.HandleFunc("GET /login/x", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		p.loads++
		page := p.page
		p.mu.Unlock()
		p.pages.Render(w, http.StatusOK, page)
	})
	mux.HandleFunc("GET /login/x/state", p.poll)
	mux.HandleFunc("POST /login/x/", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.posts = append(p.posts, r.URL.Path+" "+r.PostFormValue("form_token")+" "+r.PostFormValue("approve"))
		p.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	p.url = server.URL
	return p
}

func (p *party) poll(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.polls = append(p.polls, r.URL.Query())
	p.open++
	for r.URL.Query().Get("v") == "1" && p.state.Version == 1 && r.URL.Query().Get("wait") == "20" && p.status == http.StatusOK {
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-r.Context().Done():
			p.mu.Lock()
			p.open--
			p.mu.Unlock()
			return
		}
		p.mu.Lock()
	}
	p.open--
	state, status := p.state, p.status
	p.mu.Unlock()
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(state)
}

// change moves the login on, both for the polls and for the page.
func (p *party) change(f func(*party)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p)
	close(p.changed)
	p.changed = make(chan struct{})
}

// sees waits for what the server must hear of.
func (p *party) sees(ctx context.Context, what string, f func(*party) bool) {
	p.t.Helper()
	for {
		p.mu.Lock()
		ok := f(p)
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			p.t.Fatalf("the server never saw %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// faults collects what the page's policy blocked and what its script threw.
const faults = `window.faults = [];
addEventListener('securitypolicyviolation', function (e) { faults.push(e.violatedDirective + ' ' + e.blockedURI); });
addEventListener('error', function (e) { faults.push(String(e.message)); });`

func TestLoginScript(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	b, err := chromium.Start(ctx)
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()

	open := func(t *testing.T, p *party) *chromium.Tab {
		tab, err := b.Open(ctx, chromium.Desktop())
		require.NoError(t, err)
		t.Cleanup(func() {
			var found []string
			require.NoError(t, tab.Eval(ctx, "window.faults || []", &found))
			require.Empty(t, found)
			require.NoError(t, tab.Close(ctx))
		})
		require.NoError(t, tab.Before(ctx, faults))
		require.NoError(t, tab.Go(ctx, p.url+"/login/x"))
		require.NoError(t, tab.Eval(ctx, "window.same = true", nil))
		return tab
	}
	until := func(t *testing.T, tab *chromium.Tab, condition string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
		defer cancel()
		require.NoError(t, tab.Until(ctx, condition))
	}
	const card = "document.getElementById('login').dataset.state"

	t.Run("scan, bind, confirm", func(t *testing.T) {
		p := newParty(t)
		tab := open(t, p)
		until(t, tab, card+" === 'waiting' && !document.querySelector('#continue button').offsetParent")
		p.change(func(p *party) { p.state = ui.LoginState{State: "scanned", Version: 2, Number: 47, Step: "confirm"} })
		until(t, tab, card+" === 'scanned' && document.querySelector('[data-number=\"47\"]').offsetParent && window.same")
		until(t, tab, "document.activeElement === document.querySelector('#p-scanned h2')")
		until(t, tab, "!document.querySelector('[data-qr]') && document.getElementById('say').textContent.indexOf('47') > 0")
		p.change(func(p *party) { p.state = ui.LoginState{State: "scanned", Version: 3, Step: "bind"} })
		until(t, tab, "document.activeElement === document.querySelector('#p-bind h2')")
		until(t, tab, "document.getElementById('p-bind').offsetParent && document.getElementById('p-scanned').hidden && window.same")
		p.change(func(p *party) { p.state = ui.LoginState{State: "confirmed", Version: 4} })
		p.sees(ctx, "the form", func(p *party) bool { return len(p.posts) > 0 })
		require.Equal(t, []string{"/login/x/continue the-token "}, p.posts)
		require.Equal(t, 1, p.loads)
	})

	t.Run("the focus stays where somebody put it", func(t *testing.T) {
		p := newParty(t)
		tab := open(t, p)
		require.NoError(t, tab.Eval(ctx, "document.querySelector('.ways button').focus(); 1", nil))
		p.change(func(p *party) { p.state = ui.LoginState{State: "scanned", Version: 2, Number: 47, Step: "confirm"} })
		until(t, tab, card+" === 'scanned' && document.getElementById('say').textContent.indexOf('47') > 0")
		until(t, tab, "document.activeElement === document.querySelector('.ways button')")
	})

	t.Run("the picture is renewed in place", func(t *testing.T) {
		p := newParty(t)
		tab := open(t, p)
		svg, err := ui.QRSVG("http://weixin.qq.com/q/the-second-one-is-longer-than-the-first")
		require.NoError(t, err)
		p.change(func(p *party) {
			p.state = ui.LoginState{State: "waiting", Version: 2, QR: "second", Picture: svg, ExpiresIn: 59}
		})
		until(t, tab, "document.querySelector('[data-qr=second]') && window.same")
		var path, box string
		require.NoError(t, tab.Eval(ctx, "document.querySelectorAll('#code path')[1].getAttribute('d')", &path))
		require.NoError(t, tab.Eval(ctx, "document.getElementById('code').getAttribute('viewBox')", &box))
		require.Contains(t, svg, ` d="`+path+`"`)
		require.Contains(t, svg, `viewBox="`+box+`"`)
		until(t, tab, "document.getElementById('renews').hidden && document.getElementById('ends').textContent.indexOf('5') > 0")
	})

	t.Run("what cannot be shown in place is loaded", func(t *testing.T) {
		for _, to := range []struct {
			json ui.LoginState
			page func(*ui.Login)
			see  string
		}{
			{ui.LoginState{State: "declined", Version: 2}, func(l *ui.Login) { l.State = "declined" }, card + " === 'declined'"},
			{ui.LoginState{State: "confirmed", Version: 2, Step: "approve", As: "138****1234"},
				func(l *ui.Login) { l.State, l.ContinueAs = "confirmed", "138****1234" }, "document.querySelector('[name=approve]')"},
			{ui.LoginState{State: "entangled", Version: 2}, func(l *ui.Login) { l.State = "entangled" }, "!document.querySelector('[data-qr]')"},
		} {
			p := newParty(t)
			tab := open(t, p)
			p.change(func(p *party) { p.state = to.json; p.page.QR = ""; to.page(&p.page) })
			until(t, tab, "!window.same && "+to.see)
			until(t, tab, "document.activeElement === document.querySelector('#login h2') && !sessionStorage.land")
			require.Empty(t, p.posts, "nothing is approved by itself")
		}
	})

	t.Run("confirmed already: the form goes by itself", func(t *testing.T) {
		p := newParty(t)
		p.page.State, p.page.QR = "confirmed", ""
		tab, err := b.Open(ctx, chromium.Desktop())
		require.NoError(t, err)
		require.NoError(t, tab.Visit(ctx, p.url+"/login/x"))
		p.sees(ctx, "the form", func(p *party) bool { return len(p.posts) == 1 })
		require.NoError(t, tab.Close(ctx))
	})

	t.Run("hidden pages ask nothing", func(t *testing.T) {
		p := newParty(t)
		tab := open(t, p)
		p.sees(ctx, "a poll", func(p *party) bool { return p.open == 1 })
		hide := func(hidden string) {
			require.NoError(t, tab.Eval(ctx, "Object.defineProperty(document, 'hidden', {value: "+hidden+
				", configurable: true}); document.dispatchEvent(new Event('visibilitychange')); 1", nil))
		}
		hide("true")
		p.sees(ctx, "the poll given up", func(p *party) bool { return p.open == 0 })
		before := len(p.polls)
		p.change(func(p *party) { p.state = ui.LoginState{State: "scanned", Version: 2, Number: 47} })
		require.NoError(t, tab.Eval(ctx, "new Promise(function (done) { setTimeout(done, 2500); })", nil))
		p.mu.Lock()
		require.Len(t, p.polls, before, "nothing polls while the page is hidden")
		p.mu.Unlock()
		hide("false")
		until(t, tab, card+" === 'scanned' && window.same")
	})

	t.Run("after an error it polls shortly", func(t *testing.T) {
		p := newParty(t)
		p.status = http.StatusServiceUnavailable
		tab := open(t, p)
		p.sees(ctx, "short polls", func(p *party) bool { return len(p.polls) >= 3 })
		until(t, tab, "document.getElementById('offline').offsetParent && window.same")
		p.change(func(p *party) {
			require.Equal(t, "20", p.polls[0].Get("wait"))
			require.Equal(t, "0", p.polls[1].Get("wait"))
			p.status = http.StatusOK
			p.state = ui.LoginState{State: "scanned", Version: 2, Number: 47}
		})
		until(t, tab, card+" === 'scanned' && document.getElementById('offline').hidden")
	})

	t.Run("an attempt that is gone is not polled for ever", func(t *testing.T) {
		p := newParty(t)
		p.status = http.StatusNotFound
		open(t, p)
		p.sees(ctx, "a reload", func(p *party) bool { return p.loads > 1 })
		p.mu.Lock()
		require.Less(t, len(p.polls), 4)
		p.mu.Unlock()
	})

	t.Run("a picture at its end asks for the next, and does not stand there dead", func(t *testing.T) {
		p := newParty(t)
		p.page.ExpiresIn = 1
		open(t, p)
		p.sees(ctx, "a second poll", func(p *party) bool { return len(p.polls) >= 2 && p.open == 1 })
		p.sees(ctx, "a reload", func(p *party) bool { return p.loads > 1 })
	})

	t.Run("without script there is a button", func(t *testing.T) {
		p := newParty(t)
		look := chromium.Desktop()
		look.NoScript = true
		tab, err := b.Open(ctx, look)
		require.NoError(t, err)
		require.NoError(t, tab.Go(ctx, p.url+"/login/x"))
		until(t, tab, "document.querySelector('#continue button').getBoundingClientRect().height >= 44")
		var text string
		require.NoError(t, tab.Eval(ctx, "document.body.innerText", &text))
		require.True(t, strings.Contains(text, "I have approved on my phone"))
		require.Empty(t, p.polls)
		p.sees(ctx, "the page refreshed by itself", func(p *party) bool { return p.loads > 1 })
		require.NoError(t, tab.Close(ctx))
	})
}
