package ui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/nicksnyder/go-i18n/v2/i18n"
)

//go:embed templates/*.html
var templateFiles embed.FS

// Config is what a Renderer needs.
type Config struct {
	Brand       Brand
	DefaultLang string // of pages and messages whose language is not one of ours; empty: zh-CN
	Log         *slog.Logger
}

// Renderer draws pages. It is safe for concurrent use.
type Renderer struct {
	brand      Brand
	lang       string
	log        *slog.Logger
	templates  map[string]*template.Template
	assets     *assets
	localizers map[string]*i18n.Localizer
}

// New parses every template and catalogue, so that a broken one stops the start and not a login.
func New(c Config) (*Renderer, error) {
	r := &Renderer{brand: c.Brand, lang: c.DefaultLang, log: c.Log}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.brand.Name == "" {
		r.brand.Name = "Qiao"
	}
	if r.lang == "" {
		r.lang = Chinese
	}
	if r.lang != Chinese && r.lang != English {
		return nil, fmt.Errorf("default language %q is neither %s nor %s", r.lang, Chinese, English)
	}
	if err := c.Brand.Validate(); err != nil {
		return nil, fmt.Errorf("brand: %w", err)
	}
	var err error
	if r.localizers, err = loadCatalogues(); err != nil {
		return nil, err
	}
	if r.assets, err = loadAssets(c.Brand); err != nil {
		return nil, err
	}
	if r.templates, err = parseTemplates(); err != nil {
		return nil, err
	}
	return r, nil
}

// parseTemplates makes one set per page: the layout, the shared parts and that page.
func parseTemplates() (map[string]*template.Template, error) {
	shared, err := template.ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("parse the layout: %w", err)
	}
	set := map[string]*template.Template{}
	for _, p := range pages() {
		name := p.template()
		t, err := shared.Clone()
		if err != nil {
			return nil, fmt.Errorf("copy the layout for %s: %w", name, err)
		}
		text, err := fs.ReadFile(templateFiles, "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("read template %s: %w", name, err)
		}
		if set[name], err = t.New(name).Parse(string(text)); err != nil {
			return nil, fmt.Errorf("parse template %s: %w", name, err)
		}
	}
	return set, nil
}

// Render answers with a page. The page is drawn before anything is sent, so that a fault in it is a clean 500.
func (r *Renderer) Render(w http.ResponseWriter, status int, page Page) {
	v := view{Page: page, Frame: page.frame(), r: r}
	v.Lang = r.language(v.Frame.Lang)
	var body bytes.Buffer
	if err := r.templates[page.template()].ExecuteTemplate(&body, "layout", v); err != nil {
		r.log.Error("page not drawn", "page", page.template(), "error", err)
		status = http.StatusInternalServerError
		body.Reset()
		body.WriteString("<!doctype html><title>Qiao</title><p>暂时无法显示此页面,请稍后重试。 This page cannot be shown now. Please try again later.</p>")
	}
	h := w.Header()
	r.setHeaders(h, v.Lang, page)
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	if _, err := body.WriteTo(w); err != nil {
		r.log.Debug("page not delivered", "page", page.template(), "error", err)
	}
}

// language is the page's language, or the default where that is not one of ours.
func (r *Renderer) language(lang string) string {
	if lang == Chinese || lang == English {
		return lang
	}
	return r.lang
}
