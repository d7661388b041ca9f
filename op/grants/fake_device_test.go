package grants_test

import (
	"context"
	"sync"
	"time"

	"qiao/storage"
)

// fakeDevice is a device authorization; its grant exists once it was approved.
type fakeDevice struct {
	storage.DeviceAuthorization
	declined bool
}

func (f *fakeStore) CreateDevice(_ context.Context, d storage.DeviceAuthorization) error {
	defer f.mu.Unlock()
	if err := f.enter("CreateDevice"); err != nil {
		return err
	}
	f.devices[d.ID] = &fakeDevice{DeviceAuthorization: d}
	return nil
}

func (f *fakeStore) DeviceByUserCode(_ context.Context, code storage.Hash, _ []storage.Limit, _ time.Time) (storage.DeviceAuthorization, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range f.devices {
		if d.UserCode == code {
			return d.DeviceAuthorization, nil
		}
	}
	return storage.DeviceAuthorization{}, storage.ErrNotFound
}

func (f *fakeStore) ApproveDevice(_ context.Context, a storage.DeviceApproval) (storage.DeviceAuthorization, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.devices[a.DeviceID]
	d.State = storage.DeviceApproved
	for userID := range f.users {
		f.grants[d.ID] = &fakeGrant{code: d.CodeHash, codeEnds: d.ExpiresAt, Grant: storage.Grant{
			ID: d.ID, UserID: userID, ClientID: d.ClientID, Offline: true, Scopes: d.Scopes, AuthTime: a.Now.Truncate(time.Second),
			AMR: []string{"wechat"}, ACR: "urn:qiao:acr:confirm", CreatedAt: a.Now, ExpiresAt: d.GrantExpiresAt, ForDevice: true,
		}}
	}
	return d.DeviceAuthorization, nil
}

func (f *fakeStore) DeclineDevice(_ context.Context, a storage.DeviceApproval) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.devices[a.DeviceID].declined = true
	return nil
}

func (f *fakeStore) RedeemDevice(_ context.Context, u storage.DeviceUse) (storage.Issued, error) {
	defer f.mu.Unlock()
	if err := f.enter("RedeemDevice"); err != nil {
		return storage.Issued{}, err
	}
	d := f.devices[u.DeviceID]
	if d == nil || !d.CodeHash.Equal(u.CodeHash) || d.ClientID != u.ClientID {
		return storage.Issued{}, storage.ErrNotFound
	}
	g, user, err := f.live(u.DeviceID)
	switch {
	case d.State == storage.DeviceApproved && (err != nil || g.used):
		return storage.Issued{}, storage.ErrNotFound
	case !d.ExpiresAt.After(u.Now):
		return storage.Issued{}, storage.ErrExpired
	case d.declined:
		return storage.Issued{}, storage.ErrDeclined
	case d.State == storage.DevicePending:
		return storage.Issued{}, storage.ErrPending
	}
	g.used, g.RefreshSeed, g.RefreshExpiresAt = true, u.RefreshSeed, u.RefreshExpiresAt
	g.addAccess(u.Access)
	return g.issued(user), nil
}

// fakeSignals keep the contract of storage.Signals on the world's clock.
type fakeSignals struct {
	mu    sync.Mutex
	now   func() time.Time
	down  error
	used  map[string]int // of Allow
	paces map[string]*fakePace
	polls int
}

type fakePace struct {
	interval    time.Duration
	last, until time.Time
}

func newFakeSignals(now func() time.Time) *fakeSignals {
	return &fakeSignals{now: now, used: map[string]int{}, paces: map[string]*fakePace{}}
}

func (s *fakeSignals) Allow(_ context.Context, uses ...storage.Use) (bool, time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range uses {
		if s.used[u.Key]++; s.used[u.Key] > u.Max {
			return false, u.Window, s.down
		}
	}
	return true, 0, s.down
}

func (s *fakeSignals) MarkPending(_ context.Context, key string, interval, ttl time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paces[key] == nil {
		s.paces[key] = &fakePace{interval: interval}
	}
	s.paces[key].until = s.now().Add(ttl)
	return s.down
}

func (s *fakeSignals) PollPending(_ context.Context, key string) (storage.Poll, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.polls++
	if s.down != nil || s.paces[key] == nil {
		return storage.Poll{}, s.down
	}
	p, now := s.paces[key], s.now()
	poll := storage.Poll{Pending: now.Before(p.until), TooSoon: !p.last.IsZero() && now.Sub(p.last) < p.interval}
	if p.last = now; poll.TooSoon {
		p.interval += storage.SlowDown
	}
	return poll, nil
}

func (s *fakeSignals) ClearPending(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.paces[key]; p != nil {
		p.until = time.Time{}
	}
	return s.down
}

// flush forgets everything, as a Redis that was restarted.
func (s *fakeSignals) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used, s.paces = map[string]int{}, map[string]*fakePace{}
}

func (s *fakeSignals) setDown(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = err
}
