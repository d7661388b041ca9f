package ui

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Brand is who runs this issuer: what stands above every card and in its foot, and the colour of what can be pressed.
type Brand struct {
	Name       string
	LogoURL    string // https or a path of this site; empty: the bridge
	Colour     string // #rrggbb; empty: ours
	ColourDark string // the same where the person prefers dark pages; empty: made from Colour
	Links      []Link
}

// Link is one of the operator's own pages.
type Link struct {
	Kind   string            // privacy, terms or help have words of ours; empty: Labels has them
	Labels map[string]string // by language, both of them
	URL    string            // https, or a path of this site
}

const (
	maxLinks = 5  // more do not fit below the card of a phone
	maxLabel = 24 // characters
	maxBrand = 64
)

// Validate reports everything that is wrong with a brand, each fault with what to change; nil when nothing is.
func (b Brand) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if n := utf8.RuneCountInString(b.Name); n > maxBrand || b.Name != cleanName(b.Name) {
		fault("name: use at most %d visible characters", maxBrand)
	}
	if b.LogoURL != "" && imageOrigin(b.LogoURL) == "" && !ownPath(b.LogoURL) {
		fault("logo_url is %q: it must be an https address, or a path of this site such as /logo.svg", b.LogoURL)
	}
	if len(b.Links) > maxLinks {
		fault("links: at most %d fit below a card, and there are %d", maxLinks, len(b.Links))
	}
	for i, l := range b.Links {
		if err := l.validate(); err != nil {
			fault("links[%d]: %w", i, err)
		}
	}
	if _, _, err := b.palettes(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// LinkKinds are the links that need no labels.
func LinkKinds() []string { return []string{"privacy", "terms", "help"} }

func (l Link) validate() error {
	if u, err := url.Parse(l.URL); !ownPath(l.URL) &&
		(err != nil || u.Scheme != "https" || u.User != nil || !isHost(u.Host)) {
		return fmt.Errorf("url is %q: it must be an https address, or a path of this site such as /privacy", l.URL)
	}
	if slices.Contains(LinkKinds(), l.Kind) && len(l.Labels) == 0 {
		return nil
	}
	if l.Kind != "" {
		return fmt.Errorf("kind is %q: use %s without labels, or leave it out", l.Kind, strings.Join(LinkKinds(), ", "))
	}
	for _, lang := range []string{Chinese, English} {
		label := l.Labels[lang]
		if label == "" || utf8.RuneCountInString(label) > maxLabel || label != cleanName(label) {
			return fmt.Errorf("the label in %s: use 1 to %d visible characters (or kind: %s)", lang, maxLabel, strings.Join(LinkKinds(), ", "))
		}
	}
	return nil
}

// ownPath reports whether the address is a path of this site, whatever browser reads it.
func ownPath(address string) bool {
	if strings.Trim(address, "!#$%&'()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~") != "" {
		return false
	}
	return strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//")
}

// palette is the colours of a brand in one theme. The style sheet has ours; one for a brand is laid over it.
type palette struct {
	accent, strong, onAccent, tint, onTint colour
}

// ground is what the brand's colour stands on in a theme (style.css), and towards what it becomes more legible there.
type ground struct {
	name                string
	card, page, towards colour
}

func grounds() (light, dark ground) {
	return ground{"light", white(), colour{0xf2, 0xf5, 0xf4}, black()},
		ground{"dark", colour{0x15, 0x1d, 0x1b}, colour{0x0c, 0x12, 0x11}, white()}
}

func white() colour { return colour{255, 255, 255} }
func black() colour { return colour{} }
func ink() colour   { return colour{0x08, 0x12, 0x10} } // text on a light colour

// palettes works out the colours of both themes. Links are the colour itself on card and page, so it has to be legible
// there; what stands on it is white or ink, whichever is.
func (b Brand) palettes() (light, dark palette, err error) {
	onLight, onDark := grounds()
	if b.Colour == "" {
		if b.ColourDark != "" {
			return light, dark, errors.New("colour_dark is set and colour is not: set both, or colour alone")
		}
		return light, dark, nil
	}
	accent, err := onLight.accent("colour", b.Colour)
	if err != nil {
		return light, dark, err
	}
	darkAccent := accent.until(white(), enough, onDark.card, onDark.page)
	if b.ColourDark != "" {
		if darkAccent, err = onDark.accent("colour_dark", b.ColourDark); err != nil {
			return light, dark, err
		}
	}
	return onLight.palette(accent), onDark.palette(darkAccent), nil
}

// accent reads a colour and checks it against the ground; a fault names one that would do.
func (g ground) accent(name, text string) (colour, error) {
	c, err := parseColour(text)
	if err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	if c.least(g.card, g.page) < enough {
		return c, fmt.Errorf("%s is %s: on %s pages its contrast is %s to the card (%s) and %s to the page (%s), and text needs %.1f:1 (WCAG 2.2, 1.4.3): %s would do",
			name, text, g.name, ratio(c, g.card), g.card, ratio(c, g.page), g.page, enough, c.until(g.towards, enough, g.card, g.page))
	}
	return c, nil
}

func (g ground) palette(accent colour) palette {
	p := palette{accent: accent, strong: accent.mix(g.towards, 0.22), onAccent: white(), tint: g.card.mix(accent, 0.1)}
	if accent.contrast(ink()) > accent.contrast(white()) {
		p.onAccent = ink()
	}
	p.onTint = accent.until(g.towards, enough, p.tint)
	return p
}

// Contrasts says how legible the brand's colour is, one line for each theme; none where it is ours.
func (b Brand) Contrasts() []string {
	light, dark, err := b.palettes()
	if b.Colour == "" || err != nil {
		return nil
	}
	onLight, onDark := grounds()
	say := func(g ground, p palette) string {
		return fmt.Sprintf("%s pages: %s has a contrast of %s to the card, %s to the page and %s to the text on it (%s); %.1f:1 is needed",
			g.name, p.accent, ratio(p.accent, g.card), ratio(p.accent, g.page), ratio(p.accent, p.onAccent), p.onAccent, enough)
	}
	return []string{say(onLight, light), say(onDark, dark)}
}

// ratio is a contrast in words, cut and never rounded up: what is not enough must not look so.
func ratio(a, b colour) string { return fmt.Sprintf("%.2f:1", math.Floor(a.contrast(b)*100)/100) }

// style is the style sheet of a brand with a colour of its own, empty where it is ours.
func (b Brand) style() (string, error) {
	light, dark, err := b.palettes()
	if err != nil || b.Colour == "" {
		return "", err
	}
	// QR codes stand on white in both themes, and so do the buttons over them.
	return fmt.Sprintf(":root {%s --qr-button: %s; --on-qr-button: %s; }\n", light.rules(), light.accent, light.onAccent) +
		fmt.Sprintf("@media (prefers-color-scheme: dark) { :root {%s } }\n", dark.rules()), nil
}

func (p palette) rules() string {
	return fmt.Sprintf(" --accent: %s; --accent-strong: %s; --on-accent: %s; --tint: %s; --on-tint: %s;", p.accent, p.strong, p.onAccent, p.tint, p.onTint)
}
