package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	driver "github.com/redis/go-redis/v9"

	"qiao/storage"
)

// A device code that is polled is a hash of three fields, in milliseconds: the interval, the time of the last poll (0
// before the first one), and until when it is pending (0 when that was cleared). A script is given the time, or 0 for
// Redis's own: the clocks of two replicas may be further apart than a poll may be early.
const (
	clock = `local now = tonumber(ARGV[1])
if now == 0 then
	local t = redis.call('TIME')
	now = t[1] * 1000 + math.floor(t[2] / 1000)
end
`
	mark = clock + `redis.call('HSETNX', KEYS[1], 'interval', ARGV[2])
redis.call('HSETNX', KEYS[1], 'last', 0)
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[3]))
local kept = ARGV[3] + ARGV[4]
if redis.call('PTTL', KEYS[1]) < kept then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', kept)) end
return 0`

	poll = clock + `local p = redis.call('HMGET', KEYS[1], 'interval', 'last', 'until')
if not p[1] then return 0 end
local last, soon = tonumber(p[2]), 0
if last > 0 and now - last < tonumber(p[1]) then
	soon = 2
	redis.call('HSET', KEYS[1], 'last', string.format('%.0f', now), 'interval', string.format('%.0f', p[1] + ARGV[2]))
else
	redis.call('HSET', KEYS[1], 'last', string.format('%.0f', now))
end
if now < tonumber(p[3]) then return soon + 1 end
return soon`

	unmark = `if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'until', 0) end
return 0`
)

// Bits of the answer to a poll.
const (
	pollPending = 1
	pollTooSoon = 2
)

// MarkPending says that the key is pending for ttl.
func (s *Signals) MarkPending(ctx context.Context, key string, interval, ttl time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := driver.NewScript(mark).Run(ctx, s.client, []string{s.pollKey(key)},
		s.time(), interval.Milliseconds(), milliseconds(ttl), storage.PaceKept.Milliseconds()).Err(); err != nil {
		return fmt.Errorf("mark a pending device: %w", err)
	}
	return nil
}

// PollPending counts a poll.
func (s *Signals) PollPending(ctx context.Context, key string) (storage.Poll, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	reply, err := driver.NewScript(poll).Run(ctx, s.client, []string{s.pollKey(key)}, s.time(), storage.SlowDown.Milliseconds()).Int64()
	if err != nil {
		return storage.Poll{}, fmt.Errorf("count a poll: %w", err)
	}
	if reply < 0 || reply > pollPending|pollTooSoon {
		return storage.Poll{}, errors.New("count a poll: an unexpected reply")
	}
	return storage.Poll{Pending: reply&pollPending != 0, TooSoon: reply&pollTooSoon != 0}, nil
}

// ClearPending lets the next polls ask the Store.
func (s *Signals) ClearPending(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := driver.NewScript(unmark).Run(ctx, s.client, []string{s.pollKey(key)}).Err(); err != nil {
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
