package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"qiao/storage"
	"qiao/storage/relational"
)

// consumeCode uses the code up and starts the tokens, or, where it was used before, revokes the grant. Of two that come
// at once the second waits for the first one's row and evaluates everything again on it: it sees code_uses 1 and leaves
// 2, so that exactly one is told 1. A revocation changes the same row; it comes before, and the WHERE clause fails, or
// after, and what was issued is revoked. The user is read as at the beginning of the statement, which is enough: who
// locks the user revokes this row afterwards.
const consumeCode = `UPDATE grants g SET
	code_uses = g.code_uses + 1,
	revoked_at = CASE WHEN g.code_uses = 0 THEN 0 ELSE $6::bigint END,
	expires_at = CASE WHEN g.code_uses = 0 THEN
		CASE WHEN $10::bigint > 0 THEN greatest(g.expires_at, $10::bigint) ELSE g.ends_at END ELSE g.expires_at END,
	refresh_seed = CASE WHEN g.code_uses = 0 THEN $7::bytea ELSE g.refresh_seed END,
	refresh_expires_at = CASE WHEN g.code_uses = 0 THEN $8::bigint ELSE g.refresh_expires_at END,
	access = CASE WHEN g.code_uses = 0 THEN $9::bytea ELSE g.access END
FROM users u
WHERE g.id = $1 AND g.code_hash = $2 AND g.client_id = $3 AND g.redirect_uri = $4 AND g.code_challenge = $5 AND g.for_device = 0
	AND g.revoked_at = 0 AND (g.code_uses > 0 OR g.code_expires_at > $6::bigint)
	AND u.id = g.user_id AND u.locked_at = 0
RETURNING ` + relational.GrantColumns + `, ` + relational.UserColumns + `, g.code_uses`

// ConsumeCode uses the code up, in one statement.
func (s *Store) ConsumeCode(ctx context.Context, c storage.CodeUse) (issued storage.Issued, err error) {
	refreshExpiresAt := c.RefreshExpiresAt
	if c.RefreshSeed.IsZero() { // no refresh token is issued
		refreshExpiresAt = time.Time{}
	}
	err = s.db.one(ctx, func(ctx context.Context) error {
		var uses int64
		var scanErr error
		issued, scanErr = scanIssued(s.db.pool.QueryRow(ctx, consumeCode,
			c.GrantID[:], c.CodeHash[:], c.ClientID, c.RedirectURI, c.CodeChallenge, relational.Micros(c.Now),
			c.RefreshSeed[:], relational.Micros(refreshExpiresAt), accessColumn(c.Access),
			relational.TokensKept(c.RefreshSeed, c.Access, c.Now)), &uses)
		switch {
		case noRow(scanErr):
			return s.whyNoTokens(ctx, c)
		case scanErr == nil && uses > 1:
			return storage.ErrReplayed
		}
		return scanErr
	})
	if err != nil {
		return storage.Issued{}, fmt.Errorf("consume code: %w", err)
	}
	return issued, nil
}

// whyNoTokens tells a code that came too late from one that never was. Nothing was changed.
func (s *Store) whyNoTokens(ctx context.Context, c storage.CodeUse) error {
	var late bool
	err := s.db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM grants g JOIN users u ON u.id = g.user_id
		WHERE g.id = $1 AND g.code_hash = $2 AND g.client_id = $3 AND g.redirect_uri = $4 AND g.code_challenge = $5 AND g.for_device = 0
			AND g.revoked_at = 0 AND g.code_uses = 0 AND g.code_expires_at <= $6 AND u.locked_at = 0)`,
		c.GrantID[:], c.CodeHash[:], c.ClientID, c.RedirectURI, c.CodeChallenge, relational.Micros(c.Now)).Scan(&late)
	switch {
	case err != nil:
		return found(err)
	case late:
		return storage.ErrExpired
	default:
		return storage.ErrNotFound
	}
}

// scanIssued scans GrantColumns, UserColumns and what the statement returns besides.
func scanIssued(row pgx.Row, more ...any) (storage.Issued, error) {
	var g relational.GrantRow
	var u relational.UserRow
	if err := row.Scan(append(append(g.Dest(), u.Dest()...), more...)...); err != nil {
		return storage.Issued{}, err
	}
	grant, err := g.Grant()
	if err != nil {
		return storage.Issued{}, err
	}
	user, err := u.User()
	return storage.Issued{Grant: grant, User: user}, err
}

// accessColumn is the token's place in the column, and empty where the access token is none of the store's.
func accessColumn(token storage.AccessToken) []byte {
	if token.Hash.IsZero() {
		return []byte{}
	}
	return token.Encode()
}
