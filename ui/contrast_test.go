package ui

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every pair of colours that the pages put on each other, with the contrast that WCAG 2.2 asks: 4.5 for text (1.4.3),
// 3 for the edges of fields and buttons and for icons (1.4.11).
func TestContrast(t *testing.T) {
	text, err := os.ReadFile("static/style.css")
	require.NoError(t, err)
	light, rest, ok := strings.Cut(string(text), "@media (prefers-color-scheme: dark)")
	require.True(t, ok)
	dark, _, ok := strings.Cut(rest, "\n}\n")
	require.True(t, ok)
	for scheme, css := range map[string]string{"light": light, "dark": dark} {
		colours := map[string]string{"qr": "#ffffff", "qr-text": "#14201d", "qr-button": "#0b6e5b"}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(css, -1) {
			colours[m[1]] = m[2]
		}
		for _, pair := range []struct {
			over, under string
			least       float64
		}{
			{"text", "card", 4.5}, {"text", "page", 4.5}, {"muted", "card", 4.5}, {"muted", "page", 4.5},
			{"accent", "card", 4.5}, {"accent", "page", 4.5}, {"on-accent", "accent", 4.5}, {"on-accent", "accent-strong", 4.5},
			{"on-tint", "tint", 4.5}, {"bad", "bad-tint", 4.5}, {"warn", "warn-tint", 4.5}, {"warn", "card", 4.5},
			{"warn", "page", 4.5}, {"text", "tint", 4.5}, {"edge", "card", 3}, {"accent", "tint", 3}, {"edge", "page", 3},
			{"qr-text", "qr", 4.5}, {"qr", "qr-button", 4.5},
		} {
			require.Contains(t, colours, pair.over)
			require.Contains(t, colours, pair.under)
			got := contrast(t, colours[pair.over], colours[pair.under])
			require.GreaterOrEqual(t, got, pair.least, "%s: %s on %s", scheme, pair.over, pair.under)
		}
	}
}

// contrast is the ratio of WCAG 2.2, between 1 and 21.
func contrast(t *testing.T, a, b string) float64 {
	la, lb := luminance(t, a), luminance(t, b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		require.NoError(t, err)
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
