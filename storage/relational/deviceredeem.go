package relational

import (
	"context"
	"errors"

	"qiao/storage"
)

// WhyNotRedeemed tells a poll that was given no grant where its device stands, and is never nil. The drivers ask it when
// their own statement has found nothing to redeem.
func (s *Store) WhyNotRedeemed(ctx context.Context, u storage.DeviceUse) error {
	var declined bool
	err := s.DB.Read(ctx, func(tx Tx) error {
		d, err := loadDevice(ctx, tx, u.DeviceID)
		if err != nil {
			return err
		}
		declined = !d.declinedAt.IsZero()
		return whyNotRedeemed(ctx, tx, d, u)
	})
	if errors.Is(err, storage.ErrPending) && declined {
		return s.tellDecline(ctx, u)
	}
	return err
}

func whyNotRedeemed(ctx context.Context, tx Tx, d device, u storage.DeviceUse) error {
	switch {
	case !d.CodeHash.Equal(u.CodeHash) || d.ClientID != u.ClientID || d.State == storage.DeviceRedeemed:
		return storage.ErrNotFound
	case d.State == storage.DeviceApproved:
		live, err := exists(ctx, tx, `SELECT 1 FROM grants g JOIN users u ON u.id = g.user_id WHERE g.id = ? AND g.code_uses = 0 AND g.revoked_at = 0 AND u.locked_at = 0`, d.ID[:])
		if err != nil {
			return err
		}
		if !live { // revoked, or redeemed by a poll beside this one
			return storage.ErrNotFound
		}
	}
	switch {
	case !d.ExpiresAt.After(u.Now):
		return storage.ErrExpired
	case d.State == storage.DeviceDeclined:
		return storage.ErrDeclined
	}
	return storage.ErrPending // also where it was approved a moment ago: the next poll gets the grant
}

// tellDecline makes a decline final, unless somebody else is deciding or has scanned since. Whoever scans now waits for
// the device's row, and finds it decided.
func (s *Store) tellDecline(ctx context.Context, u storage.DeviceUse) error {
	err := s.DB.Write(ctx, func(tx Tx) error {
		d, err := holdDevice(ctx, tx, u.DeviceID)
		if err != nil {
			return err
		}
		why := whyNotRedeemed(ctx, tx, d, u)
		if !errors.Is(why, storage.ErrPending) || d.State != storage.DevicePending || d.declinedAt.IsZero() {
			return why
		}
		deciding, err := exists(ctx, tx, `SELECT 1 FROM attempts WHERE device_id = ? AND state = 'scanned' AND expires_at > ? LIMIT 1`, d.ID[:], Micros(u.Now))
		if err != nil {
			return err
		}
		if deciding {
			return storage.ErrPending
		}
		return tx.Do(ctx, `UPDATE device_authorizations SET state = 'declined' WHERE id = ?`, d.ID[:])
	})
	if err == nil {
		return storage.ErrDeclined
	}
	return err
}
