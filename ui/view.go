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

// view is what a template sees. What most pages ask for is in fields, made before the template runs: a call of a method
// costs a template ten times as much as a field.
type view struct {
	Page Page
	Card card // of a Login

	// The same at every request.
	Lang     string
	Brand    string
	Loads    template.HTML // icons, style sheets and the page's script
	Top      template.HTML // the operator's name and logo
	Links    template.HTML // to the operator's own pages; may be empty
	nameless string        // words that stand for a client's name

	// Of this very page.
	Here       string // its path and query, empty where they are not of this site
	LangURL    string // this page in the other language
	ClientName string // or the words that stand for it
	Initial    string // of the client's name: it stands in for a missing logo
	Logo       string // the client's, if the policy lets the page load it
	Policy     string // of the client: an address that a page may link to
	Terms      string

	r *Renderer
}

// of is the view of a page, made of what newView has drawn for its kind.
func (v view) of(page Page) view {
	client := page.client()
	v.Page = page
	v.Here = localPath(page.frame().Here)
	v.LangURL = langURL(v.Here, otherLang(v.Lang))
	name := cleanName(client.Name)
	v.ClientName, v.Initial = name, initial(name)
	if name == "" {
		v.ClientName = v.nameless
	}
	v.Logo, v.Policy, v.Terms = logo(client.LogoURI), webLink(client.PolicyURI), webLink(client.TOSURI)
	if p, ok := page.(Login); ok {
		v.Card = p.card()
	}
	return v
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

// AppURL is an address of an app's own scheme, empty for any other: such a scheme is a reversed domain name (RFC 8252
// §7.1), and none that a browser itself knows, such as javascript:, has a dot.
func (v view) AppURL(uri string) template.URL {
	scheme, _, ok := strings.Cut(uri, ":")
	if !ok || !strings.Contains(scheme, ".") || formTarget(scheme+":") == "" {
		return ""
	}
	return template.URL(uri)
}

// Host is where the client lives, empty for an app on the person's own device.
func (v view) Host() string {
	h := clean(v.Page.client().Host, 300)
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

// Asset is the path of a static file.
func (v view) Asset(name string) (string, error) {
	p, ok := v.r.assets.paths[name]
	if !ok {
		return "", fmt.Errorf("no static file %s", name)
	}
	return p, nil
}

// initial is the first letter or digit of a name that is clean.
func initial(name string) string {
	for _, c := range name {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return strings.ToUpper(string(c))
		}
	}
	return "·"
}

// logo is the address of one if the policy lets the page load it.
func logo(uri string) string {
	if imageOrigin(uri) == "" {
		return ""
	}
	return uri
}

// webLink is an address that a page may link to, empty if it is not on the web.
func webLink(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return ""
	}
	return uri
}

// localPath is a path and query of this site. What is none becomes nothing: the switch of the language is no open
// redirect.
func localPath(here string) string {
	u, err := url.Parse(here)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") ||
		strings.Contains(here, `\`) {
		return ""
	}
	return here
}

// langURL is a page of this site in another language.
func langURL(here, lang string) string {
	u, err := url.Parse(here)
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
func (v view) Code(text string) (attributes, error) {
	p, err := draw(text)
	if err != nil {
		return attributes{}, err
	}
	return p.attributes(), nil
}

// CodePNG is a QR code as the address of a picture. WeChat recognizes a pressed picture only where it is an <img>.
func (v view) CodePNG(text string) (template.URL, error) {
	body, err := QRPNG(text)
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(body)), err
}

// Decoration is a pattern that looks like a QR code and means nothing, for the blurred picture of an expired one.
func (v view) Decoration() (attributes, error) {
	return v.Code("This picture holds no code. 这里没有二维码。")
}
