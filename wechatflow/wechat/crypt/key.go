package crypt

import (
	"encoding/base64"
	"errors"
	"log/slog"
)

// ErrKey: the text is no EncodingAESKey.
var ErrKey = errors.New("an EncodingAESKey is 43 characters of A-Z, a-z and 0-9")

// Key is a decoded EncodingAESKey.
type Key struct{ bytes [32]byte }

// ParseKey decodes the 43 characters of an EncodingAESKey. 43 characters hold two bits more than 32 bytes do, and the
// platform draws every character at random: the last two bits are dropped, so the decoding must not be strict.
func ParseKey(text string) (Key, error) {
	var key Key
	if len(text) != 43 {
		return Key{}, ErrKey
	}
	decoded, err := base64.StdEncoding.DecodeString(text + "=")
	if err != nil || len(decoded) != len(key.bytes) { // line breaks are skipped by the decoder: then it is shorter
		return Key{}, ErrKey
	}
	copy(key.bytes[:], decoded)
	return key, nil
}

// String hides the key from logs and from %v.
func (Key) String() string { return "[aes key]" }

// GoString hides the key from %#v.
func (Key) GoString() string { return "[aes key]" }

// LogValue hides the key from slog.
func (Key) LogValue() slog.Value { return slog.StringValue("[aes key]") }
