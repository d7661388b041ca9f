package ui

import (
	"encoding/base64"
	"fmt"
	"html"
	"html/template"
	"strconv"
	"strings"
	"time"
)

// functions are what a template may call. They are no methods of its view: then it would look among these for every field.
func (w words) functions() template.FuncMap {
	return template.FuncMap{
		"T": w.T, "Plain": w.Plain, "Kind": w.Kind, "Has": w.Has, "Count": w.Count, "Wait": w.Wait, "Ago": w.Ago,
		"Name": cleanName, "Detail": detail, "AppURL": appURL, "Code": drawing, "CodePNG": codePNG, "Decoration": decoration,
	}
}

// T is a message as markup: the words as they are, each value escaped and in a <bdi> of its own. Pairs are names and values
// of its placeholders.
func (w words) T(id string, pairs ...any) (template.HTML, error) {
	data := values(pairs)
	for k, v := range data {
		s := cleanName(fmt.Sprint(v))
		if n, ok := v.(int); ok && isCount(k) {
			data[k] = n // plain, or the plural could not be chosen; a number needs no escape
			continue
		}
		data[k] = "<bdi>" + html.EscapeString(s) + "</bdi>"
	}
	text, err := w.message(id, data)
	return template.HTML(text), err
}

// Plain is a message without markup, for titles and attributes.
func (w words) Plain(id string, pairs ...any) (string, error) {
	data := values(pairs)
	for k, v := range data {
		if s, ok := v.(string); ok {
			data[k] = cleanName(s)
		}
	}
	return w.message(id, data)
}

func values(pairs []any) map[string]any {
	data := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		data[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return data
}

// Kind is the kind if the catalogue has words for it, else the fallback: an unknown kind still gets a whole page.
func (w words) Kind(group, kind, fallback string) string {
	if _, err := w.message(group+"."+kind+".title", map[string]any{}); err != nil {
		return fallback
	}
	return kind
}

// Has reports whether the catalogue has the message.
func (w words) Has(id string) bool {
	_, err := w.message(id, map[string]any{})
	return err == nil
}

// Count is a message whose seconds a script counts down: they stand in a <b> of their own.
func (w words) Count(id string, seconds int) (template.HTML, error) {
	text, err := w.message(id, map[string]any{"Seconds": seconds})
	n := strconv.Itoa(seconds)
	return template.HTML(strings.Replace(html.EscapeString(text), n, "<b>"+n+"</b>", 1)), err
}

// Wait says a time span in words: "45 seconds", "15 minutes".
func (w words) Wait(seconds int) (string, error) {
	switch minutes := (seconds + 59) / 60; {
	case seconds <= 90:
		return w.Plain("wait.seconds", "Seconds", max(seconds, 1))
	case minutes <= 90:
		return w.Plain("wait.minutes", "Minutes", minutes)
	default:
		return w.Plain("wait.hours", "Hours", (minutes+59)/60)
	}
}

// Ago says how long ago something was.
func (w words) Ago(at, now time.Time) (string, error) {
	switch d := now.Sub(at); {
	case d < time.Minute:
		return w.Plain("ago.now")
	case d < 2*time.Hour:
		return w.Plain("ago.minutes", "Minutes", int(d/time.Minute))
	case d < 48*time.Hour:
		return w.Plain("ago.hours", "Hours", int(d/time.Hour))
	default:
		return w.Plain("ago.days", "Days", int(d/(24*time.Hour)))
	}
}

// detail cleans a sentence for developers.
func detail(s string) string { return clean(s, 400) }

// drawing is a QR code.
func drawing(text string) (attributes, error) {
	p, err := draw(text)
	if err != nil {
		return attributes{}, err
	}
	return p.attributes(), nil
}

// codePNG is a QR code as the address of a picture. WeChat recognizes a pressed picture only where it is an <img>.
func codePNG(text string) (template.URL, error) {
	body, err := QRPNG(text)
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(body)), err
}

// decoration is a pattern that looks like a QR code and means nothing, for the blurred picture of an expired one.
func decoration() (attributes, error) {
	return drawing("This picture holds no code. 这里没有二维码。")
}
