package wechatflow

import (
	"context"
	"fmt"
	"time"
)

// learnUnionID asks for the unionid behind the answer's back, once a day for a person.
func (f *Flow) learnUnionID(ctx context.Context, acc *account, openID string) {
	f.tasks.submit(ctx, "learn a unionid", func(ctx context.Context) error {
		once := Rate{Max: 1, Window: 24 * time.Hour}
		if ok, _, err := f.allow(ctx, "user info", once, []byte(acc.name), []byte(openID)); err != nil || !ok {
			return err
		}
		info, err := acc.Client.UserInfo(ctx, openID)
		if err != nil {
			f.metrics.platform.WithLabelValues("user/info").Inc()
			return fmt.Errorf("ask for user info: %w", err)
		}
		return f.recordUnionID(ctx, acc, openID, info.UnionID)
	})
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
