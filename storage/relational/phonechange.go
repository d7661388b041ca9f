package relational

import (
	"bytes"
	"context"

	"qiao/storage"
)

// phoneChange is the row, and what this moment adds to it: whether its login was completed, in its session.
type phoneChange struct {
	storage.PhoneChange
	oldIndex []byte
}

// selectChange finds a live session's change, for the browser that the session was opened in.
const selectChange = `SELECT c.id, c.user_id, c.old_index, c.request_id, c.proven_at, c.sent_at, c.created_at, c.expires_at, c.done_at,
		COALESCE((SELECT 1 FROM auth_requests r WHERE r.id = c.request_id AND r.session_id = c.session_id), 0), s.facts
	FROM phone_changes c JOIN sessions s ON s.id = c.session_id
	WHERE c.session_id = ? AND s.hash = ? AND s.browser = ? AND s.ended_at = 0 AND s.expires_at > ? AND s.idle_expires_at > ? AND c.expires_at > ?`

// BeginPhoneChange begins a change in place of the session's earlier one.
func (s *Store) BeginPhoneChange(ctx context.Context, by storage.ChangeBy, c storage.PhoneChange) error {
	return s.write(ctx, "begin phone change", func(tx Tx) error {
		session, err := scanSession(tx.QueryRow(ctx, `SELECT `+SessionColumns+` FROM sessions s WHERE s.id = ? AND s.hash = ?`, by.SessionID[:], by.SessionHash[:]))
		if err != nil {
			return err
		}
		if err := tx.Do(ctx, `INSERT INTO phone_changes (session_id, id, user_id, old_index, request_id, proven_at, sent_at, created_at, expires_at, done_at)
			VALUES (?, ?, ?, ?, ?, 0, 0, ?, ?, 0)
			ON CONFLICT (session_id) DO UPDATE SET id = excluded.id, old_index = excluded.old_index, request_id = excluded.request_id,
				proven_at = 0, sent_at = 0, created_at = excluded.created_at, expires_at = excluded.expires_at, done_at = 0`,
			by.SessionID[:], c.ID[:], session.UserID, []byte{}, c.RequestID[:], Micros(by.Now), Micros(c.ExpiresAt)); err != nil {
			return err
		}
		user, _, err := holdChanger(ctx, tx, by, session.UserID, tx.ForShare())
		switch {
		case err != nil:
			return err
		case len(user.PhoneIndex) == 0:
			return storage.ErrPhoneNeeded
		}
		return tx.Do(ctx, `UPDATE phone_changes SET old_index = ? WHERE session_id = ?`, user.PhoneIndex, by.SessionID[:])
	})
}

// PhoneChange returns the session's change, with the code that is under way.
func (s *Store) PhoneChange(ctx context.Context, by storage.ChangeBy) (c storage.PhoneChange, err error) {
	err = s.read(ctx, "phone change", func(tx Tx) error {
		row, err := loadChange(ctx, tx, by)
		if err != nil {
			return err
		}
		c = row.PhoneChange
		code, err := loadPhoneCode(ctx, tx, c.ID)
		if notFound(err) {
			return nil
		}
		c.PhoneSealed, c.Held = code.phoneSealed, code.held
		return err
	})
	if err != nil {
		return storage.PhoneChange{}, err
	}
	return c, nil
}

// SendChangeCode counts the send and stores the code in place of an earlier one.
func (s *Store) SendChangeCode(ctx context.Context, c storage.ChangeCode) error {
	return s.write(ctx, "send change code", func(tx Tx) error {
		change, err := holdChange(ctx, tx, c.ChangeBy, c.ID)
		if err != nil {
			return err
		}
		user, _, err := holdChanger(ctx, tx, c.ChangeBy, change.UserID, tx.ForShare())
		if err != nil {
			return err
		}
		switch own := bytes.Equal(c.PhoneIndex, user.PhoneIndex); {
		case !change.goesOn(user), change.ProvenBy == "" && (!own || !change.RequestID.IsZero()), change.ProvenBy != "" && own:
			return storage.ErrConflict
		}
		if err := countLimits(ctx, tx, c.Limits, c.Now); err != nil {
			return err
		}
		if err := storePhoneCode(ctx, tx, c.ID, c.PhoneSealed, c.PhoneIndex, c.Code, c.ExpiresAt); err != nil {
			return err
		}
		return tx.Do(ctx, `UPDATE phone_changes SET sent_at = ? WHERE session_id = ?`, Micros(c.Now), c.SessionID[:])
	})
}

// ProvePhoneChange tries the code that was sent to the user's number.
func (s *Store) ProvePhoneChange(ctx context.Context, t storage.ChangeTry) (result storage.ChangeResult, err error) {
	err = s.write(ctx, "prove phone change", func(tx Tx) error {
		result = storage.ChangeResult{}
		change, err := holdChange(ctx, tx, t.ChangeBy, t.ID)
		if err != nil {
			return err
		}
		if change.ProvenBy != "" {
			result.Outcome = storage.BindDone
			return nil
		}
		if _, result, err = tryCode(ctx, tx, t); err != nil || result.Outcome != storage.BindDone {
			return err
		}
		user, _, err := holdChanger(ctx, tx, t.ChangeBy, change.UserID, tx.ForShare())
		if err != nil {
			return err
		}
		if !change.goesOn(user) {
			return storage.ErrConflict
		}
		if err := tx.Do(ctx, `DELETE FROM phone_codes WHERE attempt_id = ?`, t.ID[:]); err != nil { // the new number's is another
			return err
		}
		return tx.Do(ctx, `UPDATE phone_changes SET proven_at = ?, sent_at = 0 WHERE session_id = ?`, Micros(t.Now), t.SessionID[:])
	})
	return result, err
}

// tryCode counts a try before it looks at the code. BindDone says that the code is right, and nothing more.
func tryCode(ctx context.Context, tx Tx, t storage.ChangeTry) (phoneCode, storage.ChangeResult, error) {
	ok, err := countTry(ctx, tx, t.ID)
	if err != nil {
		return phoneCode{}, storage.ChangeResult{}, err
	}
	code, err := loadPhoneCode(ctx, tx, t.ID)
	left := storage.PhoneCodeTries - code.tries
	switch {
	case notFound(err), err == nil && (!ok || !code.expiresAt.After(t.Now)):
		return code, storage.ChangeResult{Outcome: storage.BindExpired}, nil
	case err != nil:
		return code, storage.ChangeResult{}, err
	case !code.code.Equal(t.Code):
		return code, storage.ChangeResult{Outcome: storage.BindWrongCode, TriesLeft: left}, nil
	}
	return code, storage.ChangeResult{Outcome: storage.BindDone, TriesLeft: left}, nil
}

// holdChange holds the session's change: two tries of it wait for each other. Whether the session lives is asked again
// where it matters, once the user is held.
func holdChange(ctx context.Context, tx Tx, by storage.ChangeBy, id storage.ID) (phoneChange, error) {
	if err := found(tx.QueryRow(ctx, `SELECT c.id FROM phone_changes c WHERE c.session_id = ?`+tx.ForUpdate(), by.SessionID[:]).Scan(new([]byte))); err != nil {
		return phoneChange{}, err
	}
	c, err := loadChange(ctx, tx, by)
	if err == nil && c.ID != id { // begun anew in another tab
		return phoneChange{}, storage.ErrNotFound
	}
	return c, err
}

func loadChange(ctx context.Context, tx Tx, by storage.ChangeBy) (c phoneChange, err error) {
	var id, request []byte
	var facts string
	var provenAt, sent, created, expires, done, loggedIn int64
	if err := tx.QueryRow(ctx, selectChange, by.SessionID[:], by.SessionHash[:], by.Browser[:], Micros(by.Now), Micros(by.Now), Micros(by.Now)).
		Scan(&id, &c.UserID, &c.oldIndex, &request, &provenAt, &sent, &created, &expires, &done, &loggedIn, &facts); err != nil {
		return phoneChange{}, found(err)
	}
	copy(c.ID[:], id)
	copy(c.RequestID[:], request)
	c.SentAt, c.CreatedAt, c.ExpiresAt, c.DoneAt = Time(sent), Time(created), Time(expires), Time(done)
	var session SessionFacts
	if err := decode(facts, &session); err != nil {
		return phoneChange{}, err
	}
	switch {
	case provenAt != 0:
		c.ProvenBy = storage.ProvenBySMS
	case loggedIn != 0 && !c.RequestID.IsZero() && session.ACR == storage.ACRConfirm: // nothing less than a confirmation
		c.ProvenBy = storage.ProvenByWeChat
	}
	return c, nil
}

// goesOn reports whether the user still has the number that the change began with.
func (c phoneChange) goesOn(user storage.User) bool {
	return c.DoneAt.IsZero() && len(c.oldIndex) > 0 && bytes.Equal(c.oldIndex, user.PhoneIndex)
}

// holdChanger holds the user, who must not be locked, and then the live session of theirs: a logout or a lock either comes
// first, and the session is gone, or it comes after the transition.
func holdChanger(ctx context.Context, tx Tx, by storage.ChangeBy, userID, lock string) (storage.User, storage.Session, error) {
	user, err := loadUser(ctx, tx, userID, lock)
	if err != nil {
		return user, storage.Session{}, err
	}
	if !user.LockedAt.IsZero() {
		return user, storage.Session{}, storage.ErrLocked
	}
	session, err := scanSession(tx.QueryRow(ctx, `SELECT `+SessionColumns+` FROM sessions s
		WHERE s.id = ? AND s.hash = ? AND s.browser = ? AND s.user_id = ? AND s.ended_at = 0 AND s.expires_at > ? AND s.idle_expires_at > ?`+tx.ForShare(),
		by.SessionID[:], by.SessionHash[:], by.Browser[:], userID, Micros(by.Now), Micros(by.Now)))
	return user, session, err
}
