package wechat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	realAPI  = "https://api.weixin.qq.com/"
	realOpen = "https://open.weixin.qq.com/"
	maxBody  = 1 << 20
)

// transport is the only way out. It reaches the platform's API host, or the base that is configured in its place, and
// nothing else; it reads the whole answer, and turns every errcode into an *APIError before the SDK sees it: some of the
// SDK's answer types drop the errcode, and its own retries would use up codes and quotas.
type transport struct {
	api    *url.URL // the base in use
	next   http.RoundTripper
	secret string // the account's AppSecret, to be kept out of error texts
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	call := strings.TrimPrefix(req.URL.Path, "/")
	secrets := append(secretsOf(req.URL.Query()), t.secret)
	fail := func(cause error, format string, args ...any) error {
		return &callError{call: call, text: redact(fmt.Sprintf(format, args...), secrets...), cause: cause}
	}
	if req.URL.Scheme != "https" || req.URL.Host != "api.weixin.qq.com" {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, fail(nil, "refused to call a host that is not the platform's API")
	}
	out := req.Clone(req.Context())
	out.URL.Scheme, out.URL.Host = t.api.Scheme, t.api.Host
	out.URL.Path, out.URL.RawPath = strings.TrimSuffix(t.api.Path, "/")+req.URL.Path, ""
	out.Host = t.api.Host
	out.Header.Set("User-Agent", "qiao")
	resp, err := t.next.RoundTrip(out)
	if err != nil {
		return nil, fail(err, "platform not reached: %v", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, fail(err, "answer broke off: %v", err)
	case resp.StatusCode != http.StatusOK: // also a redirect, which the API has none of: the token would go with it
		return nil, fail(nil, "answered with HTTP status %d", resp.StatusCode)
	case len(body) > maxBody:
		return nil, fail(nil, "answer is larger than %d bytes", maxBody)
	}
	var answer struct {
		Code    json.Number `json:"errcode"`
		Message string      `json:"errmsg"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fail(nil, "answer is not a JSON object of the API")
	}
	if answer.Code != "" && answer.Code != "0" {
		code, err := answer.Code.Int64()
		if err != nil {
			return nil, fail(nil, "answer has an errcode that is not a number")
		}
		return nil, &APIError{Call: call, Code: int(code), Message: redact(answer.Message, secrets...)}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	resp.Header.Set("Content-Type", "application/json") // the SDK would read XML where the header says so
	return resp, nil
}

// ownError finds our error below the layers that the SDK and net/http put around it: their texts hold the whole URL,
// access token included. Of anything else only the kind is told.
func ownError(call string, err error) error {
	if err == nil {
		return nil
	}
	var api *APIError
	if errors.As(err, &api) {
		return api
	}
	var own *callError
	if errors.As(err, &own) {
		return own
	}
	return &callError{call: call, text: fmt.Sprintf("answer not understood (%T)", rootCause(err)), cause: nil}
}

func rootCause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// newTransport is the default below ours.
func newTransport() http.RoundTripper {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    2 * time.Second,
		MaxIdleConns:           32,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        60 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// checkBase refuses a base over which the AppSecret would travel in clear.
func checkBase(name string, base *url.URL) error {
	loopback := base.Hostname() == "localhost"
	if ip := net.ParseIP(base.Hostname()); ip != nil {
		loopback = ip.IsLoopback()
	}
	if base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" ||
		base.Scheme != "https" && !(base.Scheme == "http" && loopback) {
		return fmt.Errorf("%s must be an https address, or http on loopback, without user, query and fragment", name)
	}
	return nil
}
