package keys

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// ErrInvalid: the text is not an ID token that a key of this ring has signed for this issuer.
var ErrInvalid = errors.New("not an ID token of this issuer")

// maxToken is the longest text that Verify looks at.
const maxToken = 16 << 10

// Claims are what an ID token that comes back as a hint says.
type Claims struct {
	Issuer    string
	Subject   string
	Audience  []string
	SessionID string
	IssuedAt  time.Time
	ExpiresAt time.Time // may be past
	AuthTime  time.Time
}

// Verify reads an ID token that this ring has signed. An expired one is accepted: it serves as a hint (RP-Initiated
// Logout §2). The caller checks the audience. Everything else is ErrInvalid: other serializations, another `typ` (a
// token of another kind must not serve as a hint), an unknown or missing `kid`, an algorithm that is not the key's.
func (r *Ring) Verify(token string) (Claims, error) {
	if len(token) > maxToken {
		return Claims{}, ErrInvalid
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil || len(parsed.Signatures) != 1 {
		return Claims{}, ErrInvalid
	}
	header := parsed.Signatures[0].Protected
	k := r.current().byID[header.KeyID]
	if k == nil || header.Algorithm != k.alg || header.ExtraHeaders[jose.HeaderType] != TypeJWT {
		return Claims{}, ErrInvalid
	}
	payload, err := parsed.Verify(k.public.Key)
	if err != nil {
		return Claims{}, ErrInvalid
	}
	return r.readClaims(payload)
}

func (r *Ring) readClaims(payload []byte) (Claims, error) {
	var c struct {
		jwt.Claims
		SessionID string           `json:"sid"`
		AuthTime  *jwt.NumericDate `json:"auth_time"`
	}
	if err := json.Unmarshal(payload, &c); err != nil || c.Issuer != r.cfg.Issuer || c.Subject == "" || len(c.Audience) == 0 {
		return Claims{}, ErrInvalid
	}
	return Claims{
		Issuer: c.Issuer, Subject: c.Subject, Audience: c.Audience, SessionID: c.SessionID,
		IssuedAt: c.IssuedAt.Time(), ExpiresAt: c.Expiry.Time(), AuthTime: c.AuthTime.Time(),
	}, nil
}
