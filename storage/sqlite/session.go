package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qiao/storage"
	"qiao/storage/relational"
)

// seenEvery is how often a use of a session is written.
const seenEvery = time.Minute

// Session returns the live session and its user. Only a use that is to be written takes the writer's turn.
func (s *Store) Session(ctx context.Context, id storage.ID, secret storage.Hash, idle time.Duration, now time.Time) (storage.Session, storage.User, error) {
	var session storage.Session
	var user storage.User
	read := func(tx relational.Tx) (err error) {
		session, user, err = liveSession(ctx, tx, id, secret, now)
		return err
	}
	err := s.db.Read(ctx, read)
	if err == nil && !session.LastSeenAt.After(now.Add(-seenEvery)) {
		err = s.db.Write(ctx, func(tx relational.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE sessions SET last_seen_at = ?, idle_expires_at = ?
				WHERE id = ? AND hash = ? AND ended_at = 0 AND expires_at > ? AND idle_expires_at > ? AND last_seen_at < ?`,
				relational.Micros(now), relational.Micros(now.Add(idle)), id[:], secret[:], relational.Micros(now), relational.Micros(now), relational.Micros(now))
			return errors.Join(err, read(tx)) // it may have ended since it was read
		})
	}
	if err != nil {
		return storage.Session{}, storage.User{}, fmt.Errorf("session: %w", err)
	}
	return session, user, nil
}

func liveSession(ctx context.Context, tx relational.Tx, id storage.ID, secret storage.Hash, now time.Time) (session storage.Session, user storage.User, err error) {
	var s relational.SessionRow
	var u relational.UserRow
	err = tx.QueryRow(ctx, `SELECT `+relational.SessionColumns+`, `+relational.UserColumns+` FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.id = ? AND s.hash = ? AND s.ended_at = 0 AND s.expires_at > ? AND s.idle_expires_at > ? AND u.locked_at = 0`,
		id[:], secret[:], relational.Micros(now), relational.Micros(now)).Scan(append(s.Dest(), u.Dest()...)...)
	if err != nil {
		return session, user, found(err)
	}
	if session, err = s.Session(); err != nil {
		return session, user, err
	}
	user, err = u.User()
	return session, user, err
}
