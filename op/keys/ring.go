package keys

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"qiao/storage"
	"qiao/storage/seal"
)

// Algorithms that the ring signs with.
const (
	ES256 = "ES256"
	RS256 = "RS256"
)

// TypeJWT is the `typ` of an ID token.
const TypeJWT = "JWT"

// ErrInvalid: the text is not a token that a key of this ring has signed for this issuer.
var ErrInvalid = errors.New("not a token of this issuer")

// Store is the part of storage.Store that the ring uses.
type Store interface {
	storage.SigningKeys
	Version(ctx context.Context) (int64, error)
}

// Config is what a Ring is made from.
type Config struct {
	Issuer string // what Verify asks of `iss`
	Store  Store
	Box    *seal.Box
	// Publish is how long a key is published before it signs; JWKS answers are cacheable for half of it. 0 means 1 h.
	Publish time.Duration
	// RotateAfter is the age at which Run replaces a key. 0 means 90 d, a negative value never.
	RotateAfter time.Duration
	// Overlap is how long a key stays published after its successor became active. It must cover the life of the
	// tokens, and of sessions whose logout brings an old ID token as a hint. 0 means 8 d.
	Overlap time.Duration
	// Poll is how often Run looks for changes by other processes. 0 means 2 s.
	Poll time.Duration
	Now  func() time.Time
	Log  *slog.Logger
}

// Ring signs and verifies. It is safe for concurrent use.
type Ring struct {
	cfg Config
}

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

// New returns a ring without keys: Load fills it.
func New(cfg Config) (*Ring, error) { return &Ring{cfg: cfg}, nil }

// Load reads the keys, and makes the first ones on a fresh database.
func (r *Ring) Load(ctx context.Context) error { return errors.New("load keys: not written yet") }

// Run reloads the ring when the store changes and replaces old keys, until ctx ends.
func (r *Ring) Run(ctx context.Context) { <-ctx.Done() }

// Rotate adds a next key for each algorithm.
func (r *Ring) Rotate(ctx context.Context, by string) error { return errors.New("rotate keys: not written yet") }

// Revoke removes a key at once: what it signed is void.
func (r *Ring) Revoke(ctx context.Context, id, by string) error {
	return errors.New("revoke key: not written yet")
}

// Sign returns a compact JWS of the claims (marshalled as JSON) by the active key of the algorithm.
func (r *Ring) Sign(alg, typ string, claims any) (string, error) {
	return "", errors.New("sign: not written yet")
}

// Verify reads an ID token that this ring has signed. An expired one is accepted: it serves as a hint (RP-Initiated
// Logout §2). The caller checks the audience. Everything else is ErrInvalid.
func (r *Ring) Verify(token string) (Claims, error) { return Claims{}, ErrInvalid }

// JWKS is the JSON Web Key Set of the public keys; the caller must not change it.
func (r *Ring) JWKS() []byte { return nil }

// Algs lists the algorithms, the default first.
func (r *Ring) Algs() []string { return []string{ES256, RS256} }
