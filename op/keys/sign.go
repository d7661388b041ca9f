package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// Sign returns a compact JWS of the claims, marshalled as JSON (a json.RawMessage is taken as it is), by the active
// key of the algorithm.
//
// It assembles the JWS (RFC 7515 §7.1) by hand around a header that is encoded once a key. A go-jose signer marshals
// and re-encodes the header for every token, which makes half again as many allocations as the ECDSA signature itself
// (see the benchmark); go-jose verifies what comes out in the tests.
func (r *Ring) Sign(alg, typ string, claims any) (string, error) {
	payload, raw := claims.(json.RawMessage)
	if !raw {
		var err error
		if payload, err = json.Marshal(claims); err != nil {
			return "", fmt.Errorf("sign %s: %w", typ, err)
		}
	}
	k := r.current().active(alg, r.cfg.Now())
	if k == nil {
		return "", fmt.Errorf("sign %s: no %s key", typ, alg)
	}
	token, err := k.sign(typ, payload)
	if err != nil {
		return "", fmt.Errorf("sign %s: %w", typ, err)
	}
	return token, nil
}

func (k *key) sign(typ string, payload []byte) (string, error) {
	header := k.header
	if typ != TypeJWT {
		header = encodeHeader(k.alg, k.id, typ)
	}
	b64 := base64.RawURLEncoding
	const longest = 256 * 4 / 3 // of a 2048-bit RSA signature, rounded up below
	token := make([]byte, 0, len(header)+b64.EncodedLen(len(payload))+1+longest+4)
	token = append(token, header...)
	token = b64.AppendEncode(token, payload)
	digest := sha256.Sum256(token)
	token = append(token, '.')

	switch private := k.signer.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
		if err != nil {
			return "", err
		}
		var signature [64]byte // R and S at full length, RFC 7518 §3.4
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
		token = b64.AppendEncode(token, signature[:])
	case *rsa.PrivateKey:
		signature, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
		if err != nil {
			return "", err
		}
		token = b64.AppendEncode(token, signature)
	}
	return string(token), nil
}

// encodeHeader is the encoded JOSE header with its dot. None of its parts needs escaping in JSON: they are our own
// constants and a base64url thumbprint.
func encodeHeader(alg, kid, typ string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+alg+`","kid":"`+kid+`","typ":"`+typ+`"}`)) + "."
}
