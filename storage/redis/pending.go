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

	// poll counts polls, ARGV[2] being how much longer an interval becomes. It returns two bits for each key.
	poll = clock + `local answers = {}
for i, key in ipairs(KEYS) do
	local answer = 0
	local p = redis.call('HMGET', key, 'interval', 'last', 'until')
	if p[1] then
		local last = tonumber(p[2])
		if now < tonumber(p[3]) then answer = 1 end
		if last > 0 and now - last < tonumber(p[1]) then
			answer = answer + 2
			redis.call('HSET', key, 'last', text, 'interval', string.format('%.0f', p[1] + ARGV[2]))
		else
			redis.call('HSET', key, 'last', text)
		end
	end
	answers[i] = answer
end
return answers`

	pollPending = 1
	pollTooSoon = 2
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

// PollPending counts a poll.
func (s *Signals) PollPending(ctx context.Context, key string) (storage.Poll, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	answer, err := s.polls.ask(ctx, s.pollKey(key))
	if err != nil {
		return storage.Poll{}, fmt.Errorf("count a poll: %w", err)
	}
	return storage.Poll{Pending: answer&pollPending != 0, TooSoon: answer&pollTooSoon != 0}, nil
}

func (s *Signals) sendPolls(ctx context.Context, keys []string) ([]int64, error) {
	return s.scripts.poll.Run(ctx, s.client, keys, s.time(), storage.SlowDown.Milliseconds()).Int64Slice()
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
