package ui

import (
	"bytes"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
)

// Config is what a Renderer needs.
type Config struct {
	Brand       Brand
	DefaultLang string // of pages and messages whose language is not one of ours; empty: zh-CN
	Log         *slog.Logger
}

// Renderer draws pages. It is safe for concurrent use.
type Renderer struct {
	brand  Brand
	lang   string
	log    *slog.Logger
	kinds  map[string]map[string]kind // by language and template
	assets *assets
	words  map[string]words // by language
	drafts sync.Pool        // of the buffers that pages are drawn in
}

// kind is one of the pages in one language.
type kind struct {
	template *template.Template
	around   view // what its template shows at every request
	clients  *clients
}

// New parses every template and catalogue, so that a broken one stops the start and not a login.
func New(c Config) (*Renderer, error) {
	r := &Renderer{brand: c.Brand, lang: c.DefaultLang, log: c.Log}
	r.drafts.New = func() any { return new(bytes.Buffer) }
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
	if r.words, err = loadCatalogues(); err != nil {
		return nil, err
	}
	if r.assets, err = loadAssets(c.Brand); err != nil {
		return nil, err
	}
	r.kinds = map[string]map[string]kind{}
	for _, lang := range []string{Chinese, English} {
		if r.kinds[lang], err = r.parseTemplates(lang); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Render answers with a page. The page is drawn before anything is sent, so that a fault in it is a clean 500.
func (r *Renderer) Render(w http.ResponseWriter, status int, page Page) {
	lang := r.language(page.frame().Lang)
	k := r.kinds[lang][page.template()]
	body, _ := r.drafts.Get().(*bytes.Buffer)
	defer r.drafts.Put(body)
	body.Reset()
	v, err := k.view(page)
	if err == nil {
		err = k.template.ExecuteTemplate(body, "layout", v)
	}
	if err != nil {
		r.log.Error("page not drawn", "page", page.template(), "error", err)
		status = http.StatusInternalServerError
		body.Reset()
		body.WriteString("<!doctype html><title>Qiao</title><p>暂时无法显示此页面,请稍后重试。 This page cannot be shown now. Please try again later.</p>")
	}
	h := w.Header()
	r.setHeaders(h, lang, page)
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
