package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// deliveries is how often an event is delivered in all, when it is not answered.
const deliveries = 3

// delivery is an event or message on its way to the callback.
type delivery struct {
	relation *relation
	body     string
	silent   bool          // the answer reaches nobody: the person has left
	done     chan struct{} // closed when it was answered, or given up
}

// push starts to deliver a body to the account's callback. It returns a finished delivery where server mode is off. The
// caller holds the mutex.
func (s *Simulator) push(rel *relation, body string, silent bool) *delivery {
	d := &delivery{relation: rel, body: body, silent: silent, done: make(chan struct{})}
	if rel.account.CallbackURL == "" || s.closed {
		close(d.done)
		return d
	}
	s.inFlight++
	s.running.Add(1)
	go s.deliver(d)
	return d
}

// await waits until a push was answered, so that programs need no sleep. It waits a little longer than one delivery may
// take: a second delivery that is answered at once still counts.
func (s *Simulator) await(ctx context.Context, d *delivery) {
	timer := time.NewTimer(s.answerWithin + s.answerWithin/10)
	defer timer.Stop()
	select {
	case <-d.done:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// deliver makes up to three deliveries. A good answer ends them, and so does a bad body: the server did answer. A
// time-out, a broken connection and an HTTP error are delivered again.
func (s *Simulator) deliver(d *delivery) {
	defer s.running.Done()
	defer close(d.done)
	defer func() {
		s.mu.Lock()
		s.inFlight--
		s.mu.Unlock()
	}()
	noticed := false
	for attempt := 1; ; attempt++ {
		started := s.lockedNow()
		answer, err := s.deliverOnce(d)
		if s.ctx.Err() != nil {
			return
		}
		if err == nil {
			s.showReply(d, answer)
			return
		}
		s.log.WarnContext(s.ctx, "simulated push failed", "account", d.relation.account.Name, "attempt", attempt, "error", err)
		last := attempt == deliveries || errors.Is(err, errBadReply)
		// Who gets an error page knows at once that something is wrong; who gets silence knows when the platform gives up.
		if !noticed && (last || errors.Is(err, errStatus)) {
			s.showFault(d)
			noticed = true
		}
		if last || !s.pause(started.Add(s.retryPause)) {
			return
		}
	}
}

var (
	errStatus = errors.New("the callback answered with an HTTP error")
	errPost   = errors.New("the callback did not answer in time")
)

// deliverOnce posts the body and reads the answer's reply.
func (s *Simulator) deliverOnce(d *delivery) (reply, error) {
	s.mu.Lock()
	a := *d.relation.account
	e := wrap(&a, a.Mode, d.body, d.relation.openID, s.now())
	s.mu.Unlock()
	status, body, err := s.post(s.ctx, a.CallbackURL, e)
	switch {
	case err != nil:
		return reply{}, errPost // without its cause, which holds the URL and so the openid
	case status != http.StatusOK:
		return reply{}, fmt.Errorf("%w: %d", errStatus, status)
	}
	return readReply(&a, a.Mode, d.relation.openID, e.nonce, body)
}

// post sends one envelope.
func (s *Simulator) post(ctx context.Context, callback string, e envelope) (status int, body []byte, err error) {
	return s.request(ctx, http.MethodPost, callback, e.query, e.body)
}

// request calls the callback and reads the answer within the time limit.
func (s *Simulator) request(ctx context.Context, method, callback string, query url.Values, content string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.answerWithin)
	defer cancel()
	separator := "?"
	if strings.Contains(callback, "?") {
		separator = "&"
	}
	req, err := http.NewRequestWithContext(ctx, method, callback+separator+query.Encode(), strings.NewReader(content))
	if err != nil {
		return 0, nil, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "text/xml")
	}
	req.Header.Set("User-Agent", "Mozilla/4.0")
	res, err := s.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	return res.StatusCode, body, err
}

// pause waits until it is due by the simulator's clock, which POST /sim/clock can move, or for as long as that would
// take in real time. It reports false when the simulator closes.
func (s *Simulator) pause(due time.Time) bool {
	s.mu.Lock()
	timer := time.NewTimer(due.Sub(s.now()))
	s.mu.Unlock()
	defer timer.Stop()
	for {
		s.mu.Lock()
		over, moved := !s.now().Before(due), s.moved
		s.mu.Unlock()
		if over {
			return true
		}
		select {
		case <-timer.C:
			return true
		case <-moved:
		case <-s.ctx.Done():
			return false
		}
	}
}
