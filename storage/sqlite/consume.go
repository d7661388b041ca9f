package sqlite

import (
	"context"
	"fmt"
	"time"

	"qiao/storage"
	"qiao/storage/relational"
)

// ConsumeCode uses the code up. A replay revokes the grant, and that revocation is committed (I1).
func (s *Store) ConsumeCode(ctx context.Context, u storage.CodeUse) (storage.Issued, error) {
	var row grantRow
	var replayed bool
	err := s.db.Write(ctx, func(tx relational.Tx) (err error) {
		replayed = false
		if row, err = liveGrant(ctx, tx, u.GrantID); err != nil {
			return err
		}
		g := row.Grant
		if g.ForDevice || !row.codeHash.Equal(u.CodeHash) || g.ClientID != u.ClientID || g.RedirectURI != u.RedirectURI || g.CodeChallenge != u.CodeChallenge {
			return storage.ErrNotFound // somebody who caught the code alone, or a device's, must not end the grant
		}
		if row.codeUses > 0 {
			replayed = true
			return revoke(ctx, tx, u.GrantID, u.Now)
		}
		if late(row.codeExpires, u.Now) {
			return storage.ErrExpired
		}
		return row.issue(ctx, tx, u.RefreshSeed, u.RefreshExpiresAt, u.Access, u.Now)
	})
	if replayed {
		err = s.endReplayed(ctx, u.GrantID, u.Now, err)
	}
	if err != nil {
		return storage.Issued{}, fmt.Errorf("consume code: %w", err)
	}
	return row.Issued, nil
}

// issue uses the code up, stores the first tokens and gives the grant the rest of its life. The first refresh token has
// generation 0; the zero seed has none.
func (r *grantRow) issue(ctx context.Context, tx relational.Tx, seed storage.Hash, expiresAt time.Time, access storage.AccessToken, now time.Time) error {
	r.Grant.RefreshSeed = seed
	if !seed.IsZero() {
		r.Grant.RefreshExpiresAt = relational.Time(relational.Micros(expiresAt))
	}
	end := relational.Micros(r.Grant.ExpiresAt)
	if kept := relational.TokensKept(seed, access, now); kept > 0 {
		end = max(kept, r.expiresAt)
	}
	r.Grant.ExpiresAt = relational.Time(end)
	_, err := tx.Exec(ctx, `UPDATE grants SET code_uses = 1, ends_at = ?, refresh_seed = ?, refresh_expires_at = ?, access = ? WHERE id = ?`,
		end, seed[:], relational.Micros(r.Grant.RefreshExpiresAt), r.addAccess(access), r.Grant.ID[:])
	return err
}

// endReplayed is what a replay is answered, which has ended the grant unless err says otherwise. What it ends must not depend
// on who waits for the answer: of a caller who has hung up by then nothing was committed, and so it is ended here.
func (s *Store) endReplayed(ctx context.Context, id storage.ID, now time.Time, err error) error {
	if err != nil {
		err = s.db.Write(context.WithoutCancel(ctx), func(tx relational.Tx) error { return revoke(ctx, tx, id, now) })
	}
	if err != nil {
		return err
	}
	return storage.ErrReplayed
}

func revoke(ctx context.Context, tx relational.Tx, id storage.ID, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE grants SET revoked_at = ? WHERE id = ? AND revoked_at = 0`, relational.Micros(now), id[:])
	return err
}
