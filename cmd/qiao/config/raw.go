package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// put sets a value in the raw tree by its path, such as sms.per_day or wechat.accounts[0].secret.
func put(raw map[string]any, path string, value any) error {
	head, rest, nested := strings.Cut(path, ".")
	name, index, isItem := strings.Cut(head, "[")
	if !isItem {
		if !nested {
			raw[name] = value
			return nil
		}
		child, ok := raw[name].(map[string]any)
		if !ok {
			child = map[string]any{}
			raw[name] = child
		}
		return put(child, rest, value)
	}
	n, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
	if err != nil || n < 0 || !nested {
		return fmt.Errorf("%q is not a path of a setting", path)
	}
	items, _ := raw[name].([]any)
	if n > len(items) {
		return fmt.Errorf("%s has %d items, number %d is too far", name, len(items), n)
	}
	if n == len(items) {
		items = append(items, map[string]any{})
	}
	raw[name] = items
	item, ok := items[n].(map[string]any)
	if !ok {
		return fmt.Errorf("%s[%d] is not a group of settings", name, n)
	}
	return put(item, rest, value)
}

// readSecretFiles replaces each <secret>_file by <secret> with the file's content.
func readSecretFiles(raw map[string]any, prefix string, fault func(string, ...any)) {
	for _, key := range sortedKeys(raw) {
		switch v := raw[key].(type) {
		case map[string]any:
			readSecretFiles(v, prefix+key+".", fault)
		case []any:
			for i, item := range v {
				if m, ok := item.(map[string]any); ok {
					readSecretFiles(m, fmt.Sprintf("%s%s[%d].", prefix, key, i), fault)
				}
			}
		case string:
			name, ok := strings.CutSuffix(key, "_file")
			if !ok || !isSecret(prefix+name) {
				continue
			}
			delete(raw, key)
			if _, twice := raw[name]; twice {
				fault("%s%s and %s%s are both set: keep one", prefix, name, prefix, key)
				continue
			}
			content, err := os.ReadFile(v)
			if err != nil {
				fault("%s%s: %w", prefix, key, err)
				continue
			}
			if info, err := os.Stat(v); prefix == "" && name == "master_key" && err == nil && info.Mode().Perm()&0o077 != 0 {
				fault("master_key_file: %s can be read by others (mode %04o): chmod 0600 it", v, info.Mode().Perm())
			}
			raw[name] = strings.TrimSpace(string(content))
		}
	}
}

func isSecret(path string) bool {
	plain := stripIndex(path)
	return slices.ContainsFunc(leaves(&Config{}), func(l Leaf) bool { return l.Secret && l.Path == plain })
}

// stripIndex turns accounts[0] into accounts[].
func stripIndex(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		b.WriteByte(path[i])
		if path[i] == '[' {
			for i+1 < len(path) && path[i+1] != ']' {
				i++
			}
		}
	}
	return b.String()
}

// unknownKeys lists the paths in raw that are no setting of the type.
func unknownKeys(raw map[string]any, t reflect.Type, prefix string) []string {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		fields[t.Field(i).Tag.Get("koanf")] = t.Field(i).Type
	}
	var unknown []string
	for _, key := range sortedKeys(raw) {
		ft, ok := fields[key]
		if !ok {
			unknown = append(unknown, prefix+key)
			continue
		}
		switch v := raw[key].(type) {
		case map[string]any:
			if ft.Kind() == reflect.Struct {
				unknown = append(unknown, unknownKeys(v, ft, prefix+key+".")...)
			}
		case []any:
			if ft.Kind() != reflect.Slice || ft.Elem().Kind() != reflect.Struct {
				continue
			}
			for i, item := range v {
				if m, ok := item.(map[string]any); ok {
					unknown = append(unknown, unknownKeys(m, ft.Elem(), fmt.Sprintf("%s%s[%d].", prefix, key, i))...)
				}
			}
		}
	}
	return unknown
}

// suggest names the setting that is nearest to a mistyped one.
func suggest(all []Leaf, path string) string {
	best, distance := "", 4
	for _, l := range all {
		if d := editDistance(stripIndex(path), l.Path); d < distance {
			best, distance = l.Path, d
		}
	}
	if best == "" {
		return ""
	}
	return ": did you mean " + best + "?"
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
