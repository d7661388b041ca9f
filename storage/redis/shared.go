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
	// count counts a use in a window that begins with the first one. A key without an end (there is none, unless somebody
	// else wrote it) would refuse for ever, so it is given one.
	count = `local used = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
	redis.call('PEXPIRE', KEYS[1], ARGV[1])
	left = tonumber(ARGV[1])
end
return {used, left}`

	// release deletes the lock only while it is still its holder's: after its end somebody else may have taken it.
	release = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`
)

// scripts are named by a hash of their text, which is taken once.
type scripts struct{ count, release, mark, unmark, poll *driver.Script }

func newScripts() scripts {
	return scripts{driver.NewScript(count), driver.NewScript(release), driver.NewScript(mark), driver.NewScript(unmark), driver.NewScript(poll)}
}

// Allow counts in a window that begins with the key's first use.
func (s *Signals) Allow(ctx context.Context, key string, limit int, window time.Duration) (bool, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	reply, err := s.scripts.count.Run(ctx, s.client, []string{s.prefix + "rate:" + key}, milliseconds(window)).Int64Slice()
	if err != nil {
		return false, 0, fmt.Errorf("count a use: %w", err)
	}
	if len(reply) != 2 {
		return false, 0, errors.New("count a use: an unexpected reply")
	}
	if reply[0] > int64(limit) {
		return false, time.Duration(max(reply[1], 1)) * time.Millisecond, nil
	}
	return true, 0, nil
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
