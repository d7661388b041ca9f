package wechatflow

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"qiao/storage"
	"qiao/ui"
)

// maxWait is the longest that a poll is held: proxies cut idle connections from half a minute on.
const maxWait = 25 * time.Second

// getLoginState serves GET /login/{id}/state?v=&wait=: the card as JSON, at once when it differs from v, otherwise as
// soon as it does or when the wait is over. Only the browser that began the login is answered.
func (f *Flow) getLoginState(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	secret, ok := f.Guard.Secret(r)
	id, err := storage.ParseID(chi.URLParam(r, "id"))
	if !ok || err != nil {
		f.stateGone(w)
		return
	}
	if ok, retryAfter := f.allowPage(r); !ok {
		stateRetry(w, http.StatusTooManyRequests, max(1, seconds(retryAfter)))
		return
	}
	seen, wait := pollParams(r)
	if done, err := f.doneElsewhere(r, id, secret.Hash()); done || err != nil {
		if err != nil {
			f.Log.ErrorContext(ctx, "login state unavailable", "error", err)
			stateRetry(w, http.StatusServiceUnavailable, seconds(storeRetry))
			return
		}
		writeJSON(w, http.StatusOK, ui.LoginState{State: string(storage.AttemptDone)})
		return
	}
	if wait > 0 {
		leave, ok := f.waiters.enter(secret.Hash(), customerOf(f.Guard.Address(r)))
		if !ok {
			stateRetry(w, http.StatusTooManyRequests, 2) // asking without a wait is still answered
			return
		}
		defer leave()
	}
	// A poll may be held longer than the server lets an answer take. Not every writer knows of deadlines.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wait + 15*time.Second))

	c, retry, err := f.awaitCard(ctx, id, secret.Hash(), f.Guard.Address(r), seen, wait)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		f.stateGone(w)
		return
	case err != nil && ctx.Err() != nil:
		return // the browser went away
	case err != nil:
		f.Log.ErrorContext(ctx, "login state unavailable", "error", err)
		stateRetry(w, http.StatusServiceUnavailable, seconds(storeRetry))
		return
	}
	state, err := c.json()
	if err != nil {
		f.Log.ErrorContext(ctx, "login state unavailable", "error", err)
		stateRetry(w, http.StatusInternalServerError, seconds(storeRetry))
		return
	}
	if retry {
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Connection", "close") // the next poll reaches a server that stays
		state.Reason = "retry"
	}
	writeJSON(w, http.StatusOK, state)
}

// awaitCard waits for a card that differs from the one seen. retry is set when the server is about to stop.
func (f *Flow) awaitCard(ctx context.Context, id storage.ID, browser storage.Hash, address netip.Addr, seen int64, wait time.Duration) (c card, retry bool, err error) {
	watch := f.Signals.Watch(topic(id)) // before the first look, so that no change falls between
	defer watch.Close()
	over := time.NewTimer(wait)
	defer over.Stop()
	for last := wait <= 0; ; {
		attempt, err := f.Store.CurrentAttempt(ctx, id, browser, f.Now())
		if err != nil {
			return card{}, false, err
		}
		if c, err = f.card(ctx, attempt, address); err != nil {
			return card{}, false, err
		}
		if c.version() != seen || last || retry {
			return c, retry, nil
		}
		look := time.NewTimer(f.nextLook(c))
		select {
		case <-watch.C:
		case <-look.C:
		case <-over.C:
			last = true
		case <-f.draining:
			retry = true
		case <-ctx.Done():
			look.Stop()
			return card{}, false, ctx.Err()
		}
		look.Stop()
	}
}

// nextLook is when to look at the Store without having been woken: wake-ups may be lost. The jitter keeps a thousand
// waiters from asking at the same moment. A picture that runs out is renewed in time.
func (f *Flow) nextLook(c card) time.Duration {
	d := f.Lifetimes.Recheck/2 + rand.N(f.Lifetimes.Recheck)
	if left := time.Duration(c.expiresIn) * time.Second; c.expiresIn > 0 && left < d {
		d = left
	}
	return d
}

// pollParams reads v and wait. What is missing or malformed counts as "seen nothing" and "do not wait".
func pollParams(r *http.Request) (seen int64, wait time.Duration) {
	q := r.URL.Query()
	seen, err := strconv.ParseInt(q.Get("v"), 10, 64)
	if err != nil {
		seen = -1
	}
	secs, err := strconv.ParseUint(q.Get("wait"), 10, 16)
	if err != nil {
		return seen, 0
	}
	return seen, min(time.Duration(secs)*time.Second, maxWait)
}

// stateGone answers for a login that is over, never was, or is another browser's: the three look the same.
func (f *Flow) stateGone(w http.ResponseWriter) {
	writeJSON(w, http.StatusNotFound, ui.LoginState{State: string(storage.AttemptExpired), Reason: "not_found"})
}

func stateRetry(w http.ResponseWriter, status, after int) {
	w.Header().Set("Retry-After", strconv.Itoa(after))
	writeJSON(w, status, map[string]string{"error": "unavailable"})
}
