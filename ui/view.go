package ui

import (
	"encoding/base64"
	"fmt"
	"html"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// view is what a template sees.
type view struct {
	Page  Page
	Frame Frame
	Lang  string
	r     *Renderer
}

// T is a message as markup; pairs are names and values of its placeholders.
func (v view) T(id string, pairs ...any) (template.HTML, error) {
	return v.r.markup(v.Lang, id, values(pairs))
}

// Plain is a message without markup, for titles and attributes.
func (v view) Plain(id string, pairs ...any) (string, error) {
	data := values(pairs)
	for k, value := range data {
		if s, ok := value.(string); ok {
			data[k] = cleanName(s)
		}
	}
	return v.r.message(v.Lang, id, data)
}

func values(pairs []any) map[string]any {
	data := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		data[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return data
}

// Kind is the kind if the catalogue has words for it, else the fallback: an unknown kind still gets a whole page.
func (v view) Kind(group, kind, fallback string) string {
	if _, err := v.r.message(v.Lang, group+"."+kind+".title", map[string]any{}); err != nil {
		return fallback
	}
	return kind
}

// Has reports whether the catalogue has the message.
func (v view) Has(id string) bool {
	_, err := v.r.message(v.Lang, id, map[string]any{})
	return err == nil
}

// Name cleans a name that someone else chose.
func (v view) Name(s string) string { return cleanName(s) }

// Detail cleans a sentence for developers.
func (v view) Detail(s string) string { return clean(s, 400) }

// Initial stands in for a missing logo.
func (v view) Initial(name string) string {
	for _, c := range cleanName(name) {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return strings.ToUpper(string(c))
		}
	}
	return "·"
}

// Logo is a client's logo if the policy lets the page load it.
func (v view) Logo(uri string) string {
	if imageOrigin(uri) == "" {
		return ""
	}
	return uri
}

// Link is an address that a page may link to, empty if it is not on the web.
func (v view) Link(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return ""
	}
	return uri
}

// AppURL is an address of an app's own scheme, empty for any other: such a scheme is a reversed domain name (RFC 8252
// §7.1), and none that a browser itself knows, such as javascript:, has a dot.
func (v view) AppURL(uri string) template.URL {
	scheme, _, ok := strings.Cut(uri, ":")
	if !ok || !strings.Contains(scheme, ".") || formTarget(scheme+":") == "" {
		return ""
	}
	return template.URL(uri)
}

// Client is whose rules stand below the card.
func (v view) Client() Client { return v.Page.client() }

// ClientName is the client's name, or words that stand for it.
func (v view) ClientName() (string, error) {
	if name := cleanName(v.Client().Name); name != "" {
		return name, nil
	}
	return v.Plain("common.client")
}

// Host is where the client lives, empty for an app on the person's own device.
func (v view) Host() string {
	h := clean(v.Client().Host, 300)
	if r := []rune(h); len(r) > 64 {
		h = "…" + string(r[len(r)-64:]) // who it belongs to stands at its end
	}
	name, _, _ := strings.Cut(strings.ToLower(h), ":")
	switch name {
	case "this device", "localhost", "127.0.0.1", "[":
		return ""
	}
	return h
}

func (v view) Brand() string { return cleanName(v.r.brand.Name) }

// BrandLogo is the operator's logo: https, or a path of this site.
func (v view) BrandLogo() string {
	if ownPath(v.r.brand.LogoURL) {
		return v.r.brand.LogoURL
	}
	return v.Logo(v.r.brand.LogoURL)
}

// BrandStyle is the style sheet of the operator's colour, empty where it is ours.
func (v view) BrandStyle() string { return v.r.assets.paths[brandStyle] }

// BrandLinks are the operator's own pages.
func (v view) BrandLinks() []Link { return v.r.brand.Links }

// LinkLabel is a link's words in the page's language.
func (v view) LinkLabel(l Link) (string, error) {
	if l.Kind != "" {
		return v.Plain("brand." + l.Kind)
	}
	return l.Labels[v.Lang], nil
}

// Asset is the path of a static file.
func (v view) Asset(name string) (string, error) {
	p, ok := v.r.assets.paths[name]
	if !ok {
		return "", fmt.Errorf("no static file %s", name)
	}
	return p, nil
}

// Script is the path of the page's script, empty for none.
func (v view) Script() (string, error) {
	if v.Page.script() == "" {
		return "", nil
	}
	return v.Asset(v.Page.script())
}

// OtherLang is the language that the switch offers.
func (v view) OtherLang() string {
	if v.Lang == Chinese {
		return English
	}
	return Chinese
}

// Here is this page's path and query. What is not a path of this site becomes the root: the switch of the language is
// no open redirect.
func (v view) Here() string {
	u, err := url.Parse(v.Frame.Here)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") ||
		strings.Contains(v.Frame.Here, `\`) {
		return ""
	}
	return v.Frame.Here
}

// LangURL is this page in another language.
func (v view) LangURL(lang string) string {
	u, err := url.Parse(v.Here())
	if err != nil || u.Path == "" {
		return ""
	}
	q := u.Query()
	q.Set("lang", lang)
	u.RawQuery = q.Encode()
	return u.String()
}

// Wait says a time span in words: "45 seconds", "15 minutes".
func (v view) Wait(seconds int) (string, error) {
	switch minutes := (seconds + 59) / 60; {
	case seconds <= 90:
		return v.Plain("wait.seconds", "Seconds", max(seconds, 1))
	case minutes <= 90:
		return v.Plain("wait.minutes", "Minutes", minutes)
	default:
		return v.Plain("wait.hours", "Hours", (minutes+59)/60)
	}
}

// Ago says how long ago something was.
func (v view) Ago(at, now time.Time) (string, error) {
	switch d := now.Sub(at); {
	case d < time.Minute:
		return v.Plain("ago.now")
	case d < 2*time.Hour:
		return v.Plain("ago.minutes", "Minutes", int(d/time.Minute))
	case d < 48*time.Hour:
		return v.Plain("ago.hours", "Hours", int(d/time.Hour))
	default:
		return v.Plain("ago.days", "Days", int(d/(24*time.Hour)))
	}
}

// Count is a message whose seconds a script counts down: they stand in a <b> of their own.
func (v view) Count(id string, seconds int) (template.HTML, error) {
	text, err := v.r.message(v.Lang, id, map[string]any{"Seconds": seconds})
	n := strconv.Itoa(seconds)
	return template.HTML(strings.Replace(html.EscapeString(text), n, "<b>"+n+"</b>", 1)), err
}

// Code draws a QR code.
func (v view) Code(text string) (picture, error) { return draw(text) }

// CodePNG is a QR code as the address of a picture. WeChat recognizes a pressed picture only where it is an <img>.
func (v view) CodePNG(text string) (template.URL, error) {
	body, err := QRPNG(text)
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(body)), err
}

// Decoration is a pattern that looks like a QR code and means nothing, for the blurred picture of an expired one.
func (v view) Decoration() (picture, error) {
	return draw("This picture holds no code. 这里没有二维码。")
}
