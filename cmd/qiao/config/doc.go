// Package config is Qiao's configuration: YAML, then the environment (QIAO_…), then flags, each over the one before.
//
// Every setting is a field of Config with its default in Default and its description in a doc tag; the reference in
// docs/config.md is written from them. A setting marked secret can be given as NAME_FILE too, and is never printed.
//
//go:generate go run ./reference ../../../docs/config.md
package config
