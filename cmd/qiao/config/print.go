package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Print writes the configuration in force as YAML, with every secret replaced by a mark.
func (c *Config) Print(w io.Writer) error { return printer{}.print(w, c) }

// PrintWithSecrets writes the configuration as a file that can be loaded again: for the demo's own file only.
func (c *Config) PrintWithSecrets(w io.Writer) error { return printer{secrets: true}.print(w, c) }

type printer struct{ secrets bool }

func (p printer) print(w io.Writer, c *Config) error {
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(p.node(reflect.ValueOf(c).Elem(), false)); err != nil {
		return fmt.Errorf("print configuration: %w", err)
	}
	return enc.Close()
}

const redacted = "[set, not shown]"

func (p printer) node(v reflect.Value, secret bool) *yaml.Node {
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		return scalar(time.Duration(v.Int()).String())
	case v.Kind() == reflect.Struct:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for i := range v.NumField() {
			tag := v.Type().Field(i).Tag
			n.Content = append(n.Content, scalar(tag.Get("koanf")), p.node(v.Field(i), tag.Get("secret") == "true"))
		}
		return n
	case secret && !p.secrets:
		if v.IsZero() {
			return scalar("")
		}
		return scalar(redacted)
	case v.Kind() == reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range v.Len() {
			n.Content = append(n.Content, p.node(v.Index(i), false))
		}
		return n
	}
	n := &yaml.Node{}
	if err := n.Encode(v.Interface()); err != nil {
		return scalar("?")
	}
	return n
}

func scalar(text string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(text)
	return n
}

// Reference writes the reference of all settings as Markdown: docs/config.md.
func Reference(w io.Writer) error {
	var b strings.Builder
	b.WriteString(`# Configuration

This page is written from the code (` + "`go generate ./cmd/qiao/config`" + `); a test keeps it true.

Settings come from a YAML file (` + "`--config`" + `), then the environment, then flags (` + "`--set path=value`" + `), each over the one
before. A secret NAME can be given as NAME_file (a path) in YAML and as NAME_FILE in the environment. In the variables
of a list, N is the item's place, from 0. ` + "`qiao config validate`" + ` names every fault at once, ` + "`qiao config print`" + ` shows what
is in force without the secrets. Durations are written like 30s, 10m, 36h or 7d.

| setting | type | default | environment | meaning |
| --- | --- | --- | --- | --- |
`)
	c := Default()
	for _, l := range leaves(&c) {
		value := ""
		if !l.value.IsZero() {
			value = "`" + format(l.value) + "`"
		}
		env := "`" + l.Env() + "`"
		if l.Secret {
			env += " or `…_FILE`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", l.Path, l.Type, value, env, l.Doc)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func format(v reflect.Value) string {
	if v.Type() == reflect.TypeFor[time.Duration]() {
		text := time.Duration(v.Int()).String()
		if whole, ok := strings.CutSuffix(text, "m0s"); ok {
			text = whole + "m"
		}
		if whole, ok := strings.CutSuffix(text, "h0m"); ok {
			text = whole + "h"
		}
		return text
	}
	if list, ok := v.Interface().([]string); ok {
		return strings.Join(list, ", ")
	}
	return fmt.Sprint(v.Interface())
}
