package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"qiao/storage"
	"qiao/storage/relational"
)

const liveGrant = ` FROM grants g JOIN users u ON u.id = g.user_id WHERE g.id = $1 AND g.revoked_at = 0 AND u.locked_at = 0`

const (
	accessColumns = `g.user_id, g.client_id, g.scopes, g.access`
	accessScopes  = `SELECT ` + accessColumns + liveGrant
	accessPerson  = `SELECT ` + accessColumns + `, ` + personColumns + liveGrant
	accessGrant   = `SELECT ` + relational.GrantColumns + `, ` + relational.UserColumns + liveGrant
)

// AccessScopes returns what introspection tells of an access token.
func (s *Store) AccessScopes(ctx context.Context, id storage.ID) (g storage.Grant, err error) {
	err = s.live(ctx, accessScopes, id, func(row pgx.Row) (err error) {
		g, err = scanAccess(row, id)
		return err
	})
	if err != nil {
		return storage.Grant{}, fmt.Errorf("access scopes: %w", err)
	}
	return g, nil
}

// AccessPerson returns the same with the user's claims.
func (s *Store) AccessPerson(ctx context.Context, id storage.ID) (issued storage.Issued, err error) {
	err = s.live(ctx, accessPerson, id, func(row pgx.Row) (err error) {
		var p personRow
		if issued.Grant, err = scanAccess(row, id, p.dest()...); err != nil {
			return err
		}
		issued.User, err = p.person(issued.Grant.UserID)
		return err
	})
	if err != nil {
		return storage.Issued{}, fmt.Errorf("access person: %w", err)
	}
	return issued, nil
}

// AccessGrant returns all of a grant that is not revoked, with its user.
func (s *Store) AccessGrant(ctx context.Context, id storage.ID) (issued storage.Issued, err error) {
	err = s.live(ctx, accessGrant, id, func(row pgx.Row) (err error) {
		var g relational.GrantRow
		var u relational.UserRow
		if err := row.Scan(append(g.Dest(), u.Dest()...)...); err != nil {
			return err
		}
		if issued.Grant, err = g.Grant(); err != nil {
			return err
		}
		issued.User, err = u.User()
		return err
	})
	if err != nil {
		return storage.Issued{}, fmt.Errorf("access grant: %w", err)
	}
	return issued, nil
}

// live reads one live grant.
func (s *Store) live(ctx context.Context, query string, id storage.ID, scan func(pgx.Row) error) error {
	return s.db.one(ctx, func(ctx context.Context) error { return found(scan(s.db.pool.QueryRow(ctx, query, id[:]))) })
}

func scanAccess(row pgx.Row, id storage.ID, more ...any) (storage.Grant, error) {
	g := storage.Grant{ID: id}
	var scopes string
	var access []byte
	err := row.Scan(append([]any{&g.UserID, &g.ClientID, &scopes, &access}, more...)...)
	g.Scopes, g.Access = relational.Words(scopes), storage.DecodeAccessTokens(access)
	return g, err
}

// found makes "no row" the contract's ErrNotFound.
func found(err error) error {
	if noRow(err) {
		return storage.ErrNotFound
	}
	return err
}
