package wechatflow

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"qiao/browser"
	"qiao/storage"
	"qiao/storage/seal"
	"qiao/ui"
	"qiao/wechatflow/sms"
	"qiao/wechatflow/wechat"
)

// Store is the part of storage.Store that the flow uses.
type Store interface {
	storage.Logins
	storage.Notices
	storage.PhoneChanges
	User(ctx context.Context, id string) (storage.User, error)
	Identity(ctx context.Context, account, openID string) (storage.Identity, error)
	RecordFollow(ctx context.Context, e storage.FollowEvent) (storage.FollowOutcome, error)
	RecordUnionID(ctx context.Context, account, openID, unionID string, now time.Time) error
	Session(ctx context.Context, id storage.ID, secret storage.Hash, idle time.Duration, now time.Time) (storage.Session, storage.User, error)
	Device(ctx context.Context, id storage.ID, now time.Time) (storage.DeviceAuthorization, error)
	DeviceByUserCode(ctx context.Context, code storage.Hash, limits []storage.Limit, now time.Time) (storage.DeviceAuthorization, error)
	AddDeviceScene(ctx context.Context, id storage.ID, s storage.Scene, now time.Time) error
	BeginDeviceAttempt(ctx context.Context, id storage.ID, account, openID string, phone storage.Hash, now time.Time) (storage.Attempt, error)
}

// Account is one Official Account: its platform client, its callback and what it says in the chat.
type Account struct {
	Client   *wechat.Client
	Callback *wechat.Callback
	Replies  Replies
}

// Config is what a Flow is made of. Lifetimes and Limits have defaults; all else is required but for Metrics and Brand.
type Config struct {
	Store    Store
	Signals  storage.Signals
	Guard    *browser.Guard
	Box      *seal.Box
	Pages    *ui.Renderer
	Accounts []Account // the first is that of clients without a choice
	SMS      sms.Sender
	// Client looks a relying party up; storage.ErrNotFound for an unknown one.
	Client func(ctx context.Context, id string) (storage.Client, error)
	Draft  Draft  // may be nil
	Brand  string // signs the text messages
	// ScanAlone: a person who comes back may be in with the scan alone, where all the conditions of storage.Logins hold.
	ScanAlone bool
	Lifetimes Lifetimes
	Limits    Limits
	Metrics   prometheus.Registerer
	Now       func() time.Time
	Log       *slog.Logger
}

// Draft drafts the code that answers a request once this user's login is completed, where nothing else is lacking, and how it
// is told to the relying party then. Nil: the browser goes on at /authorize/continue, as it always does without a Draft.
type Draft func(r *http.Request, request storage.AuthRequest, userID string) (code *storage.NewCode, answer func(http.ResponseWriter))

// Lifetimes of the flow's short-lived things; zero means the default.
type Lifetimes struct {
	Attempt     time.Duration // 10 min: from the first page to the confirmation
	Picture     time.Duration // 2 min: how long one QR code is shown
	WebAuth     time.Duration // 5 min: one round of web authorization, as long as the platform keeps its code
	Code        time.Duration // 5 min: a text-message code
	SessionIdle time.Duration // 8 h
	Session     time.Duration // 7 d
	Recheck     time.Duration // 3 s: how often a waiter looks at the Store by itself
	Callback    time.Duration // 3.5 s: by then the platform has its answer
}

func (c *Config) check() error {
	for _, need := range []struct {
		name    string
		present bool
	}{
		{"Store", c.Store != nil}, {"Signals", c.Signals != nil}, {"Guard", c.Guard != nil}, {"Box", c.Box != nil},
		{"Pages", c.Pages != nil}, {"Accounts", len(c.Accounts) > 0}, {"SMS", c.SMS != nil}, {"Client", c.Client != nil},
		{"Now", c.Now != nil}, {"Log", c.Log != nil},
	} {
		if !need.present {
			return fmt.Errorf("%s is missing", need.name)
		}
	}
	return nil
}

func (l *Lifetimes) setDefaults() {
	for _, d := range []struct {
		value  *time.Duration
		unless time.Duration
	}{
		{&l.Attempt, 10 * time.Minute}, {&l.Picture, 2 * time.Minute}, {&l.WebAuth, 5 * time.Minute},
		{&l.Code, 5 * time.Minute}, {&l.SessionIdle, 8 * time.Hour}, {&l.Session, 7 * 24 * time.Hour},
		{&l.Recheck, 3 * time.Second}, {&l.Callback, 3500 * time.Millisecond},
	} {
		if *d.value <= 0 {
			*d.value = d.unless
		}
	}
	if l.Picture > 2*time.Minute {
		l.Picture = 2 * time.Minute // a picture that is shown longer can be carried further
	}
}
