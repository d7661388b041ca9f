package sqlite

import (
	"context"
	"fmt"
	"time"

	"qiao/storage"
	"qiao/storage/relational"
)

// IssueCode creates the grant with its code. The transaction writes alone, so what it reads of the session and the user
// still holds when it commits (I7).
func (s *Store) IssueCode(ctx context.Context, c storage.NewCode) error {
	err := s.db.Write(ctx, func(tx relational.Tx) error {
		account, openID, err := issuingSession(ctx, tx, c)
		if err != nil {
			return err
		}
		if !c.AuthRequestID.IsZero() {
			n, err := tx.Exec(ctx, `UPDATE auth_requests SET finished_at = ? WHERE id = ? AND browser = ? AND finished_at = 0 AND expires_at > ?`,
				relational.Micros(c.Now), c.AuthRequestID[:], c.Browser[:], relational.Micros(c.Now))
			if err != nil {
				return err
			}
			if n == 0 {
				return storage.ErrConflict
			}
		}
		return relational.InsertGrant(ctx, tx, c, account, openID)
	})
	if err != nil {
		return fmt.Errorf("issue code: %w", err)
	}
	return nil
}

// issuingSession returns through whom the live session was opened.
func issuingSession(ctx context.Context, tx relational.Tx, c storage.NewCode) (account, openID string, err error) {
	var lockedAt, ended, expires, idle, phone int64
	g := c.Grant
	err = tx.QueryRow(ctx, `SELECT s.account, s.openid, s.ended_at, s.expires_at, s.idle_expires_at, u.locked_at, u.phone_index IS NOT NULL
		FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = ? AND s.hash = ? AND s.user_id = ?`, g.SessionID[:], c.SessionHash[:], g.UserID).
		Scan(&account, &openID, &ended, &expires, &idle, &lockedAt, &phone)
	switch {
	case err != nil:
		return "", "", found(err)
	case lockedAt != 0:
		return "", "", storage.ErrLocked
	case ended != 0 || late(expires, c.Now) || late(idle, c.Now):
		return "", "", storage.ErrNotFound
	case phone == 0: // somebody else has taken the number since
		return "", "", storage.ErrPhoneNeeded
	}
	return account, openID, nil
}

// late reports whether a stored end has come.
func late(end int64, now time.Time) bool { return end <= relational.Micros(now) }
