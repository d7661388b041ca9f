package play

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// Browser is a browser without script: a cookie jar, and the page that it shows.
type Browser struct {
	client *http.Client
	Agent  string
	Page   Page
}

// Page is an answer, read as HTML where it is HTML.
type Page struct {
	URL    *url.URL
	Status int
	Header http.Header
	Body   string
	root   *html.Node
}

// NewBrowser returns a browser with an empty jar. follow, when set, may stop a redirect by returning false: the page is
// then the redirect itself.
func NewBrowser(transport http.RoundTripper, follow func(*url.URL) bool) *Browser {
	jar, _ := cookiejar.New(nil) // fails for no options
	return &Browser{client: &http.Client{
		Transport: transport, Jar: jar,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 12 {
				return errors.New("too many redirects")
			}
			if follow != nil && !follow(r.URL) {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}, Agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"}
}

// Cookies are the jar's cookies for an address.
func (b *Browser) Cookies(u *url.URL) []*http.Cookie { return b.client.Jar.Cookies(u) }

// Lose drops cookies of an address, as a browser does whose session has come to its end.
func (b *Browser) Lose(u *url.URL, names ...string) {
	var gone []*http.Cookie
	for _, name := range names {
		gone = append(gone, &http.Cookie{Name: name, Path: "/", MaxAge: -1})
	}
	b.client.Jar.SetCookies(u, gone)
}

// Get opens an address.
func (b *Browser) Get(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	return b.do(req)
}

// Reload opens the page's address again.
func (b *Browser) Reload(ctx context.Context) error { return b.Get(ctx, b.Page.URL.String()) }

// Post sends a form to an address, as the page that is shown would.
func (b *Browser) Post(ctx context.Context, address string, form url.Values) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if b.Page.URL != nil {
		req.Header.Set("Origin", b.Page.URL.Scheme+"://"+b.Page.URL.Host)
	}
	return b.do(req)
}

func (b *Browser) do(req *http.Request) error {
	req.Header.Set("User-Agent", b.Agent)
	res, err := b.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err != nil {
		return err
	}
	b.Page = Page{URL: res.Request.URL, Status: res.StatusCode, Header: res.Header, Body: string(body)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		b.Page.root, err = html.Parse(strings.NewReader(string(body)))
	}
	return err
}

// Attr returns the value of the first element that has the attribute, such as data-qr.
func (p Page) Attr(name string) (value string, ok bool) {
	walk(p.root, func(n *html.Node) bool {
		value, ok = attr(n, name)
		return !ok
	})
	return value, ok
}

// Form is a form of a page with what it would send.
type Form struct {
	Action string
	Values url.Values
	node   *html.Node
}

// FormWith returns the form that holds an element with this name or, for typ, of this input type.
func (p Page) FormWith(name, typ string) (Form, bool) {
	var found *html.Node
	walk(p.root, func(n *html.Node) bool {
		if n.Data != "form" {
			return true
		}
		walk(n, func(c *html.Node) bool {
			cn, _ := attr(c, "name")
			ct, _ := attr(c, "type")
			if (name != "" && cn == name) || (typ != "" && c.Data == "input" && ct == typ) {
				found = n
			}
			return found == nil
		})
		return found == nil
	})
	if found == nil {
		return Form{}, false
	}
	f := Form{Values: url.Values{}, node: found}
	action, _ := attr(found, "action")
	if u, err := p.URL.Parse(action); err == nil {
		f.Action = u.String()
	}
	walk(found, func(c *html.Node) bool {
		if t, _ := attr(c, "type"); c.Data == "input" && t != "submit" {
			n, _ := attr(c, "name")
			v, _ := attr(c, "value")
			f.Values.Set(n, v)
		}
		return true
	})
	return f, true
}

// Field is the name of the form's input with this attribute, such as type=tel.
func (f Form) Field(key, value string) string {
	name := ""
	walk(f.node, func(c *html.Node) bool {
		if v, ok := attr(c, key); ok && v == value {
			name, _ = attr(c, "name")
		}
		return name == ""
	})
	return name
}

// Submit presses the submit button with this name and value, with fields filled in.
func (b *Browser) Submit(ctx context.Context, button, value string, fields url.Values) error {
	f, ok := b.Page.FormWith(button, "")
	if !ok {
		return fmt.Errorf("no button %q on %s (%d): %s", button, b.Page.URL.Path, b.Page.Status, b.Page.Text())
	}
	for k, v := range fields {
		f.Values[k] = v
	}
	f.Values.Set(button, value)
	return b.Post(ctx, f.Action, f.Values)
}

// Text is what the page says, without its markup.
func (p Page) Text() string {
	if p.root == nil {
		return p.Body
	}
	var out strings.Builder
	walk(p.root, func(n *html.Node) bool {
		if n.Type == html.TextNode && n.Parent.Data != "script" && n.Parent.Data != "style" {
			if t := strings.TrimSpace(n.Data); t != "" {
				out.WriteString(t + " ")
			}
		}
		return true
	})
	return out.String()
}

func attr(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// walk visits n and all below it until visit returns false.
func walk(n *html.Node, visit func(*html.Node) bool) bool {
	if n == nil {
		return true
	}
	if !visit(n) {
		return false
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if !walk(c, visit) {
			return false
		}
	}
	return true
}
