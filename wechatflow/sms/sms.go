package sms

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Sender sends one text message. It returns nil once the message was accepted for delivery, ErrUnavailable when it may
// work later, and ErrRefused when it will not without a change. It does not try again.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

var (
	// ErrUnavailable: the gateway was not reached, was too slow, or is out of order. Whether the message is sent is
	// unknown.
	ErrUnavailable = errors.New("text message gateway is unavailable")
	// ErrRefused: the gateway does not take the message (as it is), or it is not one.
	ErrRefused = errors.New("text message was refused")
)

// Message is a text message to one person.
type Message struct {
	To   string // E.164
	Text string
	Code string // the code in the text, for gateways with templates
	Lang string // of the text
	Kind string // "code"
}

// String hides number, text and code from logs and from %v.
func (m Message) String() string { return "[text message]" }

// GoString hides them from %#v.
func (m Message) GoString() string { return m.String() }

// LogValue hides them from slog.
func (m Message) LogValue() slog.Value { return slog.StringValue(m.String()) }

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func (m Message) check() error {
	if !e164.MatchString(m.To) || strings.TrimSpace(m.Text) == "" {
		return fmt.Errorf("%w: it needs a number in E.164 and a text", ErrRefused)
	}
	return nil
}

// timeout is how long a gateway may take to accept a message: a person waits for it.
const timeout = 5 * time.Second

// deliver makes the call and reads the verdict. The errors of net/http are not passed on: they name the address.
func deliver(client *http.Client, req *http.Request) error {
	resp, err := client.Do(req)
	switch {
	case req.Context().Err() != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, req.Context().Err())
	case err != nil:
		return fmt.Errorf("%w: not reached", ErrUnavailable)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 16<<10)) // so that the connection can be used again
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		return nil
	case resp.StatusCode >= 500, resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusRequestTimeout:
		return fmt.Errorf("%w: HTTP status %d", ErrUnavailable, resp.StatusCode)
	}
	return fmt.Errorf("%w: HTTP status %d", ErrRefused, resp.StatusCode)
}

// noRedirect takes a redirect as the answer: the body holds a code, and goes nowhere but to the configured address.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func isLoopback(u *url.URL) bool {
	if u.Hostname() == "localhost" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback()
}
