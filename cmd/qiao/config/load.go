package config

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// Source says where a configuration is read from.
type Source struct {
	File    string            // YAML; empty: none
	Environ []string          // as os.Environ gives it
	Set     map[string]string // flags, by path, such as "lifetimes.code" or "wechat.accounts[0].secret"
	Base    *Config           // what lies below; nil is Default
	// Complete, when set, may fill what is missing before the whole is checked: the demo makes its secrets there.
	Complete func(*Config)
	// Check, when set, finds what only the parts can see; its faults are told with the others.
	Check func(Config) Faults
}

// Load reads the configuration and returns every fault at once, as Faults.
func Load(s Source) (Config, error) {
	c := Default()
	if s.Base != nil {
		c = *s.Base
	}
	var faults Faults
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	raw := map[string]any{}
	if s.File != "" {
		k := koanf.New("\x00") // keys are never split: a menu key may hold a dot
		if err := k.Load(file.Provider(s.File), yaml.Parser()); err != nil {
			return c, Faults{fmt.Errorf("read %s: %w", s.File, err)}
		}
		raw = k.Raw()
	}
	all := leaves(&c)
	for _, kv := range s.Environ {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, "QIAO_") {
			continue
		}
		path, ok := envPath(all, name)
		if !ok {
			fault("environment: %s is not a setting", name)
			continue
		}
		if err := put(raw, path, value); err != nil {
			fault("environment: %s: %w", name, err)
		}
	}
	for path, value := range s.Set {
		if err := put(raw, path, value); err != nil {
			fault("flag: %s: %w", path, err)
		}
	}
	if name, _ := raw["clients_file"].(string); name != "" {
		if err := addClientsFile(raw, name); err != nil {
			fault("clients_file: %w", err)
		}
	}
	readSecretFiles(raw, "", fault)
	for _, path := range unknownKeys(raw, reflect.TypeFor[Config](), "") {
		fault("%s is not a setting%s", path, suggest(all, path))
	}
	if err := decode(raw, &c); err != nil {
		faults = append(faults, err)
	}
	if len(faults) > 0 {
		return c, faults
	}
	if s.Complete != nil {
		s.Complete(&c)
	}
	faults = c.faults()
	if s.Check != nil {
		faults = append(faults, s.Check(c)...)
	}
	return c, faults.orNil()
}

// addClientsFile appends the file's clients to the list.
func addClientsFile(raw map[string]any, name string) error {
	k := koanf.New("\x00")
	if err := k.Load(file.Provider(name), yaml.Parser()); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	for key := range k.Raw() {
		if key != "clients" {
			return fmt.Errorf("%s: %s is not expected here: the file holds one list named clients", name, key)
		}
	}
	more, ok := k.Raw()["clients"].([]any)
	if !ok {
		return fmt.Errorf("%s holds no list named clients", name)
	}
	have, _ := raw["clients"].([]any)
	raw["clients"] = append(have, more...)
	return nil
}

// decode lays raw over what c holds: lists replace, items start from their defaults.
func decode(raw map[string]any, c *Config) error {
	k := koanf.New("\x00")
	if err := k.Load(confmap.Provider(raw, ""), nil); err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	return k.UnmarshalWithConf("", c, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		Result: c, TagName: "koanf", WeaklyTypedInput: true, ZeroFields: true,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			durationHook,
			mapstructure.StringToSliceHookFunc(","),
			itemHook[Client](DefaultClient), itemHook[Account](DefaultAccount),
		),
	}})
}

func durationHook(from, to reflect.Type, data any) (any, error) {
	if to != reflect.TypeFor[time.Duration]() {
		return data, nil
	}
	text, ok := data.(string)
	if !ok {
		if n, isInt := data.(int); isInt && n == 0 {
			return time.Duration(0), nil
		}
		return nil, fmt.Errorf("%v is not a duration: write it with a unit, such as 10m or 36h", data)
	}
	if days, found := strings.CutSuffix(text, "d"); found {
		if n, err := strconv.Atoi(days); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a duration: write it with a unit, such as 30s, 10m, 36h or 7d", text)
	}
	return d, nil
}

// itemHook starts each list item from its defaults.
func itemHook[T any](defaults func() T) mapstructure.DecodeHookFuncType {
	return func(from, to reflect.Type, data any) (any, error) {
		given, ok := data.(map[string]any)
		if !ok || to != reflect.TypeFor[T]() {
			return data, nil
		}
		merged := map[string]any{}
		v := reflect.ValueOf(defaults())
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				merged[v.Type().Field(i).Tag.Get("koanf")] = f.Interface()
			}
		}
		for key, value := range given {
			merged[key] = value
		}
		return merged, nil
	}
}

// envPath finds the setting of an environment variable, such as wechat.accounts[0].secret or postgres.dsn_file.
func envPath(all []Leaf, name string) (string, bool) {
	for _, l := range all {
		want := l.Env()
		before, after, isItem := strings.Cut(want, "_N_")
		for _, suffix := range []string{"", "_FILE"} {
			if suffix != "" && !l.Secret {
				continue
			}
			file := strings.ToLower(suffix)
			if !isItem {
				if name == want+suffix {
					return l.Path + file, true
				}
				continue
			}
			rest, ok := strings.CutPrefix(name, before+"_")
			if !ok {
				continue
			}
			digits, ok := strings.CutSuffix(rest, "_"+after+suffix)
			if n, err := strconv.Atoi(digits); ok && err == nil && n >= 0 && n < 100 {
				return strings.Replace(l.Path, "[]", "["+strconv.Itoa(n)+"]", 1) + file, true
			}
		}
	}
	return "", false
}

// Environ is the environment of this process.
func Environ() []string { return os.Environ() }
