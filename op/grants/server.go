package grants

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/zitadel/oidc/v3/pkg/op"

	"qiao/browser"
	"qiao/op/clients"
	"qiao/op/keys"
	"qiao/storage"
	"qiao/storage/seal"
)

// Store is the part of storage.Store that the token side uses.
type Store interface {
	ConsumeCode(ctx context.Context, u storage.CodeUse) (storage.Issued, error)
	RotateRefreshToken(ctx context.Context, r storage.Rotation) (storage.Issued, error)
	AccessScopes(ctx context.Context, id storage.ID) (storage.Grant, error)
	AccessPerson(ctx context.Context, id storage.ID) (storage.Issued, error)
	AccessGrant(ctx context.Context, id storage.ID) (storage.Issued, error)
	RevokeGrant(ctx context.Context, id storage.ID, clientID string, now time.Time) error
	RevokeAccessToken(ctx context.Context, id storage.ID, clientID string, token storage.Hash, now time.Time) error
	CreateDevice(ctx context.Context, d storage.DeviceAuthorization) error
	RedeemDevice(ctx context.Context, u storage.DeviceUse) (storage.Issued, error)
}

// Signals is the part of storage.Signals that the device grant uses.
type Signals interface {
	Allow(ctx context.Context, uses ...storage.Use) (ok bool, retryAfter time.Duration, err error)
	MarkPending(ctx context.Context, key string, interval, ttl time.Duration) error
	PollPending(ctx context.Context, key string) (storage.Poll, error)
}

// Lifetimes of what is issued.
type Lifetimes struct {
	IDToken     time.Duration // 0 means 10 min
	AccessToken time.Duration // 0 means 10 min
	RefreshIdle time.Duration // 0 means 30 d; the absolute end is the grant's

	DeviceCode     time.Duration // 0 means 10 min
	DeviceInterval time.Duration // between two polls; 0 means 5 s
	RefreshDevice  time.Duration // the absolute end of a device's grant; 0 means 180 d
}

// Rate is so many within a window.
type Rate struct {
	Max    int
	Window time.Duration
}

// Limits of device authorizations, each of which is a row and a person's attention. They are generous: a hotel is one
// address, and after a power cut a city's TVs come at once.
type Limits struct {
	DevicesPerAddress Rate // zero means 60 a minute
	DevicesPerClient  Rate // zero means 6,000 a minute
	DevicesInAll      Rate // zero means 12,000 a minute
}

// Config is what a Server is made from.
type Config struct {
	Issuer    string
	Store     Store
	Signals   Signals
	Guard     *browser.Guard // says where a device is
	Clients   *clients.Registry
	Keys      *keys.Ring
	Box       *seal.Box
	Account   string // the Official Account of clients that name none
	Lifetimes Lifetimes
	Limits    Limits
	// What the authorization endpoint can do, for the metadata.
	Prompts   []string              // prompt_values_supported; nil means none, login, consent, select_account
	ACRs      []string              // acr_values_supported; nil means urn:qiao:acr:confirm and urn:qiao:acr:scan
	UILocales []string              // ui_locales_supported; nil means zh-CN, en
	Metrics   prometheus.Registerer // may be nil
	Now       func() time.Time
	Log       *slog.Logger
}

// Server answers the token side. It has no state beside its configuration.
type Server struct {
	op.UnimplementedServer
	cfg      Config
	metadata []byte
	answers  *prometheus.CounterVec
	replays  *prometheus.CounterVec
	polls    *prometheus.CounterVec
	pending  waitAnswer
	tooSoon  waitAnswer
}

var _ op.Server = (*Server)(nil)

// New checks the configuration.
func New(cfg Config) (*Server, error) {
	if cfg.Issuer == "" || cfg.Store == nil || cfg.Signals == nil || cfg.Guard == nil || cfg.Clients == nil || cfg.Keys == nil || cfg.Box == nil || cfg.Now == nil || cfg.Log == nil {
		return nil, errors.New("new token side: issuer, store, signals, guard, clients, keys, box, clock and logger are needed")
	}
	if err := cfg.Lifetimes.setDefaults(); err != nil {
		return nil, err
	}
	cfg.Limits.setDefaults()
	if cfg.Prompts == nil {
		cfg.Prompts = []string{"none", "login", "consent", "select_account"}
	}
	if cfg.ACRs == nil {
		cfg.ACRs = []string{storage.ACRConfirm, storage.ACRScan}
	}
	if cfg.UILocales == nil {
		cfg.UILocales = []string{"zh-CN", "en"}
	}
	metadata, err := buildMetadata(cfg)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, metadata: metadata}
	if err := s.register(); err != nil {
		return nil, err
	}
	return s, nil
}

func (l *Lifetimes) setDefaults() error {
	for _, d := range []struct {
		value  *time.Duration
		unless time.Duration
	}{
		{&l.IDToken, 10 * time.Minute}, {&l.AccessToken, 10 * time.Minute}, {&l.RefreshIdle, 30 * 24 * time.Hour},
		{&l.DeviceCode, 10 * time.Minute}, {&l.DeviceInterval, 5 * time.Second}, {&l.RefreshDevice, 180 * 24 * time.Hour},
	} {
		if *d.value = cmp.Or(*d.value, d.unless); *d.value < time.Second {
			return errors.New("new token side: a lifetime is at least a second")
		}
	}
	// The device is told of these in whole seconds.
	l.DeviceCode, l.DeviceInterval = l.DeviceCode.Truncate(time.Second), l.DeviceInterval.Truncate(time.Second)
	return nil
}

func (l *Limits) setDefaults() {
	l.DevicesPerAddress = cmp.Or(l.DevicesPerAddress, Rate{60, time.Minute})
	l.DevicesPerClient = cmp.Or(l.DevicesPerClient, Rate{6_000, time.Minute})
	l.DevicesInAll = cmp.Or(l.DevicesInAll, Rate{12_000, time.Minute})
}

// Scopes that the provider knows.
const (
	ScopeOpenID        = clients.ScopeOpenID
	ScopeProfile       = clients.ScopeProfile
	ScopePhone         = clients.ScopePhone
	ScopeGroups        = clients.ScopeGroups
	ScopeOfflineAccess = clients.ScopeOfflineAccess
	ScopeEmail         = clients.ScopeEmail // only for clients with an EmailDomain
)

// GrantableScopes keeps those of the requested scopes that the client may be given, each once, in their order. Others
// are ignored (OpenID Connect Core §3.1.2.1).
func GrantableScopes(client storage.Client, requested []string) []string {
	var scopes []string
	for _, s := range requested {
		if slices.Contains(client.Scopes, s) && !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}
	return scopes
}

// NarrowScopes is what the client is given of the scopes that it asks for, by the one rule of all grants that begin at
// a person. It narrows instead of refusing (RFC 6749 §3.3): scopes that are unknown, or that the client may not have, are
// left out, and the token answer says what was given. offline_access means a refresh token, so it is left out for a
// client that may not have one. problem is the description of invalid_scope, empty where there is none.
func NarrowScopes(client storage.Client, asked []string) (scopes []string, problem string) {
	if !slices.Contains(asked, ScopeOpenID) {
		return nil, "scope must contain openid"
	}
	scopes = GrantableScopes(client, asked)
	if !client.HasGrantType(clients.GrantRefreshToken) {
		scopes = slices.DeleteFunc(scopes, func(s string) bool { return s == ScopeOfflineAccess })
	}
	if !slices.Contains(scopes, ScopeOpenID) {
		return nil, "this client may not have the scope openid"
	}
	return scopes, ""
}

// scopesOf lists the scopes of a grant that a mask leaves, and the same as one text.
func scopesOf(grant *storage.Grant, mask uint64) ([]string, string) {
	if mask == storage.AllScopes {
		return grant.Scopes, strings.Join(grant.Scopes, " ")
	}
	var scopes []string
	for i, s := range grant.Scopes {
		if i < 64 && mask&(1<<i) != 0 {
			scopes = append(scopes, s)
		}
	}
	return scopes, strings.Join(scopes, " ")
}
