package wechatflow

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// learnUnionID asks for the unionid behind the answer's back, once a day for a person.
func (f *Flow) learnUnionID(ctx context.Context, acc *account, openID string) {
	who := follower{acc.name, openID}
	if f.asked.today(who, f.Now()) {
		return
	}
	f.tasks.submit(ctx, "learn a unionid", func(ctx context.Context) error {
		once := Rate{Max: 1, Window: 24 * time.Hour}
		ok, retryAfter, err := f.allow(ctx, "user info", once, []byte(acc.name), []byte(openID))
		if err != nil {
			return err
		}
		if !ok {
			f.asked.note(who, f.Now().Add(retryAfter))
			return nil
		}
		f.asked.note(who, f.Now().Add(once.Window))
		info, err := acc.Client.UserInfo(ctx, openID)
		if err != nil {
			f.metrics.platform.WithLabelValues("user/info").Inc()
			return fmt.Errorf("ask for user info: %w", err)
		}
		return f.recordUnionID(ctx, acc, openID, info.UnionID)
	})
}

// asked is of whom the platform was asked today, as far as this replica has heard: it need not ask the Signals again, which
// know it of all replicas. What is forgotten costs a question.
type asked struct {
	mu    sync.Mutex
	until map[follower]time.Time
}

type follower struct{ account, openID string }

const maxAsked = 1 << 13

func (a *asked) today(who follower, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return now.Before(a.until[who])
}

func (a *asked) note(who follower, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.until == nil || len(a.until) >= maxAsked {
		a.until = make(map[follower]time.Time)
	}
	a.until[who] = until
}

// noteUnionID records what web authorization or user/info told on the way. No login waits for it to succeed.
func (f *Flow) noteUnionID(ctx context.Context, acc *account, openID, unionID string) {
	if err := f.recordUnionID(ctx, acc, openID, unionID); err != nil {
		f.Log.WarnContext(ctx, "unionid not recorded", "account", acc.name, "error", err)
	}
}

// recordUnionID writes only what is new: most people have been here before.
func (f *Flow) recordUnionID(ctx context.Context, acc *account, openID, unionID string) error {
	if unionID == "" {
		return nil
	}
	if known, err := f.Store.Identity(ctx, acc.name, openID); err == nil && known.UnionID == unionID {
		return nil
	}
	return f.Store.RecordUnionID(ctx, acc.name, openID, unionID, f.Now())
}
