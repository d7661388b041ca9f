package tv_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/demo/tv"
	"qiao/cmd/qiao/device/stub"
	"qiao/ui/chromium"
)

// faults gathers what goes wrong in the page.
const faults = `var faults = []; window.addEventListener('error', function (e) { if (e.message) { faults.push(e.message); } });
document.addEventListener('securitypolicyviolation', function (e) { faults.push(e.violatedDirective + ' ' + e.blockedURI); });`

// screen is a TV that a test looks at and holds the remote control of.
type screen struct {
	t   *testing.T
	ctx context.Context
	tab *chromium.Tab
	p   *stub.Provider
}

func (s screen) eval(script string, into any) {
	s.t.Helper()
	require.NoError(s.t, s.tab.Eval(s.ctx, script, into))
}

func (s screen) attr(name string) (value string) {
	s.t.Helper()
	s.eval(fmt.Sprintf("document.getElementById('tv').getAttribute('data-%s')", name), &value)
	return value
}

func (s screen) until(condition string) {
	s.t.Helper()
	if err := s.tab.Until(s.ctx, condition); err != nil {
		s.t.Fatalf("%v; the screen is %s", err, s.attr("state"))
	}
}

// reaches waits for a state, then looks whether everything is right with the screen.
func (s screen) reaches(state string) {
	s.t.Helper()
	s.until(fmt.Sprintf("document.getElementById('tv').getAttribute('data-state') === %q", state))
	var found []string
	s.eval("faults", &found)
	require.Empty(s.t, found)
	var outside []string
	s.eval(`(function () {
		var out = [], all = document.querySelectorAll('#tv *');
		for (var i = 0; i < all.length; i += 1) {
			var r = all[i].getBoundingClientRect();
			if (r.width > 0 && r.height > 0 && (r.left < 95 || r.right > 1825 || r.top < 53 || r.bottom > 1027)) { out.push(all[i].id || all[i].tagName); }
			if (all[i].scrollWidth > all[i].clientWidth + 1 && all[i].clientWidth > 0 && getComputedStyle(all[i]).display !== 'inline') { out.push('overflow ' + (all[i].id || all[i].tagName)); }
		}
		return out;
	}())`, &outside)
	require.Empty(s.t, outside, "outside of the safe area, or too wide")
	var small []string
	s.eval(`(function () {
		var out = [], all = document.querySelectorAll('#tv *');
		for (var i = 0; i < all.length; i += 1) {
			if (all[i].offsetWidth > 0 && all[i].childNodes.length > 0 && parseFloat(getComputedStyle(all[i]).fontSize) < 24) { out.push(all[i].id || all[i].tagName); }
		}
		return out;
	}())`, &small)
	require.Empty(s.t, small, "too small to read from the sofa")
}

// key presses a key of the remote control, as a TV sends it: by its code.
func (s screen) key(code int) {
	s.t.Helper()
	s.eval(fmt.Sprintf(`(function () { var e = new Event('keydown', { bubbles: true, cancelable: true }); e.keyCode = %d; (document.activeElement || document.body).dispatchEvent(e); }())`, code), nil)
}

func (s screen) focused() (id string) {
	s.t.Helper()
	s.eval("document.activeElement.id", &id)
	return id
}

func (s screen) shoot(name string) []byte {
	s.t.Helper()
	picture, err := s.tab.Screenshot(s.ctx)
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(filepath.Join(s.t.ArtifactDir(), name+".png"), picture, 0o600))
	return picture
}

// serveTV starts a TV's server at a stub provider.
func serveTV(t *testing.T, now func() time.Time, p *stub.Provider) *httptest.Server {
	t.Helper()
	s := p.Settings()
	server := httptest.NewServer(tv.New(tv.Config{
		Issuer: p.URL, ClientID: s.ClientID, ClientSecret: s.Secret, Scopes: []string{"openid", "profile", "phone", "offline_access"},
		DeviceName: "客厅电视", HTTP: http.DefaultClient, Now: now, Log: slog.New(slog.DiscardHandler),
	}).Handler())
	t.Cleanup(server.Close)
	return server
}

// read reads the QR code of a screenshot.
func read(t *testing.T, picture []byte) string {
	t.Helper()
	reader, err := exec.LookPath("zbarimg")
	require.NoError(t, err, "install zbar-tools: it reads the QR codes back")
	cmd := exec.Command(reader, "--quiet", "--raw", "-")
	cmd.Stdin = strings.NewReader(string(picture))
	text, err := cmd.Output()
	require.NoError(t, err)
	return strings.TrimSuffix(string(text), "\n")
}
