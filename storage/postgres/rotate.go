package postgres

import (
	"context"
	"fmt"

	"qiao/storage"
	"qiao/storage/relational"
)

// presentedFamily is the live grant of a refresh token that somebody presents, and its user. refresh_generation is the
// newest token's, and only grows.
const presentedFamily = `g.id = $1 AND g.refresh_seed = $2 AND g.client_id = $3 AND g.revoked_at = 0 AND u.id = g.user_id AND u.locked_at = 0`

// rotateNewest moves the family on. The grant's row is the only lock: a second use waits for the first, evaluates the WHERE
// clause again on the row that the first has left, and gets no row, so the family has one newest generation. EndSession and
// LockUser revoke this row in a later statement than the one that ends the session or locks the user: that statement waits
// for this one and revokes what it issued, or comes first, and revoked_at = 0 fails here. No column of an index changes.
const rotateNewest = `UPDATE grants g SET refresh_generation = g.refresh_generation + 1, refresh_params = $5, refresh_rotated_at = $6,
	refresh_repeats = 0, refresh_expires_at = $7, access = substring($8::bytea || g.access FROM 1 FOR ` + mostAccess + `)
FROM users u
WHERE ` + presentedFamily + ` AND g.refresh_generation = $4 AND g.refresh_expires_at > $6 AND g.ends_at > $6
RETURNING ` + mintedColumns

// isRepeat: generation $4 is the one before the newest, whose answer was lost. "The successor is unused" is "it is still
// the newest".
const isRepeat = `(g.refresh_generation = $4::bigint + 1 AND g.refresh_params = $5::bytea
	AND g.refresh_repeats < ` + refreshRepeats + ` AND g.refresh_rotated_at > $6::bigint - ` + refreshGrace + `)`

// The contract's figures, as SQL has them: storage.RefreshRepeats, storage.RefreshGrace in microseconds, and the bytes of
// storage.MaxAccessTokens.
const (
	refreshRepeats = "2"
	refreshGrace   = "30000000"
	mostAccess     = "384"
)

// reuse repeats the answer to a token that was used before, or ends its family. It comes after rotateNewest has found
// nothing, and decides on the row as it is by then.
const reuse = `UPDATE grants g SET
	revoked_at = CASE WHEN ` + isRepeat + ` THEN 0 ELSE $6::bigint END,
	refresh_repeats = g.refresh_repeats + 1,
	refresh_expires_at = CASE WHEN ` + isRepeat + ` THEN $7::bigint ELSE g.refresh_expires_at END,
	access = CASE WHEN ` + isRepeat + ` THEN substring($8::bytea || g.access FROM 1 FOR ` + mostAccess + `) ELSE g.access END
FROM users u
WHERE ` + presentedFamily + ` AND g.refresh_generation > $4::bigint AND g.refresh_expires_at > $6::bigint AND g.ends_at > $6::bigint
RETURNING ` + mintedColumns + `, g.revoked_at`

// RotateRefreshToken uses a refresh token: the newest one in one statement. What stands in the way is asked only then.
func (s *Store) RotateRefreshToken(ctx context.Context, r storage.Rotation) (issued storage.Issued, err error) {
	if r.Seed.IsZero() { // what a grant without refresh tokens has
		return storage.Issued{}, fmt.Errorf("rotate refresh token: %w", storage.ErrNotFound)
	}
	known := storage.Grant{
		ID: r.GrantID, ClientID: r.ClientID,
		RefreshSeed: r.Seed, RefreshGeneration: r.Generation + 1, RefreshExpiresAt: r.RefreshExpiresAt, Access: accessTokens(r.Access),
	}
	args := []any{
		r.GrantID[:], r.Seed[:], r.ClientID, int64(r.Generation), r.Params[:], relational.Micros(r.Now),
		relational.Micros(r.RefreshExpiresAt), accessColumn(r.Access),
	}
	err = s.db.one(ctx, func(ctx context.Context) (err error) {
		if issued, err = scanMinted(s.db.pool.QueryRow(ctx, rotateNewest, args...), known); !noRow(err) {
			return err
		}
		ctx, cancel := s.db.decided(ctx)
		defer cancel()
		var revoked int64
		issued, err = scanMinted(s.db.pool.QueryRow(ctx, reuse, args...), known, &revoked)
		switch {
		case noRow(err):
			return s.whyNoRotation(ctx, r)
		case err == nil && revoked != 0:
			return storage.ErrReplayed
		}
		return err
	})
	if err != nil {
		return storage.Issued{}, fmt.Errorf("rotate refresh token: %w", err)
	}
	return issued, nil
}

// whyNoRotation tells a token that came too late from one that never was. Nothing was changed.
func (s *Store) whyNoRotation(ctx context.Context, r storage.Rotation) error {
	var late bool
	err := s.db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM grants g, users u WHERE `+presentedFamily+`
			AND g.refresh_generation >= $4 AND (g.refresh_expires_at <= $5 OR g.ends_at <= $5))`,
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
