package sms

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// WebhookConfig is where messages go.
type WebhookConfig struct {
	URL       string // https, or http on loopback
	Secret    string // shared with the receiver; at least 32 characters
	Transport http.RoundTripper
	Now       func() time.Time // nil: time.Now
}

// Webhook hands messages to the operator's own gateway, as signed JSON.
type Webhook struct {
	url    string
	secret []byte
	client *http.Client
	now    func() time.Time
}

var _ Sender = (*Webhook)(nil)

// NewWebhook checks the configuration; all faults are told at once.
func NewWebhook(cfg WebhookConfig) (*Webhook, error) {
	var faults []error
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		faults = append(faults, errors.New("sms webhook: the URL must be a whole address without user and fragment"))
	case u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u)):
		faults = append(faults, errors.New("sms webhook: the URL must be https (http only on loopback): it carries codes"))
	}
	if len(cfg.Secret) < 32 {
		faults = append(faults, errors.New("sms webhook: the secret needs at least 32 characters: make one with `openssl rand -base64 32`"))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Webhook{
		url:    cfg.URL,
		secret: []byte(cfg.Secret),
		client: &http.Client{Transport: cfg.Transport, CheckRedirect: noRedirect},
		now:    cfg.Now,
	}, nil
}

// Send posts the message.
func (w *Webhook) Send(ctx context.Context, m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"to": m.To, "text": m.Text, "code": m.Code, "lang": m.Lang, "kind": m.Kind})
	if err != nil {
		return fmt.Errorf("encode text message: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: not sent", ErrRefused)
	}
	var delivery [16]byte
	_, _ = rand.Read(delivery[:]) // never fails: crypto/rand ends the process instead
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "qiao")
	req.Header.Set("X-Qiao-Delivery", hex.EncodeToString(delivery[:]))
	req.Header.Set("X-Qiao-Signature", w.sign(body))
	return deliver(w.client, req)
}

// sign covers the time too, so that a recorded message is worth nothing later.
func (w *Webhook) sign(body []byte) string {
	t := strconv.FormatInt(w.now().Unix(), 10)
	mac := hmac.New(sha256.New, w.secret)
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
