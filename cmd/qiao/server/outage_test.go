package server_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/demo/play"
	"qiao/cmd/qiao/server/servertest"
)

// databaseStopped: without PostgreSQL every answer is a 5xx that says when to come back, never an error that makes a
// client throw away what it has, and never `success`. When it is back, everything that had begun goes on.
func (r *replicas) databaseStopped(t *testing.T) {
	ctx := t.Context()
	person, stranger := r.platform.NewPerson(t, r.b), r.platform.NewPerson(t, r.b)
	shop := r.a.Shop()
	b := r.a.Browser()
	tokens := shop.SignIn(t, b, person)
	unused := shop.Begin()
	require.NoError(t, b.Get(ctx, unused.URL))
	code := shop.Code(t, b.Page, unused)

	waiting := r.a.Browser() // for a scan that comes while the database is down
	begun := shop.Begin()
	require.NoError(t, waiting.Get(ctx, begun.URL))
	loginPage := waiting.Page
	qr, _ := loginPage.Attr("data-qr")
	held := wait(ctx, waiting, loginPage)
	tv := r.a.TV()
	shown, err := tv.Post(ctx, "/device_authorization", url.Values{"scope": {tv.Scope}})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, shown.Status, shown.Text)

	r.postgres.Stop()
	scanned := make(chan error, 1)
	go func() { _, err := stranger.Scan(ctx, qr); scanned <- err }()

	t.Run("polls", func(t *testing.T) {
		state := <-held
		require.Equal(t, http.StatusServiceUnavailable, state.Status, "%+v", state)
		require.NotEmpty(t, state.Header.Get("Retry-After"))
	})
	for name, get := range map[string]string{
		"authorize":            shop.Begin().URL,
		"authorize, no prompt": shop.Begin("prompt", "none").URL,
		"login page":           loginPage.URL.String(),
		"login state":          loginPage.URL.String() + "/state?v=0",
		"picture":              loginPage.URL.String() + "/picture.png",
		"logout":               shop.Issuer + "/end_session?id_token_hint=" + tokens.Get("id_token"),
		"logout, asked":        shop.Issuer + "/end_session",
	} {
		t.Run(name, func(t *testing.T) {
			browser := b
			if name == "login page" || name == "login state" || name == "picture" {
				browser = waiting
			}
			require.NoError(t, browser.Get(ctx, get))
			requireRetry(t, browser.Page)
			require.NotContains(t, browser.Page.Body, "dial", "the cause is for the log")
		})
	}
	t.Run("continue", func(t *testing.T) {
		waiting.Page = loginPage
		form, ok := loginPage.FormWith("form_token", "")
		require.True(t, ok)
		require.NoError(t, waiting.Post(ctx, loginPage.URL.String()+"/continue", form.Values))
		requireRetry(t, waiting.Page)
	})
	for name, call := range map[string]func() (servertest.Answer, error){
		"exchange":   func() (servertest.Answer, error) { return shop.Exchange(ctx, code, unused) },
		"refresh":    func() (servertest.Answer, error) { return shop.Refresh(ctx, tokens.Get("refresh_token")) },
		"userinfo":   func() (servertest.Answer, error) { return shop.Userinfo(ctx, tokens.Get("access_token")) },
		"introspect": func() (servertest.Answer, error) { return shop.Introspect(ctx, tokens.Get("access_token")) },
		"revoke": func() (servertest.Answer, error) {
			return shop.Post(ctx, "/revoke", url.Values{"token": {tokens.Get("refresh_token")}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := call()
			require.NoError(t, err)
			require.Equal(t, http.StatusServiceUnavailable, a.Status, a.Text)
			require.NotEmpty(t, a.Header.Get("Retry-After"))
			require.Contains(t, []string{"", "server_error"}, a.Get("error"), a.Text)
		})
	}
	t.Run("device", func(t *testing.T) {
		a, err := tv.Post(ctx, "/device_authorization", url.Values{"scope": {tv.Scope}})
		require.NoError(t, err)
		require.Equal(t, http.StatusServiceUnavailable, a.Status, a.Text)
		require.NotEmpty(t, a.Header.Get("Retry-After"))
		poll := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {shown.Get("device_code")}}
		for range 3 {
			a, err = tv.Post(ctx, "/token", poll)
			require.NoError(t, err)
			require.Contains(t, []string{"authorization_pending", "slow_down", "server_error"}, a.Get("error"), "nothing that ends the TV's wait: %s", a.Text)
		}
	})
	t.Run("pushes", func(t *testing.T) {
		require.Eventually(t, func() bool {
			all, err := stranger.Messages(ctx)
			return err == nil && len(all) > 0 && all[0].Kind == "fault"
		}, 10*time.Second, 10*time.Millisecond, "the platform was told to deliver again")
	})
	t.Run("probes", func(t *testing.T) {
		for _, at := range []string{r.a.URL, r.a.Management, r.b.Management} {
			require.Equal(t, http.StatusServiceUnavailable, statusOf(t, at+"/readyz"))
			require.Equal(t, http.StatusOK, statusOf(t, at+"/livez"))
		}
		require.Equal(t, http.StatusOK, statusOf(t, r.a.URL+"/keys"), "what relying parties verify with stays")
	})

	r.postgres.Start()
	for _, s := range []*servertest.Server{r.a, r.b} {
		require.Eventually(t, func() bool { return statusOf(t, s.Management+"/readyz") == http.StatusOK }, 20*time.Second, 20*time.Millisecond)
	}
	t.Run("nothing was lost", func(t *testing.T) {
		a, err := shop.Exchange(ctx, code, unused)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, a.Status, a.Text)
		a, err = shop.Refresh(ctx, tokens.Get("refresh_token"))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, a.Status, a.Text)
		shop.Again(t, b)
	})
	t.Run("the platform delivers again", func(t *testing.T) {
		require.NoError(t, stranger.Sim.Call(ctx, http.MethodPost, "/sim/clock", map[string]int{"advance_s": 5}, nil))
		require.NoError(t, <-scanned)
		waiting.Page = loginPage
		require.NoError(t, finishScanned(ctx, waiting, stranger))
		shop.Code(t, waiting.Page, begun)
	})
}

// finishScanned goes through the rest of a login whose code was scanned.
func finishScanned(ctx context.Context, b *play.Browser, p *play.Person) error {
	link, err := p.Link(ctx)
	if err != nil {
		return err
	}
	if err := p.Open(ctx, link); err != nil {
		return err
	}
	number, err := b.Number(ctx)
	if err != nil {
		return err
	}
	if err := p.Web.Submit(ctx, "number", number, nil); err != nil {
		return err
	}
	if _, asked := p.Web.Page.FormWith("", "tel"); asked {
		if err := p.Bind(ctx); err != nil {
			return err
		}
	}
	return b.Finish(ctx)
}

func statusOf(t *testing.T, address string) int {
	t.Helper()
	res, err := http.Get(address)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}
