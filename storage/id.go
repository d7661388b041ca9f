package storage

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"log/slog"
	"time"
)

// ID names a row: 48 bits of Unix milliseconds, then 80 random bits, so that new rows stand together in an index. It
// is not a secret.
type ID [16]byte

// NewID returns a fresh ID.
func NewID(now time.Time) ID {
	var id ID
	_, _ = rand.Read(id[:]) // never fails: crypto/rand ends the process instead
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(id[:6], ms[2:])
	return id
}

// Time is when the ID was made, in whole milliseconds. An ID that somebody sent can say any time.
func (id ID) Time() time.Time {
	var ms [8]byte
	copy(ms[2:], id[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(ms[:])))
}

// String is the ID in base64url without padding, 22 characters.
func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// IsZero reports whether the ID is absent.
func (id ID) IsZero() bool { return id == ID{} }

// ParseID reads what ID.String wrote; anything else is ErrNotFound.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 22 {
		return id, ErrNotFound
	}
	if n, err := base64.RawURLEncoding.Strict().Decode(id[:], []byte(s)); err != nil || n != len(id) {
		return ID{}, ErrNotFound
	}
	return id, nil
}

// Hash is the SHA-256 of a bearer secret of at least 128 random bits: what a store keeps of it.
type Hash [32]byte

// HashOf hashes a secret.
func HashOf(secret []byte) Hash { return sha256.Sum256(secret) }

// Equal compares in constant time.
func (h Hash) Equal(other Hash) bool { return subtle.ConstantTimeCompare(h[:], other[:]) == 1 }

// IsZero reports whether the hash is absent.
func (h Hash) IsZero() bool { return h == Hash{} }

// Secret is 256 random bits that somebody must present.
type Secret [32]byte

// NewSecret returns a fresh secret.
func NewSecret() Secret {
	var s Secret
	_, _ = rand.Read(s[:])
	return s
}

// Hash is what is stored of the secret.
func (s Secret) Hash() Hash { return HashOf(s[:]) }

// Text is the secret in base64url, 43 characters.
func (s Secret) Text() string { return base64.RawURLEncoding.EncodeToString(s[:]) }

// ParseSecret reads what Secret.Text wrote; anything else is ErrNotFound.
func ParseSecret(text string) (Secret, error) {
	var s Secret
	if len(text) != 43 {
		return s, ErrNotFound
	}
	if n, err := base64.RawURLEncoding.Strict().Decode(s[:], []byte(text)); err != nil || n != len(s) {
		return Secret{}, ErrNotFound
	}
	return s, nil
}

// String hides the secret from logs and from %v.
func (Secret) String() string { return "[secret]" }

// LogValue hides the secret from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// Handle is a bearer token that names its row: an ID to find it by and a secret to prove. Session cookies, codes and
// opaque access tokens are handles.
type Handle struct {
	ID     ID
	Secret Secret
}

// NewHandle returns a fresh handle.
func NewHandle(now time.Time) Handle { return Handle{ID: NewID(now), Secret: NewSecret()} }

// Text is the handle in base64url, 64 characters.
func (h Handle) Text() string {
	var b [48]byte
	copy(b[:16], h.ID[:])
	copy(b[16:], h.Secret[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// ParseHandle reads what Handle.Text wrote; anything else is ErrNotFound.
func ParseHandle(text string) (Handle, error) {
	var b [48]byte
	if len(text) != 64 {
		return Handle{}, ErrNotFound
	}
	if n, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(text)); err != nil || n != len(b) {
		return Handle{}, ErrNotFound
	}
	return Handle{ID: ID(b[:16]), Secret: Secret(b[16:])}, nil
}

// String hides the secret from logs and from %v.
func (h Handle) String() string { return h.ID.String() + ".[secret]" }

// LogValue hides the secret from slog.
func (h Handle) LogValue() slog.Value { return slog.StringValue(h.String()) }
