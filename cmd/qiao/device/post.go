package device

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// maxBody is more than any of the answers needs.
const maxBody = 64 << 10

// Error is an OAuth error answer (RFC 6749 §5.2), or an answer that is none at all (Code is empty then).
type Error struct {
	Status      int
	Code        string
	Description string
	RetryAfter  time.Duration // what the provider asked for, zero if nothing
}

// Error implements error.
func (e *Error) Error() string {
	switch {
	case e.Code == "":
		return fmt.Sprintf("the provider answered %d", e.Status)
	case e.Description == "":
		return e.Code
	default:
		return e.Code + ": " + e.Description
	}
}

// Is makes the answers of a poll comparable to the sentinels.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrPending:
		return e.Code == "authorization_pending"
	case ErrSlowDown:
		return e.Code == "slow_down"
	case ErrDenied:
		return e.Code == "access_denied"
	case ErrExpired:
		return e.Code == "expired_token"
	case ErrInvalidGrant:
		return e.Code == "invalid_grant"
	}
	return false
}

// The answers of the token endpoint that a device acts on (RFC 8628 §3.5).
var (
	ErrPending      = errors.New("authorization_pending")
	ErrSlowDown     = errors.New("slow_down")
	ErrDenied       = errors.New("access_denied")
	ErrExpired      = errors.New("expired_token")
	ErrInvalidGrant = errors.New("invalid_grant")
)

// post sends a form with the client's credentials and decodes the JSON answer.
func (c *Client) post(ctx context.Context, endpoint string, form url.Values, into any) error {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	c.authenticate(form, header)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header = header
	return c.do(req, into)
}

func (c *Client) do(req *http.Request, into any) error {
	res, err := c.cfg.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return failure(res, body)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

func failure(res *http.Response, body []byte) error {
	e := &Error{Status: res.StatusCode}
	var said struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &said) == nil {
		e.Code, e.Description = Printable(said.Code, 64), Printable(said.Description, 200)
	}
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(min(seconds, 3600)) * time.Second
	}
	return e
}

// Printable cuts a text of the provider to limit characters and drops what is not to be shown: control characters would
// reach a terminal as commands, and characters that turn the writing direction make a text read as another.
func Printable(text string, limit int) string {
	n := 0
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || n >= limit {
			return -1
		}
		n++
		return r
	}, text)
}
