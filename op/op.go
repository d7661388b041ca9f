package op

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"qiao/browser"
	"qiao/op/clients"
	"qiao/op/grants"
	"qiao/op/keys"
	"qiao/storage"
	"qiao/storage/seal"
	"qiao/ui"
)

// Store is the part of storage.Store that the browser's side of the provider uses.
type Store interface {
	CreateAuthRequest(ctx context.Context, r storage.AuthRequest) error
	AuthRequest(ctx context.Context, id storage.ID, browser storage.Hash, now time.Time) (storage.AuthRequest, error)
	EndAuthRequest(ctx context.Context, id storage.ID, browser storage.Hash, now time.Time) error
	Session(ctx context.Context, id storage.ID, secret storage.Hash, idle time.Duration, now time.Time) (storage.Session, storage.User, error)
	LogOut(ctx context.Context, id storage.ID, secret, browser storage.Hash, now time.Time) error
	Consent(ctx context.Context, userID, clientID string) ([]string, error)
	GrantConsent(ctx context.Context, userID, clientID string, scopes []string, now time.Time) error
	IssueCode(ctx context.Context, c storage.NewCode) error
	DeviceByUserCode(ctx context.Context, code storage.Hash, limits []storage.Limit, now time.Time) (storage.DeviceAuthorization, error)
	Device(ctx context.Context, id storage.ID, now time.Time) (storage.DeviceAuthorization, error)
	OpenDevice(ctx context.Context, a storage.DeviceApproval) (storage.DeviceAuthorization, error)
	ApproveDevice(ctx context.Context, a storage.DeviceApproval) (storage.DeviceAuthorization, error)
	DeclineDevice(ctx context.Context, a storage.DeviceApproval) error
	RevokeGrant(ctx context.Context, id storage.ID, clientID string, now time.Time) error

	storage.Accounts
	UserSessions(ctx context.Context, userID string, now time.Time) ([]storage.Session, error)
	UserNotices(ctx context.Context, userID string) ([]storage.Notice, error)
	Identities(ctx context.Context, userID string) ([]storage.Identity, error)
	ListAudit(ctx context.Context, userID string, limit int) ([]storage.AuditEntry, error)
	DeleteUser(ctx context.Context, userID string, by string, now time.Time) error
}

// Lifetimes of what is issued here.
type Lifetimes struct {
	Code            time.Duration // 0 means 60 s
	AuthRequest     time.Duration // of a request that waits for its person; 0 means 30 min
	SessionIdle     time.Duration // 0 means 8 h
	RefreshAbsolute time.Duration // the end of a grant; 0 means 90 d
}

// Rate is a limit of requests by one address, or of what one person is given.
type Rate struct {
	Max    int
	Window time.Duration
}

// Limits of requests by one address (for IPv6: one /64). They are generous, because a whole company, or a district
// behind a carrier's NAT, may share one.
type Limits struct {
	Authorize  Rate // authorize, continuation, consent and the pages of devices; zero means 600 a minute
	EndSession Rate // zero means 300 a minute
	// Requests are those of the above that wait for a person: each is a row of the store that anybody can make. Zero means
	// 120 a minute.
	Requests Rate
	// Codes are those of one person, whatever the address: a session that asks for them in a loop, by a page that
	// redirects to and fro or by a script, makes a row with each. Zero means 600 an hour.
	Codes Rate

	// Wrong user codes in an hour. These are counters of the store: a flush of the signals gives no new tries.
	UserCodesPerAddress int // 0 means 60
	UserCodesPerUser    int // 0 means 20
	UserCodesInAll      int // 0 means 10,000
}

// Config is what a Provider is made from.
type Config struct {
	Issuer  string // an http or https origin, without a path
	Store   Store
	Signals storage.Signals
	Guard   *browser.Guard
	Pages   *ui.Renderer
	Box     *seal.Box
	Clients *clients.Registry
	Keys    *keys.Ring
	Grants  *grants.Server
	// Tell says in the chat of an account what the openid was not told so far, without waiting for it; nil: nobody is
	// told before their next message.
	Tell      func(ctx context.Context, account, openID string)
	Lifetimes Lifetimes
	Limits    Limits
	Metrics   prometheus.Registerer // nil: none
	Now       func() time.Time
	Log       *slog.Logger
}

// Provider answers the browser's side.
type Provider struct {
	issuer  string
	store   Store
	signals storage.Signals
	guard   *browser.Guard
	pages   *ui.Renderer
	box     *seal.Box
	clients *clients.Registry
	keys    *keys.Ring
	grants  *grants.Server
	tell    func(ctx context.Context, account, openID string)
	life    Lifetimes
	limits  Limits
	metrics metrics
	now     func() time.Time
	log     *slog.Logger
}

// New checks the configuration and registers the metrics.
func New(cfg Config) (*Provider, error) {
	u, err := url.Parse(cfg.Issuer)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.Scheme+"://"+u.Host != cfg.Issuer {
		return nil, errors.New("issuer must be an http or https origin such as https://login.example.com, without a path or a slash at its end")
	}
	metrics, err := newMetrics(cfg.Metrics)
	if err != nil {
		return nil, fmt.Errorf("register metrics of the provider: %w", err)
	}
	if cfg.Tell == nil {
		cfg.Tell = func(context.Context, string, string) {}
	}
	return &Provider{
		issuer:  cfg.Issuer,
		store:   cfg.Store,
		signals: cfg.Signals,
		guard:   cfg.Guard,
		pages:   cfg.Pages,
		box:     cfg.Box,
		clients: cfg.Clients,
		keys:    cfg.Keys,
		grants:  cfg.Grants,
		tell:    cfg.Tell,
		life: Lifetimes{
			Code:            or(cfg.Lifetimes.Code, time.Minute),
			AuthRequest:     or(cfg.Lifetimes.AuthRequest, 30*time.Minute),
			SessionIdle:     or(cfg.Lifetimes.SessionIdle, 8*time.Hour),
			RefreshAbsolute: or(cfg.Lifetimes.RefreshAbsolute, 90*24*time.Hour),
		},
		limits: Limits{
			Authorize:  or(cfg.Limits.Authorize, Rate{Max: 600, Window: time.Minute}),
			EndSession: or(cfg.Limits.EndSession, Rate{Max: 300, Window: time.Minute}),
			Requests:   or(cfg.Limits.Requests, Rate{Max: 120, Window: time.Minute}),
			Codes:      or(cfg.Limits.Codes, Rate{Max: 600, Window: time.Hour}),

			UserCodesPerAddress: or(cfg.Limits.UserCodesPerAddress, 60),
			UserCodesPerUser:    or(cfg.Limits.UserCodesPerUser, 20),
			UserCodesInAll:      or(cfg.Limits.UserCodesInAll, 10_000),
		},
		metrics: metrics,
		now:     cfg.Now,
		log:     cfg.Log,
	}, nil
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
