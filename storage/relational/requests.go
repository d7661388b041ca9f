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
		return tx.Do(ctx, `INSERT INTO auth_requests (id, browser, client_id, params, session_id, attempt_id, created_at, expires_at, finished_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)`,
			r.ID[:], r.Browser[:], r.ClientID, encode(r.Params), r.SessionID[:], none[:], Micros(r.CreatedAt), Micros(r.ExpiresAt))
	})
}

// AuthRequest returns a live request of this browser.
func (s *Store) AuthRequest(ctx context.Context, id storage.ID, browser storage.Hash, now time.Time) (r storage.AuthRequest, err error) {
	err = s.read(ctx, "auth request", func(tx Tx) (err error) {
		r, err = loadRequest(ctx, tx, id, browser, now)
		return err
	})
	return r, err
}

// Login returns the request with its newest attempt.
func (s *Store) Login(ctx context.Context, id storage.ID, browser storage.Hash, now time.Time) (r storage.AuthRequest, a storage.Attempt, err error) {
	err = s.read(ctx, "login", func(tx Tx) (err error) {
		var rr requestRow
		var ar AttemptRow
		if err = found(tx.QueryRow(ctx, loginQuery, id[:], browser[:], Micros(now)).Scan(append(rr.dest(), ar.Dest()...)...)); err != nil {
			return err
		}
		if r, err = rr.request(id, browser); err != nil {
			return err
		}
		a, err = ar.Attempt(now)
		return err
	})
	if err != nil {
		return storage.AuthRequest{}, storage.Attempt{}, err
	}
	if !a.ID.IsZero() {
		a.Browser = browser // a login in another tab may have renewed the secret that it was begun with
	}
	return r, a, nil
}

const (
	requestColumns = `r.client_id, r.params, r.session_id, r.created_at, r.expires_at`
	liveRequest    = ` WHERE r.id = ? AND r.browser = ? AND r.finished_at = 0 AND r.expires_at > ?`
	loginQuery     = `SELECT ` + requestColumns + `, ` + attemptOrNone + ` FROM auth_requests r LEFT JOIN attempts a ON a.id = r.attempt_id` + attemptPerson + liveRequest
)

func loadRequest(ctx context.Context, tx Tx, id storage.ID, browser storage.Hash, now time.Time) (storage.AuthRequest, error) {
	var row requestRow
	if err := tx.QueryRow(ctx, `SELECT `+requestColumns+` FROM auth_requests r`+liveRequest, id[:], browser[:], Micros(now)).Scan(row.dest()...); err != nil {
		return storage.AuthRequest{}, found(err)
	}
	return row.request(id, browser)
}

// requestRow scans requestColumns, once.
type requestRow struct {
	clientID, params string
	session          []byte
	created, expires int64
}

func (r *requestRow) dest() []any {
	return []any{&r.clientID, &r.params, &r.session, &r.created, &r.expires}
}

func (r *requestRow) request(id storage.ID, browser storage.Hash) (storage.AuthRequest, error) {
	request := storage.AuthRequest{ID: id, Browser: browser, ClientID: r.clientID, CreatedAt: Time(r.created), ExpiresAt: Time(r.expires)}
	copy(request.SessionID[:], r.session)
	if err := decode(r.params, &request.Params); err != nil {
		return storage.AuthRequest{}, err
	}
	return request, nil
}

// EndAuthRequest removes the request with its attempts. What hangs on an attempt (scenes, a phone code) is dead without
// it, and goes with the janitor.
func (s *Store) EndAuthRequest(ctx context.Context, id storage.ID, browser storage.Hash, now time.Time) error {
	return s.write(ctx, "end auth request", func(tx Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM auth_requests WHERE id = ? AND browser = ?`, id[:], browser[:])
		if err != nil || n == 0 {
			return err
		}
		return tx.Do(ctx, `DELETE FROM attempts WHERE auth_request_id = ?`, id[:])
	})
}
