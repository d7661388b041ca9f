package ui

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// themes reads the colours of the style sheet, light and dark.
func themes(t *testing.T) map[string]map[string]string {
	t.Helper()
	text, err := os.ReadFile("static/style.css")
	require.NoError(t, err)
	light, rest, ok := strings.Cut(string(text), "@media (prefers-color-scheme: dark)")
	require.True(t, ok)
	dark, _, ok := strings.Cut(rest, "\n}\n")
	require.True(t, ok)
	both := map[string]map[string]string{"light": rules(light), "dark": rules(light)}
	for name, value := range rules(dark) {
		both["dark"][name] = value
	}
	return both
}

func rules(css string) map[string]string {
	colours := map[string]string{"qr": "#ffffff", "qr-text": "#14201d"}
	for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(css, -1) {
		colours[m[1]] = m[2]
	}
	return colours
}

// legible checks every pair of colours that the pages put on each other for the contrast that WCAG 2.2 asks: 4.5 for text
// (1.4.3), 3 for the edges of fields and buttons and for icons (1.4.11).
func legible(t *testing.T, name string, colours map[string]string) {
	t.Helper()
	for _, pair := range []struct {
		over, under string
		least       float64
	}{
		{"text", "card", 4.5}, {"text", "page", 4.5}, {"muted", "card", 4.5}, {"muted", "page", 4.5},
		{"accent", "card", 4.5}, {"accent", "page", 4.5}, {"on-accent", "accent", 4.5}, {"on-accent", "accent-strong", 4.5},
		{"on-tint", "tint", 4.5}, {"bad", "bad-tint", 4.5}, {"warn", "warn-tint", 4.5}, {"warn", "card", 4.5},
		{"warn", "page", 4.5}, {"text", "tint", 4.5}, {"edge", "card", 3}, {"accent", "tint", 3}, {"edge", "page", 3},
		{"qr-text", "qr", 4.5}, {"on-qr-button", "qr-button", 4.5}, {"qr-button", "qr", 3},
	} {
		require.Contains(t, colours, pair.over)
		require.Contains(t, colours, pair.under)
		over, err := parseColour(colours[pair.over])
		require.NoError(t, err)
		under, err := parseColour(colours[pair.under])
		require.NoError(t, err)
		require.GreaterOrEqual(t, over.contrast(under), pair.least, "%s: %s (%s) on %s (%s)", name, pair.over, over, pair.under, under)
	}
}

func TestContrast(t *testing.T) {
	for scheme, colours := range themes(t) {
		legible(t, scheme, colours)
	}
}

// The formula, against pairs whose ratio is well known.
func TestContrastIsWCAGs(t *testing.T) {
	for _, c := range []struct{ a, b, ratio string }{
		{"#000000", "#ffffff", "21.00"}, {"#ffffff", "#ffffff", "1.00"}, {"#767676", "#ffffff", "4.54"}, {"#777777", "#ffffff", "4.48"},
		{"#ff0000", "#ffffff", "4.00"}, {"#0000ff", "#ffffff", "8.59"}, {"#949494", "#ffffff", "3.03"}, {"#aaaaaa", "#ffffff", "2.32"},
	} {
		a, err := parseColour(c.a)
		require.NoError(t, err)
		b, err := parseColour(c.b)
		require.NoError(t, err)
		require.Equal(t, c.ratio, fmt.Sprintf("%.2f", a.contrast(b)), c.a+" "+c.b)
		require.Equal(t, a.contrast(b), b.contrast(a))
	}
}

// Whatever colour is accepted, everything that is made from it is legible in both themes; and the colour that a refusal
// names is accepted.
func TestEveryAcceptedColourIsLegible(t *testing.T) {
	onLight, onDark := grounds()
	sheet := themes(t)
	for name, g := range map[string]ground{"light": onLight, "dark": onDark} {
		require.Equal(t, sheet[name]["card"], g.card.String(), "what is checked is what is shown")
		require.Equal(t, sheet[name]["page"], g.page.String())
	}
	random := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for range 1000 {
		b := Brand{Colour: fmt.Sprintf("#%06x", random.IntN(1<<24))}
		if random.IntN(2) == 0 {
			b.ColourDark = fmt.Sprintf("#%06x", random.IntN(1<<24))
		}
		style, err := b.style()
		if err != nil {
			name, suggested, ok := strings.Cut(err.Error(), ": on ")
			require.True(t, ok, err)
			_, suggested, ok = strings.Cut(suggested, "1.4.3): ")
			require.True(t, ok, err)
			suggested = strings.TrimSuffix(suggested, " would do")
			if strings.HasPrefix(name, "colour_dark") {
				b.ColourDark = suggested
			} else {
				b.Colour, b.ColourDark = suggested, ""
			}
			style, err = b.style()
			require.NoError(t, err, "what a refusal names is accepted")
		} else {
			accepted++
		}
		light, dark, ok := strings.Cut(style, "@media (prefers-color-scheme: dark)")
		require.True(t, ok)
		for scheme, css := range map[string]string{"light": light, "dark": light + dark} {
			colours := maps.Clone(sheet[scheme])
			for name, value := range rules(css) {
				colours[name] = value
			}
			legible(t, fmt.Sprintf("%s %+v", scheme, b), colours)
		}
	}
	require.Greater(t, accepted, 100)
}
