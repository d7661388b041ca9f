package redis

import (
	"context"
	"errors"
	"fmt"

	driver "github.com/redis/go-redis/v9"

	"qiao/storage"
)

// Polls that come at the same time go to Redis in one script: a command of their own for each would cost this process
// most of what a poll costs. Nobody waits for company: a sender takes what is there, and the next polls gather while it
// waits for its answer.
const (
	senders   = 2
	batchMost = 128
)

// poll counts polls, ARGV[2] being how much longer an interval becomes. It returns two bits for each key.
const poll = clock + `local answers = {}
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

const (
	pollPending = 1
	pollTooSoon = 2
)

// pollCall is a poll that waits for its answer.
type pollCall struct {
	key    string
	answer chan pollAnswer // has room for it: a caller that is gone keeps nobody
}

type pollAnswer struct {
	poll storage.Poll
	err  error
}

// PollPending counts a poll.
func (s *Signals) PollPending(ctx context.Context, key string) (storage.Poll, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return storage.Poll{}, fmt.Errorf("count a poll: %w", err)
	}
	call := pollCall{s.pollKey(key), make(chan pollAnswer, 1)}
	select {
	case s.polls <- call:
	case <-ctx.Done():
		return storage.Poll{}, fmt.Errorf("count a poll: %w", ctx.Err())
	case <-s.stopped:
		return storage.Poll{}, fmt.Errorf("count a poll: %w", driver.ErrClosed)
	}
	select {
	case a := <-call.answer:
		if a.err != nil {
			return storage.Poll{}, fmt.Errorf("count a poll: %w", a.err)
		}
		return a.poll, nil
	case <-ctx.Done():
		return storage.Poll{}, fmt.Errorf("count a poll: %w", ctx.Err())
	}
}

// sendPolls is a sender, until ctx ends.
func (s *Signals) sendPolls(ctx context.Context) {
	script := s.scripts.poll
	calls := make([]pollCall, 0, batchMost)
	for {
		select {
		case call := <-s.polls:
			calls = s.gather(append(calls[:0], call))
		case <-ctx.Done():
			return
		}
		answers, err := s.runPolls(ctx, script, calls)
		for n, call := range calls {
			a := pollAnswer{err: err}
			if err == nil {
				a.poll = storage.Poll{Pending: answers[n]&pollPending != 0, TooSoon: answers[n]&pollTooSoon != 0}
			}
			call.answer <- a
		}
		clear(calls)
	}
}

// gather adds the calls that are waiting.
func (s *Signals) gather(calls []pollCall) []pollCall {
	for len(calls) < batchMost {
		select {
		case call := <-s.polls:
			calls = append(calls, call)
		default:
			return calls
		}
	}
	return calls
}

func (s *Signals) runPolls(ctx context.Context, script *driver.Script, calls []pollCall) ([]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	keys := make([]string, len(calls))
	for n, call := range calls {
		keys[n] = call.key
	}
	answers, err := script.Run(ctx, s.client, keys, s.time(), storage.SlowDown.Milliseconds()).Int64Slice()
	if err == nil && len(answers) != len(calls) {
		err = errors.New("an unexpected reply")
	}
	return answers, err
}
