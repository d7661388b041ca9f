package relational

import (
	"context"
	"errors"
	"time"

	"qiao/storage"
)

// LockUser locks the user, and then ends all of their sessions and grants. The lock is committed first: by itself it
// refuses every use of them, so that nobody can escape it by having more of them than can be ended in time.
func (s *Store) LockUser(ctx context.Context, userID string, by string, now time.Time) error {
	if err := s.write(ctx, "lock user", func(tx Tx) error {
		n, err := tx.Exec(ctx, `UPDATE users SET locked_at = ?, updated_at = ? WHERE id = ? AND locked_at = 0`, Micros(now), Micros(now), userID)
		if err != nil {
			return err
		}
		if n == 0 { // unknown, or locked before, perhaps without the rest
			_, err := loadUser(ctx, tx, userID, "")
			return err
		}
		return errors.Join(
			audit(ctx, tx, storage.AuditEntry{At: now, Actor: by, Action: "user.lock", UserID: userID}),
			raiseVersion(ctx, tx))
	}); err != nil {
		return err
	}
	return s.end(ctx, "lock user", func(tx Tx) error { return endLocked(ctx, tx, userID, now) })
}

// endLocked ends what a locked user has. The attempts come first, because a login holds its attempt before its person.
func endLocked(ctx context.Context, tx Tx, userID string, now time.Time) error {
	if _, err := voidAttempts(ctx, tx, userID); err != nil {
		return err
	}
	user, err := loadUser(ctx, tx, userID, tx.ForShare())
	if notFound(err) || (err == nil && user.LockedAt.IsZero()) { // deleted or unlocked meanwhile, which ends it all too
		return nil
	}
	if err != nil {
		return err
	}
	return endUser(ctx, tx, userID, now)
}

// UnlockUser lets the user log in again. What the lock had no time to end is ended before, or it would come back to life.
func (s *Store) UnlockUser(ctx context.Context, userID string, by string, now time.Time) error {
	return s.end(ctx, "unlock user", func(tx Tx) error {
		user, err := loadUser(ctx, tx, userID, "")
		if err != nil || user.LockedAt.IsZero() {
			return err
		}
		if err := endLocked(ctx, tx, userID, now); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `UPDATE users SET locked_at = 0, updated_at = ? WHERE id = ? AND locked_at <> 0`, Micros(now), userID)
		if err != nil || n == 0 {
			return err
		}
		return errors.Join(
			audit(ctx, tx, storage.AuditEntry{At: now, Actor: by, Action: "user.unlock", UserID: userID}),
			raiseVersion(ctx, tx))
	})
}

// voidAttempts expires what the user has scanned and not finished, also what is confirmed: it would open a session later.
func voidAttempts(ctx context.Context, tx Tx, userID string) (int64, error) {
	return tx.Exec(ctx, `UPDATE attempts SET state = 'expired', version = version + 1 WHERE state IN ('scanned', 'confirmed')
		AND id IN (SELECT a.id FROM attempts a JOIN identities i ON i.account = a.account AND i.openid = a.openid WHERE i.user_id = ?)`, userID)
}

// UnbindUser takes the phone and the identities away. The identities stay, without a user: the platform still says that
// they follow. Their unionids are learned anew.
func (s *Store) UnbindUser(ctx context.Context, userID string, by string, now time.Time) error {
	return s.end(ctx, "unbind user", func(tx Tx) error {
		if err := holdPerson(ctx, tx, userID); err != nil {
			return err
		}
		if err := tx.Do(ctx, `UPDATE users SET phone_sealed = NULL, phone_index = NULL, phone_verified_at = 0, updated_at = ? WHERE id = ?`,
			Micros(now), userID); err != nil {
			return err
		}
		if err := tx.Do(ctx, `UPDATE identities SET user_id = '', unionid = '' WHERE user_id = ?`, userID); err != nil {
			return err
		}
		if err := tx.Do(ctx, `DELETE FROM notices WHERE user_id = ?`, userID); err != nil {
			return err
		}
		return errors.Join(
			endUser(ctx, tx, userID, now),
			audit(ctx, tx, storage.AuditEntry{At: now, Actor: by, Action: "user.unbind", UserID: userID}),
			raiseVersion(ctx, tx))
	})
}

// DeleteUser removes the user with everything that names them, but for the audit log.
func (s *Store) DeleteUser(ctx context.Context, userID string, by string, now time.Time) error {
	return s.end(ctx, "delete user", func(tx Tx) error {
		if err := holdPerson(ctx, tx, userID); err != nil {
			return err
		}
		return errors.Join(
			deleteUser(ctx, tx, userID),
			audit(ctx, tx, storage.AuditEntry{At: now, Actor: by, Action: "user.delete", UserID: userID}),
			raiseVersion(ctx, tx))
	})
}

// deleteUser removes what names a held user, but for the audit log.
func deleteUser(ctx context.Context, tx Tx, userID string) error {
	for _, statement := range []string{
		`DELETE FROM phone_codes WHERE attempt_id IN (SELECT a.id FROM attempts a JOIN identities i ON i.account = a.account AND i.openid = a.openid WHERE i.user_id = ?)`,
		`DELETE FROM attempts WHERE id IN (SELECT a.id FROM attempts a JOIN identities i ON i.account = a.account AND i.openid = a.openid WHERE i.user_id = ?)`,
		`DELETE FROM phone_codes WHERE attempt_id IN (SELECT id FROM phone_changes WHERE user_id = ?)`,
		`DELETE FROM phone_changes WHERE user_id = ?`,
		`DELETE FROM identities WHERE user_id = ?`,
		`DELETE FROM notices WHERE user_id = ?`,
		`DELETE FROM known_browsers WHERE user_id = ?`,
		`DELETE FROM sessions WHERE user_id = ?`,
		`DELETE FROM device_authorizations WHERE id IN (SELECT id FROM grants WHERE user_id = ? AND for_device = 1)`,
		`DELETE FROM grants WHERE user_id = ?`,
		`DELETE FROM consents WHERE user_id = ?`,
		`DELETE FROM users WHERE id = ?`,
	} {
		if _, err := tx.Exec(ctx, statement, userID); err != nil {
			return err
		}
	}
	return nil
}

// holdPerson holds the user's identities and then the user, in the order in which a login holds them.
func holdPerson(ctx context.Context, tx Tx, userID string) error {
	if userID == "" { // whom identities without a user would belong to
		return storage.ErrNotFound
	}
	if err := each(ctx, tx, selectIdentity+` WHERE i.user_id = ? ORDER BY i.account, i.openid`+tx.ForUpdate(), []any{userID}, func(Row) error { return nil }); err != nil {
		return err
	}
	_, err := loadUser(ctx, tx, userID, tx.ForUpdate())
	return err
}

// What ends grants. Each goes by an index to the user's, so that it costs what there is of them and not what there is of
// everybody's.
const (
	revokeUsers    = `UPDATE grants SET revoked_at = ? WHERE user_id = ? AND revoked_at = 0`
	revokeSessions = `UPDATE grants SET revoked_at = ? WHERE user_id = (SELECT user_id FROM sessions WHERE id = ?) AND session_id = ? AND offline = 0 AND revoked_at = 0`
	revokeClients  = `UPDATE grants SET revoked_at = ? WHERE client_id = ? AND revoked_at = 0`
)

// endUser ends every session and grant of a user whose row this transaction holds. What was issued by somebody who held
// the row before is committed by now, and each statement sees it.
func endUser(ctx context.Context, tx Tx, userID string, now time.Time) error {
	if err := forgetBrowsers(ctx, tx, userID); err != nil { // before the sessions, as a login holds them
		return err
	}
	for _, statement := range []string{
		`UPDATE sessions SET ended_at = ? WHERE user_id = ? AND ended_at = 0`,
		revokeUsers,
	} {
		if err := tx.Do(ctx, statement, Micros(now), userID); err != nil {
			return err
		}
	}
	return nil
}
