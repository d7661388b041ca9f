package wechatflow

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"qiao/storage"
	"qiao/ui"
)

// maxWait is the longest that a poll is held: proxies cut idle connections from half a minute on.
const maxWait = 25 * time.Second

// getLoginState serves GET /login/{id}/state?v=&wait=: the card as JSON, at once when it differs from v, otherwise as
// soon as it does or when the wait is over. Only the browser that began the login is answered.
func (f *Flow) getLoginState(w http.ResponseWriter, r *http.Request) {
	p := &statePoll{Flow: f, w: w, r: r}
	p.on(p.begin)
	p.r.Header = nil // a kilobyte that nobody reads any more
	for p.status == 0 {
		<-p.waiter.woken
		p.woken()
	}
	p.leave() // before the browser has its answer: it asks again at once
	p.finish()
}

// statusGone is for nobody: the browser went away.
const statusGone = 499

// statePoll is one poll. Ten thousand browsers wait in one: what is kept of each is small and here, all that needs a deep
// stack is done on a borrowed one, and nobody asks the Store for it alone while nothing has changed. It waits for one
// channel, with few calls above it: what the stacks of those that wait hold on average is, with the runtime's reserve, just
// below 2 KiB, and so that is what it gives each new goroutine to begin with, instead of 4.
type statePoll struct {
	*Flow
	w http.ResponseWriter
	r *http.Request

	id      storage.ID
	browser storage.Hash
	address netip.Addr
	seen    int64
	wait    time.Duration

	waiter *waiter
	placed bool // among the waiters
	rests  bool // the waiter is kept for the next poll

	shown  ui.LoginState
	until  time.Time // when the picture that is shown is over; zero without one
	status int       // of the answer; 0 while there is none
	after  int       // seconds until the next try; of a refusal
	retry  bool      // the server is about to stop
}

// on has fn run on a borrowed stack. Without one, or where it panics, the poll is refused.
func (p *statePoll) on(fn func()) {
	switch err := p.stacks.run(fn); {
	case err == nil:
	case errors.Is(err, errNoStack):
		p.refuse(http.StatusServiceUnavailable, seconds(storeRetry))
	default:
		p.broken(err)
	}
}

// broken is what the server does for handlers that panic, which it does not see of one on a borrowed stack.
func (p *statePoll) broken(err error) {
	p.Log.ErrorContext(p.r.Context(), "handler panicked", "method", p.r.Method, "route", loginPrefix+"{id}"+stateSuffix, "panic", err.Error())
	p.refuse(http.StatusInternalServerError, seconds(storeRetry))
}

// begin reads the request and looks at the card for the first time.
func (p *statePoll) begin() {
	secret, ok := p.Guard.Secret(p.r)
	id, err := storage.ParseID(strings.TrimSuffix(strings.TrimPrefix(p.r.URL.Path, loginPrefix), stateSuffix))
	if !ok || err != nil {
		p.status = http.StatusNotFound
		return
	}
	p.id, p.browser, p.address = id, secret.Hash(), p.Guard.Address(p.r)
	if ok, retryAfter := p.allowPage(p.r); !ok {
		p.refuse(http.StatusTooManyRequests, max(1, seconds(retryAfter)))
		return
	}
	switch done, err := p.doneElsewhere(p.r, id, p.browser); {
	case err != nil:
		p.fail(err)
		return
	case done:
		p.shown, p.status = ui.LoginState{State: string(storage.AttemptDone)}, http.StatusOK
		return
	}
	p.seen, p.wait = pollParams(p.r)
	if p.wait > 0 {
		if p.placed = p.waiters.enter(p.browser, customerOf(p.address)); !p.placed {
			p.refuse(http.StatusTooManyRequests, 2) // asking without a wait is still answered
			return
		}
	}
	if p.wait > 0 && p.resume() {
		return
	}
	p.waiter = p.lookout.enter(p.Signals, topic(id)) // before the first look, so that no change falls between
	p.look()
	if p.status == 0 {
		p.waiter.endWith(p.r.Context(), p.wait)
	}
}

// resume goes on with the waiter of this page's last poll.
func (p *statePoll) resume() bool {
	r := p.lookout.resume(p.id, p.browser, p.seen)
	if r == nil {
		return false
	}
	p.waiter, p.shown, p.until = r.waiter, r.shown, r.until
	p.waiter.endWith(p.r.Context(), p.wait)
	return true
}

// leave gives back what begin has taken.
func (p *statePoll) leave() {
	switch {
	case p.waiter == nil:
	case p.rests:
		p.lookout.rest(p.id, &rested{waiter: p.waiter, browser: p.browser, seen: p.seen, shown: p.shown, until: p.until})
	default:
		p.waiter.leave()
	}
	if p.placed {
		p.waiters.leave(p.browser, customerOf(p.address))
	}
}

// woken reads again, or ends the wait.
func (p *statePoll) woken() {
	why := p.waiter.why()
	if why&(wakeRead|wakeGone) == wakeRead {
		p.on(p.look)
	}
	switch {
	case why&wakeGone != 0:
		p.status = statusGone
	case p.status == 0 && why&(wakeOver|wakeStop) != 0:
		p.status, p.retry = http.StatusOK, why&wakeStop != 0
		p.rests = !p.retry && p.shown.State == string(storage.AttemptWaiting) // what others show is in more rows than the lookout sees
	}
}

// look reads the card, and ends the poll where it differs from the one seen. The picture is drawn for a page that does not
// show it: one that has seen this very card does.
func (p *statePoll) look() {
	ctx := p.r.Context()
	attempt, err := p.Store.CurrentAttempt(ctx, p.id, p.browser, p.Now())
	if err != nil {
		p.fail(err)
		return
	}
	c, err := p.card(ctx, attempt, p.address)
	if err != nil {
		p.fail(err)
		return
	}
	due := c.attempt.ExpiresAt
	if c.attempt.State.Over() {
		due = time.Time{}
	}
	p.until = time.Time{}
	if c.expiresIn > 0 {
		due, p.until = c.attempt.Scene.ShownUntil, c.attempt.Scene.ShownUntil
	}
	p.waiter.saw(storage.Progress{AuthRequestID: p.id, Browser: p.browser, AttemptID: c.attempt.ID, Version: c.attempt.Version}, due)
	news := c.version() != p.seen
	if p.shown, err = c.json(news); err != nil {
		p.fail(err)
		return
	}
	if news || p.wait <= 0 {
		p.status = http.StatusOK
	}
}

func (p *statePoll) refuse(status, after int) { p.status, p.after = status, after }

func (p *statePoll) fail(err error) {
	switch ctx := p.r.Context(); {
	case errors.Is(err, storage.ErrNotFound):
		p.status = http.StatusNotFound
	case ctx.Err() != nil:
		p.status = statusGone
	default:
		p.Log.ErrorContext(ctx, "login state unavailable", "error", err)
		p.refuse(http.StatusServiceUnavailable, seconds(storeRetry))
	}
}

// finish answers, on this goroutine's own stack where all others are busy.
func (p *statePoll) finish() {
	switch err := p.stacks.run(p.answer); {
	case err == nil:
	case errors.Is(err, errNoStack):
		p.answer()
	default:
		p.broken(err)
		p.answer()
	}
}

// sendPatience is how long an answer may take to be sent. It fits into the empty buffer of any connection but that of a
// browser that asks and asks without reading, which must not keep a borrowed stack.
const sendPatience = 2 * time.Second

// answer answers, and sends it off: the server would do so on the goroutine's own stack, which would not become small
// again for the next poll. A login that is over, never was, or is another browser's: the three look the same.
func (p *statePoll) answer() {
	if p.status == statusGone {
		return
	}
	out := http.NewResponseController(p.w)
	_ = out.SetWriteDeadline(time.Now().Add(sendPatience)) // also where the server's own has passed meanwhile
	switch p.status {
	case http.StatusNotFound:
		writeJSON(p.w, http.StatusNotFound, ui.LoginState{State: string(storage.AttemptExpired), Reason: "not_found"})
	case http.StatusOK:
		if !p.until.IsZero() {
			p.shown.ExpiresIn = max(0, seconds(p.until.Sub(p.Now())))
		}
		if p.retry {
			p.w.Header().Set("Retry-After", "1")
			p.w.Header().Set("Connection", "close") // the next poll reaches a server that stays
			p.shown.Reason = "retry"
		}
		writeJSON(p.w, http.StatusOK, p.shown)
	default:
		p.w.Header().Set("Retry-After", strconv.Itoa(p.after))
		writeJSON(p.w, p.status, map[string]string{"error": "unavailable"})
	}
	_ = out.Flush() // not every writer knows of these; then the server does it
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
	wait = min(time.Duration(secs)*time.Second, maxWait)
	if wait > 4*time.Second { // those that came at the same moment, after an outage, do not come back at the same moment
		wait -= rand.N(wait / 4)
	}
	return seen, wait
}
