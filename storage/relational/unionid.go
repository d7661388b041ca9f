package relational

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qiao/storage"
)

// RecordUnionID stores the unionid of an identity and joins it to the user that this unionid belongs to.
func (s *Store) RecordUnionID(ctx context.Context, account, openID, unionID string, now time.Time) error {
	var contradiction bool
	var user string
	err := s.write(ctx, "record unionid", func(tx Tx) error {
		i, err := loadIdentity(ctx, tx, account, openID, tx.ForUpdate())
		if err != nil || unionID == "" {
			return err
		}
		user = i.UserID
		if contradiction = i.UnionID != "" && i.UnionID != unionID; contradiction {
			return nil
		}
		if i.UserID == "" {
			if i.UserID, err = userOfUnionID(ctx, tx, unionID); err != nil {
				return err
			}
		} else if i.UnionID == unionID {
			return nil
		}
		return tx.Do(ctx, `UPDATE identities SET unionid = ?, user_id = ? WHERE account = ? AND openid = ?`, unionID, i.UserID, account, openID)
	})
	if err != nil || !contradiction {
		return err
	}
	if err := s.contradict(ctx, account, openID, user, now); err != nil {
		return err
	}
	return fmt.Errorf("record unionid: %w", storage.ErrConflict)
}

// contradict ends what the openid is at: two persons may be taken for one.
func (s *Store) contradict(ctx context.Context, account, openID, user string, now time.Time) error {
	return s.write(ctx, "note a contradicting unionid", func(tx Tx) error {
		if err := holdUnfinished(ctx, tx, account, openID); err != nil {
			return err
		}
		if err := tx.Do(ctx, `UPDATE attempts SET state = 'expired', version = version + 1
			WHERE account = ? AND openid = ? AND state IN ('scanned', 'confirmed')`, account, openID); err != nil {
			return err
		}
		if err := forgetBrowsers(ctx, tx, user); err != nil { // their scans are enough nowhere, until a number says who is there
			return err
		}
		return audit(ctx, tx, storage.AuditEntry{At: now, Actor: actorSystem, Action: "unionid.contradiction", UserID: user, Account: account})
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
