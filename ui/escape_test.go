package ui

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func body(t testing.TB, p Page) string {
	t.Helper()
	r, err := plain()
	require.NoError(t, err)
	w := httptest.NewRecorder()
	r.Render(w, 200, p)
	require.Equal(t, 200, w.Code)
	return w.Body.String()
}

// A client chooses its own name; a stranger chooses what stands in the User-Agent and in the phone field.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `{{.Frame}}`, `</title><script>`,
		"&lt;b&gt;", "javascript:alert(1)", "Bank\u202egnp.exe", "a\u2066b\u2069c\u200bd\ufeff", "line\nbreak\u2028x\x00y", "\u202e", "",
	} {
		c := Client{Name: name, Host: name, LogoURI: name, PolicyURI: name, TOSURI: name}
		for _, p := range []Page{
			Login{Client: c, State: "waiting", AccountName: name, IssuerHost: name, QR: name + "x", Reference: name, FormToken: name},
			Login{Client: c, State: "confirmed", ContinueAs: name + "x"},
			PhoneConfirm{Client: c, Device: name, Place: name, Address: name},
			PhoneNumber{Client: c, Value: name}, PhoneCode{Client: c, MaskedPhone: name, ChangeURL: name},
			PhoneHeld{Client: c, MaskedPhone: name}, PhoneEnd{Client: c, Kind: name, ContinueURL: name},
			NotMe{Client: c, Device: name, Place: name, Action: name}, Follow{Client: c, AccountName: name}, Consent{Client: c, Scopes: []Scope{{Name: name, Detail: name}}, MaskedPhone: name},
			Logout{Client: c}, Failure{Kind: name, Detail: name, Reference: name, RetryURL: name},
			LoggedOut{Frame: Frame{Here: name, Lang: name}},
		} {
			html := body(t, p)
			require.NotContains(t, html, "<script>", "%T %q", p, name)
			require.NotContains(t, html, "<img src=x")
			require.NotRegexp(t, `(href|src|action)="\s*javascript:`, html)
			require.NotContains(t, html, `' onmouseover='`)
			for _, c := range []string{"\u2028", "\u200b", "\ufeff", "\u2066"} {
				require.NotContains(t, visibleText(html), c, "%T %q", p, name)
			}
		}
	}
}

// visibleText leaves out attributes.
func visibleText(html string) string {
	var b strings.Builder
	in := false
	for _, c := range html {
		switch c {
		case '<':
			in = true
		case '>':
			in = false
		default:
			if !in {
				b.WriteRune(c)
			}
		}
	}
	return b.String()
}

func TestCleanName(t *testing.T) {
	for in, want := range map[string]string{
		"Grafana":               "Grafana",
		" a \n\t b ":            "a b",
		"Bank\u202egnp.exe":     "Bankgnp.exe",
		"a\u200bb\u2066c\u2069": "abc",
		"\x00\x1b[31mred":       "[31mred",
		"a\u2028b":              "a b",
		"云图 🚀":                  "云图 🚀",
		"bad\xffutf8":           "badutf8",
		"עברית":                 "עברית", // its own direction is the <bdi>'s business
	} {
		require.Equal(t, want, cleanName(in), "%q", in)
	}
	long := cleanName(strings.Repeat("长", 500))
	require.Equal(t, 65, len([]rune(long)))
	require.True(t, strings.HasSuffix(long, "…"))
}

// The language switch and the script's reload lead to this very page and nowhere else.
func TestHereIsAPathOfThisSite(t *testing.T) {
	for in, want := range map[string]string{
		"/login/x":             "/login/x?lang=en",
		"/login/x?a=1&lang=zh": "/login/x?a=1&lang=en",
		"//evil.example/x":     "",
		"https://evil.example": "",
		`/\evil.example`:       "",
		"evil":                 "",
		"javascript:alert(1)":  "",
		"":                     "",
		"/%zz":                 "",
	} {
		require.Equal(t, want, langURL(localPath(in), English), "%q", in)
	}
}

func TestLinksAreOnTheWeb(t *testing.T) {
	for in, want := range map[string]string{
		"https://a.example/p": "https://a.example/p", "http://a.example": "http://a.example", "javascript:alert(1)": "",
		"data:text/html,x": "", "/relative": "", "https:///x": "", "": "",
	} {
		require.Equal(t, want, webLink(in))
	}
}

func FuzzCleanName(f *testing.F) {
	f.Add("a\u202eb")
	f.Fuzz(func(t *testing.T, s string) {
		got := cleanName(s)
		require.LessOrEqual(t, len([]rune(got)), 66)
		require.Equal(t, got, cleanName(got), "cleaning twice changes nothing")
		require.NotContains(t, got, "\n")
	})
}

// bank.example.a-long-way.evil.example is cut at its front: its end says whose it is.
func TestALongHostKeepsItsEnd(t *testing.T) {
	for in, want := range map[string]string{
		"app.example": "app.example", "localhost:3000": "", "this device": "", "127.0.0.1": "", "": "",
		"bank.example." + strings.Repeat("a.", 60) + "evil.example": "…" + strings.Repeat("a.", 26) + "evil.example",
	} {
		require.Equal(t, want, hostOf(in), in)
	}
}
