package relational

import (
	"context"
	"time"

	"qiao/storage"
)

// device is the row of a device authorization, and what its grant tells.
type device struct {
	storage.DeviceAuthorization
	declinedAt time.Time // somebody has declined, and the device was perhaps not told of it
}

const selectDevice = `SELECT d.id, d.client_id, d.scopes, d.code_hash, d.user_code, d.user_code_sealed, d.name, d.device, d.account, d.picture,
	d.scene, d.scene_ticket, d.scene_url, d.scene_shown_until, d.state, d.user_id, d.declined_at, d.created_at, d.expires_at, d.grant_expires_at,
	COALESCE((SELECT g.code_uses FROM grants g WHERE g.id = d.id), 0)
	FROM device_authorizations d`

func scanDevice(row Row) (d device, err error) {
	var id, codeHash, userCode, picture, scene []byte
	var scopes, place, state string
	var shown, declined, created, expires, grantExpires, uses int64
	if err := row.Scan(&id, &d.ClientID, &scopes, &codeHash, &userCode, &d.UserCodeSealed, &d.Name, &place, &d.Account, &picture,
		&scene, &d.Scene.Ticket, &d.Scene.URL, &shown, &state, &d.UserID, &declined, &created, &expires, &grantExpires, &uses); err != nil {
		return d, found(err)
	}
	copy(d.ID[:], id)
	copy(d.CodeHash[:], codeHash)
	copy(d.UserCode[:], userCode)
	copy(d.Picture[:], picture)
	copy(d.Scene.Hash[:], scene)
	d.Scene.ShownUntil, d.declinedAt = Time(shown), Time(declined)
	d.CreatedAt, d.ExpiresAt, d.GrantExpiresAt = Time(created), Time(expires), Time(grantExpires)
	d.State = storage.DeviceState(state)
	if uses > 0 {
		d.State = storage.DeviceRedeemed
	}
	if d.Scopes, err = DecodeStrings(scopes); err != nil {
		return d, err
	}
	return d, decode(place, &d.Device)
}

func loadDevice(ctx context.Context, tx Tx, id storage.ID) (device, error) {
	return scanDevice(tx.QueryRow(ctx, selectDevice+` WHERE d.id = ?`, id[:]))
}

// holdDevice returns a device and holds it until the end of the transaction: every decision about it waits here.
func holdDevice(ctx context.Context, tx Tx, id storage.ID) (device, error) {
	if err := lockDevice(ctx, tx, id); err != nil {
		return device{}, err
	}
	return loadDevice(ctx, tx, id)
}

func lockDevice(ctx context.Context, tx Tx, id storage.ID) error {
	return found(tx.QueryRow(ctx, `SELECT d.id FROM device_authorizations d WHERE d.id = ?`+tx.ForUpdate(), id[:]).Scan(new([]byte)))
}

// undecided is nil while the device waits for a decision.
func (d device) undecided(now time.Time) error {
	switch {
	case !d.ExpiresAt.After(now):
		return storage.ErrExpired
	case d.State != storage.DevicePending:
		return storage.ErrConflict
	}
	return nil
}

// approvedBy reports whether the user has let the device in already.
func (d device) approvedBy(userID string) bool { return userID != "" && d.UserID == userID }
