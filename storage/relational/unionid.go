package relational

import (
	"context"
	"errors"
	"time"

	"qiao/storage"
)

// RecordUnionID stores the unionid of an identity and joins it to the user that this unionid belongs to.
func (s *Store) RecordUnionID(ctx context.Context, account, openID, unionID string, now time.Time) error {
	return s.write(ctx, "record unionid", func(tx Tx) error {
		i, err := loadIdentity(ctx, tx, account, openID, tx.ForUpdate())
		if err != nil || unionID == "" {
			return err
		}
		if i.UnionID != "" && i.UnionID != unionID {
			return storage.ErrConflict
		}
		if i.UserID == "" {
			if i.UserID, err = userOfUnionID(ctx, tx, unionID); err != nil {
				return err
			}
		} else if i.UnionID == unionID {
			return nil
		}
		err = tx.Do(ctx, `UPDATE identities SET unionid = ?, user_id = ? WHERE account = ? AND openid = ?`, unionID, i.UserID, account, openID)
		return err
	})
}

// userOfUnionID is the one user whose identities have the unionid; empty when there is none, or more than one: that is
// for a person to sort out, not for a guess.
func userOfUnionID(ctx context.Context, tx Tx, unionID string) (string, error) {
	user, err := onlyUser(ctx, tx, unionID)
	if err != nil || user == "" {
		return "", err
	}
	// Held and asked again: an UnbindUser or DeleteUser beside this transition either sees the identity that joins, or
	// has taken the others away by now.
	if _, err := loadUser(ctx, tx, user, tx.ForShare()); err != nil {
		if errors.Is(err, storage.ErrNotFound) {
			return "", nil
		}
		return "", err
	}
	return onlyUser(ctx, tx, unionID)
}

func onlyUser(ctx context.Context, tx Tx, unionID string) (string, error) {
	var users []string
	err := each(ctx, tx, `SELECT DISTINCT user_id FROM identities WHERE unionid = ? AND user_id <> ''`, []any{unionID}, func(row Row) error {
		var id string
		err := row.Scan(&id)
		users = append(users, id)
		return err
	})
	if err != nil || len(users) != 1 {
		return "", err
	}
	return users[0], nil
}
