package sqlite

import (
	"context"
	"errors"
	"fmt"

	"qiao/storage"
	"qiao/storage/relational"
)

// RedeemDevice gives the approved device its grant, once. A poll that is too early or too late only reads: it takes no
// turn of the writer.
func (s *Store) RedeemDevice(ctx context.Context, u storage.DeviceUse) (storage.Issued, error) {
	var row grantRow
	look := func(tx relational.Tx) (err error) {
		row, err = deviceGrant(ctx, tx, u)
		return err
	}
	err := s.db.Read(ctx, look)
	if err == nil {
		err = s.db.Write(ctx, func(tx relational.Tx) error {
			if err := look(tx); err != nil { // another poll was faster, or it was revoked
				return err
			}
			return row.issue(ctx, tx, u.RefreshSeed, u.RefreshExpiresAt, u.Access, u.Now)
		})
	}
	if errors.Is(err, storage.ErrNotFound) {
		err = s.WhyNotRedeemed(ctx, u)
	}
	if err != nil {
		return storage.Issued{}, fmt.Errorf("redeem device: %w", err)
	}
	return row.Issued, nil
}

// deviceGrant returns the grant that this device code redeems; else ErrNotFound. A code that is presented as a device
// code finds a grant that is for no device.
func deviceGrant(ctx context.Context, tx relational.Tx, u storage.DeviceUse) (grantRow, error) {
	row, err := liveGrant(ctx, tx, u.DeviceID)
	if err != nil {
		return row, err
	}
	g := row.Grant
	if !g.ForDevice || !row.codeHash.Equal(u.CodeHash) || g.ClientID != u.ClientID || row.codeUses > 0 || late(row.codeExpires, u.Now) {
		return row, storage.ErrNotFound
	}
	return row, nil
}
