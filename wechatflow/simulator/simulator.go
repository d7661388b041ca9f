package simulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"qiao/wechatflow/wechat/crypt"
)

// Account is one simulated Official Account, as its operator configured it on the platform's pages.
type Account struct {
	Name        string // the name that the control API knows it by
	DisplayName string
	AppID       string
	AppSecret   string
	OriginalID  string // gh_…
	Token       string
	AESKey      string // EncodingAESKey, 43 characters; may be empty in plain mode
	Mode        string // "plain", "compat" or "safe"
	CallbackURL string // empty: server mode is off until SetCallback, and events go nowhere
	WebDomain   string // the authorized domain of web authorization; empty: any
	Standalone  bool   // not bound to an Open Platform account: no unionid
}

// Config is what a simulator is made of.
type Config struct {
	Accounts []Account
	Log      *slog.Logger     // nil: discards
	Now      func() time.Time // nil: time.Now
	// Transport carries the pushes. Nil: one with keep-alive of its own.
	Transport http.RoundTripper
	// AnswerWithin is how long a delivery may take, RetryPause the time from the start of a failed delivery to the next
	// one. 0 means the platform's 5 s for both.
	AnswerWithin time.Duration
	RetryPause   time.Duration
}

// Simulator is a running fake platform.
type Simulator struct {
	log          *slog.Logger
	clock        func() time.Time
	client       *http.Client
	answerWithin time.Duration
	retryPause   time.Duration
	limits       map[string]limit // the platform's own quotas, by path; never changed

	ctx     context.Context // ends with Close: deliveries stop
	stop    context.CancelFunc
	running sync.WaitGroup

	mu sync.Mutex // guards everything below
	world
}

// New returns a simulator that runs until Close.
func New(cfg Config) (*Simulator, error) {
	s := &Simulator{
		log: cfg.Log, clock: cfg.Now,
		answerWithin: cfg.AnswerWithin, retryPause: cfg.RetryPause,
		limits: platformLimits(),
		world:  newWorld(),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.answerWithin == 0 {
		s.answerWithin = 5 * time.Second
	}
	if s.retryPause == 0 {
		s.retryPause = 5 * time.Second
	}
	transport := cfg.Transport
	if transport == nil {
		transport = &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: 30 * time.Second, DisableCompression: true}
	}
	s.client = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, a := range cfg.Accounts {
		if err := s.addAccount(a); err != nil {
			return nil, fmt.Errorf("simulated account %q: %w", a.Name, err)
		}
	}
	if len(s.accounts) == 0 {
		return nil, errors.New("the simulator needs at least one account")
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// SetCallback sets the server URL of an account, as its operator does on the platform's pages. Empty switches server
// mode off.
func (s *Simulator) SetCallback(name, callback string) error {
	if callback != "" {
		if u, err := url.Parse(callback); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("callback of simulated account %q must be an http or https address", name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accountNamed(name)
	if a == nil {
		return fmt.Errorf("no simulated account %q", name)
	}
	a.CallbackURL = callback
	return nil
}

// Close ends every delivery and waits for it. The handler goes on answering; what it would push is dropped.
func (s *Simulator) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.running.Wait()
	s.client.CloseIdleConnections()
}

func (s *Simulator) addAccount(a Account) error {
	switch {
	case a.Name == "" || a.AppID == "" || a.AppSecret == "" || a.OriginalID == "":
		return errors.New("name, AppID, AppSecret and original id are needed")
	case s.accountNamed(a.Name) != nil || s.accountByAppID(a.AppID) != nil:
		return errors.New("name and AppID must be unique")
	case len(a.Token) < 3 || len(a.Token) > 32:
		return errors.New("the Token has 3 to 32 characters")
	case a.Mode != modePlain && a.Mode != modeCompat && a.Mode != modeSafe:
		return errors.New("the mode is plain, compat or safe")
	}
	added := &account{Account: a, calls: map[string]*counter{}, permanent: map[string]*code{}}
	if a.AESKey != "" || a.Mode != modePlain {
		key, err := crypt.ParseKey(a.AESKey)
		if err != nil {
			return err
		}
		added.key, added.hasKey = key, true
	}
	s.accounts = append(s.accounts, added)
	return nil
}

// now is the simulator's time. The caller holds the mutex.
func (s *Simulator) now() time.Time { return s.clock().Add(s.ahead) }

// lockedNow is now, for those who do not hold the mutex.
func (s *Simulator) lockedNow() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}
