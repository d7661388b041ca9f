package tv_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What Chromium 38 knows and this page uses: whatever is not listed is refused, so that nobody adds what a TV of 2016
// ignores without looking it up first.
var (
	properties = strings.Fields(`
		-webkit-animation -webkit-transform -webkit-transform-origin align-items animation background background-size border
		border-bottom-width border-color border-radius border-top border-top-color bottom box-shadow box-sizing color content cursor
		display flex flex-direction font-family font-size font-weight height justify-content left letter-spacing line-height
		list-style margin margin-bottom margin-left margin-right margin-top max-height max-width min-height min-width opacity outline
		overflow padding padding-top position right text-align top transform transform-origin white-space width
		word-break word-wrap`)
	functions     = []string{"rgba", "rotate", "url"}
	displays      = []string{"none", "block", "inline-block", "flex"}
	pseudoClasses = []string{"focus", "before", "empty"}
	atRules       = []string{"@-webkit-keyframes", "@keyframes", "@media"}
)

var (
	block       = regexp.MustCompile(`[^{}]*[{}]`)
	comment     = regexp.MustCompile(`(?s)/\*.*?\*/`)
	quoted      = regexp.MustCompile(`"[^"]*"`)
	declaration = regexp.MustCompile(`^\s*([a-z-]+)\s*:\s*(.+?)\s*$`)
	function    = regexp.MustCompile(`([a-zA-Z-]+)\(`)
	color       = regexp.MustCompile(`#([0-9a-fA-F]+)\b`)
	pseudo      = regexp.MustCompile(`:+([a-z-]+)(\(?)`)
)

// tooNew lists what Chromium 38 would not understand in a style sheet.
func tooNew(css string) (found []string) {
	css = quoted.ReplaceAllString(comment.ReplaceAllString(css, ""), `""`)
	var open []string // the blocks around, the innermost last
	prefixed := map[string]bool{}
	for _, part := range block.FindAllString(css, -1) {
		text := strings.TrimSpace(part[:len(part)-1])
		if strings.HasSuffix(part, "}") {
			found = append(found, tooNewDeclarations(text)...)
			open = open[:max(0, len(open)-1)]
			continue
		}
		words := strings.Fields(text)
		switch {
		case len(words) == 0:
			found = append(found, "a block without a name")
		case !strings.HasPrefix(text, "@"):
			if len(open) > 0 && !strings.HasPrefix(open[len(open)-1], "@") {
				found = append(found, "nested: "+text)
			}
			for _, m := range pseudo.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(pseudoClasses, m[1]) || m[2] != "" {
					found = append(found, m[0])
				}
			}
		case !slices.Contains(atRules, words[0]):
			found = append(found, words[0])
		case words[0] == "@-webkit-keyframes":
			prefixed[words[1]] = true
		case words[0] == "@keyframes" && !prefixed[words[1]]:
			found = append(found, text+" without -webkit-")
		}
		open = append(open, text)
	}
	return found
}

func tooNewDeclarations(text string) (found []string) {
	var names []string
	for one := range strings.SplitSeq(text, ";") {
		if strings.TrimSpace(one) == "" {
			continue
		}
		m := declaration.FindStringSubmatch(one)
		if m == nil {
			found = append(found, one)
			continue
		}
		name, value := m[1], m[2]
		names = append(names, name)
		if !slices.Contains(properties, name) || (name == "display" && !slices.Contains(displays, value)) {
			found = append(found, one)
		}
		if name == "animation" && !slices.Contains(names, "-webkit-animation") {
			found = append(found, "animation without -webkit-")
		}
		for _, f := range function.FindAllStringSubmatch(value, -1) {
			if !slices.Contains(functions, f[1]) || (f[1] == "rgba" && !strings.Contains(value, ",")) {
				found = append(found, f[1]+"()")
			}
		}
		for _, c := range color.FindAllStringSubmatch(value, -1) {
			if len(c[1]) != 3 && len(c[1]) != 6 {
				found = append(found, c[0])
			}
		}
	}
	return found
}

func TestStyleSheetIsOldEnough(t *testing.T) {
	css, err := os.ReadFile("page/tv.css")
	require.NoError(t, err)
	require.Empty(t, tooNew(string(css)))
	html, err := os.ReadFile("page/tv.html")
	require.NoError(t, err)
	require.NotContains(t, string(html), "style=")
	require.NotContains(t, string(html), "<style")
}

func TestTheStyleCheckBites(t *testing.T) {
	for _, css := range []string{
		"a { color: var(--ink); }", ":root { --ink: #000; }", "a { display: grid; }", "a { gap: 1px; }", "a { width: clamp(1px, 2px, 3px); }",
		"a { width: min(1px, 2px); }", "a { width: max(1px, 2px); }", "a:is(b) { color: #000; }", "a:focus-visible { color: #000; }",
		"a { object-fit: contain; }", "a { inset: 0; }", "a { aspect-ratio: 1; }", "a { color: #00000080; }", "a { color: rgba(0 0 0 / 5); }",
		"@supports (gap: 1px) { a { color: #000; } }", "a { animation: x 1s; }", "@keyframes x { to { opacity: 0; } }", "a { margin-inline: 0; }",
		"@layer x { a { color: #000; } }", "a { display: inline-flex; }", "a { b { color: #000; } }", "a:not(b, c) { color: #000; }",
	} {
		require.NotEmpty(t, tooNew(css), css)
	}
	require.Empty(t, tooNew(`@media (prefers-reduced-motion: reduce) { a:before { content: "gap: var(--x)"; color: #abc; } }`))
}
