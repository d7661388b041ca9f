package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	driver "github.com/redis/go-redis/v9"

	"qiao/storage"
)

// Each script is one round trip, and Redis runs nothing else meanwhile. The driver sends a script's text only when the
// server has forgotten it.
const (
	// count answers calls that have each come with so many keys, a number that is followed in ARGV by the most uses and the
	// window of each key. It counts a use of each in a window that begins with the first one, up to a key that is used more
	// often than it may be: what is left of that key's window is the call's answer, 0 where there is none. A key without an
	// end (there is none, unless somebody else wrote it) would refuse for ever, so it is given one.
	count = `local call, answers, key, arg = redis.call, {}, 0, 1
while ARGV[arg] do
	local answer, last = 0, key + ARGV[arg]
	arg = arg + 1
	while key < last do
		key = key + 1
		if answer == 0 then
			local used = call('INCR', KEYS[key])
			if used == 1 then call('PEXPIRE', KEYS[key], ARGV[arg + 1]) end
			if used > tonumber(ARGV[arg]) then
				answer = call('PTTL', KEYS[key])
				if answer < 0 then
					answer = tonumber(ARGV[arg + 1])
					call('PEXPIRE', KEYS[key], answer)
				end
				answer = math.max(answer, 1)
			end
		end
		arg = arg + 2
	end
	answers[#answers + 1] = answer
end
return answers`

	// release deletes the lock only while it is still its holder's: after its end somebody else may have taken it.
	release = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`
)

// scripts are named by a hash of their text, which is taken once.
type scripts struct{ count, release, mark, unmark, poll *driver.Script }

func newScripts() scripts {
	return scripts{driver.NewScript(count), driver.NewScript(release), driver.NewScript(mark), driver.NewScript(unmark), driver.NewScript(poll)}
}

// Allow counts the uses, up to the first that is refused.
func (s *Signals) Allow(ctx context.Context, uses ...storage.Use) (bool, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	left, err := s.counts.ask(ctx, uses)
	if err != nil {
		return false, 0, fmt.Errorf("count uses: %w", err)
	}
	return left == 0, time.Duration(left) * time.Millisecond, nil
}

func (s *Signals) sendCounts(ctx context.Context, calls [][]storage.Use) ([]int64, error) {
	keys, args := make([]string, 0, 2*len(calls)), make([]any, 0, 5*len(calls))
	for _, uses := range calls {
		args = append(args, len(uses))
		for _, u := range uses {
			keys = append(keys, s.prefix+"rate:"+u.Key)
			args = append(args, u.Max, milliseconds(u.Window))
		}
	}
	return s.scripts.count.Run(ctx, s.client, keys, args...).Int64Slice()
}

// Get returns a value, nil when there is none.
func (s *Signals) Get(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	value, err := s.client.Get(ctx, s.prefix+"value:"+key).Bytes()
	if errors.Is(err, driver.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get a shared value: %w", err)
	}
	return value, nil
}

// Put stores a value.
func (s *Signals) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := s.client.Do(ctx, "SET", s.prefix+"value:"+key, value, "PX", milliseconds(ttl)).Err(); err != nil {
		return fmt.Errorf("put a shared value: %w", err)
	}
	return nil
}

// Lock takes the lock where nobody holds it.
func (s *Signals) Lock(ctx context.Context, key string, ttl time.Duration) (func(), bool, error) {
	key = s.prefix + "lock:" + key
	secret := storage.NewSecret()
	mine := secret[:]
	call, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := s.client.Do(call, "SET", key, mine, "NX", "PX", milliseconds(ttl)).Err()
	if errors.Is(err, driver.Nil) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("take a lock: %w", err)
	}
	// The lock is given up also where its holder's own context has ended. If that fails, it ends by itself.
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
		defer cancel()
		_ = s.scripts.release.Run(ctx, s.client, []string{key}, mine).Err()
	}, true, nil
}

// milliseconds is a time as Redis takes it: whole, and at least one.
func milliseconds(d time.Duration) int64 { return max(d.Milliseconds(), 1) }
