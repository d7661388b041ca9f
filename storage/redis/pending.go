package redis

import (
	"context"
	"fmt"
	"time"

	"qiao/storage"
)

// A device code that is polled is a hash of three fields, in milliseconds: the interval, the time of the last poll (0
// before the first one), and until when it is pending (0 when that was cleared); and a fourth, when it was cleared.
const (
	// clock takes the time from its caller, or, where that is 0, from Redis: the clocks of two replicas may be further
	// apart than a poll may be early.
	clock = `local now = tonumber(ARGV[1])
if now == 0 then
	local t = redis.call('TIME')
	now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local text = string.format('%.0f', now)
`

	// mark is given the interval, for how long to trust it, and for how much longer to keep the pace.
	mark = clock + `local cleared = redis.call('HGET', KEYS[1], 'cleared')
if cleared and now - cleared < tonumber(ARGV[5]) then return text end
redis.call('HSETNX', KEYS[1], 'interval', ARGV[2])
redis.call('HSETNX', KEYS[1], 'last', 0)
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[3]))
local kept = ARGV[3] + ARGV[4]
if redis.call('PTTL', KEYS[1]) < kept then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', kept)) end
return text`

	unmark = clock + `if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'until', 0, 'cleared', text) end
return 0`
)

// MarkPending says that the key is pending for ttl.
func (s *Signals) MarkPending(ctx context.Context, key string, interval, ttl time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := s.scripts.mark.Run(ctx, s.client, []string{s.pollKey(key)},
		s.time(), interval.Milliseconds(), milliseconds(ttl), storage.PaceKept.Milliseconds(), storage.ClearHolds.Milliseconds()).Err(); err != nil {
		return fmt.Errorf("mark a pending device: %w", err)
	}
	return nil
}

// ClearPending lets the next polls ask the Store.
func (s *Signals) ClearPending(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := s.scripts.unmark.Run(ctx, s.client, []string{s.pollKey(key)}, s.time()).Err(); err != nil {
		return fmt.Errorf("clear a pending device: %w", err)
	}
	return nil
}

func (s *Signals) pollKey(key string) string { return s.prefix + "poll:" + key }

// time is the clock's time in milliseconds, 0 where Redis has the clock.
func (s *Signals) time() int64 {
	if s.now == nil {
		return 0
	}
	return s.now().UnixMilli()
}
