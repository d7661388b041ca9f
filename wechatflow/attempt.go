package wechatflow

import (
	"errors"
	"net/http"

	"qiao/browser"
	"qiao/storage"
)

// beginAttempt starts a new attempt in place of the one named, with its first picture. Where another tab was faster, its attempt is returned.
// A login cannot begin while the Signals are unreachable: its limits would be off.
func (f *Flow) beginAttempt(r *http.Request, v visit, replaces storage.ID) (storage.Attempt, error) {
	ctx, now := r.Context(), f.Now()
	if v.down != nil {
		return storage.Attempt{}, v.down
	}
	a, err := f.account(v.client.Account)
	if err != nil {
		return storage.Attempt{}, err
	}
	via := storage.ViaQR
	if browser.InWeChat(r) {
		via = storage.ViaWeChat
	}
	attempt := storage.Attempt{
		ID: storage.NewID(now), AuthRequestID: v.request.ID, ClientID: v.client.ID, Browser: v.browser(),
		Account: a.name, Via: via, Device: f.Guard.Device(r), Network: f.Guard.Network(r),
		CreatedAt: now, ExpiresAt: now.Add(f.Lifetimes.Attempt), State: storage.AttemptWaiting, Version: 1,
	}
	if via == storage.ViaQR {
		if attempt.Scene, err = f.mint(ctx, attempt, f.Guard.Address(r)); err != nil {
			return storage.Attempt{}, err
		}
		attempt.Scenes = 1
	}
	err = f.Store.BeginAttempt(ctx, attempt, replaces, now)
	if errors.Is(err, storage.ErrConflict) {
		return f.Store.CurrentAttempt(ctx, v.request.ID, v.browser(), now)
	}
	if err != nil {
		return storage.Attempt{}, err
	}
	if !replaces.IsZero() {
		f.wake(ctx, v.request.ID) // another tab may show the one before
	}
	return attempt, nil
}

// againIfEnded begins a new attempt where the session that the last one opened is gone, or its user's phone is, or another
// tab has renewed it by a scan alone, which this request does not take: the provider sent the person here for another login,
// and a page that says "done" would only send them back.
func (f *Flow) againIfEnded(r *http.Request, v visit, done storage.Attempt) (storage.Attempt, error) {
	live, _, err := f.usefulSession(r)
	enough := live.ACR == storage.ACRConfirm || !v.request.Params.AsksToConfirm()
	if err != nil || !live.ID.IsZero() && live.ID == v.request.SessionID && enough {
		return done, err
	}
	return f.beginAttempt(r, v, done.ID)
}
