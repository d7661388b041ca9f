package wechatflow_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"qiao/storage"
	"qiao/storage/sqlite"
)

var errDown = errors.New("database is down")

// faultyStore is the real store, whose transitions can be made to fail before or after they commit.
type faultyStore struct {
	*sqlite.Store
	down      atomic.Bool  // every call fails
	broken    atomic.Bool  // CurrentAttempt and Progress panic
	scanPanic atomic.Bool  // RecordScan panics
	reads     atomic.Int64 // calls of CurrentAttempt
	looks     atomic.Int64 // calls of Progress
	scanLate  atomic.Int64 // nanoseconds that RecordScan waits before it runs, whatever its ctx says
	scanBroke atomic.Bool  // RecordScan commits, and its answer is lost
	nameTaken atomic.Int32 // so many bindings find their username taken
	sceneLost atomic.Bool  // AddDeviceScene fails before it commits
}

func (s *faultyStore) AddDeviceScene(ctx context.Context, id storage.ID, scene storage.Scene, now time.Time) error {
	if s.sceneLost.Load() {
		return errDown
	}
	return s.Store.AddDeviceScene(ctx, id, scene, now)
}

func (s *faultyStore) BindPhone(ctx context.Context, b storage.Bind) (storage.BindResult, error) {
	if s.nameTaken.Add(-1) >= 0 {
		return storage.BindResult{}, storage.ErrConflict
	}
	return s.Store.BindPhone(ctx, b)
}

func (s *faultyStore) panics() {
	if s.broken.Load() {
		panic("out of range")
	}
}

func (s *faultyStore) fault() error {
	if s.down.Load() {
		return errDown
	}
	return nil
}

func (s *faultyStore) AuthRequest(ctx context.Context, id storage.ID, browser storage.Hash, now time.Time) (storage.AuthRequest, error) {
	if err := s.fault(); err != nil {
		return storage.AuthRequest{}, err
	}
	return s.Store.AuthRequest(ctx, id, browser, now)
}

func (s *faultyStore) Login(ctx context.Context, id storage.ID, browser storage.Hash, now time.Time) (storage.AuthRequest, storage.Attempt, error) {
	if err := s.fault(); err != nil {
		return storage.AuthRequest{}, storage.Attempt{}, err
	}
	return s.Store.Login(ctx, id, browser, now)
}

func (s *faultyStore) Progress(ctx context.Context, ids []storage.ID) ([]storage.Progress, error) {
	s.looks.Add(1)
	s.panics()
	if err := s.fault(); err != nil {
		return nil, err
	}
	return s.Store.Progress(ctx, ids)
}

func (s *faultyStore) CurrentAttempt(ctx context.Context, id storage.ID, browser storage.Hash, now time.Time) (storage.Attempt, error) {
	s.reads.Add(1)
	s.panics()
	if err := s.fault(); err != nil {
		return storage.Attempt{}, err
	}
	return s.Store.CurrentAttempt(ctx, id, browser, now)
}

func (s *faultyStore) PhoneAttempt(ctx context.Context, id storage.ID, phone storage.Hash, now time.Time) (storage.Attempt, error) {
	if err := s.fault(); err != nil {
		return storage.Attempt{}, err
	}
	return s.Store.PhoneAttempt(ctx, id, phone, now)
}

func (s *faultyStore) PeekAttempt(ctx context.Context, id storage.ID, now time.Time) (storage.Attempt, error) {
	if err := s.fault(); err != nil {
		return storage.Attempt{}, err
	}
	return s.Store.PeekAttempt(ctx, id, now)
}

func (s *faultyStore) Device(ctx context.Context, id storage.ID, now time.Time) (storage.DeviceAuthorization, error) {
	if err := s.fault(); err != nil {
		return storage.DeviceAuthorization{}, err
	}
	return s.Store.Device(ctx, id, now)
}

func (s *faultyStore) DeviceByUserCode(ctx context.Context, code storage.Hash, limits []storage.Limit, now time.Time) (storage.DeviceAuthorization, error) {
	if err := s.fault(); err != nil {
		return storage.DeviceAuthorization{}, err
	}
	return s.Store.DeviceByUserCode(ctx, code, limits, now)
}

func (s *faultyStore) RecordScan(ctx context.Context, scan storage.Scan) (storage.ScanOutcome, storage.Attempt, error) {
	if s.scanPanic.Load() {
		panic("out of range")
	}
	if err := s.fault(); err != nil {
		return 0, storage.Attempt{}, err
	}
	if late := s.scanLate.Load(); late > 0 {
		time.Sleep(time.Duration(late)) // a store that hangs does not look at ctx; this is the fault under test
		return s.Store.RecordScan(context.WithoutCancel(ctx), scan)
	}
	outcome, a, err := s.Store.RecordScan(ctx, scan)
	if s.scanBroke.Load() {
		return 0, storage.Attempt{}, errDown
	}
	return outcome, a, err
}

func (s *faultyStore) RecordFollow(ctx context.Context, e storage.FollowEvent) (storage.FollowOutcome, error) {
	if err := s.fault(); err != nil {
		return 0, err
	}
	return s.Store.RecordFollow(ctx, e)
}

// faultySignals are real signals that can be unreachable, or lose their wake-ups.
type faultySignals struct {
	storage.Signals
	down  atomic.Bool
	deaf  atomic.Bool
	asked atomic.Int64 // pings, counts and wake-ups: each is a round trip
	dies  atomic.Int64 // at which of them it goes down; 0: at none
	infos atomic.Int64 // counts of user/info
}

func (s *faultySignals) fault() error {
	n, dies := s.asked.Add(1), s.dies.Load()
	if s.down.Load() || dies > 0 && n >= dies {
		return errDown
	}
	return nil
}

func (s *faultySignals) Ping(ctx context.Context) error {
	if err := s.fault(); err != nil {
		return err
	}
	return s.Signals.Ping(ctx)
}

func (s *faultySignals) Allow(ctx context.Context, uses ...storage.Use) (bool, time.Duration, error) {
	if err := s.fault(); err != nil {
		return false, 0, err
	}
	for _, u := range uses {
		if strings.HasPrefix(u.Key, "rate user info ") {
			s.infos.Add(1)
		}
	}
	return s.Signals.Allow(ctx, uses...)
}

func (s *faultySignals) ClearPending(ctx context.Context, key string) error {
	if s.down.Load() {
		return errDown
	}
	return s.Signals.ClearPending(ctx, key)
}

func (s *faultySignals) Wake(ctx context.Context, topic string) error {
	if err := s.fault(); err != nil {
		return err
	}
	if s.deaf.Load() {
		return nil
	}
	return s.Signals.Wake(ctx, topic)
}

// loopbackProxies lets a test speak from any address through X-Forwarded-For.
func loopbackProxies() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

func placeOf(a netip.Addr) string {
	switch a.String() {
	case "203.0.113.1":
		return "Shanghai"
	case "203.0.113.2":
		return "Kunming"
	}
	return ""
}
