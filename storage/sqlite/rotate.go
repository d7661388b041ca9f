package sqlite

import (
	"context"
	"fmt"

	"qiao/storage"
	"qiao/storage/relational"
)

// RotateRefreshToken moves the family on (I2). The caller has verified that the token is genuine, so that any reuse but
// the one that a lost answer explains means that two hold it: the family ends, and that is committed.
func (s *Store) RotateRefreshToken(ctx context.Context, r storage.Rotation) (storage.Issued, error) {
	var row grantRow
	var replayed bool
	err := s.db.Write(ctx, func(tx relational.Tx) (err error) {
		replayed = false
		if row, err = liveGrant(ctx, tx, r.GrantID); err != nil {
			return err
		}
		g := row.Grant
		current := g.RefreshGeneration
		switch {
		case g.RefreshSeed.IsZero() || !g.RefreshSeed.Equal(r.Seed) || g.ClientID != r.ClientID || r.Generation > current:
			return storage.ErrNotFound
		case !g.RefreshExpiresAt.After(r.Now) || !g.ExpiresAt.After(r.Now):
			return storage.ErrExpired
		case r.Generation == current:
			row.Grant.RefreshGeneration++
			return moveOn(ctx, tx, &row, r, relational.Micros(r.Now), 0)
		case r.Generation+1 == current && row.repeats < storage.RefreshRepeats && row.params.Equal(r.Params) &&
			r.Now.Before(relational.Time(row.rotatedAt).Add(storage.RefreshGrace)):
			return moveOn(ctx, tx, &row, r, row.rotatedAt, row.repeats+1)
		}
		replayed = true
		return revoke(ctx, tx, r.GrantID, r.Now)
	})
	if replayed {
		err = s.endReplayed(ctx, r.GrantID, r.Now, err)
	}
	if err != nil {
		return storage.Issued{}, fmt.Errorf("rotate refresh token: %w", err)
	}
	return row.Issued, nil
}

// moveOn stores the generation that the row has now. A repeat leaves the time of the rotation, so that the grace ends.
func moveOn(ctx context.Context, tx relational.Tx, row *grantRow, r storage.Rotation, rotatedAt, repeats int64) error {
	row.Grant.RefreshExpiresAt = relational.Time(relational.Micros(r.RefreshExpiresAt))
	_, err := tx.Exec(ctx, `UPDATE grants SET refresh_generation = ?, refresh_params = ?, refresh_rotated_at = ?, refresh_repeats = ?, refresh_expires_at = ?, access = ? WHERE id = ?`,
		int64(row.Grant.RefreshGeneration), r.Params[:], rotatedAt, repeats, relational.Micros(r.RefreshExpiresAt), row.addAccess(r.Access), r.GrantID[:])
	return err
}
