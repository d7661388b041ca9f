package relational

import (
	"context"
	"errors"
	"slices"
	"time"

	"qiao/storage"
)

// EndSession ends the session and its online grants.
func (s *Store) EndSession(ctx context.Context, id storage.ID, now time.Time) error {
	return s.end(ctx, "end session", func(tx Tx) error {
		return errors.Join(endSession(ctx, tx, id, now), distrustSession(ctx, tx, id))
	})
}

// LogOut ends the session whose cookie the browser holds, and what scans alone rest on in it.
func (s *Store) LogOut(ctx context.Context, id storage.ID, secret, browser storage.Hash, now time.Time) error {
	return s.end(ctx, "log out", func(tx Tx) error {
		if err := distrustBrowser(ctx, tx, browser); err != nil {
			return err
		}
		held, err := exists(ctx, tx, `SELECT 1 FROM sessions WHERE id = ? AND hash = ?`+tx.ForUpdate(), id[:], secret[:])
		if err != nil || !held {
			return err
		}
		return errors.Join(endSession(ctx, tx, id, now), distrustSession(ctx, tx, id))
	})
}

// endSession changes the session first and revokes in a later statement: see the package's comment on locks.
func endSession(ctx context.Context, tx Tx, id storage.ID, now time.Time) error {
	if err := tx.Do(ctx, `UPDATE sessions SET ended_at = ? WHERE id = ? AND ended_at = 0`, Micros(now), id[:]); err != nil {
		return err
	}
	return tx.Do(ctx, revokeSessions, Micros(now), id[:], id[:])
}

// UserSessions lists a user's live sessions, newest first.
func (s *Store) UserSessions(ctx context.Context, userID string, now time.Time) (list []storage.Session, err error) {
	err = s.read(ctx, "user sessions", func(tx Tx) error {
		list = nil
		return each(ctx, tx, `SELECT `+SessionColumns+` FROM sessions s
			WHERE s.user_id = ? AND s.ended_at = 0 AND s.expires_at > ? AND s.idle_expires_at > ? ORDER BY s.auth_time DESC, s.id DESC`,
			[]any{userID, Micros(now), Micros(now)}, func(row Row) error {
				session, err := scanSession(row)
				list = append(list, session)
				return err
			})
	})
	return list, err
}

func scanSession(row Row) (storage.Session, error) {
	var r SessionRow
	if err := row.Scan(r.Dest()...); err != nil {
		return storage.Session{}, found(err)
	}
	return r.Session()
}

// Consent returns the scopes that the user has granted to the client.
func (s *Store) Consent(ctx context.Context, userID, clientID string) (scopes []string, err error) {
	err = s.read(ctx, "consent", func(tx Tx) (err error) {
		scopes, err = loadConsent(ctx, tx, userID, clientID, "")
		return err
	})
	return scopes, err
}

// GrantConsent adds scopes to the consent. The user is held, so that two consents at once both count.
func (s *Store) GrantConsent(ctx context.Context, userID, clientID string, scopes []string, now time.Time) error {
	return s.write(ctx, "grant consent", func(tx Tx) error {
		if _, err := loadUser(ctx, tx, userID, tx.ForUpdate()); err != nil {
			return err
		}
		granted, err := loadConsent(ctx, tx, userID, clientID, tx.ForUpdate())
		if err != nil {
			return err
		}
		granted = slices.Concat(granted, scopes)
		slices.Sort(granted)
		return tx.Do(ctx, `INSERT INTO consents (user_id, client_id, scopes, updated_at) VALUES (?, ?, ?, ?)
			ON CONFLICT (user_id, client_id) DO UPDATE SET scopes = excluded.scopes, updated_at = excluded.updated_at`,
			userID, clientID, Strings(slices.Compact(granted)), Micros(now))
	})
}

func loadConsent(ctx context.Context, tx Tx, userID, clientID, lock string) ([]string, error) {
	var text string
	err := found(tx.QueryRow(ctx, `SELECT scopes FROM consents WHERE user_id = ? AND client_id = ?`+lock, userID, clientID).Scan(&text))
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return DecodeStrings(text)
}
