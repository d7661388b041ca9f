package sqlite

import (
	"context"
	"errors"
	"fmt"

	"qiao/storage"
	"qiao/storage/relational"
)

// grantRow is a grant with what its transitions decide on, and its user.
type grantRow struct {
	storage.Issued
	codeHash, params                                     storage.Hash
	expiresAt, codeExpires, codeUses, rotatedAt, repeats int64
	access                                               []byte
}

const selectGrant = `SELECT ` + relational.GrantColumns + `, ` + relational.UserColumns + `,
	g.expires_at, g.code_hash, g.refresh_params, g.code_expires_at, g.code_uses, g.refresh_rotated_at, g.refresh_repeats, g.access
	FROM grants g JOIN users u ON u.id = g.user_id WHERE g.id = ? AND g.revoked_at = 0 AND u.locked_at = 0`

// liveGrant returns a grant that is not revoked, of a user who is not locked; else ErrNotFound.
func liveGrant(ctx context.Context, tx relational.Tx, id storage.ID) (row grantRow, err error) {
	var g relational.GrantRow
	var u relational.UserRow
	var codeHash, params []byte
	dest := append(append(g.Dest(), u.Dest()...), &row.expiresAt, &codeHash, &params, &row.codeExpires, &row.codeUses, &row.rotatedAt, &row.repeats, &row.access)
	if err := tx.QueryRow(ctx, selectGrant, id[:]).Scan(dest...); err != nil {
		return row, found(err)
	}
	if row.access == nil { // an empty column
		row.access = []byte{}
	}
	copy(row.codeHash[:], codeHash)
	copy(row.params[:], params)
	if row.Grant, err = g.Grant(); err != nil {
		return row, err
	}
	row.User, err = u.User()
	return row, err
}

// addAccess puts a token in front of those that the grant keeps. One without a hash is a JWT, which is none of the
// store's.
func (r *grantRow) addAccess(t storage.AccessToken) []byte {
	if t.Hash.IsZero() {
		return r.access
	}
	access := append(t.Encode(), r.access...)
	access = access[:min(len(access), storage.MaxAccessTokens*storage.AccessTokenSize)]
	r.Grant.Access = storage.DecodeAccessTokens(access)
	return access
}

// AccessGrant returns a live grant with its user. It reads beside the writer.
func (s *Store) AccessGrant(ctx context.Context, id storage.ID) (storage.Issued, error) {
	var row grantRow
	err := s.db.Read(ctx, func(tx relational.Tx) (err error) {
		row, err = liveGrant(ctx, tx, id)
		return err
	})
	if err != nil {
		return storage.Issued{}, fmt.Errorf("access grant: %w", err)
	}
	return row.Issued, nil
}

// AccessScopes is AccessGrant, which costs little here.
func (s *Store) AccessScopes(ctx context.Context, id storage.ID) (storage.Grant, error) {
	issued, err := s.AccessGrant(ctx, id)
	return issued.Grant, err
}

// AccessPerson is AccessGrant.
func (s *Store) AccessPerson(ctx context.Context, id storage.ID) (storage.Issued, error) {
	return s.AccessGrant(ctx, id)
}

// found makes "no row" the contract's ErrNotFound.
func found(err error) error {
	if errors.Is(err, relational.ErrNoRows) {
		return storage.ErrNotFound
	}
	return err
}
