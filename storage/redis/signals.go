package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	driver "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"qiao/storage"
	"qiao/storage/memory"
)

// Config says which Redis to use and how.
type Config struct {
	URL    string // redis://, rediss:// (TLS) or unix://
	Prefix string // of every key and of the channel; empty is "qiao:"
	// Timeout bounds every call, the wait for a connection included; zero is 500 ms.
	Timeout time.Duration
	// Spread is the time over which watchers are woken after the subscription was lost; zero is 2 s.
	Spread time.Duration
	// Now measures the pace of polls; nil is Redis's own clock, which is the same for all replicas.
	Now func() time.Time
	Log *slog.Logger // nil is slog.Default

	quiet time.Duration // for tests: how long the subscription may be silent
}

// Signals is a replica's connection to the others.
type Signals struct {
	client   *driver.Client
	prefix   string
	timeout  time.Duration
	spread   time.Duration
	quiet    time.Duration
	now      func() time.Time
	log      *slog.Logger
	watchers memory.Watchers
	origin   string // tells this replica's own wake-ups from the others'
	scripts  scripts
	counts   *together[[]storage.Use, int64]
	polls    *together[string, int64]
	wakes    *together[string, struct{}]

	stop    context.CancelFunc
	running sync.WaitGroup
	close   func() error
}

var _ storage.Signals = (*Signals)(nil)

// Open connects, and fails when Redis does not answer.
func Open(ctx context.Context, c Config) (*Signals, error) {
	options, err := driver.ParseURL(c.URL)
	if err != nil {
		// The error would repeat the URL, with its password.
		return nil, errors.New("open redis: the URL is not valid: it has the form redis://user:password@host:6379/0")
	}
	s := &Signals{
		scripts: newScripts(),
		prefix:  c.Prefix,
		timeout: c.Timeout,
		spread:  c.Spread,
		quiet:   c.quiet,
		now:     c.Now,
		log:     c.Log,
		origin:  storage.NewID(time.Now()).String(),
	}
	if s.prefix == "" {
		s.prefix = "qiao:"
	}
	if s.timeout <= 0 {
		s.timeout = 500 * time.Millisecond
	}
	if s.spread <= 0 {
		s.spread = 2 * time.Second
	}
	if s.quiet <= 0 {
		s.quiet = quiet
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.client = driver.NewClient(s.bounded(options))
	s.counts = &together[[]storage.Use, int64]{timeout: s.timeout, send: s.sendCounts}
	s.polls = &together[string, int64]{timeout: s.timeout, send: s.sendPolls}
	s.wakes = &together[string, struct{}]{timeout: s.timeout, send: s.sendWakes}

	subscription, err := s.subscribe(ctx)
	if err != nil {
		_ = s.client.Close()
		return nil, fmt.Errorf("open redis: %w", err)
	}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.listen(ctx, subscription) })
	s.close = sync.OnceValue(func() error {
		s.stop()
		s.running.Wait()
		s.counts.close()
		s.polls.close()
		s.wakes.close()
		return s.client.Close()
	})
	return s, nil
}

// bounded sets the options so that an unreachable Redis fails a call within its deadline, and an idle replica is small.
func (s *Signals) bounded(o *driver.Options) *driver.Options {
	o.ContextTimeoutEnabled = true
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = s.timeout, s.timeout, s.timeout, s.timeout
	o.DialerRetries = 1
	o.MaxRetries = 1 // a connection that died while it was idle
	o.MinRetryBackoff, o.MaxRetryBackoff = time.Millisecond, 10*time.Millisecond
	o.ReadBufferSize, o.WriteBufferSize = 4<<10, 4<<10
	o.PipelinePoolSize = -1
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return o
}

// Wake wakes this replica's watchers at once, also while Redis is unreachable, and tells the other replicas.
func (s *Signals) Wake(ctx context.Context, topic string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.watchers.Wake(topic)
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if _, err := s.wakes.ask(ctx, topic); err != nil {
		return fmt.Errorf("wake: %w", err)
	}
	return nil
}

func (s *Signals) sendWakes(ctx context.Context, topics []string) ([]struct{}, error) {
	if len(topics) == 1 {
		return make([]struct{}, 1), s.client.Publish(ctx, s.channel(), s.origin+topics[0]).Err()
	}
	_, err := s.client.Pipelined(ctx, func(p driver.Pipeliner) error {
		for _, topic := range topics {
			p.Publish(ctx, s.channel(), s.origin+topic)
		}
		return nil
	})
	return make([]struct{}, len(topics)), err
}

// Watch watches the topic.
func (s *Signals) Watch(topic string, wake func()) (stop func()) {
	return s.watchers.Watch(topic, wake)
}

// Ping reports whether Redis answers.
func (s *Signals) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := s.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ping redis: %w", err)
	}
	return nil
}

// Close ends the subscription and the connections, and waits for them. Twice is once.
func (s *Signals) Close() error { return s.close() }
