package sms

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

// Simulator hands messages to the simulated phone of the demo, which shows them to everybody.
type Simulator struct {
	base   *url.URL
	client *http.Client
}

var _ Sender = (*Simulator)(nil)

// NewSimulator sends to the simulator at base, which must be on loopback.
func NewSimulator(base *url.URL, client *http.Client) *Simulator {
	own := http.Client{}
	if client != nil {
		own = *client
	}
	own.CheckRedirect = noRedirect
	return &Simulator{base: base, client: &own}
}

// Send posts the message to /sim/sms.
func (s *Simulator) Send(ctx context.Context, m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	if !isLoopback(s.base) {
		return fmt.Errorf("%w: the simulator must be on loopback", ErrRefused)
	}
	body, err := json.Marshal(map[string]string{"to": m.To, "text": m.Text, "code": m.Code})
	if err != nil {
		return fmt.Errorf("encode text message: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base.JoinPath("sim", "sms").String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: not sent", ErrRefused)
	}
	req.Header.Set("Content-Type", "application/json")
	return deliver(s.client, req)
}
