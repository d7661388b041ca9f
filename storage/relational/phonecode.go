package relational

import (
	"context"
	"time"

	"qiao/storage"
)

// SendPhoneCode counts the send and stores the code in place of an earlier one.
func (s *Store) SendPhoneCode(ctx context.Context, c storage.PhoneCode) error {
	return s.write(ctx, "send phone code", func(tx Tx) error {
		a, err := holdPhoneAttempt(ctx, tx, c.AttemptID, c.PhoneHash, c.Now)
		if err != nil {
			return err
		}
		if a.State != storage.AttemptScanned || a.ApprovedAt.IsZero() {
			return whyOver(ctx, tx, a)
		}
		if a.UserID != "" {
			user, err := loadUser(ctx, tx, a.UserID, tx.ForShare())
			if err != nil {
				return err
			}
			if !user.LockedAt.IsZero() {
				return storage.ErrLocked
			}
		}
		if err := countLimits(ctx, tx, c.Limits, c.Now); err != nil {
			return err
		}
		return storePhoneCode(ctx, tx, c.AttemptID, c.PhoneSealed, c.PhoneIndex, c.Code, c.ExpiresAt)
	})
}

// storePhoneCode stores the code of an attempt, or of a change of number, in place of an earlier one.
func storePhoneCode(ctx context.Context, tx Tx, id storage.ID, sealed, index []byte, code storage.Hash, expires time.Time) error {
	return tx.Do(ctx, `INSERT INTO phone_codes (attempt_id, phone_sealed, phone_index, code, tries, held, expires_at) VALUES (?, ?, ?, ?, 0, 0, ?)
		ON CONFLICT (attempt_id) DO UPDATE SET phone_sealed = excluded.phone_sealed, phone_index = excluded.phone_index,
			code = excluded.code, tries = 0, held = 0, expires_at = excluded.expires_at`,
		id[:], present(sealed), present(index), code[:], Micros(expires))
}

// phoneCode is the code of an attempt, or of a change of number, that is held.
type phoneCode struct {
	phoneSealed, phoneIndex []byte
	code                    storage.Hash
	tries                   int
	held                    bool
	expiresAt               time.Time
}

// loadPhoneCode returns ErrNotFound where none was sent.
func loadPhoneCode(ctx context.Context, tx Tx, attempt storage.ID) (p phoneCode, err error) {
	var code []byte
	var tries, held, expires int64
	if err := tx.QueryRow(ctx, `SELECT phone_sealed, phone_index, code, tries, held, expires_at FROM phone_codes WHERE attempt_id = ?`, attempt[:]).
		Scan(&p.phoneSealed, &p.phoneIndex, &code, &tries, &held, &expires); err != nil {
		return p, found(err)
	}
	copy(p.code[:], code)
	p.tries, p.held, p.expiresAt = int(tries), held != 0, Time(expires)
	return p, nil
}

// countTry counts a try of the code before anybody looks at it, and reports whether it may be looked at.
func countTry(ctx context.Context, tx Tx, attempt storage.ID) (bool, error) {
	n, err := tx.Exec(ctx, `UPDATE phone_codes SET tries = tries + 1 WHERE attempt_id = ? AND tries < ?`, attempt[:], int64(storage.PhoneCodeTries))
	return n > 0, err
}
