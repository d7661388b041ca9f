package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/config"
	"qiao/cmd/qiao/demo"
	"qiao/cmd/qiao/demo/play"
)

// television is the demo's TV as its page sees it, without the page.
type television struct {
	t      *testing.T
	base   string
	client *http.Client
}

type shown struct {
	State    string   `json:"state"`
	UserCode string   `json:"user_code"`
	URI      string   `json:"verification_uri"`
	QR       string   `json:"qr"`
	Pictures []string `json:"pictures"`
	Wait     float64  `json:"wait"`
	Name     string   `json:"name"`
	Phone    string   `json:"phone"`
}

func newTelevision(t *testing.T, base string) television {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return television{t, base, &http.Client{Jar: jar, Timeout: 20 * time.Second}}
}

func (tv television) call(method, path string) (s shown) {
	tv.t.Helper()
	req, err := http.NewRequestWithContext(tv.t.Context(), method, tv.base+path, nil)
	require.NoError(tv.t, err)
	req.Header.Set("X-TV", "1")
	res, err := tv.client.Do(req)
	require.NoError(tv.t, err)
	defer res.Body.Close()
	require.NoError(tv.t, json.NewDecoder(res.Body).Decode(&s))
	return s
}

// ends polls until the TV shows something else than its code.
func (tv television) ends() (s shown) {
	tv.t.Helper()
	require.Eventually(tv.t, func() bool { s = tv.call("POST", "/api/poll"); return s.State != "waiting" }, 20*time.Second, 50*time.Millisecond)
	return s
}

// scanned is the text of the picture, read by another program.
func (tv television) scanned(address string) string {
	tv.t.Helper()
	reader, err := exec.LookPath("zbarimg")
	require.NoError(tv.t, err, "install zbar-tools: it reads the QR codes back")
	res, err := tv.client.Get(address)
	require.NoError(tv.t, err)
	defer res.Body.Close()
	require.Equal(tv.t, http.StatusOK, res.StatusCode)
	picture, err := io.ReadAll(res.Body)
	require.NoError(tv.t, err)
	cmd := exec.Command(reader, "--quiet", "--raw", "-")
	cmd.Stdin = bytes.NewReader(picture)
	text, err := cmd.Output()
	require.NoError(tv.t, err)
	return strings.TrimSuffix(string(text), "\n")
}

// decide scans the code with the person's phone and presses a button, then binds the phone where that is asked for.
func decide(ctx context.Context, t *testing.T, person *play.Person, qr, button string) {
	t.Helper()
	outcome, err := person.Scan(ctx, qr)
	require.NoError(t, err)
	if outcome != "page" {
		link, err := person.Link(ctx)
		require.NoError(t, err)
		require.NoError(t, person.Open(ctx, link))
	}
	require.NoError(t, person.Web.Submit(ctx, button, "yes", nil), person.Web.Page.Text())
	if _, asked := person.Web.Page.FormWith("", "tel"); asked {
		require.NoError(t, person.Bind(ctx))
	}
}

func TestTVByScan(t *testing.T) {
	ready, sim := start(t, "lifetimes: {device_interval: 1s}\n")
	ctx := t.Context()
	person, err := sim.NewPerson(ctx, "+8613800001234")
	require.NoError(t, err)
	tv := newTelevision(t, ready.TV)

	v := tv.call("POST", "/api/start")
	require.Equal(t, "waiting", v.State)
	require.Equal(t, ready.Issuer+"/device", v.URI)
	require.Equal(t, ready.Issuer+"/device?user_code="+v.UserCode, v.QR)
	require.True(t, strings.HasPrefix(v.Pictures[0], ready.Issuer+"/device/picture/"), v.Pictures[0])
	qr := tv.scanned(v.Pictures[1]) // the PNG: the reader knows no SVG
	require.Contains(t, qr, "weixin.qq.com/q/", "WeChat's own code")
	decide(ctx, t, person, qr, "approve")
	v = tv.ends()
	require.Equal(t, "signed-in", v.State)
	require.Equal(t, "138****1234", v.Phone)
	require.NotEmpty(t, v.Name)
	require.Equal(t, v.Name, tv.call("GET", "/api/me").Name)

	require.Equal(t, "signed-out", tv.call("POST", "/api/signout").State)
	v = tv.call("POST", "/api/start")
	decide(ctx, t, person, tv.scanned(v.Pictures[1]), "decline")
	require.Equal(t, "declined", tv.ends().State)

	v = tv.call("POST", "/api/start")
	decide(ctx, t, person, v.QR, "approve") // a TV that knows no extension shows verification_uri_complete
	require.Equal(t, "signed-in", tv.ends().State)
	require.Equal(t, "signed-out", newTelevision(t, ready.TV).call("GET", "/api/me").State, "the neighbour's TV is not")
}

// What no operator may configure is the demo's alone: its file says nothing of it, and its commands read that file.
func TestTVCodeThatRunsOut(t *testing.T) {
	folder := t.TempDir()
	r := launch(t, demo.Options{Folder: folder, TVCodeLife: 2 * time.Second}, "lifetimes: {device_interval: 1s}\n")
	tv := newTelevision(t, r.ready.TV)
	require.Equal(t, "waiting", tv.call("POST", "/api/start").State)
	require.Equal(t, "expired", tv.ends().State)
	c, err := config.Load(config.Source{File: filepath.Join(folder, "qiao.yaml")})
	require.NoError(t, err)
	require.Equal(t, config.Default().Lifetimes.DeviceCode, c.Lifetimes.DeviceCode)
}
