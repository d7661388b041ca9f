package config

import (
	"reflect"
	"strings"
	"time"
)

// Leaf is one setting: a field that holds a value, or a list of values.
type Leaf struct {
	Path   string // such as "wechat.accounts[].secret"
	Type   string // text, number, duration, true/false, list of text, map of text
	Doc    string
	Secret bool
	value  reflect.Value // in the Config that was walked
}

// Env is the environment variable of the setting; in a list, N is the item's place from 0.
func (l Leaf) Env() string {
	name := strings.ReplaceAll(l.Path, "[]", "_N")
	return "QIAO_" + strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
}

// leaves walks a config's type and lists its settings in the order of the fields.
func leaves(c *Config) []Leaf {
	var all []Leaf
	walk(reflect.ValueOf(c).Elem(), "", &all)
	return all
}

func walk(v reflect.Value, prefix string, all *[]Leaf) {
	for i := range v.NumField() {
		field, tag := v.Field(i), v.Type().Field(i).Tag
		path := prefix + tag.Get("koanf")
		switch {
		case field.Kind() == reflect.Struct:
			walk(field, path+".", all)
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct:
			walk(itemDefault(field.Type().Elem()), path+"[].", all)
		default:
			*all = append(*all, Leaf{
				Path: path, Type: typeName(field.Type()), Doc: tag.Get("doc"), Secret: tag.Get("secret") == "true", value: field,
			})
		}
	}
}

// itemDefault is a list item before what the file says of it.
func itemDefault(t reflect.Type) reflect.Value {
	switch t {
	case reflect.TypeFor[Client]():
		return reflect.ValueOf(DefaultClient())
	case reflect.TypeFor[Account]():
		return reflect.ValueOf(DefaultAccount())
	}
	return reflect.Zero(t)
}

func typeName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Map:
		return "map"
	case t.Kind() == reflect.Bool:
		return "true/false"
	case t.Kind() == reflect.Int:
		return "number"
	}
	return "text"
}
