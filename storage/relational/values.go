package relational

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"qiao/storage"
)

// Micros is a time as it is stored.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time is a stored time as the contract wants it: in UTC.
func Time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// Bool is a boolean as it is stored.
func Bool(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Strings is a list as it is stored.
func Strings(list []string) string {
	if len(list) == 0 {
		return "[]"
	}
	return encode(list)
}

// Words is a list of scopes or methods as the grants have it, without JSON: their hot paths read it at every request. None
// of them holds a space (RFC 6749 §3.3, RFC 8176).
func Words(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, " ")
}

// DecodeStrings reads what Strings wrote; an empty list is nil.
func DecodeStrings(text string) ([]string, error) {
	if text == "[]" {
		return nil, nil
	}
	var list []string
	err := decode(text, &list)
	return list, err
}

// encode never fails for the types that are stored: structures of strings, numbers and times. Nothing is escaped for HTML,
// where it never goes: a state of nothing but < would take six times its room.
func encode(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("encode stored value: " + err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func decode(text string, v any) error {
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("decode stored value: %w", err)
	}
	return nil
}

// optional is NULL for an absent ID, in columns where few rows have one.
func optional(id storage.ID) any {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

// present is a value that is never NULL.
func present(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
