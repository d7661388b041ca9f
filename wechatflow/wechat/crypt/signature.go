package crypt

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strings"
)

// Signature signs the parts of a push under the account's Token: timestamp and nonce for `signature`, and the Encrypt
// text after them for `msg_signature`.
func Signature(token string, parts ...string) string {
	all := append([]string{token}, parts...)
	slices.Sort(all)
	sum := sha1.Sum([]byte(strings.Join(all, "")))
	return hex.EncodeToString(sum[:])
}

// Verify reports, in constant time, whether the signature is the one of these parts. An empty token verifies nothing:
// anybody could sign with it.
func Verify(signature, token string, parts ...string) bool {
	if token == "" {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(signature), []byte(Signature(token, parts...))) == 1
}
