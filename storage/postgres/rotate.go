package postgres

import (
	"context"
	"fmt"

	"qiao/storage"
	"qiao/storage/relational"
)

// What a refresh token with generation $4 is, seen from its grant: the newest one; or the one before it, whose answer was
// lost; or, if neither, one that was used and is used again. refresh_generation is the newest token's, so that
// "the successor is unused" is "it is still the newest".
const (
	isNewest = `g.refresh_generation = $4::bigint`
	isRepeat = `(g.refresh_generation = $4::bigint + 1 AND g.refresh_params = $5::bytea
		AND g.refresh_repeats < ` + refreshRepeats + ` AND g.refresh_rotated_at > $6::bigint - ` + refreshGrace + `)`
)

// The contract's figures, as SQL has them: storage.RefreshRepeats, storage.RefreshGrace in microseconds, and the bytes of
// storage.MaxAccessTokens.
const (
	refreshRepeats = "2"
	refreshGrace   = "30000000"
	mostAccess     = "384"
)

// rotateRefreshToken moves the family on, or repeats, or revokes. The grant's row is the only lock: a second use waits
// for the first and evaluates all of this again on the row that the first has left, so the family has one newest
// generation. EndSession and LockUser revoke this row in a later statement than the one that ends the session or locks
// the user: that statement waits for this one and revokes what it issued, or comes first, and revoked_at = 0 fails here.
const rotateRefreshToken = `UPDATE grants g SET
	revoked_at = CASE WHEN ` + isNewest + ` OR ` + isRepeat + ` THEN 0 ELSE $6::bigint END,
	refresh_generation = CASE WHEN ` + isNewest + ` THEN g.refresh_generation + 1 ELSE g.refresh_generation END,
	refresh_params = CASE WHEN ` + isNewest + ` THEN $5::bytea ELSE g.refresh_params END,
	refresh_rotated_at = CASE WHEN ` + isNewest + ` THEN $6::bigint ELSE g.refresh_rotated_at END,
	refresh_repeats = CASE WHEN ` + isNewest + ` THEN 0 ELSE g.refresh_repeats + 1 END,
	refresh_expires_at = CASE WHEN ` + isNewest + ` OR ` + isRepeat + ` THEN $7::bigint ELSE g.refresh_expires_at END,
	access = CASE WHEN ` + isNewest + ` OR ` + isRepeat + ` THEN substring($8::bytea || g.access FROM 1 FOR ` + mostAccess + `) ELSE g.access END
FROM users u
WHERE g.id = $1 AND g.refresh_seed = $2 AND g.client_id = $3 AND g.refresh_generation >= $4::bigint AND g.revoked_at = 0
	AND g.refresh_expires_at > $6::bigint AND g.expires_at > $6::bigint
	AND u.id = g.user_id AND u.locked_at = 0
RETURNING ` + relational.GrantColumns + `, ` + relational.UserColumns

// RotateRefreshToken uses a refresh token, in one statement.
func (s *Store) RotateRefreshToken(ctx context.Context, r storage.Rotation) (issued storage.Issued, err error) {
	if r.Seed.IsZero() { // what a grant without refresh tokens has
		return storage.Issued{}, fmt.Errorf("rotate refresh token: %w", storage.ErrNotFound)
	}
	err = s.db.one(ctx, func(ctx context.Context) error {
		var scanErr error
		issued, scanErr = scanIssued(s.db.pool.QueryRow(ctx, rotateRefreshToken,
			r.GrantID[:], r.Seed[:], r.ClientID, int64(r.Generation), r.Params[:], relational.Micros(r.Now),
			relational.Micros(r.RefreshExpiresAt), accessColumn(r.Access)))
		switch {
		case noRow(scanErr):
			return s.whyNoRotation(ctx, r)
		case scanErr == nil && !issued.Grant.RevokedAt.IsZero():
			return storage.ErrReplayed
		}
		return scanErr
	})
	if err != nil {
		return storage.Issued{}, fmt.Errorf("rotate refresh token: %w", err)
	}
	return issued, nil
}

// whyNoRotation tells a token that came too late from one that never was. Nothing was changed.
func (s *Store) whyNoRotation(ctx context.Context, r storage.Rotation) error {
	var late bool
	err := s.db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM grants g JOIN users u ON u.id = g.user_id
		WHERE g.id = $1 AND g.refresh_seed = $2 AND g.client_id = $3 AND g.refresh_generation >= $4 AND g.revoked_at = 0
			AND (g.refresh_expires_at <= $5 OR g.expires_at <= $5) AND u.locked_at = 0)`,
		r.GrantID[:], r.Seed[:], r.ClientID, int64(r.Generation), relational.Micros(r.Now)).Scan(&late)
	switch {
	case err != nil:
		return found(err)
	case late:
		return storage.ErrExpired
	default:
		return storage.ErrNotFound
	}
}
