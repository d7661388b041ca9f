package grants

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"qiao/op/clients"
	"qiao/storage"
)

// Error codes of RFC 6749 §5.2 and RFC 6750 §3.1.
const (
	invalidRequest       = "invalid_request"
	invalidClient        = "invalid_client"
	invalidGrant         = "invalid_grant"
	invalidScope         = "invalid_scope"
	invalidToken         = "invalid_token"
	insufficientScope    = "insufficient_scope"
	unauthorizedClient   = "unauthorized_client"
	unsupportedGrantType = "unsupported_grant_type"
	serverError          = "server_error"

	temporarilyUnavailable = "temporarily_unavailable" // §4.1.2.1, for want of a better one
)

// failure is what a client is told. The description is a constant: printable ASCII without quotes and backslashes, and
// nothing of what the client sent.
type failure struct {
	Status      int    `json:"-"`
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

func (f failure) Error() string { return f.Code + ": " + f.Description }

func refuse(code, description string) failure {
	return failure{http.StatusBadRequest, code, description}
}

// limited says that a rate was reached.
type limited struct{ retryAfter time.Duration }

func (l limited) Error() string { return "rate limit reached" }

// errFault marks what is wrong with this server, where trying again soon does not help.
var errFault = errors.New("internal fault")

// failureOf is the one table from errors to protocol errors. What it does not know is a fault of the store: the client
// keeps what it has and tries again.
func failureOf(err error) failure {
	var told failure
	var auth *clients.AuthError
	var limit limited
	switch {
	case errors.As(err, &told):
		return told
	case errors.As(err, &auth) && auth.Code == invalidClient:
		return failure{http.StatusUnauthorized, auth.Code, auth.Description}
	case errors.As(err, &auth):
		return failure{http.StatusBadRequest, auth.Code, auth.Description}
	case errors.As(err, &limit):
		return failure{http.StatusTooManyRequests, temporarilyUnavailable, "too many of these in a short time, try again later"}
	case errors.Is(err, errFault):
		return failure{http.StatusInternalServerError, serverError, "internal fault"}
	case errors.Is(err, storage.ErrExpired):
		return refuse(invalidGrant, "expired")
	case errors.Is(err, storage.ErrReplayed):
		return refuse(invalidGrant, "used before: everything that was issued for it is revoked")
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrLocked):
		return refuse(invalidGrant, "unknown, revoked, or issued to another client, redirect_uri or code_challenge")
	default:
		return failure{http.StatusServiceUnavailable, serverError, "temporarily not available, try again"}
	}
}

// write answers with the failure.
func (f failure) write(w http.ResponseWriter) {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.WriteHeader(f.Status)
	_, _ = w.Write(f.body())
}

func (f failure) body() []byte {
	body, err := json.Marshal(f)
	if err != nil {
		return []byte(`{"error":"server_error"}`)
	}
	return body
}

// library is the failure as the library's routes take it.
func (f failure) library() error {
	e := &oidc.Error{Description: f.Description}
	switch f.Code { // the library's type for codes is not exported: only constants convert to it
	case invalidRequest:
		e.ErrorType = invalidRequest
	case invalidClient:
		e.ErrorType = invalidClient
	case invalidGrant:
		e.ErrorType = invalidGrant
	case invalidScope:
		e.ErrorType = invalidScope
	case unauthorizedClient:
		e.ErrorType = unauthorizedClient
	case unsupportedGrantType:
		e.ErrorType = unsupportedGrantType
	default:
		e.ErrorType = serverError
	}
	return op.NewStatusError(e, f.Status)
}
