package postgres

import (
	"context"
	"fmt"
	"time"

	"qiao/storage"
	"qiao/storage/relational"
)

// beginAttempt is the compare-and-swap of the request's attempt_id, with what hangs on it. A second one waits for the first
// one's commit, evaluates attempt_id again, and stores nothing.
const beginAttempt = `WITH r AS (
	UPDATE auth_requests SET attempt_id = $1 WHERE id = $2 AND browser = $5 AND attempt_id = $21 AND finished_at = 0 AND expires_at > $22 RETURNING id
), s AS (
	INSERT INTO scenes (hash, attempt_id, device_id, ticket, expires_at) SELECT $16::bytea, $1::bytea, $3::bytea, $17::text, $23::bigint FROM r
)
INSERT INTO attempts (` + relational.NewAttemptColumns + `)
SELECT $1::bytea, $2::bytea, $3::bytea, $4::text, $5::bytea, $6::text, $7::text, $8::text, $9::bigint, $10::bigint, $11::text, $12::text, $13::bytea,
	$14::bigint, $15::smallint, $16::bytea, $17::text, $18::text, $19::bigint, $20::bytea, 1, 0, 0, 0, 0, 0
FROM r`

// BeginAttempt begins the first attempt of a request, with its first scene, in one statement: every login does.
func (s *Store) BeginAttempt(ctx context.Context, a storage.Attempt, replaces storage.ID, now time.Time) error {
	if !replaces.IsZero() || a.Scene == (storage.Scene{}) {
		return s.Store.BeginAttempt(ctx, a, replaces, now)
	}
	args := append(relational.NewAttempt(relational.Begun(a)), replaces[:], relational.Micros(now), relational.SceneEnd(a.ExpiresAt))
	err := s.db.one(ctx, func(ctx context.Context) error {
		tag, err := s.db.pool.Exec(ctx, beginAttempt, args...)
		if err == nil && tag.RowsAffected() == 0 {
			return storage.ErrConflict
		}
		return unstored(err)
	})
	if err != nil {
		return fmt.Errorf("begin attempt: %w", err)
	}
	return nil
}
