package ui

import "html/template"

// site is what stands around every page of a kind in one language. It is the same at every request, and so drawn once.
type site struct {
	Brand  string
	Logo   string // https, or a path of this site; empty: the bridge
	Style  string // path of the style sheet of the operator's colour, empty where it is ours
	Script string // path of the page's script, empty for none
	Links  []siteLink
}

// siteLink is one of the operator's links in the page's language.
type siteLink struct{ URL, Text string }

// newView draws what is around the pages of a kind, for their views.
func (r *Renderer) newView(t *template.Template, lang string, page Page) (view, error) {
	w, v := r.words[lang], view{Lang: lang, Brand: cleanName(r.brand.Name)}
	s := site{Brand: v.Brand, Logo: r.brand.LogoURL, Style: r.assets.paths[brandStyle]}
	if !ownPath(s.Logo) {
		s.Logo = logo(s.Logo)
	}
	var err error
	if page.script() != "" {
		if s.Script, err = r.assets.path(page.script()); err != nil {
			return v, err
		}
	}
	for _, l := range r.brand.Links {
		text := l.Labels[lang]
		if l.Kind != "" {
			if text, err = w.Plain("brand." + l.Kind); err != nil {
				return v, err
			}
		}
		s.Links = append(s.Links, siteLink{l.URL, text})
	}
	if v.nameless, err = w.Plain("common.client"); err != nil {
		return v, err
	}
	for part, drawn := range map[string]*template.HTML{"loads": &v.Loads, "top": &v.Top, "links": &v.Links} {
		if err := drawPart(drawn, t, part, s); err != nil {
			return v, err
		}
	}
	return v, nil
}
