package storage

import (
	"context"
	"encoding/binary"
	"time"
)

// Grant is what a user gave a client: it begins with a code or with the approval of a device, and holds the newest refresh token and the live access
// tokens. Everything but the token state is fixed when the code is issued.
type Grant struct {
	ID            ID
	UserID        string
	ClientID      string
	SessionID     ID // the session it was opened in
	Offline       bool
	Scopes        []string
	Nonce         string
	RedirectURI   string
	CodeChallenge string
	AuthTime      time.Time
	AMR           []string
	ACR           string
	CreatedAt     time.Time
	ExpiresAt     time.Time // absolute end of refreshing; without a refresh token, a while after that of the access token
	RevokedAt     time.Time
	// ForDevice grants are made by the approval of a DeviceAuthorization and redeemed by its device code; all others by a
	// code. Device is the one that was approved, with the name that it gave.
	ForDevice bool
	Device    Device

	RefreshSeed       Hash // zero while no refresh token was issued
	RefreshGeneration uint32
	RefreshExpiresAt  time.Time // idle end
	Access            []AccessToken
}

// AccessToken is a live opaque access token of a grant.
type AccessToken struct {
	Hash      Hash
	ExpiresAt time.Time
	// Mask has bit i set where the token carries Grant.Scopes[i]; AllScopes carries them all.
	Mask uint64
}

// AllScopes is the mask of a token that carries every scope of its grant.
const AllScopes = ^uint64(0)

// A grant keeps its newest MaxAccessTokens access tokens, each AccessTokenSize bytes in one column: hash, expiry in
// Unix seconds, mask, big endian, newest first. So a rotation rewrites one row and no other.
const (
	MaxAccessTokens = 8
	AccessTokenSize = 32 + 8 + 8
)

// Encode is the token's place in the column.
func (a AccessToken) Encode() []byte {
	b := make([]byte, 0, AccessTokenSize)
	b = append(b, a.Hash[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(a.ExpiresAt.Unix()))
	return binary.BigEndian.AppendUint64(b, a.Mask)
}

// DecodeAccessTokens reads the column; a cut rest is ignored.
func DecodeAccessTokens(b []byte) []AccessToken {
	tokens := make([]AccessToken, 0, len(b)/AccessTokenSize)
	for ; len(b) >= AccessTokenSize; b = b[AccessTokenSize:] {
		tokens = append(tokens, AccessToken{
			Hash:      Hash(b[:32]),
			ExpiresAt: time.Unix(int64(binary.BigEndian.Uint64(b[32:40])), 0),
			Mask:      binary.BigEndian.Uint64(b[40:48]),
		})
	}
	return tokens
}

// NewCode is a code that is about to be issued. Its token is the Handle of Grant.ID and the secret of CodeHash.
type NewCode struct {
	Grant         Grant
	CodeHash      Hash
	CodeExpiresAt time.Time
	// AuthRequestID, with Browser, is the stored request that the code answers, which is finished by it: one request
	// yields one code. Zero where the session was good enough at once.
	AuthRequestID ID
	Browser       Hash
	SessionHash   Hash // of the session cookie's secret: it may have been renewed or ended meanwhile
	Now           time.Time
}

// Of makes the code's grant one of the session. An online grant does not outlive it.
func (c *NewCode) Of(s Session) {
	g := &c.Grant
	g.SessionID, g.AuthTime, g.AMR, g.ACR = s.ID, s.AuthTime, s.AMR, s.ACR
	if !g.Offline && s.ExpiresAt.Before(g.ExpiresAt) {
		g.ExpiresAt = s.ExpiresAt
	}
}

// CodeUse is the exchange of a code for tokens.
type CodeUse struct {
	GrantID       ID
	CodeHash      Hash
	ClientID      string
	RedirectURI   string
	CodeChallenge string // S256 of the verifier that was sent, empty when none was: it must equal the request's
	// RefreshSeed starts the refresh-token family; zero issues none.
	RefreshSeed      Hash
	RefreshExpiresAt time.Time
	Access           AccessToken
	Now              time.Time
}

// Rotation is a use of a refresh token.
type Rotation struct {
	GrantID          ID
	Seed             Hash
	Generation       uint32 // of the token that was presented
	ClientID         string
	Params           Hash // of the request's scope parameter
	RefreshExpiresAt time.Time
	Access           AccessToken
	Now              time.Time
}

// I2's grace for a lost answer.
const (
	RefreshGrace   = 30 * time.Second
	RefreshRepeats = 2
)

// Issued is what a token endpoint mints from: the grant's IDs, Scopes, Nonce, AuthTime, AMR and ACR, the refresh token to
// hand out (RefreshSeed, RefreshGeneration, RefreshExpiresAt) and the new access token as the first of Access; and of the
// user the ID and what claims are made from. A store may leave out the rest: each column costs at every request.
type Issued struct {
	Grant Grant
	User  User
}

// Grants are the transitions of tokens. Each is one round trip on PostgreSQL where it is hot: IssueCode, ConsumeCode,
// RotateRefreshToken, AccessScopes, AccessPerson.
type Grants interface {
	// IssueCode creates the grant with its code. It holds the session and the user against EndSession and LockUser while
	// it does (I7). ErrNotFound: the session is gone or was renewed; ErrLocked; ErrPhoneNeeded: somebody else has taken the
	// user's number since, and without one nobody signs in anywhere; ErrConflict: the request is finished. What nobody
	// redeems goes an hour after its code has expired, and not at Grant.ExpiresAt.
	IssueCode(ctx context.Context, c NewCode) error
	// ConsumeCode uses the code up, and gives the grant the rest of its life. ErrNotFound: unknown, or of another client,
	// redirect URI or challenge, or a device code, which changes nothing; ErrExpired; ErrReplayed: used before by the same
	// client, and the grant is now revoked (I1). A revoked grant and a locked user are ErrNotFound.
	ConsumeCode(ctx context.Context, u CodeUse) (Issued, error)
	// RotateRefreshToken moves the family on (I2). Issued.Grant.RefreshGeneration is the successor's: Generation+1 also
	// for a repeat within the grace. ErrNotFound: unknown, revoked, or of another client; ErrExpired; ErrReplayed: any
	// other reuse of a genuine token, and the grant is now revoked.
	RotateRefreshToken(ctx context.Context, r Rotation) (Issued, error)
	// AccessScopes returns of a grant that is not revoked its UserID, ClientID, Scopes and Access; ErrNotFound otherwise, also
	// for a locked user. The caller finds its token in Access by hash and checks the time.
	AccessScopes(ctx context.Context, id ID) (Grant, error)
	// AccessPerson is AccessScopes with what claims are made from of the user.
	AccessPerson(ctx context.Context, id ID) (Issued, error)
	// AccessGrant is the same with all of the grant and the user.
	AccessGrant(ctx context.Context, id ID) (Issued, error)
	// RevokeGrant ends the grant of this client (RFC 7009 of a refresh token). Twice is once; unknown is no error.
	RevokeGrant(ctx context.Context, id ID, clientID string, now time.Time) error
	// RevokeAccessToken drops one access token of this client's grant. Twice is once; unknown is no error.
	RevokeAccessToken(ctx context.Context, id ID, clientID string, token Hash, now time.Time) error
}
