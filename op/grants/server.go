package grants

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
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
	Prompts   []string // prompt_values_supported; nil means none, login, consent
	ACRs      []string // acr_values_supported; nil means urn:qiao:acr:confirm
	UILocales []string // ui_locales_supported; nil means zh-CN, en
	Now       func() time.Time
	Log       *slog.Logger
}

// Server answers the token side.
type Server struct {
	op.UnimplementedServer
	cfg Config
}

// New checks the configuration.
func New(cfg Config) (*Server, error) { return &Server{cfg: cfg}, errors.New("not written yet") }

// Routes mounts /token, /introspect, /revoke, /userinfo, /keys and /.well-known/openid-configuration.
func (s *Server) Routes(r chi.Router) {}

// Metadata is the provider's metadata as JSON (OpenID Connect Discovery §3, RFC 8414 §2): one document for both
// well-known addresses. The caller must not change it.
func (s *Server) Metadata() []byte { return nil }

// Scopes that the provider knows.
const (
	ScopeOpenID        = "openid"
	ScopeProfile       = "profile"
	ScopePhone         = "phone"
	ScopeGroups        = "groups"
	ScopeOfflineAccess = "offline_access"
	ScopeEmail         = "email" // only for clients with an EmailDomain
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

// A code is storage.NewHandle(now): its ID is the grant's, and NewCode.CodeHash is its Secret.Hash().
