package ui

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSentences(t *testing.T) {
	values := map[string]any{"Client": "Grafana", "Minutes": 5, "Nothing": nil}
	for message, want := range map[string]string{
		"":                               "",
		"Cancel":                         "Cancel",
		"{{.Client}}":                    "Grafana",
		"登录 {{.Client}},{{.Minutes}} 分钟": "登录 Grafana,5 分钟",
		"{{.Client}}{{.Client}}!":        "GrafanaGrafana!",
		"a } b {":                        "a } b {",
	} {
		s, err := newSentence(message)
		require.NoError(t, err, message)
		got, err := s.with(values)
		require.NoError(t, err, message)
		require.Equal(t, want, got)
	}
	for _, message := range []string{"{{.Client", "{{ .Client}}", "{{if .Client}}x{{end}}", "{{.Client}} {{"} {
		_, err := newSentence(message)
		require.Error(t, err, message)
	}
	for _, message := range []string{"{{.Account}}", "{{.Nothing}}"} {
		s, err := newSentence(message)
		require.NoError(t, err)
		_, err = s.with(values)
		require.Error(t, err, message)
	}
}
