package relational

import (
	"context"

	"qiao/storage"
)

// OpenDevice shows a pending device to a session that is about to decide. It takes part by an attempt, as somebody on the
// phone does; but a page that is opened must not end what the same person is doing on the phone.
func (s *Store) OpenDevice(ctx context.Context, a storage.DeviceApproval) (storage.DeviceAuthorization, error) {
	var d device
	err := s.write(ctx, "open device", func(tx Tx) (err error) {
		var by approver
		if d, by, err = holdDecision(ctx, tx, a); err != nil {
			return err
		}
		if err := d.undecided(a.Now); err != nil {
			return err
		}
		i := identity{Identity: storage.Identity{Account: by.account, OpenID: by.openID}}
		mine, err := deviceAttempt(ctx, tx, d.ID, i, a.Now)
		if err == nil && (mine.ID.IsZero() || mine.State.Over()) {
			_, err = insertDeviceAttempt(ctx, tx, d, i, storage.Hash{}, a.Now)
		}
		return err
	})
	if err != nil {
		return storage.DeviceAuthorization{}, err
	}
	return d.DeviceAuthorization, nil
}

// ApproveDevice lets the device in as the session's user.
func (s *Store) ApproveDevice(ctx context.Context, a storage.DeviceApproval) (storage.DeviceAuthorization, error) {
	var d device
	err := s.write(ctx, "approve device", func(tx Tx) (err error) {
		var by approver
		if d, by, err = holdDecision(ctx, tx, a); err != nil {
			return err
		}
		if d.approvedBy(by.user.ID) {
			return nil
		}
		if err := d.undecided(a.Now); err != nil {
			return err
		}
		if err := approveDevice(ctx, tx, d, by, a.Now); err != nil {
			return err
		}
		d, err = loadDevice(ctx, tx, d.ID)
		return err
	})
	if err != nil {
		return storage.DeviceAuthorization{}, err
	}
	return d.DeviceAuthorization, nil
}

// DeclineDevice is the session's decline.
func (s *Store) DeclineDevice(ctx context.Context, a storage.DeviceApproval) error {
	return s.write(ctx, "decline device", func(tx Tx) error {
		d, by, err := holdDecision(ctx, tx, a)
		if err != nil {
			return err
		}
		if d.State == storage.DeviceDeclined {
			return nil
		}
		if err := d.undecided(a.Now); err != nil {
			return err
		}
		ended, err := tx.Exec(ctx, `UPDATE attempts SET state = 'declined', version = version + 1 WHERE device_id = ? AND account = ? AND openid = ? AND state = 'scanned'`,
			d.ID[:], by.account, by.openID)
		if err != nil {
			return err
		}
		if ended == 0 && !d.declinedAt.IsZero() { // again
			return nil
		}
		if err := declineDevice(ctx, tx, d.ID, a.Now); err != nil {
			return err
		}
		return audit(ctx, tx, storage.AuditEntry{
			At: a.Now, Actor: actorUser, Action: "device.decline", UserID: by.user.ID, ClientID: d.ClientID, Account: by.account, Detail: d.Name,
		})
	})
}

// holdDecision holds the device, the session's user and the live session: a logout or a lock either comes first, and the
// session is gone, or it comes after the decision.
func holdDecision(ctx context.Context, tx Tx, a storage.DeviceApproval) (d device, by approver, err error) {
	session, err := scanSession(tx.QueryRow(ctx, `SELECT `+SessionColumns+` FROM sessions s WHERE s.id = ? AND s.hash = ?`, a.SessionID[:], a.SessionHash[:]))
	if err != nil {
		return d, by, err
	}
	if d, err = holdDevice(ctx, tx, a.DeviceID); err != nil {
		return d, by, err
	}
	user, err := loadUser(ctx, tx, session.UserID, tx.ForShare())
	switch {
	case err != nil:
		return d, by, err
	case !user.LockedAt.IsZero():
		return d, by, storage.ErrLocked
	}
	if session, err = scanSession(tx.QueryRow(ctx, `SELECT `+SessionColumns+` FROM sessions s
		WHERE s.id = ? AND s.hash = ? AND s.user_id = ? AND s.ended_at = 0 AND s.expires_at > ? AND s.idle_expires_at > ?`+tx.ForShare(),
		a.SessionID[:], a.SessionHash[:], user.ID, Micros(a.Now), Micros(a.Now))); err != nil {
		return d, by, err
	}
	if len(user.PhoneIndex) == 0 { // somebody else has taken the number since
		return d, by, storage.ErrPhoneNeeded
	}
	return d, approver{
		user: user, account: session.Account, openID: session.OpenID, authTime: session.AuthTime, amr: session.AMR, acr: session.ACR,
	}, nil
}
