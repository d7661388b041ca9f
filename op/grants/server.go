package grants

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/zitadel/oidc/v3/pkg/op"

	"qiao/op/clients"
	"qiao/op/keys"
	"qiao/storage"
	"qiao/storage/seal"
)

// Store is the part of storage.Store that the token side uses.
type Store interface {
	ConsumeCode(ctx context.Context, u storage.CodeUse) (storage.Issued, error)
	RotateRefreshToken(ctx context.Context, r storage.Rotation) (storage.Issued, error)
	AccessGrant(ctx context.Context, id storage.ID) (storage.Issued, error)
	RevokeGrant(ctx context.Context, id storage.ID, clientID string, now time.Time) error
	RevokeAccessToken(ctx context.Context, id storage.ID, clientID string, token storage.Hash, now time.Time) error
}

// Lifetimes of what is issued.
type Lifetimes struct {
	IDToken     time.Duration // 0 means 10 min
	AccessToken time.Duration // 0 means 10 min
	RefreshIdle time.Duration // 0 means 30 d; the absolute end is the grant's
}

// Config is what a Server is made from.
type Config struct {
	Issuer    string
	Store     Store
	Clients   *clients.Registry
	Keys      *keys.Ring
	Box       *seal.Box
	Lifetimes Lifetimes
	// What the authorization endpoint can do, for the metadata.
	Prompts   []string              // prompt_values_supported; nil means none, login, consent, select_account
	ACRs      []string              // acr_values_supported; nil means urn:qiao:acr:confirm
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
}

var _ op.Server = (*Server)(nil)

// New checks the configuration.
func New(cfg Config) (*Server, error) {
	if cfg.Issuer == "" || cfg.Store == nil || cfg.Clients == nil || cfg.Keys == nil || cfg.Box == nil || cfg.Now == nil || cfg.Log == nil {
		return nil, errors.New("new token side: issuer, store, clients, keys, box, clock and logger are needed")
	}
	def := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	def(&cfg.Lifetimes.IDToken, 10*time.Minute)
	def(&cfg.Lifetimes.AccessToken, 10*time.Minute)
	def(&cfg.Lifetimes.RefreshIdle, 30*24*time.Hour)
	if l := cfg.Lifetimes; l.IDToken < time.Second || l.AccessToken < time.Second || l.RefreshIdle < time.Second {
		return nil, errors.New("new token side: a lifetime is at least a second")
	}
	if cfg.Prompts == nil {
		cfg.Prompts = []string{"none", "login", "consent", "select_account"}
	}
	if cfg.ACRs == nil {
		cfg.ACRs = []string{"urn:qiao:acr:confirm"}
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
