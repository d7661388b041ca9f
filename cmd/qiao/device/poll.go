package device

import (
	"context"
	"errors"
	"net/url"
	"time"
)

// slower is what a slow_down adds to the interval (RFC 8628 §3.5).
const slower = 5 * time.Second

// maxBackoff is the longest pause while the provider cannot be reached.
const maxBackoff = 60 * time.Second

// Tokens are what a signed-in device holds.
type Tokens struct {
	Access  string
	Refresh string // empty unless offline_access was granted
	IDToken string
	Expires time.Time // of the access token; zero if the provider does not say
}

// Poll asks once whether the code was approved. The error is ErrPending, ErrSlowDown, ErrDenied, ErrExpired or
// ErrInvalidGrant by errors.Is, or another *Error, or that of the connection.
func (c *Client) Poll(ctx context.Context, deviceCode string) (Tokens, error) {
	return c.tokens(ctx, url.Values{"grant_type": {GrantType}, "device_code": {deviceCode}})
}

func (c *Client) tokens(ctx context.Context, form url.Values) (Tokens, error) {
	var got struct {
		Access    string `json:"access_token"`
		Refresh   string `json:"refresh_token"`
		IDToken   string `json:"id_token"`
		ExpiresIn int    `json:"expires_in"`
	}
	if err := c.post(ctx, c.endpoints.Token, form, &got); err != nil {
		return Tokens{}, err
	}
	if got.Access == "" {
		return Tokens{}, errors.New("the answer has no access_token")
	}
	t := Tokens{Access: got.Access, Refresh: got.Refresh, IDToken: got.IDToken}
	if got.ExpiresIn > 0 {
		t.Expires = c.cfg.Now().Add(time.Duration(got.ExpiresIn) * time.Second)
	}
	return t, nil
}

// Pace is when a device may poll next.
type Pace struct {
	Interval time.Duration
	failures int
}

// After is the pause that follows a poll's outcome (RFC 8628 §3.5): the interval, longer for good after slow_down, and
// doubled for each poll in a row that brought no answer.
func (p *Pace) After(err error) time.Duration {
	var answer *Error
	switch {
	case errors.Is(err, ErrSlowDown):
		p.failures = 0
		p.Interval += slower
	case errors.Is(err, ErrPending) || err == nil:
		p.failures = 0
	default:
		p.failures++
		pause := p.Interval
		for range min(p.failures, 6) {
			pause = min(2*pause, max(maxBackoff, p.Interval))
		}
		if errors.As(err, &answer) {
			pause = max(pause, answer.RetryAfter)
		}
		return pause
	}
	return p.Interval
}

// Final reports whether a poll's error ends the code: polling on would be of no use.
func Final(err error) bool {
	var answer *Error
	if err == nil || errors.Is(err, ErrPending) || errors.Is(err, ErrSlowDown) || !errors.As(err, &answer) {
		return false
	}
	return answer.Status >= 400 && answer.Status < 500 && answer.Status != 408 && answer.Status != 429
}

// Wait polls until somebody approves or declines, the code ends, or ctx does. A provider that cannot be reached for a
// while does not end it: the approval may have happened meanwhile.
func (c *Client) Wait(ctx context.Context, a Authorization) (Tokens, error) {
	pace := Pace{Interval: a.Interval}
	pause := a.Interval
	var trouble error
	for {
		left := a.ExpiresAt.Sub(c.cfg.Now())
		if left <= 0 {
			return Tokens{}, errors.Join(ErrExpired, trouble)
		}
		if err := c.cfg.Pause(ctx, min(pause, left)); err != nil {
			return Tokens{}, err
		}
		t, err := c.Poll(ctx, a.DeviceCode)
		if err == nil {
			return t, nil
		}
		if Final(err) {
			return Tokens{}, err
		}
		if !errors.Is(err, ErrPending) && !errors.Is(err, ErrSlowDown) {
			trouble = err
		}
		pause = pace.After(err)
	}
}
