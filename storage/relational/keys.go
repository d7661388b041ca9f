package relational

import (
	"context"
	"errors"
	"time"

	"qiao/storage"
)

// SigningKeys lists all keys that are not expired, oldest ActiveAt first.
func (s *Store) SigningKeys(ctx context.Context, now time.Time) (list []storage.SigningKey, err error) {
	err = s.read(ctx, "signing keys", func(tx Tx) error {
		list = nil
		return each(ctx, tx, `SELECT id, alg, sealed, created_at, active_at, expires_at FROM signing_keys
			WHERE expires_at = 0 OR expires_at > ? ORDER BY active_at, id`, []any{Micros(now)}, func(row Row) error {
			var k storage.SigningKey
			var created, active, expires int64
			err := row.Scan(&k.ID, &k.Alg, &k.Sealed, &created, &active, &expires)
			k.CreatedAt, k.ActiveAt, k.ExpiresAt = Time(created), Time(active), Time(expires)
			list = append(list, k)
			return err
		})
	})
	return list, err
}

// AddFirstKey adds the key if its algorithm has none. The lock on meta makes the second of two first boots see the
// first one's key.
func (s *Store) AddFirstKey(ctx context.Context, k storage.SigningKey, now time.Time) (added bool, err error) {
	err = s.write(ctx, "add first key", func(tx Tx) error {
		added = false
		if err := holdMeta(ctx, tx); err != nil {
			return err
		}
		there, err := exists(ctx, tx, `SELECT 1 FROM signing_keys WHERE alg = ? AND (expires_at = 0 OR expires_at > ?) LIMIT 1`, k.Alg, Micros(now))
		if err != nil || there {
			return err
		}
		added = true
		return errors.Join(insertKey(ctx, tx, k), raiseVersion(ctx, tx))
	})
	return added && err == nil, err
}

// AddNextKey adds a key that waits for its time, and says when the earlier ones go.
func (s *Store) AddNextKey(ctx context.Context, k storage.SigningKey, retireAt time.Time, by string, now time.Time) error {
	return s.write(ctx, "add next key", func(tx Tx) error {
		if err := holdMeta(ctx, tx); err != nil {
			return err
		}
		waiting, err := exists(ctx, tx, `SELECT 1 FROM signing_keys WHERE alg = ? AND active_at > ? LIMIT 1`, k.Alg, Micros(now))
		if err != nil {
			return err
		}
		if waiting {
			return storage.ErrConflict
		}
		if err := tx.Do(ctx, `UPDATE signing_keys SET expires_at = ? WHERE alg = ? AND expires_at = 0`, Micros(retireAt), k.Alg); err != nil {
			return err
		}
		return errors.Join(
			insertKey(ctx, tx, k),
			audit(ctx, tx, storage.AuditEntry{At: now, Actor: by, Action: "key.rotate", Detail: k.ID}),
			raiseVersion(ctx, tx))
	})
}

// RevokeKey removes a key at once.
func (s *Store) RevokeKey(ctx context.Context, id string, by string, now time.Time) error {
	return s.write(ctx, "revoke key", func(tx Tx) error {
		if err := holdMeta(ctx, tx); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `DELETE FROM signing_keys WHERE id = ?`, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return storage.ErrNotFound
		}
		return errors.Join(
			audit(ctx, tx, storage.AuditEntry{At: now, Actor: by, Action: "key.revoke", Detail: id}),
			raiseVersion(ctx, tx))
	})
}

func insertKey(ctx context.Context, tx Tx, k storage.SigningKey) error {
	return tx.Do(ctx, `INSERT INTO signing_keys (id, alg, sealed, created_at, active_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)`,
		k.ID, k.Alg, k.Sealed, Micros(k.CreatedAt), Micros(k.ActiveAt), Micros(k.ExpiresAt))
}
