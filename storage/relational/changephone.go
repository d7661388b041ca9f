package relational

import (
	"context"
	"time"

	"qiao/storage"
)

// ChangePhone tries the code that was sent to the new number, and changes the user's number when it is right.
func (s *Store) ChangePhone(ctx context.Context, t storage.ChangeTry) (result storage.ChangeResult, err error) {
	err = unique(func() error {
		return s.end(ctx, "change phone", func(tx Tx) error {
			result = storage.ChangeResult{}
			change, err := holdChange(ctx, tx, t.ChangeBy, t.ID)
			switch {
			case err != nil:
				return err
			case !change.DoneAt.IsZero():
				result.Outcome = storage.BindDone
				return nil
			case change.ProvenBy == "":
				return storage.ErrConflict
			}
			var code phoneCode
			if t.Move {
				code, result, err = provenCode(ctx, tx, t)
			} else {
				code, result, err = tryCode(ctx, tx, t)
			}
			if err != nil || result.Outcome != storage.BindDone {
				return err
			}
			// Looked at before anything is held, and again after that: whoever only asks ends nothing.
			if holder, err := phoneHolder(ctx, tx, code, ""); err != nil {
				return err
			} else if !t.Move && holder.ID != "" && holder.ID != change.UserID {
				result.Outcome = storage.BindHeld
				return tx.Do(ctx, `UPDATE phone_codes SET held = 1 WHERE attempt_id = ?`, t.ID[:])
			}
			result, err = change.change(ctx, tx, t, code)
			return err
		})
	})
	return result, err
}

// provenCode is the code that an earlier try has found right, of a number that somebody else held.
func provenCode(ctx context.Context, tx Tx, t storage.ChangeTry) (phoneCode, storage.ChangeResult, error) {
	code, err := loadPhoneCode(ctx, tx, t.ID)
	if notFound(err) || (err == nil && !code.held) {
		err = storage.ErrConflict
	}
	return code, storage.ChangeResult{Outcome: storage.BindDone}, err
}

// phoneHolder is who has the code's number; the zero User for nobody.
func phoneHolder(ctx context.Context, tx Tx, code phoneCode, lock string) (storage.User, error) {
	user, err := scanUser(tx.QueryRow(ctx, `SELECT `+UserColumns+` FROM users u WHERE u.phone_index = ?`+lock, code.phoneIndex))
	if notFound(err) {
		return storage.User{}, nil
	}
	return user, err
}

// change gives the number to the user and ends what rests on the number that they had: see storage.PhoneChanges.
func (c phoneChange) change(ctx context.Context, tx Tx, t storage.ChangeTry, code phoneCode) (result storage.ChangeResult, err error) {
	if _, err := voidAttempts(ctx, tx, c.UserID); err != nil {
		return result, err
	}
	if err := holdPerson(ctx, tx, c.UserID); err != nil {
		return result, err
	}
	user, session, err := holdChanger(ctx, tx, t.ChangeBy, c.UserID, tx.ForUpdate())
	if err != nil {
		return result, err
	}
	holder, err := phoneHolder(ctx, tx, code, tx.ForUpdate())
	switch {
	case err != nil:
		return result, err
	case !c.goesOn(user), holder.ID == user.ID:
		return result, storage.ErrConflict
	case holder.ID != "" && !t.Move:
		return result, ErrUnique // taken this very moment: from the start
	case holder.ID != "":
		if result.MovedFrom, err = detachPhone(ctx, tx, holder.ID, code, storage.AuditEntry{At: t.Now, Account: session.Account}); err != nil {
			return result, err
		}
	}
	if err := setPhone(ctx, tx, user.ID, code, t.Now); err != nil {
		return result, err
	}
	if err := forgetBrowsers(ctx, tx, user.ID); err != nil {
		return result, err
	}
	for _, statement := range []string{
		`UPDATE sessions SET ended_at = ? WHERE user_id = ? AND id <> ? AND ended_at = 0`,
		`UPDATE grants SET revoked_at = ? WHERE user_id = ? AND session_id <> ? AND offline = 0 AND revoked_at = 0`,
	} {
		if err := tx.Do(ctx, statement, Micros(t.Now), user.ID, t.SessionID[:]); err != nil {
			return result, err
		}
	}
	if err := tx.Do(ctx, `DELETE FROM phone_codes WHERE attempt_id = ?`, t.ID[:]); err != nil {
		return result, err
	}
	if err := tx.Do(ctx, `UPDATE phone_changes SET done_at = ? WHERE session_id = ?`, Micros(t.Now), t.SessionID[:]); err != nil {
		return result, err
	}
	if result.Told, err = tellAll(ctx, tx, storage.Notice{
		UserID: c.UserID, Kind: storage.NoticePhone, Target: c.ID, ClientID: storage.AccountClient, Device: session.Device,
	}, t.Now); err != nil {
		return result, err
	}
	result.Outcome = storage.BindDone
	return result, audit(ctx, tx, storage.AuditEntry{
		At: t.Now, Actor: actorUser, Action: "phone.change", UserID: user.ID, Account: session.Account, Detail: "proven by " + c.ProvenBy,
	})
}

// disownPhone takes back a change of number that was not the person's: all that is signed in as them ends, and the number
// goes, as long as it is the one of the change. It is not known whose the earlier one is by now: the next login binds one.
func disownPhone(ctx context.Context, tx Tx, n storage.Notice, now time.Time) error {
	if err := endUser(ctx, tx, n.UserID, now); err != nil {
		return err
	}
	return tx.Do(ctx, `UPDATE users SET phone_sealed = NULL, phone_index = NULL, phone_verified_at = 0, updated_at = ? WHERE id = ? AND phone_verified_at = ?`,
		Micros(now), n.UserID, Micros(n.CreatedAt))
}
