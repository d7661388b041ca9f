package grants

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"log/slog"
	"time"

	"qiao/op/clients"
	"qiao/storage"
	"qiao/storage/seal"
)

// A code and an access token are storage.Handle texts of the grant's ID and a secret. Which of the two a handle is
// follows from where its hash is stored, so one is never good as the other.

// refreshToken is one generation of a family.
type refreshToken struct {
	GrantID    storage.ID
	Seed       storage.Secret // of the family
	Generation uint32
}

const (
	refreshSize = 16 + 32 + 4 + 32
	refreshText = refreshSize * 4 / 3 // no remainder, so that each token has one text only
)

// family is the refresh tokens that a grant begins; the zero family where its client may have none.
type family struct {
	seed    storage.Secret
	idleEnd time.Time
}

func (s *Server) newFamily(c storage.Client, now time.Time) family {
	if !c.HasGrantType(clients.GrantRefreshToken) {
		return family{}
	}
	return family{storage.NewSecret(), now.Add(s.cfg.Lifetimes.RefreshIdle)}
}

// hash is what the store keeps, zero where no refresh token is issued.
func (f family) hash() storage.Hash {
	if f.idleEnd.IsZero() {
		return storage.Hash{}
	}
	return f.seed.Hash()
}

// first is the text of the first token of the grant, empty where there is none.
func (f family) first(box *seal.Box, g *storage.Grant) string {
	if f.idleEnd.IsZero() {
		return ""
	}
	return refreshToken{GrantID: g.ID, Seed: f.seed, Generation: g.RefreshGeneration}.Text(box)
}

// Text is the token as the client gets it.
func (t refreshToken) Text(box *seal.Box) string {
	var b [refreshSize]byte
	copy(b[:16], t.GrantID[:])
	copy(b[16:48], t.Seed[:])
	binary.BigEndian.PutUint32(b[48:52], t.Generation)
	mac := t.mac(box)
	copy(b[52:], mac[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// parseRefreshToken reads what Text wrote with the same box; anything else is storage.ErrNotFound.
func parseRefreshToken(box *seal.Box, text string) (refreshToken, error) {
	var b [refreshSize]byte
	if len(text) != refreshText {
		return refreshToken{}, storage.ErrNotFound
	}
	if n, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(text)); err != nil || n != refreshSize {
		return refreshToken{}, storage.ErrNotFound
	}
	t := refreshToken{GrantID: storage.ID(b[:16]), Seed: storage.Secret(b[16:48]), Generation: binary.BigEndian.Uint32(b[48:52])}
	mac := t.mac(box)
	if !hmac.Equal(mac[:], b[52:]) {
		return refreshToken{}, storage.ErrNotFound
	}
	return t, nil
}

func (t refreshToken) mac(box *seal.Box) [32]byte {
	return box.MAC("refresh token", t.GrantID[:], t.Seed[:], binary.BigEndian.AppendUint32(nil, t.Generation))
}

// String hides the seed from %v.
func (t refreshToken) String() string { return t.GrantID.String() + ".[refresh token]" }

// LogValue hides the seed from slog.
func (t refreshToken) LogValue() slog.Value { return slog.StringValue(t.String()) }
