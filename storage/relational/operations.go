package relational

import (
	"context"
	"time"

	"qiao/storage"
)

// Mark claims a fresh database for a mode.
func (s *Store) Mark(ctx context.Context, mode string) error {
	return s.write(ctx, "mark", func(tx Tx) error {
		n, err := tx.Exec(ctx, `UPDATE meta SET mode = ? WHERE id = 1 AND mode IN ('', ?)`, mode, mode)
		if err == nil && n == 0 {
			return storage.ErrConflict
		}
		return err
	})
}

// Audit appends an entry of a command.
func (s *Store) Audit(ctx context.Context, e storage.AuditEntry) error {
	return s.write(ctx, "audit", func(tx Tx) error { return audit(ctx, tx, e) })
}

// ListAudit returns the newest entries first, of one user or, with an empty userID, of all.
func (s *Store) ListAudit(ctx context.Context, userID string, limit int) (list []storage.AuditEntry, err error) {
	query, args := `SELECT id, at, actor, action, user_id, client_id, account, detail FROM audit`, []any{}
	if userID != "" {
		query, args = query+` WHERE user_id = ?`, append(args, userID)
	}
	err = s.read(ctx, "list audit", func(tx Tx) error {
		list = nil
		return each(ctx, tx, query+` ORDER BY id DESC LIMIT ?`, append(args, int64(limit)), func(row Row) error {
			var e storage.AuditEntry
			var at int64
			err := row.Scan(&e.ID, &at, &e.Actor, &e.Action, &e.UserID, &e.ClientID, &e.Account, &e.Detail)
			e.At = Time(at)
			list = append(list, e)
			return err
		})
	})
	return list, err
}

// expiring lists what the janitor removes: each table's key, when its rows go, and how long they stay after that.
var expiring = [...]struct {
	table, key string
	kept       time.Duration
}{
	{"web_auths", "hash", 0},
	{"scenes", "hash", 0}, // their end is the attempt's with what it is kept
	{"phone_codes", "attempt_id", attemptKept},
	{"attempts", "id", attemptKept},
	{"device_authorizations", "id", attemptKept},
	{"auth_requests", "id", 0},
	{"counters", "key", 0},
	{"known_browsers", "browser", 0},
	{"sessions", "id", 0},
	{"notices", "id", 0},
	{"phone_changes", "session_id", 0},
}

// Sweep removes what has expired, each kind in a transaction of its own, at most limit rows of it.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	total := 0
	for _, e := range expiring {
		n, err := s.sweep(ctx, `DELETE FROM `+e.table+` WHERE `+e.key+` IN (SELECT `+e.key+` FROM `+e.table+` WHERE expires_at <= ? LIMIT ?) AND expires_at <= ?`,
			Micros(now.Add(-e.kept)), int64(limit), Micros(now.Add(-e.kept)))
		total += n
		if err != nil {
			return total, err
		}
	}
	n, err := s.sweepGrants(ctx, Micros(now), limit)
	total += n
	if err != nil {
		return total, err
	}
	n, err = s.sweep(ctx, `DELETE FROM deliveries WHERE (hash, kind) IN (SELECT hash, kind FROM deliveries WHERE expires_at <= ? LIMIT ?)`, Micros(now), int64(limit))
	if err != nil {
		return total, err
	}
	total += n
	n, err = s.sweepKeys(ctx, now)
	return total + n, err
}

func (s *Store) sweep(ctx context.Context, statement string, args ...any) (n int, err error) {
	err = s.write(ctx, "sweep", func(tx Tx) error {
		affected, err := tx.Exec(ctx, statement, args...)
		n = int(affected)
		return err
	})
	return n, err
}

// sweepGrants removes the grants that have ended. The janitor first comes a while after the code, so that what nobody has
// redeemed goes then; what was redeemed it dates to its own end, once. The redemption leaves that date alone: of a row
// whose indexed columns stay, PostgreSQL rewrites no index.
func (s *Store) sweepGrants(ctx context.Context, now int64, limit int) (int, error) {
	const lives = ` AND code_uses > 0 AND ends_at > ?`
	dated, err := s.sweep(ctx, `UPDATE grants SET expires_at = ends_at WHERE id IN (SELECT id FROM grants WHERE expires_at <= ?`+lives+` LIMIT ?)`+lives,
		now, now, int64(limit), now)
	if err != nil {
		return dated, err
	}
	const over = ` AND (code_uses = 0 OR ends_at <= ?)`
	removed, err := s.sweep(ctx, `DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE expires_at <= ?`+over+` LIMIT ?) AND expires_at <= ?`+over,
		now, now, int64(limit), now, now)
	return dated + removed, err
}

// sweepKeys removes retired keys, of which the servers must hear.
func (s *Store) sweepKeys(ctx context.Context, now time.Time) (n int, err error) {
	err = s.write(ctx, "sweep keys", func(tx Tx) error {
		affected, err := tx.Exec(ctx, `DELETE FROM signing_keys WHERE expires_at <> 0 AND expires_at <= ?`, Micros(now))
		n = int(affected)
		if err != nil || n == 0 {
			return err
		}
		return raiseVersion(ctx, tx)
	})
	return n, err
}
