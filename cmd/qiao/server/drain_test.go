package server_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/demo/play"
	"qiao/cmd/qiao/server/servertest"
)

// TestDrain stops a server in the middle of its work: a waiting page is told its state and to come again, a request
// under way is answered, and whoever asks whether the server is ready hears that it stops.
func TestDrain(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	platform := servertest.NewPlatform(t, 0, "main")
	s := servertest.Start(t, platform.Config(t))
	platform.PushTo(t, s)
	shop := s.Shop()

	person := platform.NewPerson(t, s)
	agent := person.Web.Agent
	person.Web = play.NewBrowser(s.Via(), func(u *url.URL) bool { return !strings.HasSuffix(u.Path, "/confirm") })
	person.Web.Agent = agent
	b := s.Browser()
	require.NoError(t, b.Get(ctx, shop.Begin().URL))
	qr, _ := b.Page.Attr("data-qr")
	_, err := person.Scan(ctx, qr)
	require.NoError(t, err)
	link, err := person.Link(ctx)
	require.NoError(t, err)

	idle := s.Browser()
	require.NoError(t, idle.Get(ctx, shop.Begin().URL))
	waiting := wait(ctx, idle, idle.Page)

	const path = "/sns/oauth2/access_token" // that the phone's request waits for
	require.NoError(t, person.Sim.Call(ctx, http.MethodPost, "/sim/faults", map[string]any{"path": path, "delay_ms": 1500, "times": 1}, nil))
	opened := make(chan error, 1)
	go func() { opened <- person.Open(ctx, link) }()
	require.Eventually(t, func() bool {
		var calls map[string]int
		err := person.Sim.Call(ctx, http.MethodGet, "/sim/calls", nil, &calls)
		return err == nil && calls[path] == 1 && metric(t, s, "qiao_login_waiters") == "1"
	}, 10*time.Second, 5*time.Millisecond)

	s.Drain()
	told := <-waiting
	require.NoError(t, told.err)
	require.Equal(t, http.StatusOK, told.Status)
	require.Equal(t, "waiting", told.State)
	require.Equal(t, "retry", told.Reason)
	require.NotEmpty(t, told.Header.Get("Retry-After"))

	require.Equal(t, http.StatusServiceUnavailable, statusOf(t, s.Management+"/readyz"))
	require.Equal(t, http.StatusOK, statusOf(t, s.Management+"/livez"))
	_, err = (&http.Client{Timeout: time.Second}).Get(s.URL + "/livez")
	require.Error(t, err, "nothing new is taken")

	require.NoError(t, <-opened)
	require.Equal(t, http.StatusSeeOther, person.Web.Page.Status, person.Web.Page.Text())
	require.Contains(t, person.Web.Page.Header.Get("Location"), "/confirm")
	require.NoError(t, s.Stop())
	require.NotContains(t, s.Log.String(), `"level":"ERROR"`)

	// What was finished is there: the phone's proof counts at the next server.
	s.Restart(t, s.Config)
	require.NoError(t, person.Web.Get(ctx, s.Config.Issuer+person.Web.Page.Header.Get("Location")))
	_, asked := person.Web.Page.FormWith("number", "")
	require.True(t, asked, person.Web.Page.Text())
}

// metric is the value of a metric without labels.
func metric(t *testing.T, s *servertest.Server, name string) string {
	t.Helper()
	res, err := http.Get(s.Management + "/metrics")
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(text), "\n"+name+" ")
	value, _, _ := strings.Cut(after, "\n")
	return value
}
