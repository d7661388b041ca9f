package ui_test

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/ui"
	"qiao/ui/chromium"
	"qiao/ui/samples"
)

// measure returns what is wrong with the layout of the page that is shown.
const measure = `(function () {
	var wrong = (window.faults || []).slice(), sizes = {};
	if (document.documentElement.scrollWidth > innerWidth) wrong.push('wider than the screen: ' + document.documentElement.scrollWidth);
	if (document.activeElement !== (document.querySelector('[aria-invalid]') || document.body)) wrong.push('focused: ' + document.activeElement.outerHTML);
	document.querySelectorAll('button, a, input:not([type=hidden])').forEach(function (e) {
		var r = e.getBoundingClientRect();
		if (!r.width) return;
		if (r.height < 43.5 || r.width < 43.5) wrong.push('small target ' + Math.round(r.width) + 'x' + Math.round(r.height) + ': ' + e.outerHTML);
		if (e.name) sizes[e.name] = Math.round(r.height);
	});
	if (sizes.decline && sizes.approve && sizes.decline !== sizes.approve) wrong.push('decline and approve differ');
	if (sizes.decline && sizes.number && sizes.decline !== sizes.number) wrong.push('decline and the numbers differ');
	return wrong;
})()`

// Every page in every state, on a narrow phone and on a desktop, light and dark: it fits, its targets are large enough,
// nothing is focused in advance but a field that is wrong, and the policy blocks nothing of it. With -artifacts it takes a picture of each.
func TestLayout(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	b, err := chromium.Start(ctx)
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	pages := renderer(t)
	var current ui.Page
	mux := http.NewServeMux()
	mux.Handle("/static/", pages.Static())
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, _ *http.Request) { pages.Render(w, http.StatusOK, current) })
	mux.HandleFunc("GET /login/sample/state", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("GET /login/sample/picture.png", func(w http.ResponseWriter, _ *http.Request) {
		png, err := ui.QRPNG("http://weixin.qq.com/q/02fZ9vN4kWbpE1x0mR1xcY")
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(png)
	})
	mux.HandleFunc("GET /device/picture/sample.svg", func(w http.ResponseWriter, _ *http.Request) {
		svg, err := ui.QRSVG("http://weixin.qq.com/q/02fZ9vN4kWbpE1x0mR1xcY")
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = w.Write([]byte(svg))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	defer server.CloseClientConnections()

	dir, pictures := t.ArtifactDir(), flag.Lookup("test.artifacts").Value.String() == "true"
	for _, screen := range []struct {
		name string
		look chromium.Look
	}{
		{"phone", chromium.Look{Width: 360, Height: 740, Mobile: true}},
		{"desktop", chromium.Desktop()},
		{"desktop-dark", chromium.Look{Width: 1280, Height: 900, Dark: true}},
	} {
		if screen.look.Dark && !pictures {
			continue // dark pages differ in colours only, and those have their own test
		}
		tab, err := b.Open(ctx, screen.look)
		require.NoError(t, err)
		require.NoError(t, tab.Before(ctx, faults))
		for _, lang := range []string{ui.Chinese, ui.English} {
			for _, s := range samples.All(lang) {
				if !screen.look.Mobile && s.Phone {
					continue
				}
				name := strings.Join([]string{s.Name, lang, screen.name}, ".")
				t.Run(name, func(t *testing.T) {
					current = s.Page
					look := screen.look
					look.NoScript = s.Name == "login-confirmed" // its script goes on at once
					require.NoError(t, tab.Look(ctx, look))
					require.NoError(t, tab.Go(ctx, server.URL+"/page"))
					var wrong []string
					require.NoError(t, tab.Eval(ctx, measure, &wrong))
					require.Empty(t, wrong)
					if !pictures {
						return
					}
					png, err := tab.Screenshot(ctx)
					require.NoError(t, err)
					require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
				})
			}
		}
		require.NoError(t, tab.Close(ctx))
	}
}
