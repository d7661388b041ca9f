package relational

import (
	"context"
	"time"

	"qiao/storage"
)

// Kinds of deliveries, so that one event may be both a scan and a follow.
const (
	deliveryFollow = "follow"
	deliveryScan   = "scan"
)

// deliveryLife is how long an event is remembered: the platform delivers again within seconds.
const deliveryLife = 24 * time.Hour

// RecordFollow stores a follow or unfollow.
func (s *Store) RecordFollow(ctx context.Context, e storage.FollowEvent) (outcome storage.FollowOutcome, err error) {
	record := s.write
	if !e.Followed {
		record = s.end
	}
	err = record(ctx, "record follow", func(tx Tx) error {
		outcome = 0
		fresh, _, err := claimDelivery(ctx, tx, e.Delivery, deliveryFollow, e.Now).read(ctx, tx)
		if err != nil {
			return err
		}
		if !fresh {
			outcome = storage.FollowRepeated
			return nil
		}
		if !e.Followed {
			if err := holdUnfinished(ctx, tx, e.Account, e.OpenID); err != nil {
				return err
			}
		}
		i, err := holdIdentity(ctx, tx, e.Account, e.OpenID, e.Now)
		if err != nil {
			return err
		}
		if outcome, err = follow(ctx, tx, i, e.Followed, e.Asked, e.At); err != nil {
			return err
		}
		if !e.Followed {
			// Also when a newer event was first: what was opened before this moment ends in every order of the events.
			if err := endFollower(ctx, tx, i, e.At, e.Now); err != nil {
				return err
			}
		}
		if outcome == storage.FollowTied { // the caller comes again with the same delivery
			return dropDelivery(ctx, tx, e.Delivery, deliveryFollow)
		}
		return settleDelivery(ctx, tx, e.Delivery, deliveryFollow, int64(outcome), storage.ID{})
	})
	return outcome, err
}

// follow moves the identity to what the event tells, if it is the newest. Events are ordered by their CreateTime alone,
// for the platform delivers them in any order.
func follow(ctx context.Context, tx Tx, i identity, followed, asked bool, at time.Time) (storage.FollowOutcome, error) {
	known := !i.FollowedAt.IsZero()
	switch {
	case known && at.Before(i.FollowedAt):
		return storage.FollowStale, nil
	case known && at.Equal(i.FollowedAt) && followed == i.Followed:
		return storage.FollowRecorded, nil
	case known && at.Equal(i.FollowedAt) && !asked:
		return storage.FollowTied, nil
	}
	err := tx.Do(ctx, `UPDATE identities SET followed = ?, followed_at = ? WHERE account = ? AND openid = ?`,
		Bool(followed), Micros(at), i.Account, i.OpenID)
	return storage.FollowRecorded, err
}

// endFollower ends what this person opened through this account up to the unfollow: another account's sessions, and
// those of a later login, stay. What was scanned until then opens nothing any more: a confirmation that somebody was
// talked into may wait in that one's browser, and the unfollow is how the person takes it back.
func endFollower(ctx context.Context, tx Tx, i identity, at, now time.Time) error {
	if err := tx.Do(ctx, `UPDATE attempts SET state = 'expired', version = version + 1
		WHERE account = ? AND openid = ? AND state IN ('scanned', 'confirmed') AND scanned_at < ?`, i.Account, i.OpenID, Micros(at.Add(time.Second))); err != nil {
		return err // at has whole seconds: until the next one it is the moment of the unfollow
	}
	if i.UserID == "" {
		return nil
	}
	if err := distrustUser(ctx, tx, i.UserID, at.Add(time.Second)); err != nil {
		return err
	}
	for _, statement := range []string{
		`UPDATE sessions SET ended_at = ? WHERE user_id = ? AND account = ? AND openid = ? AND auth_time <= ? AND ended_at = 0`,
		`UPDATE grants SET revoked_at = ? WHERE user_id = ? AND account = ? AND openid = ? AND auth_time <= ? AND revoked_at = 0`,
	} {
		if err := tx.Do(ctx, statement, Micros(now), i.UserID, i.Account, i.OpenID, Micros(at)); err != nil {
			return err
		}
	}
	return nil
}

// holdUnfinished holds the attempts that an unfollow may end before it holds the identity, as who confirms does.
func holdUnfinished(ctx context.Context, tx Tx, account, openID string) error {
	return each(ctx, tx, `SELECT a.id FROM attempts a WHERE a.account = ? AND a.openid = ? AND a.state IN ('scanned', 'confirmed') ORDER BY a.id`+tx.ForUpdate(),
		[]any{account, openID}, func(row Row) error { return row.Scan(new([]byte)) })
}

// delivery is an event that is being remembered.
type delivery struct {
	row  Row // one where it is new
	hash storage.Hash
	kind string
}

// claimDelivery remembers an event. A second delivery of one event waits here for the first.
func claimDelivery(ctx context.Context, tx Tx, hash storage.Hash, kind string, now time.Time) delivery {
	var none storage.ID
	return delivery{tx.QueryRow(ctx, `INSERT INTO deliveries (hash, kind, outcome, attempt_id, expires_at) VALUES (?, ?, 0, ?, ?)
		ON CONFLICT (hash, kind) DO NOTHING RETURNING outcome`, hash[:], kind, none[:], Micros(now.Add(deliveryLife))), hash, kind}
}

// read reports whether the event is fresh: false when it was recorded before, then with its outcome.
func (d delivery) read(ctx context.Context, tx Tx) (fresh bool, outcome int64, err error) {
	err = d.row.Scan(&outcome)
	if err == nil || !notFound(found(err)) {
		return err == nil, 0, err
	}
	err = tx.QueryRow(ctx, `SELECT outcome FROM deliveries WHERE hash = ? AND kind = ?`, d.hash[:], d.kind).Scan(&outcome)
	return false, outcome, err
}

// settleDelivery stores what came of a claimed event.
func settleDelivery(ctx context.Context, tx Tx, hash storage.Hash, kind string, outcome int64, attempt storage.ID) error {
	return tx.Do(ctx, `UPDATE deliveries SET outcome = ?, attempt_id = ? WHERE hash = ? AND kind = ?`, outcome, attempt[:], hash[:], kind)
}

func dropDelivery(ctx context.Context, tx Tx, hash storage.Hash, kind string) error {
	return tx.Do(ctx, `DELETE FROM deliveries WHERE hash = ? AND kind = ?`, hash[:], kind)
}
