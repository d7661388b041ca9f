package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"qiao/storage"
	"qiao/storage/seal"
)

// sealPurpose is what keys are sealed for.
const sealPurpose = "signing key"

// key is an opened signing key.
type key struct {
	id        string
	alg       string
	signer    crypto.Signer // *ecdsa.PrivateKey or *rsa.PrivateKey
	public    jose.JSONWebKey
	header    string // the encoded JOSE header of an ID token, with its dot
	activeAt  time.Time
	expiresAt time.Time
}

// generate makes a key pair and seals it. The caller sets the times.
func generate(box *seal.Box, alg string) (storage.SigningKey, error) {
	var private crypto.Signer
	var err error
	switch alg {
	case ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RS256:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		err = errors.New("unknown algorithm")
	}
	if err != nil {
		return storage.SigningKey{}, fmt.Errorf("generate %s key: %w", alg, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return storage.SigningKey{}, fmt.Errorf("generate %s key: %w", alg, err)
	}
	id, err := thumbprint(private.Public())
	if err != nil {
		return storage.SigningKey{}, fmt.Errorf("generate %s key: %w", alg, err)
	}
	return storage.SigningKey{ID: id, Alg: alg, Sealed: box.Seal(sealPurpose, der)}, nil
}

// open opens a stored key. A private key that does not belong to the row's ID or algorithm is refused: somebody who
// can write to the database could have moved it there.
func open(box *seal.Box, row storage.SigningKey) (*key, error) {
	der, err := box.Open(sealPurpose, row.Sealed)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("the sealed key is not PKCS #8") // without the cause, which might quote it
	}
	k := &key{id: row.ID, alg: row.Alg, activeAt: row.ActiveAt, expiresAt: row.ExpiresAt}
	switch private := parsed.(type) {
	case *ecdsa.PrivateKey:
		if row.Alg != ES256 || private.Curve != elliptic.P256() {
			return nil, errors.New("the sealed key is of another algorithm")
		}
		k.signer = private
	case *rsa.PrivateKey:
		if row.Alg != RS256 {
			return nil, errors.New("the sealed key is of another algorithm")
		}
		k.signer = private
	default:
		return nil, errors.New("the sealed key is of an unknown kind")
	}
	id, err := thumbprint(k.signer.Public())
	if err != nil {
		return nil, err
	}
	if id != row.ID {
		return nil, errors.New("the sealed key is another one's")
	}
	k.public = jose.JSONWebKey{Key: k.signer.Public(), KeyID: k.id, Algorithm: k.alg, Use: "sig"}
	k.header = encodeHeader(k.alg, k.id, TypeJWT)
	return k, nil
}

// at is the key with other times.
func (k *key) at(activeAt, expiresAt time.Time) *key {
	c := *k
	c.activeAt, c.expiresAt = activeAt, expiresAt
	return &c
}

// thumbprint is the RFC 7638 thumbprint of a public key in base64url.
func thumbprint(public crypto.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("key thumbprint: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}
