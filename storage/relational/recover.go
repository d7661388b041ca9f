package relational

import (
	"context"
	"errors"
	"time"

	"qiao/storage"
)

// RecoverUser makes what the person has with their new WeChat that of the user, and ends the account that it came from.
func (s *Store) RecoverUser(ctx context.Context, userID, from string, by string, now time.Time) error {
	return s.end(ctx, "recover user", func(tx Tx) error {
		if userID == from {
			return storage.ErrConflict
		}
		newer, err := holdBoth(ctx, tx, userID, from)
		if err != nil {
			return err
		}
		identities, err := identitiesOf(ctx, tx, from)
		if err != nil {
			return err
		}
		if len(identities) == 0 { // it would take the user's own away, and give nothing
			return storage.ErrConflict
		}
		for _, user := range []string{userID, from} {
			if err := endUser(ctx, tx, user, now); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `DELETE FROM notices WHERE user_id = ?`, user); err != nil { // they tell of another WeChat, or of another account
				return err
			}
		}
		if _, err := tx.Exec(ctx, `UPDATE identities SET user_id = '' WHERE user_id = ?`, userID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE identities SET user_id = ? WHERE user_id = ?`, userID, from); err != nil {
			return err
		}
		if err := deleteUser(ctx, tx, from); err != nil {
			return err
		}
		if len(newer.PhoneIndex) > 0 {
			if _, err := tx.Exec(ctx, `UPDATE users SET phone_sealed = ?, phone_index = ?, phone_verified_at = ?, updated_at = ? WHERE id = ?`,
				newer.PhoneSealed, newer.PhoneIndex, Micros(newer.PhoneVerifiedAt), Micros(now), userID); err != nil {
				return err
			}
		}
		return errors.Join(
			audit(ctx, tx, storage.AuditEntry{At: now, Actor: by, Action: "user.recover", UserID: userID}),
			audit(ctx, tx, storage.AuditEntry{At: now, Actor: by, Action: "user.delete", UserID: from, Detail: "recovered as " + userID}),
			raiseVersion(ctx, tx))
	})
}

// holdBoth holds two people, none of them locked, in one order, with what they have not finished ended before; and returns
// the second.
func holdBoth(ctx context.Context, tx Tx, userID, from string) (storage.User, error) {
	for _, user := range []string{min(userID, from), max(userID, from)} {
		if _, err := voidAttempts(ctx, tx, user); err != nil {
			return storage.User{}, err
		}
	}
	for _, user := range []string{min(userID, from), max(userID, from)} {
		if err := holdPerson(ctx, tx, user); err != nil {
			return storage.User{}, err
		}
	}
	older, err := loadUser(ctx, tx, userID, "")
	if err != nil {
		return storage.User{}, err
	}
	newer, err := loadUser(ctx, tx, from, "")
	if err == nil && !(older.LockedAt.IsZero() && newer.LockedAt.IsZero()) {
		err = storage.ErrLocked
	}
	return newer, err
}
