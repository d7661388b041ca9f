package postgres

import (
	"context"
	"fmt"

	"qiao/storage"
	"qiao/storage/relational"
)

const accessGrant = `SELECT ` + relational.GrantColumns + `, ` + relational.UserColumns + `
FROM grants g JOIN users u ON u.id = g.user_id
WHERE g.id = $1 AND g.revoked_at = 0 AND u.locked_at = 0`

// AccessGrant returns a grant that is not revoked, with its user.
func (s *Store) AccessGrant(ctx context.Context, id storage.ID) (issued storage.Issued, err error) {
	err = s.db.one(ctx, func(ctx context.Context) (err error) {
		issued, err = scanIssued(s.db.pool.QueryRow(ctx, accessGrant, id[:]))
		return found(err)
	})
	if err != nil {
		return storage.Issued{}, fmt.Errorf("access grant: %w", err)
	}
	return issued, nil
}

// found makes "no row" the contract's ErrNotFound.
func found(err error) error {
	if noRow(err) {
		return storage.ErrNotFound
	}
	return err
}
