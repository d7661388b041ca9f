package wechatflow

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template"

	"qiao/browser"
	"qiao/ui"
)

// Replies are the texts that an account says in the chat, as Go templates over {{.Client}}, {{.URL}} and {{.Account}}.
// An empty text is the catalogue's in Lang; "-" says nothing.
type Replies struct {
	Lang    string            // "zh-CN" (the default) or "en"
	Welcome string            // to a plain follow
	Scan    string            // to a scan: it must carry {{.URL}}
	Unknown string            // to any message
	Menu    map[string]string // to a menu click, by its key; other keys are left unanswered
}

// silent is the text that says nothing.
const silent = "-"

// The platform refuses a longer text.
const maxReplyBytes = 2048

// replyData is what a template sees.
type replyData struct{ Client, Device, URL, Account string }

// replies are an account's texts, parsed.
type replies struct {
	lang    string
	account string
	pages   *ui.Renderer
	texts   map[string]*template.Template // by catalogue id
	menu    map[string]*template.Template
}

// Validate returns every fault of the texts at once; nil when there is none.
func (r Replies) Validate(account string) error {
	_, err := newReplies(r, nil, account)
	return err
}

// newReplies parses and tries every template, so that a mistake shows at the start and not at a scan.
func newReplies(c Replies, pages *ui.Renderer, account string) (*replies, error) {
	r := &replies{
		lang: c.Lang, account: account, pages: pages,
		texts: make(map[string]*template.Template), menu: make(map[string]*template.Template),
	}
	var faults []error
	switch c.Lang {
	case "":
		r.lang = browser.Chinese
	case browser.Chinese, browser.English:
	default:
		faults = append(faults, fmt.Errorf("replies: language %q is neither %s nor %s", c.Lang, browser.Chinese, browser.English))
	}
	for id, text := range map[string]string{"chat.welcome": c.Welcome, "chat.scan": c.Scan, "chat.unknown": c.Unknown} {
		if text == "" {
			continue
		}
		t, err := parseReply(id, text, account)
		if err == nil && id == "chat.scan" {
			err = mustCarryURL(t, account)
		}
		faults = append(faults, err)
		r.texts[id] = t
	}
	for key, text := range c.Menu {
		t, err := parseReply("menu "+key, text, account)
		faults = append(faults, err)
		r.menu[key] = t
	}
	return r, errors.Join(faults...)
}

func parseReply(name, text, account string) (*template.Template, error) {
	t, err := template.New(name).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("replies: %w", err)
	}
	var out strings.Builder
	sample := replyData{Client: "Example", URL: "https://login.example.com/phone/x", Account: account}
	if err := t.Execute(&out, sample); err != nil {
		return nil, fmt.Errorf("replies: %w", err)
	}
	if out.Len() > maxReplyBytes {
		return nil, fmt.Errorf("replies: %s has %d bytes, the platform takes %d", name, out.Len(), maxReplyBytes)
	}
	return t, nil
}

// mustCarryURL: without the link nobody can confirm.
func mustCarryURL(t *template.Template, account string) error {
	const mark = "https://mark.invalid/"
	var out strings.Builder
	if err := t.Execute(&out, replyData{URL: mark, Account: account}); err != nil {
		return fmt.Errorf("replies: %w", err)
	}
	if !strings.Contains(out.String(), mark) {
		return errors.New("replies: the scan text has no {{.URL}}, nobody could confirm")
	}
	return nil
}

// text is a reply by its catalogue id, empty where nothing is to be said.
func (r *replies) text(id string, d replyData) string {
	d.Account = r.account
	d.Client = plain(d.Client)
	if t := r.texts[id]; t != nil {
		return run(t, d)
	}
	return r.pages.Text(r.lang, id, map[string]any{"Client": d.Client, "Device": d.Device, "URL": d.URL, "Account": d.Account})
}

// click is the reply to a menu key, empty where the key has none.
func (r *replies) click(key string) string {
	if t := r.menu[key]; t != nil {
		return run(t, replyData{Account: r.account})
	}
	return ""
}

func run(t *template.Template, d replyData) string {
	var out strings.Builder
	if err := t.Execute(io.Writer(&out), d); err != nil || out.String() == silent {
		return "" // newReplies has executed it once: it does not fail on other texts
	}
	return out.String()
}

// plain keeps a relying party's name from being read as markup: the chat understands <a href>.
func plain(s string) string { return strings.NewReplacer("<", "‹", ">", "›").Replace(s) }
