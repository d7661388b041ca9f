package storage

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"strings"
	"unicode"
)

// UserCode is what a person types to name a device (RFC 8628 §6.1): 8 letters without vowels, so that they spell no
// word, 34 bits. It is shown and typed as XXXX-XXXX.
type UserCode [8]byte

// userCodeLetters have no vowels, and no two that look alike.
const userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"

// What the box does with a device's secrets: its MAC of the letters is DeviceAuthorization.UserCode, it seals the text
// as UserCodeSealed, and its MAC of the device's ID is the secret of the picture's address, which is so made again
// wherever the picture is shown, and stored nowhere.
const (
	UserCodePurpose = "user code"
	PicturePurpose  = "device picture"
)

// NewUserCode draws a code, each with the same chance.
func NewUserCode() UserCode {
	const even = 256 - 256%len(userCodeLetters) // a byte above would favour the first letters
	var c UserCode
	var b [1]byte
	for i := 0; i < len(c); {
		_, _ = rand.Read(b[:])
		if int(b[0]) < even {
			c[i] = userCodeLetters[int(b[0])%len(userCodeLetters)]
			i++
		}
	}
	return c
}

// ParseUserCode reads a code as people type it: in any case or width, with or without dashes and spaces. Anything else
// is ErrNotFound, as a code that nobody was given.
func ParseUserCode(text string) (UserCode, error) {
	var c UserCode
	n := 0
	if len(text) > 128 {
		return c, ErrNotFound
	}
	for _, r := range text {
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || r == 'ー' { // the last one is a dash to some keyboards
			continue
		}
		if r >= 'Ａ' && r <= 'ｚ' { // full width, as Chinese keyboards write
			r -= 'Ａ' - 'A'
		}
		if r >= 'a' && r <= 'z' {
			r -= 'a' - 'A'
		}
		if n == len(c) || r > 'Z' || strings.IndexByte(userCodeLetters, byte(r)) < 0 {
			return UserCode{}, ErrNotFound
		}
		c[n] = byte(r)
		n++
	}
	if n != len(c) {
		return UserCode{}, ErrNotFound
	}
	return c, nil
}

// Text is the code as it is shown.
func (c UserCode) Text() string { return string(c[:4]) + "-" + string(c[4:]) }

// String hides the code from %v: while it lives, it names the device to whoever reads it.
func (UserCode) String() string { return "[user code]" }

// LogValue hides the code from slog.
func (UserCode) LogValue() slog.Value { return slog.StringValue("[user code]") }

// PollKey is the key that Signals know a device code by. It is found by who has the code, as the client that was given
// it, and by nobody else.
func PollKey(device ID, code Hash, clientID string) string {
	b := make([]byte, 0, 128)
	b = append(b, device[:]...)
	b = append(b, code[:]...)
	sum := sha256.Sum256(append(b, clientID...))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// PollKey is the device's: whoever decides about it clears it, when the decision is committed.
func (d *DeviceAuthorization) PollKey() string { return PollKey(d.ID, d.CodeHash, d.ClientID) }
