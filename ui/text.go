package ui

import (
	"embed"
	"fmt"
	"log/slog"
	"strings"
	"unicode"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	messagetemplate "github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"
)

// The languages of the catalogues.
const (
	Chinese = "zh-CN"
	English = "en"
)

// otherLang is the language that the switch of a page offers.
func otherLang(lang string) string {
	if lang == Chinese {
		return English
	}
	return Chinese
}

//go:embed catalogue/*.json
var catalogueFiles embed.FS

// words are the messages of one language.
type words struct {
	lang      string
	sentences map[string]sentence // of one form, which is nearly all
	counted   *i18n.Localizer     // knows the others too
}

// loadCatalogues reads the catalogue of each language. Each has a bundle of its own: a missing message is then a fault
// that tests see, and not silently another language.
func loadCatalogues() (map[string]words, error) {
	set := map[string]words{}
	for _, lang := range []string{Chinese, English} {
		text, err := catalogueFiles.ReadFile("catalogue/" + lang + ".json")
		if err != nil {
			return nil, fmt.Errorf("read catalogue: %w", err)
		}
		bundle := i18n.NewBundle(language.MustParse(lang))
		file, err := bundle.ParseMessageFileBytes(text, lang+".json")
		if err != nil {
			return nil, fmt.Errorf("parse catalogue %s: %w", lang, err)
		}
		w := words{lang: lang, sentences: map[string]sentence{}, counted: i18n.NewLocalizer(bundle, lang)}
		for _, m := range file.Messages {
			if m.One != "" {
				continue
			}
			if w.sentences[m.ID], err = newSentence(m.Other); err != nil {
				return nil, fmt.Errorf("catalogue %s: %s: %w", lang, m.ID, err)
			}
		}
		set[lang] = w
	}
	return set, nil
}

// Text is a message of the catalogue for a chat or a text message. Values lose what WeChat would read as markup: a
// client named `<a href=…>` must not become a link in our chat.
func (r *Renderer) Text(lang, id string, data map[string]any) string {
	safe := make(map[string]any, len(data))
	for k, v := range data {
		if s, ok := v.(string); ok {
			v = plainValue(k, s)
		}
		safe[k] = v
	}
	text, err := r.words[r.language(lang)].message(id, safe)
	if err != nil {
		r.log.Error("message not in the catalogue", slog.String("id", id), "error", err)
	}
	return text
}

func plainValue(key, s string) string {
	if key == "URL" {
		return strings.NewReplacer(`"`, "%22", "<", "%3C", ">", "%3E", " ", "%20", "\n", "", "\r", "").Replace(s)
	}
	return strings.NewReplacer("<", "‹", ">", "›", `"`, "”").Replace(cleanName(s))
}

// counts are the placeholders that choose between singular and plural.
func counts() []string { return []string{"Seconds", "Minutes", "Hours", "Days", "Tries"} }

// message is one of the catalogue with its values, or the id and what is wrong.
func (w words) message(id string, data map[string]any) (string, error) {
	text, err := w.say(id, data)
	if err != nil {
		return id, fmt.Errorf("message %s in %s: %w", id, w.lang, err)
	}
	return text, nil
}

func (w words) say(id string, data map[string]any) (string, error) {
	if s, ok := w.sentences[id]; ok {
		return s.with(data)
	}
	config := &i18n.LocalizeConfig{
		MessageID: id, TemplateData: data,
		TemplateParser: &messagetemplate.TextParser{Option: "missingkey=error"},
	}
	for _, name := range counts() {
		if n, ok := data[name]; ok {
			config.PluralCount = n
		}
	}
	return w.counted.Localize(config)
}

func isCount(name string) bool {
	for _, c := range counts() {
		if c == name {
			return true
		}
	}
	return false
}

// cleanName makes a name that someone else chose fit to stand in a sentence, and not longer than a name.
func cleanName(s string) string { return clean(s, 64) }

// clean drops line breaks and characters that turn the direction of writing or are not seen at all, and cuts the rest.
func clean(s string, longest int) string {
	var b strings.Builder
	n, space := 0, false
	for _, c := range s {
		switch {
		case unicode.IsSpace(c) || unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c):
			space = b.Len() > 0
			continue
		case c == unicode.ReplacementChar || !unicode.IsGraphic(c):
			continue // control, format (bidi overrides, zero width), private use, unassigned
		}
		n++
		if space {
			n++
		}
		if n > longest {
			return b.String() + "…"
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(c)
	}
	return b.String()
}
