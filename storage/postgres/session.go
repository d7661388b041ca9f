package postgres

import (
	"context"
	"fmt"
	"time"

	"qiao/storage"
	"qiao/storage/relational"
)

// touchEvery is how often the use of a session is written.
const touchEvery = time.Minute

const liveSession = `SELECT ` + relational.SessionColumns + `, ` + relational.UserColumns + `
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.id = $1 AND s.hash = $2 AND s.ended_at = 0 AND s.expires_at > $3 AND s.idle_expires_at > $3 AND u.locked_at = 0`

// touchSession writes a use. Of several replicas that find it due at once the first one writes; the others wait for its
// row and find it not due any more.
const touchSession = `UPDATE sessions SET last_seen_at = $3, idle_expires_at = $4
WHERE id = $1 AND hash = $2 AND ended_at = 0 AND last_seen_at <= $5`

// Session returns the live session and its user: one statement, and a second one at most once a minute.
func (s *Store) Session(ctx context.Context, id storage.ID, secret storage.Hash, idle time.Duration, now time.Time) (session storage.Session, user storage.User, err error) {
	err = s.db.one(ctx, func(ctx context.Context) (err error) {
		session, user, err = s.liveSession(ctx, id, secret, now)
		if err != nil || session.LastSeenAt.After(now.Add(-touchEvery)) {
			return err
		}
		tag, err := s.db.pool.Exec(ctx, touchSession, id[:], secret[:], relational.Micros(now), relational.Micros(now.Add(idle)),
			relational.Micros(now.Add(-touchEvery)))
		if err == nil && tag.RowsAffected() == 0 { // touched by another replica, or ended, since it was read
			session, user, err = s.liveSession(ctx, id, secret, now)
			return err
		}
		session.LastSeenAt, session.IdleExpiresAt = now, now.Add(idle)
		return err
	})
	if err != nil {
		return storage.Session{}, storage.User{}, fmt.Errorf("session: %w", err)
	}
	return session, user, nil
}

func (s *Store) liveSession(ctx context.Context, id storage.ID, secret storage.Hash, now time.Time) (storage.Session, storage.User, error) {
	var sr relational.SessionRow
	var ur relational.UserRow
	row := s.db.pool.QueryRow(ctx, liveSession, id[:], secret[:], relational.Micros(now))
	if err := row.Scan(append(sr.Dest(), ur.Dest()...)...); err != nil {
		return storage.Session{}, storage.User{}, found(err)
	}
	session, err := sr.Session()
	if err != nil {
		return storage.Session{}, storage.User{}, err
	}
	user, err := ur.User()
	return session, user, err
}
