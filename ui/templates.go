package ui

import (
	"embed"
	"fmt"
	"html"
	"html/template"
	"regexp"
)

//go:embed templates/*.html
var templateFiles embed.FS

// parseTemplates makes one set per page, in one language: the layout, the shared parts and that page.
func (r *Renderer) parseTemplates(lang string) (map[string]kind, error) {
	functions := r.words[lang].functions()
	around, shared := template.New("around").Funcs(functions), template.New("shared").Funcs(functions)
	if err := r.parse(around, lang, "site"); err != nil {
		return nil, err
	}
	for _, name := range []string{"layout", "parts"} {
		if err := r.parse(shared, lang, name); err != nil {
			return nil, err
		}
	}
	set := map[string]kind{}
	for _, p := range pages() {
		name := p.template()
		t, err := shared.Clone()
		if err != nil {
			return nil, fmt.Errorf("copy the layout for %s: %w", name, err)
		}
		if err := r.parse(t, lang, name); err != nil {
			return nil, err
		}
		v, err := r.newView(around, lang, p)
		if err != nil {
			return nil, fmt.Errorf("view of %s: %w", name, err)
		}
		set[name] = kind{t, v, &clients{}}
	}
	return set, nil
}

func (r *Renderer) parse(t *template.Template, lang, name string) error {
	text, err := templateFiles.ReadFile("templates/" + name + ".html")
	if err != nil {
		return fmt.Errorf("read template %s: %w", name, err)
	}
	source, err := r.spellOut(string(text), lang)
	if err != nil {
		return fmt.Errorf("template %s in %s: %w", name, lang, err)
	}
	if _, err := t.New(name).Parse(source); err != nil {
		return fmt.Errorf("parse template %s: %w", name, err)
	}
	return nil
}

// constant is what a template asks and depends on nothing but the language.
var constant = regexp.MustCompile(`\{\{(T|Plain|Asset|\.Lang|\.OtherLang)(?: "([a-z0-9_.-]+)")?\}\}`)

// spellOut writes the languages, the messages without placeholders and the paths of static files into a template: they
// are most of what a page asks for, and to ask costs more than all else there is to draw. A message that is missing stops
// the start.
func (r *Renderer) spellOut(source, lang string) (string, error) {
	var failed error
	w := r.words[lang]
	spelled := constant.ReplaceAllStringFunc(source, func(call string) string {
		part := constant.FindStringSubmatch(call)
		var text string
		var err error
		switch part[1] {
		case "T":
			var markup template.HTML
			markup, err = w.T(part[2])
			text = string(markup)
		case "Plain":
			text, err = w.Plain(part[2])
			text = html.EscapeString(text)
		case "Asset":
			text, err = r.assets.path(part[2])
		case ".Lang":
			text = lang
		case ".OtherLang":
			text = otherLang(lang)
		}
		if err != nil && failed == nil {
			failed = err
		}
		return text
	})
	return spelled, failed
}
