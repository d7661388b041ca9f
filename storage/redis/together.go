package redis

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	driver "github.com/redis/go-redis/v9"
)

// Calls of one kind that come at the same time go to Redis in one round trip: a trip of its own for each would cost this
// process and Redis most of what the call costs. Nobody waits for company: who finds a trip free takes it, and those that
// come while all are under way go together with the next.
const (
	trips     = 2 // at once, so that one answer that is late does not hold up everybody
	batchMost = 128
)

// together makes trips of one kind of call: with a question Q and an answer A each.
type together[Q, A any] struct {
	timeout time.Duration
	// send asks all questions in one round trip, and returns their answers in the same order.
	send func(ctx context.Context, questions []Q) ([]A, error)

	mu      sync.Mutex
	under   int            // trips under way
	waiting []caller[Q, A] // for the next one; empty while a trip is free
	closed  bool
	running sync.WaitGroup
}

// caller is one that waits for its answer.
type caller[Q, A any] struct {
	ctx      context.Context
	question Q
	answer   chan result[A] // has room for it: a caller that is gone keeps nobody
}

type result[A any] struct {
	answer A
	err    error
}

// ask returns the question's answer, or an error once ctx ends.
func (t *together[Q, A]) ask(ctx context.Context, question Q) (answer A, err error) {
	if err := ctx.Err(); err != nil {
		return answer, err
	}
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return answer, driver.ErrClosed
	}
	if t.under < trips {
		t.under++
		t.mu.Unlock()
		defer t.leave()
		answers, err := t.trip(ctx, []Q{question})
		if err != nil {
			return answer, err
		}
		return answers[0], nil
	}
	mine := caller[Q, A]{ctx, question, make(chan result[A], 1)}
	t.waiting = append(t.waiting, mine)
	t.mu.Unlock()
	select {
	case r := <-mine.answer:
		return r.answer, r.err
	case <-ctx.Done():
		return answer, ctx.Err()
	}
}

func (t *together[Q, A]) trip(ctx context.Context, questions []Q) ([]A, error) {
	answers, err := t.send(ctx, questions)
	if err == nil && len(answers) != len(questions) {
		err = errors.New("an unexpected reply")
	}
	return answers, err
}

// leave ends a trip. Where callers wait, another one takes them all, and whose trip it was does not wait for that.
func (t *together[Q, A]) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		t.under--
		return
	}
	t.running.Go(func() {
		for {
			next := t.board()
			if next == nil {
				return
			}
			t.carry(next)
		}
	})
}

// board returns those that go with the next trip; where there are none there is no trip.
func (t *together[Q, A]) board() []caller[Q, A] {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		t.under--
		return nil
	}
	n := min(len(t.waiting), batchMost)
	next := t.waiting[:n:n]
	t.waiting = t.waiting[n:]
	return next
}

func (t *together[Q, A]) carry(callers []caller[Q, A]) {
	callers = slices.DeleteFunc(callers, func(c caller[Q, A]) bool { return c.ctx.Err() != nil })
	if len(callers) == 0 {
		return
	}
	questions := make([]Q, len(callers))
	for n, c := range callers {
		questions[n] = c.question
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.timeout)
	defer cancel()
	answers, err := t.trip(ctx, questions)
	for n, c := range callers {
		r := result[A]{err: err}
		if err == nil {
			r.answer = answers[n]
		}
		c.answer <- r
	}
}

// close refuses who waits and who comes, and waits for what is under way for others.
func (t *together[Q, A]) close() {
	t.mu.Lock()
	t.closed = true
	for _, c := range t.waiting {
		c.answer <- result[A]{err: driver.ErrClosed}
	}
	t.waiting = nil
	t.mu.Unlock()
	t.running.Wait()
}
