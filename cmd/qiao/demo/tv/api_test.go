package tv_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/device/stub"
)

// clock is moved by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// set is one TV's browser, without a screen.
type set struct {
	t      *testing.T
	client *http.Client
	base   string
}

func newSet(t *testing.T, server *httptest.Server) set {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return set{t, &http.Client{Jar: jar, Timeout: 30 * time.Second}, server.URL}
}

func (s set) call(method, path string) (v map[string]any) {
	s.t.Helper()
	text := s.body(method, path)
	require.NoError(s.t, json.Unmarshal(text, &v))
	return v
}

func (s set) body(method, path string) []byte {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, nil)
	require.NoError(s.t, err)
	req.Header.Set("X-TV", "1")
	res, err := s.client.Do(req)
	require.NoError(s.t, err)
	defer res.Body.Close()
	require.Equal(s.t, http.StatusOK, res.StatusCode)
	require.Equal(s.t, "no-store", res.Header.Get("Cache-Control"))
	text, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return text
}

func decide(p *stub.Provider, decision string) {
	p.Set(func(s *stub.Settings) { s.Decision = decision })
}

// world is a TV at a provider, with a clock that both share.
func world(t *testing.T, settings stub.Settings) (*clock, *stub.Provider, *httptest.Server, set) {
	t.Helper()
	c := newClock()
	p := stub.Start(t, c.Now, settings)
	server := serveTV(t, c.Now, p)
	return c, p, server, newSet(t, server)
}

func TestPollKeepsTheProvidersPace(t *testing.T) {
	c, p, _, tv := world(t, stub.Settings{})
	require.Equal(t, "signed-out", tv.call("GET", "/api/me")["state"])
	require.Equal(t, "signed-out", tv.call("POST", "/api/poll")["state"])
	v := tv.call("POST", "/api/start")
	require.Equal(t, "waiting", v["state"])
	require.EqualValues(t, 5, v["wait"])
	require.EqualValues(t, 600, v["expires_in"])
	for range 3 {
		tv.call("POST", "/api/poll")
	}
	require.Empty(t, p.Polls(), "too early")
	c.pass(5 * time.Second)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { tv.call("POST", "/api/poll") })
	}
	all.Wait()
	require.Len(t, p.Polls(), 1, "ten at once are one")
	p.Set(func(s *stub.Settings) { s.SlowDown = true })
	c.pass(5 * time.Second)
	require.EqualValues(t, 10, tv.call("POST", "/api/poll")["wait"])
	c.pass(9 * time.Second)
	require.EqualValues(t, 1, tv.call("POST", "/api/poll")["wait"])
	require.Len(t, p.Polls(), 2)
	c.pass(time.Second)
	require.EqualValues(t, 10, tv.call("POST", "/api/poll")["wait"], "slower for good")
}

func TestPollEnds(t *testing.T) {
	for name, x := range map[string]struct {
		happens func(*clock, *stub.Provider)
		want    string
	}{
		"declined":            {func(_ *clock, p *stub.Provider) { decide(p, "decline") }, "declined"},
		"expired":             {func(_ *clock, p *stub.Provider) { decide(p, "expire") }, "expired"},
		"the tokens got lost": {func(_ *clock, p *stub.Provider) { p.Forget() }, "expired"},
		"down at the end":     {func(c *clock, p *stub.Provider) { c.pass(time.Hour); p.Set(func(s *stub.Settings) { s.Down = 502 }) }, "expired"},
		"the client is gone":  {func(_ *clock, p *stub.Provider) { p.Set(func(s *stub.Settings) { s.ClientID = "other" }) }, "error"},
		"a foreign ID token": {func(_ *clock, p *stub.Provider) {
			p.Set(func(s *stub.Settings) { s.Decision, s.Audience = "approve", "other" })
		}, "error"},
		"down for a moment":   {func(_ *clock, p *stub.Provider) { p.Set(func(s *stub.Settings) { s.Down = 502 }) }, "waiting"},
		"approved at the end": {func(c *clock, p *stub.Provider) { c.pass(595 * time.Second); decide(p, "approve") }, "signed-in"},
	} {
		t.Run(name, func(t *testing.T) {
			c, p, _, tv := world(t, stub.Settings{})
			tv.call("POST", "/api/start")
			c.pass(5 * time.Second)
			x.happens(c, p)
			v := tv.call("POST", "/api/poll")
			require.Equal(t, x.want, v["state"])
			p.Set(func(s *stub.Settings) { s.Down, s.ClientID, s.Audience = 0, "tv", "" })
			switch x.want {
			case "waiting":
				require.Equal(t, true, v["trouble"])
				require.EqualValues(t, 10, v["wait"], "twice the interval")
			case "signed-in":
			default:
				require.Equal(t, "signed-out", tv.call("GET", "/api/me")["state"])
				require.Equal(t, "waiting", tv.call("POST", "/api/start")["state"])
			}
			if name == "a foreign ID token" {
				require.Len(t, p.Revoked(), 1, "nobody uses these tokens")
			}
		})
	}
}

func TestPhoneNumberStaysWithTheServer(t *testing.T) {
	c, p, _, tv := world(t, stub.Settings{Claims: map[string]any{"phone_number": "+8613800001234", "preferred_username": "spring-river"}})
	tv.call("POST", "/api/start")
	decide(p, "approve")
	c.pass(5 * time.Second)
	for _, call := range [][2]string{{"POST", "/api/poll"}, {"POST", "/api/poll"}, {"GET", "/api/me"}} {
		text := string(tv.body(call[0], call[1]))
		require.JSONEq(t, `{"state":"signed-in","name":"spring-river","phone":"138****1234"}`, text)
	}
}

func TestMeNoticesThatTheTVWasSignedOut(t *testing.T) {
	c, p, server, tv := world(t, stub.Settings{Claims: map[string]any{"name": "春水"}})
	tv.call("POST", "/api/start")
	decide(p, "approve")
	c.pass(5 * time.Second)
	require.Equal(t, "signed-in", tv.call("POST", "/api/poll")["state"])
	require.Equal(t, "signed-out", newSet(t, server).call("GET", "/api/me")["state"], "another TV is another TV")

	p.Set(func(s *stub.Settings) { s.Claims = map[string]any{"name": "夏水"} })
	require.Equal(t, "夏水", tv.call("GET", "/api/me")["name"])
	p.EndAccess()
	require.Equal(t, "夏水", tv.call("GET", "/api/me")["name"], "refreshed")
	p.Set(func(s *stub.Settings) { s.Down = 503 })
	require.Equal(t, "signed-in", tv.call("GET", "/api/me")["state"], "nobody said that it is signed out")
	p.Set(func(s *stub.Settings) { s.Down, s.Signed = 0, false })
	require.Equal(t, "signed-out", tv.call("GET", "/api/me")["state"])
}

func TestStartSignsOut(t *testing.T) {
	c, p, _, tv := world(t, stub.Settings{})
	tv.call("POST", "/api/start")
	decide(p, "approve")
	c.pass(5 * time.Second)
	require.Equal(t, "signed-in", tv.call("POST", "/api/poll")["state"])
	require.Equal(t, "waiting", tv.call("POST", "/api/start")["state"])
	require.Len(t, p.Revoked(), 1)
	require.Equal(t, "signed-out", tv.call("POST", "/api/signout")["state"])
	require.Equal(t, "signed-out", tv.call("POST", "/api/poll")["state"], "a cancelled code is not polled for")
	require.Len(t, p.Revoked(), 1)
}

// A page that is closed while the tokens are on their way must not lose them: they are given once.
func TestPageThatGoesAwayLosesNothing(t *testing.T) {
	c, p, _, tv := world(t, stub.Settings{})
	tv.call("POST", "/api/start")
	decide(p, "approve")
	c.pass(5 * time.Second)
	arrived, goOn := p.Hold("/token")
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, tv.base+"/api/poll", nil)
		if err == nil {
			req.Header.Set("X-TV", "1")
			_, err = tv.client.Do(req) //nolint:bodyclose // there is no answer
		}
		gone <- err
	}()
	<-arrived
	leave()
	require.Error(t, <-gone)
	close(goOn)
	require.Equal(t, "signed-in", tv.call("GET", "/api/me")["state"])
}

func TestBootsBeforeItsProvider(t *testing.T) {
	_, p, _, tv := world(t, stub.Settings{})
	p.Set(func(s *stub.Settings) { s.Down = 503 })
	require.Equal(t, "error", tv.call("POST", "/api/start")["state"])
	p.Set(func(s *stub.Settings) { s.Down = 0 })
	require.Equal(t, "waiting", tv.call("POST", "/api/start")["state"])
}

func TestPictures(t *testing.T) {
	_, p, server, tv := world(t, stub.Settings{WeChat: true, NoURI: true})
	v := tv.call("POST", "/api/start")
	pictures, _ := v["pictures"].([]any)
	require.Len(t, pictures, 3)
	require.Regexp(t, `/device/picture/\w+\.svg$`, pictures[0])
	require.Regexp(t, `/device/picture/\w+\.png$`, pictures[1])
	require.Equal(t, "/qr.svg?code=WDJB-MJHT", pictures[2])
	require.Equal(t, p.URL+"/device", v["qr"], "without verification_uri_complete")
	require.NotContains(t, v, "device_code")
	for s, want := range map[*http.Client]int{tv.client: http.StatusOK, newSet(t, server).client: http.StatusNotFound} {
		res, err := s.Get(tv.base + "/qr.svg?code=WDJB-MJHT")
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, want, res.StatusCode)
	}
}

func TestPagesOfOthersCannotCall(t *testing.T) {
	_, p, _, tv := world(t, stub.Settings{})
	tv.call("POST", "/api/start")
	for _, path := range []string{"/api/start", "/api/poll", "/api/signout"} {
		res, err := tv.client.Post(tv.base+path, "text/plain", nil)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusForbidden, res.StatusCode)
	}
	require.Equal(t, "waiting", tv.call("GET", "/api/me")["state"])
	require.Len(t, p.Started(), 1)

	res, err := tv.client.Get(tv.base + "/")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Contains(t, res.Header.Get("Content-Security-Policy"), "default-src 'none'")
	require.Contains(t, res.Header.Get("Content-Security-Policy"), "img-src 'self' "+p.URL)
	require.Equal(t, "DENY", res.Header.Get("X-Frame-Options"))
}
