package ui

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func ourLink(url string) Link {
	return Link{URL: url, Labels: map[string]string{Chinese: "联系我们", English: "Contact"}}
}

func TestBrandFaults(t *testing.T) {
	long := map[string]string{Chinese: "好", English: strings.Repeat("x", 25)}
	for name, c := range map[string]struct {
		brand Brand
		fault string // "" for none
	}{
		"empty":                  {Brand{}, ""},
		"all of it":              {Brand{Name: "云图", LogoURL: "https://cdn.example/l.png", Colour: "#0A59F7", ColourDark: "#7DA9FF", Links: []Link{{Kind: "privacy", URL: "/privacy"}, ourLink("https://help.example/")}}, ""},
		"a colour alone":         {Brand{Colour: "#b00020"}, ""},
		"a name of two lines":    {Brand{Name: "a\nb"}, "name: use at most"},
		"a name that turns":      {Brand{Name: "a\u202eb"}, "name: use at most"},
		"a long name":            {Brand{Name: strings.Repeat("云", 65)}, "name: use at most"},
		"logo by http":           {Brand{LogoURL: "http://cdn.example/l.png"}, "logo_url is"},
		"logo by data":           {Brand{LogoURL: "data:image/png;base64,AA"}, "logo_url is"},
		"logo of another host":   {Brand{LogoURL: "//cdn.example/l.png"}, "logo_url is"},
		"logo with a backslash":  {Brand{LogoURL: `/\cdn.example/l.png`}, "logo_url is"},
		"logo of this site":      {Brand{LogoURL: "/logo.svg"}, ""},
		"a word for a colour":    {Brand{Colour: "teal"}, `colour: "teal" is not a colour: write it as #rrggbb`},
		"three digits":           {Brand{Colour: "#0b6"}, "is not a colour"},
		"css in a colour":        {Brand{Colour: "#0b6e5b;}"}, "is not a colour"},
		"too pale":               {Brand{Colour: "#07c160"}, "colour is #07c160: on light pages its contrast is 2.38:1 to the card (#ffffff) and 2.17:1 to the page (#f2f5f4), and text needs 4.5:1 (WCAG 2.2, 1.4.3): #058140 would do"},
		"enough on white alone":  {Brand{Colour: "#767676"}, "4.54:1 to the card (#ffffff) and 4.1"},
		"too dark for the dark":  {Brand{Colour: "#0b6e5b", ColourDark: "#0b6e5b"}, "colour_dark is #0b6e5b: on dark pages its contrast is"},
		"a dark colour alone":    {Brand{ColourDark: "#4cc2a6"}, "colour_dark is set and colour is not"},
		"six links":              {Brand{Links: []Link{ourLink("/a"), ourLink("/b"), ourLink("/c"), ourLink("/d"), ourLink("/e"), ourLink("/f")}}, "links: at most 5"},
		"a link by http":         {Brand{Links: []Link{ourLink("http://help.example/")}}, "links[0]: url is"},
		"a script as a link":     {Brand{Links: []Link{ourLink("javascript:alert(1)")}}, "links[0]: url is"},
		"mail as a link":         {Brand{Links: []Link{ourLink("mailto:a@b.example")}}, "links[0]: url is"},
		"a link with a user":     {Brand{Links: []Link{ourLink("https://a:b@help.example/")}}, "links[0]: url is"},
		"a link elsewhere":       {Brand{Links: []Link{ourLink("//help.example/")}}, "links[0]: url is"},
		"a link of nothing":      {Brand{Links: []Link{ourLink("")}}, "links[0]: url is"},
		"no label in English":    {Brand{Links: []Link{{URL: "/a", Labels: map[string]string{Chinese: "好"}}}}, "links[0]: the label in en"},
		"no label in Chinese":    {Brand{Links: []Link{{URL: "/a", Labels: map[string]string{English: "Fine"}}}}, "links[0]: the label in zh-CN"},
		"a long label":           {Brand{Links: []Link{{URL: "/a", Labels: long}}}, "links[0]: the label in en"},
		"neither label nor kind": {Brand{Links: []Link{{URL: "/a"}}}, "links[0]: the label in zh-CN"},
		"an unknown kind":        {Brand{Links: []Link{{URL: "/a", Kind: "imprint"}}}, "links[0]: kind is \"imprint\": use privacy, terms, help"},
		"kind and label":         {Brand{Links: []Link{{URL: "/a", Kind: "help", Labels: long}}}, "links[0]: kind is"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.brand.Validate()
			_, made := New(Config{Brand: c.brand})
			if c.fault == "" {
				require.NoError(t, err)
				require.NoError(t, made)
				return
			}
			require.ErrorContains(t, err, c.fault)
			require.ErrorContains(t, made, c.fault)
		})
	}
	err := Brand{Colour: "x", LogoURL: "x", Links: []Link{{}}}.Validate()
	require.Len(t, strings.Split(err.Error(), "\n"), 3, "every fault at once")
}

// A brand's links, logo and colour are on every page, in the page's language, and the policy stays as strict.
func TestBrandIsOnEveryPage(t *testing.T) {
	r, err := New(Config{Brand: Brand{
		Name: "云图", LogoURL: "https://cdn.example/l.png", Colour: "#0a59f7",
		Links: []Link{{Kind: "privacy", URL: "https://yuntu.example/privacy?a=1&b=2"}, ourLink("/contact")},
	}})
	require.NoError(t, err)
	style := ""
	for _, p := range pages() {
		w := httptest.NewRecorder()
		r.Render(w, http.StatusOK, p)
		html := w.Body.String()
		require.Contains(t, html, `<a class="quiet" href="https://yuntu.example/privacy?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">隐私政策</a>`, p.template())
		require.Contains(t, html, `href="/contact" target="_blank" rel="noopener noreferrer">联系我们</a>`)
		require.Contains(t, html, `<img class="mark" src="https://cdn.example/l.png" alt=""`)
		require.Contains(t, html, `<link rel="icon" href="https://cdn.example/l.png">`)
		require.NotRegexp(t, `(?i)<style|\sstyle=`, html)
		policy := w.Header().Get("Content-Security-Policy")
		require.Contains(t, policy, "style-src 'self';")
		require.Contains(t, policy, "img-src 'self' data: https://cdn.example;")
		require.NotContains(t, policy, "unsafe")
		sheets := regexp.MustCompile(`<link rel="stylesheet" href="([^"]+)">`).FindAllStringSubmatch(html, -1)
		require.Len(t, sheets, 2)
		style = sheets[1][1]
	}
	w := httptest.NewRecorder()
	r.Static().ServeHTTP(w, httptest.NewRequest(http.MethodGet, style, nil))
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "text/css; charset=utf-8", w.Header().Get("Content-Type"))
	require.Contains(t, w.Body.String(), ":root { --accent: #0a59f7; ")
	require.Contains(t, w.Body.String(), "--on-accent: #ffffff;")

	w = httptest.NewRecorder()
	r.Render(w, http.StatusOK, Consent{Frame: Frame{Lang: English}, Client: Client{Name: "A <b>Forum</b>", PolicyURI: "https://a.example/p", TOSURI: "https://a.example/t"}})
	require.Contains(t, w.Body.String(), ">Contact</a>")
	require.Contains(t, w.Body.String(), "<span>Privacy policy of <bdi>A &lt;b&gt;Forum&lt;/b&gt;</bdi></span></a>", "two policies are told apart")
	require.Contains(t, w.Body.String(), ">Terms of <bdi>")
}

func TestContrastsAreTold(t *testing.T) {
	require.Empty(t, Brand{}.Contrasts())
	require.Empty(t, Brand{Colour: "#ffffff"}.Contrasts())
	require.Equal(t, []string{
		"light pages: #0b6e5b has a contrast of 6.18:1 to the card, 5.63:1 to the page and 6.18:1 to the text on it (#ffffff); 4.5:1 is needed",
		"dark pages: #4cc2a6 has a contrast of 7.82:1 to the card, 8.62:1 to the page and 8.67:1 to the text on it (#081210); 4.5:1 is needed",
	}, Brand{Colour: "#0b6e5b", ColourDark: "#4cc2a6"}.Contrasts())
}
