package clients

import (
	"context"
	"crypto/hmac"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"qiao/storage"
	"qiao/storage/seal"
)

// The error codes of client authentication, RFC 6749 §5.2.
const (
	invalidRequest = "invalid_request"
	invalidClient  = "invalid_client"
)

// AuthError says why client authentication failed, in the words of RFC 6749 §5.2.
type AuthError struct {
	Code        string // invalid_request or invalid_client
	Description string // printable ASCII, without quotes and backslashes
	// Challenge: the client used the Authorization header, so that the answer is 401 with WWW-Authenticate.
	Challenge bool
}

func (e *AuthError) Error() string { return "authenticate client: " + e.Code + ": " + e.Description }

// Credentials are what a request brings to authenticate its client.
type Credentials struct {
	Method string // storage.AuthMethodBasic, AuthMethodPost or AuthMethodNone
	ID     string
	secret string // unexported, so that it stays out of logs
}

// Authenticate is the client authentication of every endpoint. form holds the parameters of the body alone: a secret in
// the query would be in logs. It fails with an *AuthError, or with an error of the store.
func (r *Registry) Authenticate(ctx context.Context, header http.Header, form url.Values) (storage.Client, error) {
	cred, err := ReadCredentials(header, form)
	if err != nil {
		return storage.Client{}, err
	}
	return r.Check(ctx, cred)
}

// Check compares credentials with the registration. The secret is hashed and compared in any case, so that an unknown
// client takes the time of a known one.
func (r *Registry) Check(ctx context.Context, cred Credentials) (storage.Client, error) {
	challenge := cred.Method == storage.AuthMethodBasic
	refused := refusal(challenge)
	c, err := r.Client(ctx, cred.ID)
	known := err == nil
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return storage.Client{}, err
	}
	if cred.Method == storage.AuthMethodNone {
		if !known || !c.Public() {
			return storage.Client{}, refused
		}
		return c, nil
	}
	right := hmac.Equal(HashSecret(r.cfg.Box, cred.secret), c.SecretHash)
	if !known || c.Public() || !right {
		return storage.Client{}, refused
	}
	if !slices.Contains(c.AuthMethods, cred.Method) { // told only to who knows the secret
		return storage.Client{}, &AuthError{invalidClient, "the client is not registered for " + cred.Method, challenge}
	}
	return c, nil
}

// refusal is the one answer to a wrong secret, an unknown client and a missing secret.
func refusal(challenge bool) *AuthError {
	return &AuthError{invalidClient, "unknown client, wrong secret, or no secret where one is needed", challenge}
}

// ReadCredentials finds the one method that a request uses (RFC 6749 §2.3). A client_id in the body beside the header
// is no second method, as long as it says the same. An empty parameter counts as left out (§3.2).
func ReadCredentials(header http.Header, form url.Values) (Credentials, error) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if form.Get("client_assertion") != "" || form.Get("client_assertion_type") != "" {
		return Credentials{}, &AuthError{invalidClient, "client assertions are not supported", len(header["Authorization"]) > 0}
	}
	switch values := header["Authorization"]; {
	case len(values) > 1:
		return Credentials{}, &AuthError{invalidRequest, "more than one Authorization header", true}
	case len(values) == 1 && secret != "":
		return Credentials{}, &AuthError{invalidRequest, "more than one client authentication method", true}
	case len(values) == 1:
		cred, err := readBasic(header)
		if err == nil && id != "" && id != cred.ID {
			err = &AuthError{invalidRequest, "client_id differs from the Authorization header", true}
		}
		return cred, err
	case id == "":
		return Credentials{}, &AuthError{invalidClient, "client authentication is missing", false}
	case secret != "":
		return Credentials{storage.AuthMethodPost, id, secret}, nil
	default:
		return Credentials{Method: storage.AuthMethodNone, ID: id}, nil
	}
}

// readBasic reads client_secret_basic: both parts are form-encoded before they are joined (RFC 6749 §2.3.1).
func readBasic(header http.Header) (Credentials, error) {
	malformed := &AuthError{invalidClient, "the Authorization header is not well-formed Basic authentication", true}
	user, password, ok := (&http.Request{Header: header}).BasicAuth()
	if !ok {
		return Credentials{}, malformed
	}
	id, err := url.QueryUnescape(user)
	if err != nil || id == "" {
		return Credentials{}, malformed
	}
	secret, err := url.QueryUnescape(password)
	if err != nil {
		return Credentials{}, malformed
	}
	if secret == "" {
		return Credentials{}, refusal(true)
	}
	return Credentials{storage.AuthMethodBasic, id, secret}, nil
}

// String hides the secret from %v; the method and the ID are public.
func (c Credentials) String() string { return strings.Join([]string{c.Method, c.ID}, " ") }

// NewSecret generates a client secret of 256 bits, and what is stored of it.
func NewSecret(box *seal.Box) (text string, hash []byte) {
	text = storage.NewSecret().Text()
	return text, HashSecret(box, text)
}

// HashSecret is what is stored of a client secret.
func HashSecret(box *seal.Box, text string) []byte {
	mac := box.MAC("client secret", []byte(text))
	return mac[:]
}
