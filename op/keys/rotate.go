package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qiao/storage"
)

// bySystem is who rotates in the audit log when no operator asked for it.
const bySystem = "system"

// Run reloads the ring when the store changes and replaces old keys, until ctx ends.
func (r *Ring) Run(ctx context.Context) {
	tick := time.NewTicker(r.cfg.Poll)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := r.Check(ctx)
		if err != nil && ctx.Err() == nil && !failing { // a store that is down for an hour is one line
			r.cfg.Log.ErrorContext(ctx, "signing keys not checked, the loaded ones stay in use", "error", err)
		}
		failing = err != nil
	}
}

// Check is one round of Run: it reloads what another process has changed, and replaces keys that are due.
func (r *Ring) Check(ctx context.Context) error {
	version, err := r.cfg.Store.Version(ctx)
	if err != nil {
		return fmt.Errorf("check signing keys: %w", err)
	}
	if version != r.set.Load().version {
		if err := r.Load(ctx); err != nil {
			return err
		}
	}
	return r.replaceDue(ctx)
}

// replaceDue adds a next key where the newest one is old, or was left to retire because its successor was revoked.
func (r *Ring) replaceDue(ctx context.Context) error {
	now := r.cfg.Now()
	added := false
	for _, alg := range r.Algs() {
		newest := r.current().newest(alg)
		if newest == nil {
			if err := r.addFirst(ctx, alg); err != nil {
				return fmt.Errorf("replace signing key: %w", err)
			}
			added = true
			continue
		}
		activeAt := now.Add(r.cfg.Publish)
		orphan := !newest.expiresAt.IsZero()
		if orphan && newest.expiresAt.Before(activeAt) {
			activeAt = now // it would be gone before a published successor takes over
		}
		old := r.cfg.RotateAfter > 0 && now.Sub(newest.activeAt) >= r.cfg.RotateAfter
		if !orphan && !old {
			continue
		}
		err := r.addNext(ctx, alg, activeAt, bySystem)
		if err != nil && !errors.Is(err, storage.ErrConflict) { // another replica was first: Load sees its key
			return fmt.Errorf("replace signing key: %w", err)
		}
		r.cfg.Log.InfoContext(ctx, "signing key is being replaced", "alg", alg, "kid", newest.id)
		added = true
	}
	if !added {
		return nil
	}
	return r.Load(ctx)
}

// Rotate adds a next key for each algorithm: it is published now, and signs after the publish time. It wraps
// storage.ErrConflict when an algorithm has a next key already; the other one is rotated all the same.
func (r *Ring) Rotate(ctx context.Context, by string) error {
	activeAt := r.cfg.Now().Add(r.cfg.Publish)
	var faults error
	for _, alg := range r.Algs() {
		if err := r.addNext(ctx, alg, activeAt, by); err != nil {
			faults = errors.Join(faults, fmt.Errorf("rotate %s key: %w", alg, err))
		}
	}
	return errors.Join(faults, r.Load(ctx))
}

// Revoke removes a key at once, in an emergency: what it signed is void. A key that takes its place is there when
// Revoke returns. A server in another process still signs with the removed key until its next Check.
func (r *Ring) Revoke(ctx context.Context, id, by string) error {
	if err := r.cfg.Store.RevokeKey(ctx, id, by, r.cfg.Now()); err != nil {
		return fmt.Errorf("revoke key: %w", err)
	}
	if err := r.Load(ctx); err != nil {
		return err
	}
	return r.replaceDue(ctx)
}

func (r *Ring) addFirst(ctx context.Context, alg string) error {
	k, err := generate(r.cfg.Box, alg)
	if err != nil {
		return err
	}
	now := r.cfg.Now()
	k.CreatedAt, k.ActiveAt = now, now
	if _, err := r.cfg.Store.AddFirstKey(ctx, k, now); err != nil {
		return fmt.Errorf("add first %s key: %w", alg, err)
	}
	return nil // whoever was first: the caller reads what is there
}

func (r *Ring) addNext(ctx context.Context, alg string, activeAt time.Time, by string) error {
	k, err := generate(r.cfg.Box, alg)
	if err != nil {
		return err
	}
	now := r.cfg.Now()
	k.CreatedAt, k.ActiveAt = now, activeAt
	return r.cfg.Store.AddNextKey(ctx, k, activeAt.Add(r.cfg.Overlap), by, now)
}
