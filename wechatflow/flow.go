package wechatflow

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"qiao/storage"
)

// Flow serves the login. Its state is counters and what is under way; the record is the Store.
type Flow struct {
	Config
	accounts map[string]*account
	metrics  *metrics
	waiters  *waiters
	lookout  *lookout
	stacks   *stacks
	tasks    *tasks
	asked    asked
	pushes   sync.WaitGroup // under way, also those that nobody waits for any more
}

// account is a configured Account, ready for use.
type account struct {
	Account
	name, display string
	replies       *replies
	breaker       breaker
	followCode    followCode
}

// New checks the configuration and starts the flow's workers; Close ends them.
func New(c Config) (*Flow, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("set up the WeChat flow: %w", err)
	}
	c.Lifetimes.setDefaults()
	c.Limits.setDefaults()
	f := &Flow{Config: c, accounts: make(map[string]*account)}
	var faults []error
	for _, a := range c.Accounts {
		who := a.Client.Account()
		if f.accounts[who.Name] != nil {
			faults = append(faults, fmt.Errorf("account %q is configured twice", who.Name))
		}
		r, err := newReplies(a.Replies, c.Pages, who.DisplayName)
		if err != nil {
			faults = append(faults, fmt.Errorf("account %q: %w", who.Name, err))
		}
		f.accounts[who.Name] = &account{Account: a, name: who.Name, display: who.DisplayName, replies: r}
	}
	m, err := newMetrics(c.Metrics)
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, fmt.Errorf("set up the WeChat flow: %w", err)
	}
	f.metrics = m
	f.waiters = newWaiters(f.Limits.WaitersPerBrowser, f.Limits.WaitersPerAddress, m.waiting)
	f.tasks = newTasks(c.Log)
	f.lookout = newLookout(f.Config)
	f.stacks = newStacks()
	return f, nil
}

// Drain ends the long polls with what they know and a hint to retry; new ones are answered at once. Call it when the
// server stops taking requests.
func (f *Flow) Drain() { f.lookout.drain() }

// Close waits for the work that goes on behind the answers, until ctx ends. The server has stopped before: nothing new
// comes in.
func (f *Flow) Close(ctx context.Context) error {
	f.lookout.close()
	f.stacks.close()
	finished := make(chan struct{})
	go func() { // ends with the last push, each of which has a deadline
		f.pushes.Wait()
		close(finished)
	}()
	select {
	case <-finished:
	case <-ctx.Done():
	}
	return f.tasks.close(ctx)
}

// account returns the client's Official Account.
func (f *Flow) account(name string) (*account, error) {
	if name == "" {
		name = f.Accounts[0].Client.Account().Name
	}
	a, ok := f.accounts[name]
	if !ok {
		return nil, fmt.Errorf("account %q is not configured", name)
	}
	return a, nil
}

// url is the absolute address of a path of ours: the issuer's, whatever Host the request names.
func (f *Flow) url(path string) string {
	return strings.TrimSuffix(f.Guard.Issuer.String(), "/") + path
}

// topic is what the waiters of a login watch.
func topic(request storage.ID) string { return "login " + request.String() }

// wake tells the waiting browser. Its loss costs a few seconds, never the login, so that it fails nothing.
func (f *Flow) wake(ctx context.Context, request storage.ID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 300*time.Millisecond)
	defer cancel()
	if err := f.Signals.Wake(ctx, topic(request)); err != nil {
		f.Log.WarnContext(ctx, "wake-up lost", "error", err)
	}
}
