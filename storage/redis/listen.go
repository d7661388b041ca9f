package redis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	driver "github.com/redis/go-redis/v9"
)

const (
	// quiet is how long the subscription may be silent before it is asked whether it is still there.
	quiet = 5 * time.Second
	// Between two tries to subscribe again.
	retryFirst, retryMost = 50 * time.Millisecond, 500 * time.Millisecond
	// wakeSteps is in how many steps the watchers are woken after the subscription was lost.
	wakeSteps = 50
)

// channel carries the wake-ups: the origin of each, 22 characters, and its topic.
func (s *Signals) channel() string { return s.prefix + "wake" }

// subscribe returns a subscription that is confirmed: what is published from now on arrives.
func (s *Signals) subscribe(ctx context.Context) (*driver.PubSub, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	subscription := s.client.Subscribe(ctx, s.channel())
	if _, err := subscription.ReceiveTimeout(ctx, s.timeout); err != nil {
		_ = subscription.Close()
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return subscription, nil
}

// listen keeps the subscription until ctx ends. It runs once for each Signals, and ends before Close returns.
func (s *Signals) listen(ctx context.Context, subscription *driver.PubSub) {
	for {
		err := s.receive(ctx, subscription)
		if ctx.Err() != nil {
			return
		}
		lost := time.Now()
		s.log.WarnContext(ctx, "signals lost their subscription", "error", err)
		if subscription = s.subscribeAgain(ctx); subscription == nil {
			return
		}
		s.log.InfoContext(ctx, "signals are subscribed again", "after", time.Since(lost))
		s.running.Go(func() { s.wakeAll(ctx) })
	}
}

// receive hands wake-ups to the watchers until the subscription is lost, which it closes.
func (s *Signals) receive(ctx context.Context, subscription *driver.PubSub) error {
	unhook := context.AfterFunc(ctx, func() { _ = subscription.Close() }) // ends the read below
	defer func() {
		unhook()
		_ = subscription.Close()
	}()
	asked := false
	for {
		message, err := subscription.ReceiveTimeout(ctx, s.quiet)
		if late := net.Error(nil); errors.As(err, &late) && late.Timeout() && !asked {
			// A connection that was cut without a word looks like one on which nothing happens.
			if err := subscription.Ping(ctx); err != nil {
				return err
			}
			asked = true
			continue
		}
		if err != nil {
			return err
		}
		asked = false
		switch message := message.(type) {
		case *driver.Message:
			s.dispatch(message.Payload)
		case *driver.Subscription:
			// The driver has replaced the connection by itself: as lost as any other.
			return errors.New("the connection was replaced")
		}
	}
}

// dispatch wakes the watchers of a topic, unless the wake-up is this replica's own: its watchers are awake already.
func (s *Signals) dispatch(payload string) {
	if topic, own := strings.CutPrefix(payload, s.origin); !own && len(payload) > len(s.origin) {
		s.watchers.Wake(topic[len(s.origin):])
	}
}

// subscribeAgain tries until it has a subscription; nil when ctx has ended.
func (s *Signals) subscribeAgain(ctx context.Context) *driver.PubSub {
	for pause := retryFirst; ; pause = min(2*pause, retryMost) {
		if subscription, err := s.subscribe(ctx); err == nil {
			return subscription
		}
		if !wait(ctx, pause/2+rand.N(pause/2)) {
			return nil
		}
	}
}

// wakeAll wakes every watcher once, in random order, a few at a time.
func (s *Signals) wakeAll(ctx context.Context) {
	topics := s.watchers.Topics()
	rand.Shuffle(len(topics), func(i, j int) { topics[i], topics[j] = topics[j], topics[i] })
	for step := range wakeSteps {
		for _, topic := range topics[len(topics)*step/wakeSteps : len(topics)*(step+1)/wakeSteps] {
			s.watchers.Wake(topic)
		}
		if !wait(ctx, s.spread/wakeSteps) {
			return
		}
	}
}

// wait reports false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
