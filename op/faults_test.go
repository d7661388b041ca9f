package op_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"qiao/op"
	"qiao/storage"
)

var errDown = errors.New("the database is down")

// faults makes chosen transitions fail, and remembers the codes that were issued.
type faults struct {
	op.Store
	mu     sync.Mutex
	broken map[string]error
	issued []storage.NewCode

	beforeCode func() // what another request does just before a code is issued
}

// last is the newest code.
func (f *faults) last() storage.NewCode {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.issued[len(f.issued)-1]
}

func (f *faults) codes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.issued)
}

// fail makes exactly these transitions fail from now on.
func (f *faults) fail(names ...string) { f.failWith(errDown, names...) }

func (f *faults) failWith(err error, names ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = map[string]error{}
	for _, n := range names {
		f.broken[n] = err
	}
}

func (f *faults) err(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.broken[name]
}

func (f *faults) CreateAuthRequest(ctx context.Context, r storage.AuthRequest) error {
	if err := f.err("CreateAuthRequest"); err != nil {
		return err
	}
	return f.Store.CreateAuthRequest(ctx, r)
}

func (f *faults) AuthRequest(ctx context.Context, id storage.ID, browser storage.Hash, now time.Time) (storage.AuthRequest, error) {
	if err := f.err("AuthRequest"); err != nil {
		return storage.AuthRequest{}, err
	}
	return f.Store.AuthRequest(ctx, id, browser, now)
}

func (f *faults) EndAuthRequest(ctx context.Context, id storage.ID, browser storage.Hash, now time.Time) error {
	if err := f.err("EndAuthRequest"); err != nil {
		return err
	}
	return f.Store.EndAuthRequest(ctx, id, browser, now)
}

func (f *faults) Session(ctx context.Context, id storage.ID, secret storage.Hash, idle time.Duration, now time.Time) (storage.Session, storage.User, error) {
	if err := f.err("Session"); err != nil {
		return storage.Session{}, storage.User{}, err
	}
	return f.Store.Session(ctx, id, secret, idle, now)
}

func (f *faults) LogOut(ctx context.Context, id storage.ID, secret, browser storage.Hash, now time.Time) error {
	if err := f.err("LogOut"); err != nil {
		return err
	}
	return f.Store.LogOut(ctx, id, secret, browser, now)
}

func (f *faults) Consent(ctx context.Context, userID, clientID string) ([]string, error) {
	if err := f.err("Consent"); err != nil {
		return nil, err
	}
	return f.Store.Consent(ctx, userID, clientID)
}

func (f *faults) GrantConsent(ctx context.Context, userID, clientID string, scopes []string, now time.Time) error {
	if err := f.err("GrantConsent"); err != nil {
		return err
	}
	return f.Store.GrantConsent(ctx, userID, clientID, scopes, now)
}

func (f *faults) IssueCode(ctx context.Context, c storage.NewCode) error {
	if err := f.err("IssueCode"); err != nil {
		return err
	}
	if f.beforeCode != nil {
		f.beforeCode()
	}
	err := f.Store.IssueCode(ctx, c)
	if err == nil {
		f.mu.Lock()
		f.issued = append(f.issued, c)
		f.mu.Unlock()
	}
	return err
}

// faultySignals are signals that can be unreachable.
type faultySignals struct {
	storage.Signals
	mu    sync.Mutex
	down  bool
	calls int // of Allow: each is a round trip
}

func (s *faultySignals) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *faultySignals) Allow(ctx context.Context, uses ...storage.Use) (bool, time.Duration, error) {
	s.mu.Lock()
	down := s.down
	s.calls++
	s.mu.Unlock()
	if down {
		return false, 0, errors.New("the signals are unreachable")
	}
	return s.Signals.Allow(ctx, uses...)
}

// asked is how often the signals were asked since it was last called.
func (s *faultySignals) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.calls
	s.calls = 0
	return n
}

// lateHandler serves what is set once the address is known.
type lateHandler struct {
	mu sync.RWMutex
	h  http.Handler
}

func (l *lateHandler) set(h http.Handler) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.h = h
}

func (l *lateHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.RLock()
	h := l.h
	l.mu.RUnlock()
	h.ServeHTTP(w, r)
}

// logBuffer keeps the log for the tests that read it.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (f *faults) SignOutEverywhere(ctx context.Context, userID string, by string, now time.Time) error {
	if err := f.err("SignOutEverywhere"); err != nil {
		return err
	}
	return f.Store.SignOutEverywhere(ctx, userID, by, now)
}
