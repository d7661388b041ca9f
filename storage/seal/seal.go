// Package seal keeps what must be read again (signing keys, phone numbers, shared access tokens) under a key that is
// not in the database, and derives the secrets that must be repeated without being stored.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
)

// ErrOpen: the blob was sealed under another key or for another purpose, or was changed.
var ErrOpen = errors.New("sealed value does not open: is this the master key that the database was made with?")

// Box seals and derives under one or more master keys.
type Box struct {
	keys []masterKey // the first one seals, all open, the last one makes the MACs
}

type masterKey struct {
	id      [4]byte
	master  []byte
	derived *sync.Map // label → key
	aeads   *sync.Map // purpose → cipher.AEAD, which many may use at once
	macs    *sync.Map // purpose → *sync.Pool of *mac, each for one at a time: a refresh makes three
}

// New returns a Box for 32-byte master keys, the newest first. The first seals; all open, so that a database can move to a
// new key. The last, the oldest, makes the MACs: phone numbers are looked up by them and client secrets compared, so they
// must not change with the sealing key.
func New(masters ...[]byte) (*Box, error) {
	if len(masters) == 0 {
		return nil, errors.New("no master key")
	}
	box := &Box{}
	for _, m := range masters {
		if len(m) != 32 {
			return nil, fmt.Errorf("a master key is 32 bytes, this one has %d", len(m))
		}
		id := sha256.Sum256(append([]byte("qiao master key id"), m...))
		box.keys = append(box.keys, masterKey{id: [4]byte(id[:4]), master: m, derived: &sync.Map{}, aeads: &sync.Map{}, macs: &sync.Map{}})
	}
	return box, nil
}

// ParseKey reads a master key: 32 bytes in base64.
func ParseKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != 32 {
		return nil, errors.New("a master key is 32 bytes in base64: make one with `openssl rand -base64 32`")
	}
	return key, nil
}

// NewKey makes a master key, in the text that ParseKey reads.
func NewKey() string {
	var key [32]byte
	_, _ = rand.Read(key[:])
	return base64.StdEncoding.EncodeToString(key[:])
}

// Seal encrypts for a purpose: AES-256-GCM under a key derived for it, with the master key's id in front.
func (b *Box) Seal(purpose string, plain []byte) []byte {
	k := b.keys[0]
	aead := k.aead(purpose)
	out := make([]byte, 4+aead.NonceSize(), 4+aead.NonceSize()+len(plain)+aead.Overhead())
	copy(out, k.id[:])
	_, _ = rand.Read(out[4:])
	return aead.Seal(out, out[4:], plain, []byte(purpose))
}

// Open decrypts what Seal made for the same purpose.
func (b *Box) Open(purpose string, sealed []byte) ([]byte, error) {
	if len(sealed) < 4 {
		return nil, ErrOpen
	}
	for _, k := range b.keys {
		if k.id != [4]byte(sealed[:4]) {
			continue
		}
		aead := k.aead(purpose)
		if len(sealed) < 4+aead.NonceSize() {
			return nil, ErrOpen
		}
		plain, err := aead.Open(nil, sealed[4:4+aead.NonceSize()], sealed[4+aead.NonceSize():], []byte(purpose))
		if err != nil {
			return nil, ErrOpen
		}
		return plain, nil
	}
	return nil, ErrOpen
}

// MAC is HMAC-SHA-256 over the parts, each with its length in front, under a key derived for the purpose. The phone
// index, phone links, refresh tokens and text-message codes are made with it.
func (b *Box) MAC(purpose string, parts ...[]byte) [32]byte {
	pool := b.keys[len(b.keys)-1].macsFor(purpose)
	m := pool.Get().(*mac)
	defer pool.Put(m)
	m.hash.Reset()
	for _, p := range parts {
		binary.BigEndian.PutUint32(m.length[:], uint32(len(p)))
		m.hash.Write(m.length[:])
		m.hash.Write(p)
	}
	return [32]byte(m.hash.Sum(m.sum[:0]))
}

// mac is a keyed hash with room for what goes in and out of it.
type mac struct {
	hash   hash.Hash
	length [4]byte
	sum    [32]byte
}

func (k masterKey) macsFor(purpose string) *sync.Pool {
	if pool, ok := k.macs.Load(purpose); ok {
		return pool.(*sync.Pool)
	}
	key := k.derive("mac " + purpose)
	pool, _ := k.macs.LoadOrStore(purpose, &sync.Pool{New: func() any { return &mac{hash: hmac.New(sha256.New, key)} }})
	return pool.(*sync.Pool)
}

func (k masterKey) derive(label string) []byte {
	if key, ok := k.derived.Load(label); ok {
		return key.([]byte)
	}
	key, err := hkdf.Key(sha256.New, k.master, nil, "qiao "+label, 32)
	if err != nil {
		panic("hkdf: " + err.Error()) // only for a length that no hash gives
	}
	k.derived.Store(label, key)
	return key
}

func (k masterKey) aead(purpose string) cipher.AEAD {
	if aead, ok := k.aeads.Load(purpose); ok {
		return aead.(cipher.AEAD)
	}
	block, err := aes.NewCipher(k.derive("seal " + purpose))
	if err != nil {
		panic("aes: " + err.Error()) // only for a wrong key length
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("gcm: " + err.Error())
	}
	k.aeads.Store(purpose, aead)
	return aead
}
