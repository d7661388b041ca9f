package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// TestSignedTokensVerifyWithGoJose takes go-jose as the oracle of what Sign assembles by hand.
func TestSignedTokensVerifyWithGoJose(t *testing.T) {
	r, _, _ := loadedRing(t)
	set := publicKeys(t, r)
	for _, alg := range r.Algs() {
		for _, typ := range []string{TypeJWT, "logout+jwt"} {
			for range 50 { // R or S with a leading zero comes once in 128
				token, err := r.Sign(alg, typ, hint("user1"))
				require.NoError(t, err)
				parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
				require.NoError(t, err)
				header := parsed.Signatures[0].Protected
				require.Equal(t, typ, header.ExtraHeaders[jose.HeaderType])
				payload, err := parsed.Verify(set.Key(header.KeyID)[0])
				require.NoError(t, err)
				want, err := json.Marshal(hint("user1"))
				require.NoError(t, err)
				require.JSONEq(t, string(want), string(payload))
			}
		}
	}
	_, err := r.Sign("HS256", TypeJWT, hint("user1"))
	require.Error(t, err)
	_, err = r.Sign(ES256, TypeJWT, func() {})
	require.Error(t, err)
}

func TestVerifyReadsAHint(t *testing.T) {
	r, _, clock := loadedRing(t)
	for _, alg := range r.Algs() {
		token := signHint(t, r, alg)
		clock.Add(48 * time.Hour)
		claims, err := r.Verify(token)
		require.NoError(t, err, "an expired token is a good hint")
		require.Equal(t, Claims{
			Issuer: issuer, Subject: "user1", Audience: []string{"web"}, SessionID: "s1",
			IssuedAt: time.Unix(1_800_000_000, 0), ExpiresAt: time.Unix(1_800_000_600, 0), AuthTime: time.Unix(1_799_999_000, 0),
		}, claims)
	}
}

func TestVerifyRefuses(t *testing.T) {
	r, _, _ := loadedRing(t)
	good := signHint(t, r, ES256)
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	kid := kidOf(t, good)
	claims := func(change map[string]any) map[string]any {
		c := hint("user1")
		for name, value := range change {
			if value == nil {
				delete(c, name)
			} else {
				c[name] = value
			}
		}
		return c
	}
	signed := func(typ string, c any) string {
		token, err := r.Sign(ES256, typ, c)
		require.NoError(t, err)
		return token
	}
	foreign, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	forged := func(alg jose.SignatureAlgorithm, key any, kid string) string {
		opts := (&jose.SignerOptions{}).WithType(TypeJWT)
		if kid != "" {
			opts = opts.WithHeader(jose.HeaderKey("kid"), kid)
		}
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
		require.NoError(t, err)
		payload, err := json.Marshal(hint("user1"))
		require.NoError(t, err)
		o, err := s.Sign(payload)
		require.NoError(t, err)
		token, err := o.CompactSerialize()
		require.NoError(t, err)
		return token
	}
	ours := r.current().byID[kid].signer.(*ecdsa.PrivateKey)
	publicDER, err := x509.MarshalPKIXPublicKey(ours.Public())
	require.NoError(t, err)
	parsed, err := jose.ParseSignedCompact(good, []jose.SignatureAlgorithm{jose.ES256})
	require.NoError(t, err)

	for name, token := range map[string]string{
		"empty":                      "",
		"dots":                       "..",
		"text":                       "not a token",
		"two parts":                  parts[0] + "." + parts[1],
		"four parts":                 good + ".x",
		"no signature":               parts[0] + "." + parts[1] + ".",
		"JSON serialization":         parsed.FullSerialize(),
		"oversized":                  good + strings.Repeat("A", maxToken),
		"padding":                    good + "=",
		"white space":                " " + good,
		"changed payload":            parts[0] + "." + b64([]byte(`{"iss":"`+issuer+`","sub":"root","aud":"web"}`)) + "." + parts[2],
		"changed signature":          parts[0] + "." + parts[1] + "." + b64(make([]byte, 64)),
		"alg none":                   b64([]byte(`{"alg":"none","kid":"`+kid+`","typ":"JWT"}`)) + "." + parts[1] + ".",
		"alg of another key":         b64([]byte(`{"alg":"RS256","kid":"`+kid+`","typ":"JWT"}`)) + "." + parts[1] + "." + parts[2],
		"HMAC with the public key":   forged(jose.HS256, publicDER, kid),
		"foreign key":                forged(jose.ES256, foreign, "foreign"),
		"foreign key, our kid":       forged(jose.ES256, foreign, kid),
		"our key, no kid":            forged(jose.ES256, ours, ""),
		"our key, another kid":       forged(jose.ES256, ours, "other"),
		"embedded key":               embedded(t, foreign),
		"another kind of token":      signed("logout+jwt", claims(nil)),
		"an access token":            signed("at+jwt", claims(nil)),
		"another issuer":             signed(TypeJWT, claims(map[string]any{"iss": "https://other.example.com"})),
		"no issuer":                  signed(TypeJWT, claims(map[string]any{"iss": nil})),
		"no subject":                 signed(TypeJWT, claims(map[string]any{"sub": nil})),
		"no audience":                signed(TypeJWT, claims(map[string]any{"aud": nil})),
		"claims are not an object":   signed(TypeJWT, []string{"x"}),
		"a time that is not a time":  signed(TypeJWT, claims(map[string]any{"iat": "yesterday"})),
		"an audience of other types": signed(TypeJWT, claims(map[string]any{"aud": 7})),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.Verify(token)
			require.ErrorIs(t, err, ErrInvalid)
		})
	}
	_, err = r.Verify(good)
	require.NoError(t, err)
}

// embedded is a token that brings its own key along in the header.
func embedded(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{EmbedJWK: true}).WithType(TypeJWT))
	require.NoError(t, err)
	payload, err := json.Marshal(hint("user1"))
	require.NoError(t, err)
	o, err := s.Sign(payload)
	require.NoError(t, err)
	token, err := o.CompactSerialize()
	require.NoError(t, err)
	return token
}

func FuzzVerify(f *testing.F) {
	store, clock := &fakeStore{}, newClock()
	r := newRing(f, store, clock)
	require.NoError(f, r.Load(f.Context()))
	good, err := r.Sign(ES256, TypeJWT, hint("user1"))
	require.NoError(f, err)
	f.Add(good)
	f.Add("")
	f.Add("a.b.c")
	f.Add(`{"payload":"e30","signatures":[]}`)
	f.Fuzz(func(t *testing.T, token string) {
		if claims, err := r.Verify(token); err == nil && claims.Subject != "user1" {
			t.Fatalf("accepted what was never signed: %q", token)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	store, clock := &fakeStore{}, newClock()
	r := newRing(b, store, clock)
	require.NoError(b, r.Load(b.Context()))
	payload, err := json.Marshal(hint("user1"))
	require.NoError(b, err)
	for _, alg := range r.Algs() {
		b.Run(alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Sign(alg, TypeJWT, json.RawMessage(payload)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	// What the same costs with a go-jose signer that is kept.
	k := r.current().active(ES256, clock.Now())
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: k.signer.(crypto.PrivateKey), KeyID: k.id}}, (&jose.SignerOptions{}).WithType(TypeJWT))
	require.NoError(b, err)
	b.Run("go-jose ES256", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			o, err := signer.Sign(payload)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := o.CompactSerialize(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
