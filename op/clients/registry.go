package clients

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"qiao/storage"
	"qiao/storage/seal"
)

// Store is the part of storage.Store that the registry uses.
type Store interface {
	Client(ctx context.Context, id string) (storage.Client, error)
	ListClients(ctx context.Context) ([]storage.Client, error)
	Version(ctx context.Context) (int64, error)
}

// Config is what a Registry is made from.
type Config struct {
	Store Store
	Box   *seal.Box
	Now   func() time.Time
	Log   *slog.Logger
}

// Registry is the cached view of the clients.
type Registry struct {
	cfg Config
}

// New returns an empty registry.
func New(cfg Config) *Registry { return &Registry{cfg: cfg} }

// Client returns the client, storage.ErrNotFound for an unknown id. It is at most a second older than the store. Its
// slices are shared: the caller must not change them.
func (r *Registry) Client(ctx context.Context, id string) (storage.Client, error) {
	return r.cfg.Store.Client(ctx, id)
}

// OriginAllowed reports whether a page of this origin may call the API: an https or http origin of a redirect URI of
// any client.
func (r *Registry) OriginAllowed(ctx context.Context, origin string) (bool, error) { return false, nil }

// AuthError says why client authentication failed, in the words of RFC 6749 §5.2.
type AuthError struct {
	Code        string // invalid_request or invalid_client
	Description string
	Challenge   bool // the client used the Authorization header: the answer carries WWW-Authenticate
}

func (e *AuthError) Error() string { return e.Code + ": " + e.Description }

// Authenticate is the client authentication of every endpoint. form holds the parameters of the body alone.
func (r *Registry) Authenticate(ctx context.Context, header http.Header, form url.Values) (storage.Client, error) {
	return storage.Client{}, &AuthError{Code: "invalid_client"}
}

// NewSecret generates a client secret and what is stored of it.
func NewSecret(box *seal.Box) (text string, hash []byte) {
	text = storage.NewSecret().Text()
	return text, HashSecret(box, text)
}

// HashSecret is what is stored of a client secret.
func HashSecret(box *seal.Box, text string) []byte {
	mac := box.MAC("client secret", []byte(text))
	return mac[:]
}

// MatchRedirect reports whether uri is registered for the client.
func MatchRedirect(client storage.Client, uri string) bool { return false }

// MatchPostLogoutRedirect reports whether uri is registered for the client as a place to return to after a logout.
func MatchPostLogoutRedirect(client storage.Client, uri string) bool { return false }

// Validate reports everything that is wrong with a registration, nil when nothing is.
func Validate(client storage.Client) error { return nil }

// Origins lists the web origins of the client's redirect URIs.
func Origins(client storage.Client) []string { return nil }
