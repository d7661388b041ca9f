package device

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// defaultInterval is how often a device polls when the provider says nothing (RFC 8628 §3.2).
const defaultInterval = 5 * time.Second

// Authorization is what the provider gave the device to show (RFC 8628 §3.2).
type Authorization struct {
	DeviceCode  string
	UserCode    string
	URI         string // verification_uri
	URIComplete string // verification_uri_complete; empty where the provider has none
	// WeChatQR is Qiao's extension `qiao_wechat_qr`: the address of a picture whose code WeChat follows straight to the
	// confirmation. Append ".svg" or ".png". Empty at other providers.
	WeChatQR  string
	Lifetime  time.Duration
	ExpiresAt time.Time
	Interval  time.Duration // between two polls; slow_down makes it longer
}

// QR is the text that the device draws as a QR code when it shows no WeChat picture.
func (a Authorization) QR() string {
	if a.URIComplete != "" {
		return a.URIComplete
	}
	return a.URI
}

// Start asks for a code.
func (c *Client) Start(ctx context.Context) (Authorization, error) {
	form := url.Values{}
	if len(c.cfg.Scopes) > 0 {
		form.Set("scope", strings.Join(c.cfg.Scopes, " "))
	}
	if c.cfg.DeviceName != "" {
		form.Set("device_name", c.cfg.DeviceName)
	}
	asked := c.cfg.Now() // before the answer: the code is never shown longer than it lives
	var got struct {
		DeviceCode  string `json:"device_code"`
		UserCode    string `json:"user_code"`
		URI         string `json:"verification_uri"`
		URIComplete string `json:"verification_uri_complete"`
		WeChatQR    string `json:"qiao_wechat_qr"`
		ExpiresIn   int    `json:"expires_in"`
		Interval    int    `json:"interval"`
	}
	if err := c.post(ctx, c.endpoints.Device, form, &got); err != nil {
		return Authorization{}, fmt.Errorf("ask for a code: %w", err)
	}
	if got.DeviceCode == "" || Printable(got.UserCode, 64) == "" || address(got.URI) == "" || got.ExpiresIn <= 0 {
		return Authorization{}, errors.New("ask for a code: the answer lacks device_code, user_code, verification_uri or expires_in")
	}
	a := Authorization{
		DeviceCode: got.DeviceCode, UserCode: Printable(got.UserCode, 64), URI: address(got.URI),
		URIComplete: address(got.URIComplete), WeChatQR: address(got.WeChatQR),
		Lifetime: time.Duration(got.ExpiresIn) * time.Second, Interval: time.Duration(got.Interval) * time.Second,
	}
	a.ExpiresAt = asked.Add(a.Lifetime)
	if a.Interval <= 0 {
		a.Interval = defaultInterval
	}
	return a, nil
}

// address returns the text if it is an http or https address, else nothing.
func address(text string) string {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || Printable(text, len(text)) != text {
		return ""
	}
	return text
}
