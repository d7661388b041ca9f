package postgres

import (
	"context"
	"fmt"
	"time"

	"qiao/storage"
	"qiao/storage/relational"
)

// presentedCode is the live grant of a code that somebody presents with all that it is bound to, and its user.
const presentedCode = `g.id = $1 AND g.code_hash = $2 AND g.client_id = $3 AND g.redirect_uri = $4 AND g.code_challenge = $5
	AND g.for_device = 0 AND g.revoked_at = 0 AND u.id = g.user_id AND u.locked_at = 0`

// consumeCode uses the code up and starts the tokens. Of two that come at once the second waits for the first one's row,
// evaluates the WHERE clause again on it, finds code_uses 1 and gets no row. A revocation changes the same row; it comes
// before, and the WHERE clause fails, or after, and what was issued is revoked. The user is read as at the beginning of
// the statement, which is enough: who locks the user revokes this row afterwards.
//
// It changes no column of an index, or each exchange would write to all of them.
const consumeCode = `UPDATE grants g SET code_uses = 1,
	ends_at = CASE WHEN $10::bigint > 0 THEN greatest(g.expires_at, $10::bigint) ELSE g.ends_at END,
	refresh_seed = $7, refresh_expires_at = $8, access = $9
FROM users u WHERE ` + presentedCode + ` AND g.code_uses = 0 AND g.code_expires_at > $6
RETURNING ` + mintedColumns

// replayCode revokes what a code that was used before has led to (I1). It comes after consumeCode has found nothing, and
// sees what the one has committed that was faster.
const replayCode = `UPDATE grants g SET code_uses = g.code_uses + 1, revoked_at = $6
FROM users u WHERE ` + presentedCode + ` AND g.code_uses > 0`

// ConsumeCode uses the code up, in one statement. What stands in the way is asked only then.
func (s *Store) ConsumeCode(ctx context.Context, c storage.CodeUse) (issued storage.Issued, err error) {
	refreshExpiresAt := c.RefreshExpiresAt
	if c.RefreshSeed.IsZero() { // no refresh token is issued
		refreshExpiresAt = time.Time{}
	}
	known := storage.Grant{
		ID: c.GrantID, ClientID: c.ClientID,
		RefreshSeed: c.RefreshSeed, RefreshExpiresAt: refreshExpiresAt, Access: accessTokens(c.Access),
	}
	err = s.db.one(ctx, func(ctx context.Context) (err error) {
		issued, err = scanMinted(s.db.pool.QueryRow(ctx, consumeCode,
			c.GrantID[:], c.CodeHash[:], c.ClientID, c.RedirectURI, c.CodeChallenge, relational.Micros(c.Now),
			c.RefreshSeed[:], relational.Micros(refreshExpiresAt), accessColumn(c.Access),
			relational.TokensKept(c.RefreshSeed, c.Access, c.Now)), known)
		if noRow(err) {
			return s.whyNoTokens(ctx, c)
		}
		return err
	})
	if err != nil {
		return storage.Issued{}, fmt.Errorf("consume code: %w", err)
	}
	return issued, nil
}

// whyNoTokens ends the grant of a code that was used before, and tells one that came too late from one that never was.
func (s *Store) whyNoTokens(ctx context.Context, c storage.CodeUse) error {
	ctx, cancel := s.db.decided(ctx)
	defer cancel()
	args := []any{c.GrantID[:], c.CodeHash[:], c.ClientID, c.RedirectURI, c.CodeChallenge, relational.Micros(c.Now)}
	tag, err := s.db.pool.Exec(ctx, replayCode, args...)
	switch {
	case err != nil:
		return found(err)
	case tag.RowsAffected() > 0:
		return storage.ErrReplayed
	}
	var late bool
	err = s.db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM grants g, users u WHERE `+presentedCode+` AND g.code_uses = 0 AND g.code_expires_at <= $6)`, args...).Scan(&late)
	switch {
	case err != nil:
		return found(err)
	case late:
		return storage.ErrExpired
	default:
		return storage.ErrNotFound
	}
}
