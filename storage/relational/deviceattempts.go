package relational

import (
	"context"
	"time"

	"qiao/storage"
)

// scanForDevice gives the openid an approval of its own, whoever else has scanned. The device and the identity are held.
func scanForDevice(ctx context.Context, tx Tx, d device, i identity, user storage.User, now time.Time) (storage.ScanOutcome, storage.Attempt, error) {
	mine, err := deviceAttempt(ctx, tx, d.ID, i, now)
	switch {
	case err != nil:
		return 0, mine, err
	case d.undecided(now) != nil:
		return storage.ScanOver, mine, nil
	case !user.LockedAt.IsZero():
		return storage.ScanLocked, storage.Attempt{}, nil
	}
	outcome := storage.ScanRepeated
	if mine.ID.IsZero() || mine.State.Over() { // declined, or expired by the scan of another screen: it may be tried again
		outcome = storage.ScanAccepted
		if mine, err = insertDeviceAttempt(ctx, tx, d, i, storage.Hash{}, now); err == nil {
			err = expireOthers(ctx, tx, mine, i.OpenID)
		}
	}
	if err == nil {
		err = forgetDecline(ctx, tx, d)
	}
	return outcome, mine, err
}

// BeginDeviceAttempt begins the approval of an openid that web authorization has proven.
func (s *Store) BeginDeviceAttempt(ctx context.Context, id storage.ID, account, openID string, phone storage.Hash, now time.Time) (a storage.Attempt, err error) {
	err = s.write(ctx, "begin device attempt", func(tx Tx) error {
		d, err := holdDevice(ctx, tx, id)
		if err != nil {
			return err
		}
		if openID == "" {
			return storage.ErrNotFound
		}
		i, user, err := askPerson(ctx, tx, account, openID, tx.ForUpdate()).hold(ctx, tx, now)
		if err != nil {
			return err
		}
		outcome, mine, err := scanForDevice(ctx, tx, d, i, user, now)
		if err != nil {
			return err
		}
		switch {
		case outcome == storage.ScanLocked:
			return storage.ErrLocked
		case outcome == storage.ScanOver && mine.State != storage.AttemptDone: // who has approved may come to see it
			return d.undecided(now)
		}
		a = mine
		a.PhoneHash = phone
		return tx.Do(ctx, `UPDATE attempts SET phone_hash = ? WHERE id = ?`, phone[:], a.ID[:])
	})
	if err != nil {
		return storage.Attempt{}, err
	}
	return a, nil
}

// deviceAttempt is the openid's newest attempt on the device; the zero Attempt where it has none.
func deviceAttempt(ctx context.Context, tx Tx, id storage.ID, i identity, now time.Time) (storage.Attempt, error) {
	a, err := scanAttempt(tx.QueryRow(ctx, selectAttempt+` WHERE a.device_id = ? AND a.account = ? AND a.openid = ? ORDER BY a.created_at DESC, a.id DESC LIMIT 1`,
		id[:], i.Account, i.OpenID), now)
	if notFound(err) {
		return storage.Attempt{}, nil
	}
	return a, err
}

// insertDeviceAttempt makes the attempt as it is after a scan: a device has no attempt that nobody has scanned.
func insertDeviceAttempt(ctx context.Context, tx Tx, d device, i identity, phone storage.Hash, now time.Time) (storage.Attempt, error) {
	a := storage.Attempt{
		ID: storage.NewID(now), DeviceID: d.ID, ClientID: d.ClientID, Account: i.Account, Via: storage.ViaDevice, Device: d.Device,
		CreatedAt: now, ExpiresAt: d.ExpiresAt, State: storage.AttemptScanned, OpenID: i.OpenID, PhoneHash: phone, ScannedAt: now,
	}
	if err := insertAttempt(ctx, tx, a); err != nil {
		return a, err
	}
	return loadAttempt(ctx, tx, a.ID, now)
}

// forgetDecline takes back that somebody has declined: now somebody else is deciding, and the device was not told.
func forgetDecline(ctx context.Context, tx Tx, d device) error {
	if d.declinedAt.IsZero() {
		return nil
	}
	return tx.Do(ctx, `UPDATE device_authorizations SET declined_at = 0 WHERE id = ?`, d.ID[:])
}
