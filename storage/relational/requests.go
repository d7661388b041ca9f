package relational

import (
	"context"
	"time"

	"qiao/storage"
)

// CreateAuthRequest stores an authorization request.
func (s *Store) CreateAuthRequest(ctx context.Context, r storage.AuthRequest) error {
	return s.write(ctx, "create auth request", func(tx Tx) error {
		var none storage.ID
		_, err := tx.Exec(ctx, `INSERT INTO auth_requests (id, browser, client_id, params, session_id, attempt_id, created_at, expires_at, finished_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)`,
			r.ID[:], r.Browser[:], r.ClientID, encode(r.Params), r.SessionID[:], none[:], Micros(r.CreatedAt), Micros(r.ExpiresAt))
		return err
	})
}

// AuthRequest returns a live request of this browser.
func (s *Store) AuthRequest(ctx context.Context, id storage.ID, browser storage.Hash, now time.Time) (r storage.AuthRequest, err error) {
	err = s.read(ctx, "auth request", func(tx Tx) error {
		var params string
		var session []byte
		var created, expires int64
		r = storage.AuthRequest{ID: id, Browser: browser}
		if err := tx.QueryRow(ctx, `SELECT client_id, params, session_id, created_at, expires_at FROM auth_requests
			WHERE id = ? AND browser = ? AND finished_at = 0 AND expires_at > ?`, id[:], browser[:], Micros(now)).
			Scan(&r.ClientID, &params, &session, &created, &expires); err != nil {
			return found(err)
		}
		copy(r.SessionID[:], session)
		r.CreatedAt, r.ExpiresAt = Time(created), Time(expires)
		return decode(params, &r.Params)
	})
	if err != nil {
		return storage.AuthRequest{}, err
	}
	return r, nil
}

// EndAuthRequest removes the request with its attempts. What hangs on an attempt (scenes, a phone code) is dead without
// it, and goes with the janitor.
func (s *Store) EndAuthRequest(ctx context.Context, id storage.ID, browser storage.Hash, now time.Time) error {
	return s.write(ctx, "end auth request", func(tx Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM auth_requests WHERE id = ? AND browser = ?`, id[:], browser[:])
		if err != nil || n == 0 {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM attempts WHERE auth_request_id = ?`, id[:])
		return err
	})
}
