package relational

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"time"

	"qiao/storage"
)

// countLimits counts one use against every limit, each in a window that its first use opens. It counts before it
// compares; a LimitedError must end the transaction, which takes all the counts back.
func countLimits(ctx context.Context, tx Tx, limits []storage.Limit, now time.Time) error {
	type counter struct {
		key   storage.Hash
		limit storage.Limit
	}
	counters := make([]counter, len(limits))
	for n, l := range limits {
		counters[n] = counter{counterKey(l), l}
	}
	// In one order everywhere, so that two sends do not wait for each other in a circle.
	slices.SortFunc(counters, func(a, b counter) int { return bytes.Compare(a.key[:], b.key[:]) })
	for _, c := range counters {
		var used, end int64
		if err := tx.QueryRow(ctx, `INSERT INTO counters (key, used, expires_at) VALUES (?, 1, ?)
			ON CONFLICT (key) DO UPDATE SET
				used = CASE WHEN counters.expires_at <= ? THEN 1 ELSE counters.used + 1 END,
				expires_at = CASE WHEN counters.expires_at <= ? THEN excluded.expires_at ELSE counters.expires_at END
			RETURNING used, expires_at`,
			c.key[:], Micros(now.Add(c.limit.Window)), Micros(now), Micros(now)).Scan(&used, &end); err != nil {
			return err
		}
		if used > int64(c.limit.Max) {
			return &storage.LimitedError{Key: c.limit.Name, RetryAfter: Time(end).Sub(now)}
		}
	}
	return nil
}

// uncountLimits gives back what countLimits has counted in this transaction.
func uncountLimits(ctx context.Context, tx Tx, limits []storage.Limit) error {
	for _, l := range limits {
		key := counterKey(l)
		if err := tx.Do(ctx, `UPDATE counters SET used = used - 1 WHERE key = ?`, key[:]); err != nil {
			return err
		}
	}
	return nil
}

// counterKey keeps limits apart that are set on one key: a phone's minute and its day.
func counterKey(l storage.Limit) storage.Hash {
	return storage.HashOf(slices.Concat([]byte(l.Name), []byte{0}, []byte(strconv.FormatInt(int64(l.Window), 10)), []byte{0}, l.Key[:]))
}
