package device_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"qiao/cmd/qiao/device"
	"qiao/cmd/qiao/device/stub"
)

// clock moves only when somebody pauses on it.
type clock struct {
	mu     sync.Mutex
	t      time.Time
	pauses []time.Duration
	during func(n int) // what happens in the n-th pause
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) Pause(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	c.t = c.t.Add(d)
	c.pauses = append(c.pauses, d)
	n := len(c.pauses)
	c.mu.Unlock()
	if c.during != nil {
		c.during(n)
	}
	return ctx.Err()
}

func connect(t *testing.T, c *clock, p *stub.Provider) *device.Client {
	t.Helper()
	s := p.Settings()
	client, err := device.Discover(t.Context(), device.Config{
		Issuer: p.URL, ClientID: s.ClientID, ClientSecret: s.Secret, Scopes: []string{"openid", "phone"}, DeviceName: "客厅电视",
		HTTP: http.DefaultClient, Now: c.Now, Pause: c.Pause,
	})
	require.NoError(t, err)
	return client
}

func TestWholeSignIn(t *testing.T) {
	for name, s := range map[string]stub.Settings{
		"public": {}, "basic": {Secret: "s3cr&t+ /%"}, "post": {Secret: "s3cr&t+ /%", OnlyPost: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			s.Claims, s.WeChat = map[string]any{"phone_number": "+8613800001234"}, true
			p := stub.Start(t, c.Now, s)
			client := connect(t, c, p)
			a, err := client.Start(t.Context())
			require.NoError(t, err)
			require.Equal(t, "WDJB-MJHT", a.UserCode)
			require.Equal(t, p.URL+"/device", a.URI)
			require.Equal(t, p.URL+"/device?user_code=WDJB-MJHT", a.QR())
			require.Contains(t, a.WeChatQR, p.URL+"/device/picture/")
			require.Equal(t, c.Now().Add(10*time.Minute), a.ExpiresAt)
			require.Equal(t, []string{"openid phone"}, p.Started()[0]["scope"])
			require.Equal(t, []string{"客厅电视"}, p.Started()[0]["device_name"])

			c.during = func(n int) {
				switch n {
				case 2:
					p.Set(func(s *stub.Settings) { s.SlowDown = true })
				case 4:
					p.Set(func(s *stub.Settings) { s.Decision = "approve" })
				}
			}
			tokens, err := client.Wait(t.Context(), a)
			require.NoError(t, err)
			require.Equal(t, []time.Duration{5 * time.Second, 5 * time.Second, 10 * time.Second, 10 * time.Second}, c.pauses)
			claims, err := client.Identify(t.Context(), tokens)
			require.NoError(t, err)
			require.Equal(t, "+8613800001234", claims["phone_number"])
			_, err = client.UserInfo(t.Context(), tokens, "a-person")
			require.NoError(t, err)
			_, err = client.UserInfo(t.Context(), tokens, "somebody-else")
			require.ErrorContains(t, err, "somebody else")

			next, err := client.Refresh(t.Context(), tokens)
			require.NoError(t, err)
			require.NotEqual(t, tokens.Refresh, next.Refresh)
			require.NoError(t, client.Revoke(t.Context(), next))
			require.Equal(t, []string{next.Refresh}, p.Revoked())
			_, err = client.Refresh(t.Context(), next)
			require.ErrorIs(t, err, device.ErrInvalidGrant)
		})
	}
}

func TestWaitEnds(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*stub.Settings)
		want   error
		polls  int
	}{
		"declined":       {func(s *stub.Settings) { s.Decision = "decline" }, device.ErrDenied, 1},
		"expired there":  {func(s *stub.Settings) { s.Decision = "expire" }, device.ErrExpired, 1},
		"nobody came":    {func(*stub.Settings) {}, device.ErrExpired, 5}, // at 5, 10, 15, 20 and the very end
		"another client": {func(s *stub.Settings) { s.ClientID = "other" }, nil, 0},
		"slow_down":      {func(s *stub.Settings) { s.SlowDown = true }, device.ErrExpired, 3}, // at 5, 15 and the end
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			p := stub.Start(t, c.Now, stub.Settings{ExpiresIn: 23})
			client := connect(t, c, p)
			a, err := client.Start(t.Context())
			require.NoError(t, err)
			p.Set(x.change)
			_, err = client.Wait(t.Context(), a)
			require.Error(t, err)
			if x.want != nil {
				require.ErrorIs(t, err, x.want)
			}
			require.Len(t, p.Polls(), x.polls)
			require.NotContains(t, err.Error(), "\x1b", "control characters of the provider reach no terminal")
		})
	}
}

// A provider that goes away for a while is asked less and less often, and the approval of that time is not lost.
func TestWaitOutlastsTrouble(t *testing.T) {
	c := newClock()
	p := stub.Start(t, c.Now, stub.Settings{})
	client := connect(t, c, p)
	a, err := client.Start(t.Context())
	require.NoError(t, err)
	c.during = func(n int) {
		p.Set(func(s *stub.Settings) {
			s.Down = map[bool]int{true: http.StatusBadGateway}[n < 6]
			s.Decision = "approve"
		})
	}
	_, err = client.Wait(t.Context(), a)
	require.NoError(t, err)
	seconds := []time.Duration{5, 10, 20, 40, 60, 60}
	for i := range seconds {
		seconds[i] *= time.Second
	}
	require.Equal(t, seconds, c.pauses)
}

func TestWaitStops(t *testing.T) {
	c := newClock()
	p := stub.Start(t, c.Now, stub.Settings{})
	client := connect(t, c, p)
	a, err := client.Start(t.Context())
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	c.during = func(int) { stop() }
	_, err = client.Wait(ctx, a)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, p.Polls())
}

func TestForeignIDTokenIsRefused(t *testing.T) {
	c := newClock()
	p := stub.Start(t, c.Now, stub.Settings{Audience: "another-client"})
	client := connect(t, c, p)
	a, err := client.Start(t.Context())
	require.NoError(t, err)
	p.Set(func(s *stub.Settings) { s.Decision = "approve" })
	tokens, err := client.Wait(t.Context(), a)
	require.NoError(t, err)
	_, err = client.Identify(t.Context(), tokens)
	require.ErrorContains(t, err, "verify the ID token")
}

func TestAnswersOfTheProvider(t *testing.T) {
	for name, s := range map[string]stub.Settings{
		"refused": {Error: "unauthorized_client"}, "down": {Down: 503}, "a code that nobody sees": {UserCode: "\x1b\x00"},
		"no time": {ExpiresIn: -1},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			p := stub.Start(t, c.Now, stub.Settings{})
			client := connect(t, c, p)
			p.Set(func(now *stub.Settings) {
				now.Error, now.Down = s.Error, s.Down
				if s.UserCode != "" {
					now.UserCode = s.UserCode
				}
				if s.ExpiresIn != 0 {
					now.ExpiresIn = s.ExpiresIn
				}
			})
			_, err := client.Start(t.Context())
			require.Error(t, err)
			var answer *device.Error
			if s.Error != "" {
				require.True(t, errors.As(err, &answer))
				require.Equal(t, s.Error, answer.Code)
			}
		})
	}
}

// The stub is held to the standard by a client that is not ours.
func TestStubWithAnotherClient(t *testing.T) {
	p := stub.Start(t, time.Now, stub.Settings{Interval: 1})
	other := oauth2.Config{ClientID: "tv", Scopes: []string{"openid"}, Endpoint: oauth2.Endpoint{
		DeviceAuthURL: p.URL + "/device_authorization", TokenURL: p.URL + "/token", AuthStyle: oauth2.AuthStyleInParams,
	}}
	a, err := other.DeviceAuth(t.Context())
	require.NoError(t, err)
	require.Equal(t, "WDJB-MJHT", a.UserCode)
	p.Set(func(s *stub.Settings) { s.Decision = "approve" })
	token, err := other.DeviceAccessToken(t.Context(), a)
	require.NoError(t, err)
	require.NotEmpty(t, token.Extra("id_token"))
}
