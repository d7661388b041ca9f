package device

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// GrantType is the device authorization grant's name at the token endpoint (RFC 8628 §3.4).
const GrantType = "urn:ietf:params:oauth:grant-type:device_code"

// Config is what a device is built or installed with.
type Config struct {
	Issuer       string
	ClientID     string
	ClientSecret string // empty for a public client, as nearly every TV app is
	Scopes       []string
	DeviceName   string // "Living room": shown on the phone as unverified; an extension, which other providers ignore
	HTTP         *http.Client
	Now          func() time.Time
	// Pause waits between two polls of Wait, or returns the context's error.
	Pause func(context.Context, time.Duration) error
}

// Client is one device's view of one provider.
type Client struct {
	cfg       Config
	provider  *oidc.Provider
	endpoints endpoints
}

type endpoints struct {
	Device   string   `json:"device_authorization_endpoint"`
	Token    string   `json:"token_endpoint"`
	UserInfo string   `json:"userinfo_endpoint"`
	Revoke   string   `json:"revocation_endpoint"`
	Methods  []string `json:"token_endpoint_auth_methods_supported"`
}

// ErrNoDeviceGrant is the answer of a provider that signs no devices in.
var ErrNoDeviceGrant = errors.New("the provider's discovery document names no device_authorization_endpoint")

// Discover reads the provider's discovery document.
func Discover(ctx context.Context, cfg Config) (*Client, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, cfg.HTTP), cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover the provider: %w", err)
	}
	c := &Client{cfg: cfg, provider: provider}
	if err := provider.Claims(&c.endpoints); err != nil {
		return nil, fmt.Errorf("read discovery document: %w", err)
	}
	if c.endpoints.Device == "" {
		return nil, ErrNoDeviceGrant
	}
	return c, nil
}

// authenticate puts the client's credentials into a request (RFC 6749 §2.3.1): Basic unless the provider takes only
// the other one.
func (c *Client) authenticate(form url.Values, header http.Header) {
	if c.cfg.ClientSecret == "" {
		form.Set("client_id", c.cfg.ClientID)
		return
	}
	methods := c.endpoints.Methods
	if len(methods) > 0 && !slices.Contains(methods, "client_secret_basic") {
		form.Set("client_id", c.cfg.ClientID)
		form.Set("client_secret", c.cfg.ClientSecret)
		return
	}
	basic := http.Request{Header: header}
	basic.SetBasicAuth(url.QueryEscape(c.cfg.ClientID), url.QueryEscape(c.cfg.ClientSecret))
}
