package relational

import (
	"context"
	"time"

	"qiao/storage"
)

// RevokeGrant ends the grant of this client.
func (s *Store) RevokeGrant(ctx context.Context, id storage.ID, clientID string, now time.Time) error {
	return s.write(ctx, "revoke grant", func(tx Tx) error {
		_, err := tx.Exec(ctx, `UPDATE grants SET revoked_at = ? WHERE id = ? AND client_id = ? AND revoked_at = 0`, Micros(now), id[:], clientID)
		return err
	})
}

// RevokeAccessToken drops one access token of this client's grant.
func (s *Store) RevokeAccessToken(ctx context.Context, id storage.ID, clientID string, token storage.Hash, now time.Time) error {
	return s.write(ctx, "revoke access token", func(tx Tx) error {
		var access []byte
		err := found(tx.QueryRow(ctx, `SELECT access FROM grants WHERE id = ? AND client_id = ?`+tx.ForUpdate(), id[:], clientID).Scan(&access))
		if notFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		kept := make([]byte, 0, len(access))
		for _, t := range storage.DecodeAccessTokens(access) {
			if !t.Hash.Equal(token) {
				kept = append(kept, t.Encode()...)
			}
		}
		if len(kept) == len(access) {
			return nil
		}
		_, err = tx.Exec(ctx, `UPDATE grants SET access = ? WHERE id = ?`, kept, id[:])
		return err
	})
}
