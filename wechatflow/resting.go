package wechatflow

import (
	"time"

	"qiao/storage"
	"qiao/ui"
)

// rested is a waiter between two polls of its page, which asks again as soon as it was told that nothing has changed. It
// stays watched and looked after, so that no change falls between, and the page goes on with it: of all that ten thousand
// browsers ask while nothing happens, the Store is asked for a hundred at a time.
type rested struct {
	waiter  *waiter
	browser storage.Hash
	seen    int64 // the version that the page has seen
	shown   ui.LoginState
	until   time.Time
	end     *time.Timer
}

// restMost is how long a page may take to ask again. Most take one way to the browser and back.
const restMost = 2 * time.Second

// rest keeps the waiter for its page. One whose request was cut off just now leaves: nobody asks again.
func (l *lookout) rest(id storage.ID, r *rested) {
	if !r.waiter.gone() {
		r.waiter.leave()
		return
	}
	l.mu.Lock()
	other := l.resting[id] // of another tab
	l.resting[id] = r
	r.end = time.AfterFunc(restMost, func() {
		if l.take(id, r) {
			r.waiter.leave()
		}
	})
	l.mu.Unlock()
	if other != nil {
		other.end.Stop()
		other.waiter.leave()
	}
}

// resume gives the waiter back to the browser that has seen just what it was looked after for; nil where there is none.
func (l *lookout) resume(id storage.ID, browser storage.Hash, seen int64) *rested {
	l.mu.Lock()
	r := l.resting[id]
	l.mu.Unlock()
	if r == nil || r.browser != browser || r.seen != seen || !l.take(id, r) {
		return nil
	}
	r.end.Stop()
	return r
}

// take reports whether r was resting. It is not any more.
func (l *lookout) take(id storage.ID, r *rested) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.resting[id] != r {
		return false
	}
	delete(l.resting, id)
	return true
}
