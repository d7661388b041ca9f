package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"qiao/storage"
	"qiao/storage/seal"
)

const (
	// The platform gives out a new token in the last five minutes of the old one; asked a little into them, it does so
	// for certain.
	renewBefore = 4 * time.Minute
	// After a renewal that failed, the old token is used on for this long before the next try.
	renewPause = 15 * time.Second
	// A replica that holds the lock and dies is waited for no longer than this.
	lockTTL = 8 * time.Second
	// How often a waiting replica looks by itself, should the wake-up be lost.
	lookAgain = 250 * time.Millisecond
	// The platform takes force_refresh 20 times a day, 30 s apart. Some are left for the operator.
	forcePause  = 31 * time.Second
	forcePerDay = 15
)

// token is an access token. It is shared between replicas sealed.
type token struct {
	Value     string    `json:"value"`
	RenewAt   time.Time `json:"renew_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// String hides the token from %v.
func (token) String() string { return "[access token]" }

// tokens is the account's source of access tokens: memory first, then the copy that replicas share, then one fetch
// under a lock. Without Signals each replica fetches for itself, which stable_token allows: it gives all the same.
type tokens struct {
	name    string // of the account at its platform: the key for Signals
	fetch   func(ctx context.Context, force bool) (token, error)
	signals storage.Signals
	box     *seal.Box
	log     *slog.Logger
	now     func() time.Time
	timeout time.Duration

	flights singleflight.Group
	mu      sync.Mutex
	current token
	forced  time.Time // the last force_refresh of this replica
}

// get returns a token that the platform should accept. Callers wait no longer than their ctx. A token that is soon over
// is renewed aside, while it is still given out.
func (t *tokens) get(ctx context.Context) (string, error) {
	now := t.now()
	current := t.load()
	switch {
	case current.Value == "" || !now.Before(current.ExpiresAt):
	case now.Before(current.RenewAt):
		return current.Value, nil
	default:
		t.flights.DoChan("", t.renewAside)
		return current.Value, nil
	}
	return t.wait(ctx, "")
}

// replace returns a token other than the one that the platform has just refused.
func (t *tokens) replace(ctx context.Context, refused string) (string, error) {
	if current := t.load(); current.Value != "" && current.Value != refused && t.now().Before(current.ExpiresAt) {
		return current.Value, nil
	}
	return t.wait(ctx, refused)
}

func (t *tokens) wait(ctx context.Context, refused string) (string, error) {
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case result := <-t.flights.DoChan(refused, t.renewal(refused)):
		if result.Err != nil {
			return "", result.Err
		}
		return result.Val.(token).Value, nil
	}
}

// renewal is one flight for all who wait in this process. It has its own deadline: whoever began it may leave.
func (t *tokens) renewal(refused string) func() (any, error) {
	return func() (any, error) {
		ctx, cancel := context.WithTimeout(context.Background(), t.timeout)
		defer cancel()
		fresh, err := t.renew(ctx, refused)
		if err != nil {
			return token{}, err
		}
		t.mu.Lock()
		t.current = fresh
		t.mu.Unlock()
		return fresh, nil
	}
}

// renewAside is the flight that nobody waits for. When it fails, the old token goes on until the next try.
func (t *tokens) renewAside() (any, error) {
	fresh, err := t.renewal("")()
	if err != nil {
		t.log.Warn("renewal of the WeChat access token failed", "account", t.name, "error", err)
		t.mu.Lock()
		t.current.RenewAt = t.now().Add(renewPause)
		t.mu.Unlock()
	}
	return fresh, err
}

func (t *tokens) renew(ctx context.Context, refused string) (token, error) {
	watch := storage.NewWatch(t.signals, t.key("new"))
	defer watch.Close()
	for {
		if shared, ok := t.shared(ctx, refused); ok {
			return shared, nil
		}
		unlock, ok, err := t.signals.Lock(ctx, t.key("lock"), lockTTL)
		if err != nil {
			if ctx.Err() != nil {
				return token{}, ctx.Err()
			}
			t.log.WarnContext(ctx, "fetching a WeChat access token alone: signals are unreachable", "account", t.name)
			return t.fetchAndShare(ctx, refused)
		}
		if ok {
			defer unlock()
			if shared, ok := t.shared(ctx, refused); ok { // somebody was faster between the look and the lock
				return shared, nil
			}
			return t.fetchAndShare(ctx, refused)
		}
		timer := time.NewTimer(lookAgain)
		select {
		case <-watch.C:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return token{}, ctx.Err()
		}
		timer.Stop()
	}
}

// fetchAndShare asks the platform. A plain fetch gives its current token, which is enough when ours was not that one;
// force_refresh is rare, and only for a current token that is refused all the same.
func (t *tokens) fetchAndShare(ctx context.Context, refused string) (token, error) {
	fresh, err := t.fetch(ctx, false)
	if err != nil {
		return token{}, err
	}
	if refused != "" && fresh.Value == refused {
		if !t.mayForce(ctx) {
			return token{}, errors.New("the platform's current access token is refused, and a new one may not be forced yet")
		}
		t.log.WarnContext(ctx, "forcing a new WeChat access token", "account", t.name)
		if fresh, err = t.fetch(ctx, true); err != nil {
			return token{}, err
		}
	}
	t.share(ctx, fresh)
	return fresh, nil
}

func (t *tokens) mayForce(ctx context.Context) bool {
	now := t.now()
	t.mu.Lock()
	soon := !t.forced.IsZero() && now.Sub(t.forced) < forcePause
	if !soon {
		t.forced = now
	}
	t.mu.Unlock()
	if soon {
		return false
	}
	ok, _, err := t.signals.Allow(ctx,
		storage.Use{Key: t.key("force"), Max: 1, Window: forcePause},
		storage.Use{Key: t.key("force today"), Max: forcePerDay, Window: 24 * time.Hour})
	return err != nil || ok // without Signals this replica's own pause counts
}

// shared returns the replicas' copy, if it is fit to be used now.
func (t *tokens) shared(ctx context.Context, refused string) (token, bool) {
	sealed, err := t.signals.Get(ctx, t.key("token"))
	if err != nil || sealed == nil {
		return token{}, false
	}
	plain, err := t.box.Open(t.key("token"), sealed)
	if err != nil {
		return token{}, false // sealed under another master key: fetch again
	}
	var shared token
	if json.Unmarshal(plain, &shared) != nil || shared.Value == "" || shared.Value == refused {
		return token{}, false
	}
	return shared, t.now().Before(shared.RenewAt)
}

// share is an effort: without it, the others fetch for themselves.
func (t *tokens) share(ctx context.Context, fresh token) {
	plain, err := json.Marshal(fresh)
	if err != nil {
		return
	}
	ttl := fresh.ExpiresAt.Sub(t.now())
	if ttl <= 0 || t.signals.Put(ctx, t.key("token"), t.box.Seal(t.key("token"), plain), ttl) != nil {
		return
	}
	_ = t.signals.Wake(ctx, t.key("new"))
}

func (t *tokens) key(part string) string { return "wechat " + t.name + " " + part }

func (t *tokens) load() token {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current
}
