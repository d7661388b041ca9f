package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qiao/storage"
	"qiao/storage/relational"
)

// redeemDevice uses the device code up. Of many polls at once each waits for the one before it, evaluates the WHERE
// clause again on the row that it left, and finds code_uses 1: exactly one gets a row. A revocation changes the same row
// and comes before or after. A code's grant is for no device, and never redeemed here.
const redeemDevice = `UPDATE grants g SET code_uses = 1,
	ends_at = CASE WHEN $8::bigint > 0 THEN greatest(g.expires_at, $8::bigint) ELSE g.ends_at END,
	refresh_seed = $5, refresh_expires_at = $6, access = $7
FROM users u
WHERE g.id = $1 AND g.code_hash = $2 AND g.client_id = $3 AND g.for_device = 1 AND g.code_uses = 0
	AND g.revoked_at = 0 AND g.code_expires_at > $4::bigint
	AND u.id = g.user_id AND u.locked_at = 0
RETURNING ` + mintedColumns

// RedeemDevice gives the approved device its grant, in one statement. What stands in the way is asked only then.
func (s *Store) RedeemDevice(ctx context.Context, u storage.DeviceUse) (issued storage.Issued, err error) {
	refreshExpiresAt := u.RefreshExpiresAt
	if u.RefreshSeed.IsZero() { // no refresh token is issued
		refreshExpiresAt = time.Time{}
	}
	known := storage.Grant{
		ID: u.DeviceID, ClientID: u.ClientID,
		RefreshSeed: u.RefreshSeed, RefreshExpiresAt: refreshExpiresAt, Access: accessTokens(u.Access),
	}
	err = s.db.one(ctx, func(ctx context.Context) (err error) {
		issued, err = scanMinted(s.db.pool.QueryRow(ctx, redeemDevice,
			u.DeviceID[:], u.CodeHash[:], u.ClientID, relational.Micros(u.Now),
			u.RefreshSeed[:], relational.Micros(refreshExpiresAt), accessColumn(u.Access),
			relational.TokensKept(u.RefreshSeed, u.Access, u.Now)), known)
		return found(err)
	})
	if errors.Is(err, storage.ErrNotFound) {
		err = s.WhyNotRedeemed(ctx, u)
	}
	if err != nil {
		return storage.Issued{}, fmt.Errorf("redeem device: %w", err)
	}
	return issued, nil
}
