package op

import (
	"net/http"
	"time"
)

// pageError is an answer to the person: the request cannot be answered at the client, or must not be.
type pageError struct {
	status  int
	kind    string        // of ui.Failure
	detail  string        // ASCII, for developers
	retryIn time.Duration // 0: not by itself
	cause   error         // for the log
}

func (e *pageError) Error() string {
	if e.cause != nil {
		return e.kind + ": " + e.cause.Error()
	}
	return e.kind + ": " + e.detail
}

func (e *pageError) Unwrap() error { return e.cause }

// protocolError is an answer to the client, at its redirect URI (RFC 6749 §4.1.2.1). The description is printable ASCII
// without quotes and backslashes.
type protocolError struct {
	code        string
	description string
}

func (e *protocolError) Error() string { return e.code + ": " + e.description }

func badRequest(detail string) error {
	return &pageError{status: http.StatusBadRequest, kind: "bad_request", detail: detail}
}

func unknownClient() error {
	return &pageError{
		status: http.StatusBadRequest, kind: "unknown_client", detail: "client_id names no client that is registered here",
	}
}

func redirectMismatch(detail string) error {
	return &pageError{status: http.StatusBadRequest, kind: "redirect_mismatch", detail: detail}
}

// requestExpired is said of a request that is late, finished, or another browser's: they are not told apart, so that an
// answer reveals nothing.
func requestExpired() error {
	return &pageError{
		status: http.StatusNotFound, kind: "request_expired", detail: "the authorization request is finished or too old: begin again",
	}
}

func wrongBrowser() error {
	return &pageError{
		status: http.StatusNotFound, kind: "wrong_browser", detail: "this browser sent no cookie of the request: continue where it began",
	}
}

func foreignForm(cause error) error {
	return &pageError{status: http.StatusForbidden, kind: "foreign_form", cause: cause}
}

func tooMany(detail string, retryIn time.Duration) error {
	return &pageError{status: http.StatusTooManyRequests, kind: "too_many", detail: detail, retryIn: retryIn}
}

// unavailable is said when the store or the signals fail. It is never told to the client as a protocol error: clients
// throw a login away on those.
func unavailable(cause error) error {
	return &pageError{status: http.StatusServiceUnavailable, kind: "unavailable", retryIn: 5 * time.Second, cause: cause}
}

func invalidRequest(description string) error {
	return &protocolError{code: "invalid_request", description: description}
}
