package storage

import (
	"context"
	"slices"
	"time"
)

// How a client authenticates at the token endpoint (OpenID Connect Core §9).
const (
	AuthMethodBasic = "client_secret_basic"
	AuthMethodPost  = "client_secret_post"
	AuthMethodNone  = "none"
)

// What a login for one of our own pages names in place of a client. They are none: nobody can register, authorize or
// authenticate them.
const (
	AccountClient     = "urn:qiao:account"       // the account page
	PhoneChangeClient = "urn:qiao:account:phone" // the proof that a change of the phone number asks for
)

// OwnPage reports whether the id stands for one of our own pages.
func OwnPage(clientID string) bool { return clientID == AccountClient || clientID == PhoneChangeClient }

// Client is a relying party. Everything but the secret may be shown to an operator.
type Client struct {
	ID   string `json:"client_id"`
	Name string `json:"client_name"`
	// SecretHash is HMAC-SHA-256 of the generated 256-bit secret; empty for a public client.
	SecretHash []byte `json:"secret_hash,omitempty"`
	// AuthMethods that the client may use: basic and post, or none alone.
	AuthMethods            []string `json:"token_endpoint_auth_methods"`
	RedirectURIs           []string `json:"redirect_uris"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty"`
	GrantTypes             []string `json:"grant_types"`
	// Scopes that the client may be given, always with openid.
	Scopes []string `json:"scopes"`
	// FirstParty clients belong to the operator's company: no consent is asked.
	FirstParty bool `json:"first_party,omitempty"`
	// AlwaysConfirm: no login for this client is by the scan alone, which only first-party clients can have.
	AlwaysConfirm bool `json:"always_confirm,omitempty"`
	// Native clients (RFC 8252) may use any port of a registered loopback redirect URI.
	Native bool `json:"native,omitempty"`
	// RequirePKCE is always so for public clients.
	RequirePKCE bool `json:"require_pkce,omitempty"`
	// IDTokenAlg is ES256 or RS256.
	IDTokenAlg string `json:"id_token_signed_response_alg"`
	// LeanIDToken leaves profile and phone claims to userinfo.
	LeanIDToken bool `json:"lean_id_token,omitempty"`
	// EmailDomain, when set, gives this client an `email` of the form <sub>@EmailDomain, without email_verified.
	EmailDomain string `json:"email_domain,omitempty"`
	// Account is the Official Account that this client's logins scan; empty is the first configured one.
	Account   string    `json:"wechat_account,omitempty"`
	LogoURI   string    `json:"logo_uri,omitempty"`
	PolicyURI string    `json:"policy_uri,omitempty"`
	TOSURI    string    `json:"tos_uri,omitempty"`
	Source    string    `json:"source"` // "cli" or "config"
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Public reports whether the client holds no secret.
func (c *Client) Public() bool { return slices.Contains(c.AuthMethods, AuthMethodNone) }

// HasGrantType reports whether the client may use a grant type.
func (c *Client) HasGrantType(name string) bool { return slices.Contains(c.GrantTypes, name) }

// Clients are the transitions of the client registry. Each change raises Version.
type Clients interface {
	// Client returns ErrNotFound for an unknown id.
	Client(ctx context.Context, id string) (Client, error)
	// ListClients returns all clients in ID order.
	ListClients(ctx context.Context) ([]Client, error)
	// AddClient returns ErrConflict when the id is taken. Whatever was granted to an earlier client of the id is void.
	AddClient(ctx context.Context, c Client, by string) error
	// SyncClients makes the clients with Source "config" exactly these: adds, updates (CreatedAt is kept) and removes.
	// ErrConflict when an id is taken by a client of another source. Replicas may call it at the same time.
	SyncClients(ctx context.Context, clients []Client, now time.Time) error
	// RotateClientSecret replaces the secret's hash; the old secret is dead at once.
	RotateClientSecret(ctx context.Context, id string, secretHash []byte, by string, now time.Time) error
	// RemoveClient removes the client and ends all of its grants. One that is issued beside it, by a server that has not
	// heard of the removal, finds no client that could use it, and does not outlive the adding of another one.
	RemoveClient(ctx context.Context, id string, by string, now time.Time) error
	// Version counts the changes of clients, users' locks and keys: a server that sees a new one reloads its caches.
	Version(ctx context.Context) (int64, error)
}

// SigningKey is one key pair for tokens. Its use goes next → active → retired: it is published in every state, signs
// while it is the newest whose ActiveAt has come, and is removed by the janitor after ExpiresAt.
type SigningKey struct {
	ID        string // the JWK's kid
	Alg       string // ES256 or RS256
	Sealed    []byte // PKCS #8, sealed
	CreatedAt time.Time
	ActiveAt  time.Time
	ExpiresAt time.Time // zero until a successor is known
}

// SigningKeys are the transitions of signing keys.
type SigningKeys interface {
	// SigningKeys lists all keys that are not expired, oldest ActiveAt first.
	SigningKeys(ctx context.Context, now time.Time) ([]SigningKey, error)
	// AddFirstKey adds the key only if its algorithm has no key that is not expired; false when it has. Two servers
	// that boot at once end with one key.
	AddFirstKey(ctx context.Context, k SigningKey, now time.Time) (bool, error)
	// AddNextKey adds a key that becomes active at k.ActiveAt, and sets the ExpiresAt of the algorithm's earlier keys to
	// retireAt where it is not set. ErrConflict when a next key (ActiveAt after now) is waiting already.
	AddNextKey(ctx context.Context, k SigningKey, retireAt time.Time, by string, now time.Time) error
	// RevokeKey removes a key at once (an emergency): what it signed is void.
	RevokeKey(ctx context.Context, id string, by string, now time.Time) error
}
