package relational

import (
	"context"
	"strings"
	"time"

	"qiao/storage"
)

// approver is a person who lets a device in. The user is held, so that a lock either comes first or sees the grant.
type approver struct {
	user            storage.User
	account, openID string // through whom: an unfollow ends the grant
	authTime        time.Time
	amr             []string
	acr             string
}

// approveDevice makes the grant of a held device, which is undecided, and ends the approvals of everybody else. The grant
// is there from now on, so that whatever ends this person's grants before the device comes for it ends this one too.
func approveDevice(ctx context.Context, tx Tx, d device, by approver, now time.Time) error {
	if err := tx.Do(ctx, `UPDATE device_authorizations SET state = 'approved', user_id = ?, declined_at = 0 WHERE id = ?`, by.user.ID, d.ID[:]); err != nil {
		return err
	}
	if err := tx.Do(ctx, `UPDATE attempts SET state = 'done', approved_at = CASE WHEN approved_at = 0 THEN ? ELSE approved_at END, version = version + 1
		WHERE device_id = ? AND account = ? AND openid = ? AND state = 'scanned'`, Micros(now), d.ID[:], by.account, by.openID); err != nil {
		return err
	}
	if err := tx.Do(ctx, `UPDATE attempts SET state = 'expired', version = version + 1 WHERE device_id = ? AND state = 'scanned'`, d.ID[:]); err != nil {
		return err
	}
	if err := insertDeviceGrant(ctx, tx, d, by, now); err != nil {
		return err
	}
	if err := insertNotice(ctx, tx, storage.Notice{
		Account: by.account, OpenID: by.openID, UserID: by.user.ID, Kind: storage.NoticeTV, Target: d.ID, ClientID: d.ClientID,
		Device: storage.Device{Name: d.Name, Place: d.Device.Place},
	}, storage.Hash{}, now); err != nil {
		return err
	}
	return audit(ctx, tx, storage.AuditEntry{
		At: now, Actor: actorUser, Action: "device.approve", UserID: by.user.ID, ClientID: d.ClientID, Account: by.account, Detail: d.Name,
	})
}

// insertDeviceGrant makes a grant that the janitor removes with the device, unless the device comes for it.
func insertDeviceGrant(ctx context.Context, tx Tx, d device, by approver, now time.Time) error {
	var noSession storage.ID
	var noHash storage.Hash
	shown := d.Device
	shown.Name = d.Name
	return tx.Do(ctx, `INSERT INTO grants (id, user_id, client_id, session_id, account, openid, offline, auth_time, redirect_uri, code_challenge, scopes, nonce, amr, acr, device,
			created_at, expires_at, ends_at, revoked_at, code_hash, code_expires_at, code_uses,
			refresh_seed, refresh_generation, refresh_params, refresh_rotated_at, refresh_repeats, refresh_expires_at, access, for_device)
		VALUES (?, ?, ?, ?, ?, ?, 1, ?, '', '', ?, '', ?, ?, ?, ?, ?, ?, 0, ?, ?, 0, ?, 0, ?, 0, 0, 0, ?, 1)`,
		d.ID[:], by.user.ID, d.ClientID, noSession[:], by.account, by.openID, Micros(by.authTime),
		strings.Join(d.Scopes, " "), strings.Join(by.amr, " "), by.acr, encode(shown),
		Micros(now), CodeKept(d.ExpiresAt), Micros(d.GrantExpiresAt), d.CodeHash[:], Micros(d.ExpiresAt), noHash[:], noHash[:], []byte{})
}

// confirmDevice is ConfirmLogin for a device. The attempt is held, and the device with it.
func confirmDevice(ctx context.Context, tx Tx, a storage.Attempt, now time.Time) (storage.ConfirmOutcome, error) {
	if a.State == storage.AttemptDone { // the answer was lost
		return storage.ConfirmDone, nil
	}
	if a.State.Over() {
		return 0, whyOver(ctx, tx, a)
	}
	d, err := pendingDevice(ctx, tx, a.DeviceID, now)
	if err != nil {
		return 0, err
	}
	i, err := holdIdentity(ctx, tx, a.Account, a.OpenID, now)
	if err != nil {
		return 0, err
	}
	user, err := holder(ctx, tx, i, tx.ForShare())
	switch {
	case err != nil:
		return 0, err
	case !user.LockedAt.IsZero():
		return 0, storage.ErrLocked
	case len(user.PhoneIndex) == 0:
		return approve(ctx, tx, &a, user, now)
	}
	by, err := phoneApprover(i, user, now, storage.AMRWeChat)
	if err != nil {
		return 0, err
	}
	return storage.ConfirmDone, approveDevice(ctx, tx, d, by, now)
}

// pendingDevice is the device of a held attempt that is not over. The device may be gone with its client.
func pendingDevice(ctx context.Context, tx Tx, id storage.ID, now time.Time) (device, error) {
	d, err := loadDevice(ctx, tx, id)
	if notFound(err) || (err == nil && d.undecided(now) != nil) {
		return d, storage.ErrConflict
	}
	return d, err
}

// phoneApprover is somebody who has just proven the openid on the phone. The identity is held.
func phoneApprover(i identity, user storage.User, now time.Time, amr ...string) (approver, error) {
	by := approver{user: user, account: i.Account, openID: i.OpenID, authTime: authTime(now), amr: amr, acr: storage.ACRConfirm}
	if !i.Followed && !i.FollowedAt.Before(by.authTime) {
		// An unfollow of this very moment ends what was granted up to it, and it has been recorded already.
		return by, storage.ErrConflict
	}
	return by, nil
}

// declineDevice notes that somebody has declined. The attempt is ended by the caller.
func declineDevice(ctx context.Context, tx Tx, id storage.ID, now time.Time) error {
	return tx.Do(ctx, `UPDATE device_authorizations SET declined_at = ? WHERE id = ? AND state = 'pending'`, Micros(now), id[:])
}
