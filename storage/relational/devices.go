package relational

import (
	"context"
	"fmt"
	"time"

	"qiao/storage"
)

// CreateDevice stores a device that waits. An expired authorization that the janitor has not come by yet gives up its
// user code, and stays to tell its device that it has expired.
func (s *Store) CreateDevice(ctx context.Context, d storage.DeviceAuthorization) error {
	return s.write(ctx, "create device", func(tx Tx) error {
		stored, err := insertDevice(ctx, tx, d)
		if err != nil || stored {
			return err
		}
		freed, err := tx.Exec(ctx, `UPDATE device_authorizations SET user_code = NULL WHERE user_code = ? AND expires_at <= ?`, d.UserCode[:], Micros(d.CreatedAt))
		if err != nil {
			return err
		}
		if freed > 0 {
			stored, err = insertDevice(ctx, tx, d)
		}
		if err == nil && !stored {
			return storage.ErrConflict
		}
		return err
	})
}

// insertDevice reports false when the user code is taken.
func insertDevice(ctx context.Context, tx Tx, d storage.DeviceAuthorization) (bool, error) {
	n, err := tx.Exec(ctx, `INSERT INTO device_authorizations (id, client_id, scopes, code_hash, user_code, user_code_sealed, name, device, account, picture,
			scene, scene_ticket, scene_url, scene_shown_until, state, user_id, declined_at, created_at, expires_at, grant_expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', 0, 'pending', '', 0, ?, ?, ?) ON CONFLICT (user_code) DO NOTHING`,
		d.ID[:], d.ClientID, Strings(d.Scopes), d.CodeHash[:], d.UserCode[:], present(d.UserCodeSealed), d.Name, encode(d.Device), d.Account, d.Picture[:],
		make([]byte, len(storage.Hash{})), Micros(d.CreatedAt), Micros(d.ExpiresAt), Micros(d.GrantExpiresAt))
	return n > 0, err
}

// DeviceByUserCode counts the try, looks, and gives the try back where it hits: the person who has the right code is not
// kept out by it, and who guesses pays for every guess (I8).
func (s *Store) DeviceByUserCode(ctx context.Context, code storage.Hash, limits []storage.Limit, now time.Time) (storage.DeviceAuthorization, error) {
	var d device
	var hit bool
	err := s.write(ctx, "device by user code", func(tx Tx) (err error) {
		hit = false
		if err := countLimits(ctx, tx, limits, now); err != nil {
			return err
		}
		d, err = scanDevice(tx.QueryRow(ctx, selectDevice+` WHERE d.user_code = ? AND d.state = 'pending' AND d.expires_at > ?`, code[:], Micros(now)))
		if notFound(err) { // and the count is committed
			return nil
		}
		if err != nil {
			return err
		}
		hit = true
		return uncountLimits(ctx, tx, limits)
	})
	if err != nil {
		return storage.DeviceAuthorization{}, err
	}
	if !hit {
		return storage.DeviceAuthorization{}, fmt.Errorf("device by user code: %w", storage.ErrNotFound)
	}
	return d.DeviceAuthorization, nil
}

// Device returns an authorization by its ID alone.
func (s *Store) Device(ctx context.Context, id storage.ID, now time.Time) (storage.DeviceAuthorization, error) {
	var d device
	err := s.read(ctx, "device", func(tx Tx) (err error) {
		d, err = loadDevice(ctx, tx, id)
		if err == nil && !d.ExpiresAt.After(now) {
			return storage.ErrExpired
		}
		return err
	})
	if err != nil {
		return storage.DeviceAuthorization{}, err
	}
	return d.DeviceAuthorization, nil
}

// AddDeviceScene gives the picture its code, which works as long as the device waits, and for a while more to be told
// that it is over.
func (s *Store) AddDeviceScene(ctx context.Context, id storage.ID, scene storage.Scene, now time.Time) error {
	return s.write(ctx, "add device scene", func(tx Tx) error {
		d, err := holdDevice(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := d.undecided(now); err != nil {
			return err
		}
		if !d.Scene.Hash.IsZero() {
			return storage.ErrConflict
		}
		if err := insertScene(ctx, tx, scene, storage.ID{}, id, d.ExpiresAt); err != nil {
			return err
		}
		return tx.Do(ctx, `UPDATE device_authorizations SET scene = ?, scene_ticket = ?, scene_url = ?, scene_shown_until = ? WHERE id = ?`,
			scene.Hash[:], scene.Ticket, scene.URL, Micros(scene.ShownUntil), id[:])
	})
}
