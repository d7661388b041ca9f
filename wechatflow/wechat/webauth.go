package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// WebAuthURL is where WeChat's browser is sent to prove its openid silently (snsapi_base). The state may have letters
// and digits only, at most 128; the domain of redirectURI must be registered with the account. The platform reads the
// parameters in this order, and the fragment is part of its interface.
func (c *Client) WebAuthURL(redirectURI, state string) string {
	return strings.TrimSuffix(c.open.String(), "/") + "/connect/oauth2/authorize?appid=" + url.QueryEscape(c.account.AppID) +
		"&redirect_uri=" + url.QueryEscape(redirectURI) + "&response_type=code&scope=snsapi_base&state=" +
		url.QueryEscape(state) + "#wechat_redirect"
}

// WebAuth is the person whom web authorization proved.
type WebAuth struct {
	OpenID  string
	UnionID string
	// Snapshot: the person looks at the page without having signed in to it, and OpenID is a virtual one. It must never
	// be bound to anything.
	Snapshot bool
}

// WebAuth exchanges a code, which works once and for five minutes. It is not tried again: the platform may have taken
// the code although its answer was lost.
func (c *Client) WebAuth(ctx context.Context, code string) (WebAuth, error) {
	const call = "sns/oauth2/access_token"
	if code == "" || len(code) > 256 {
		return WebAuth{}, errors.New("wechat web authorization: this is no code")
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	query := url.Values{"appid": {c.account.AppID}, "secret": {c.account.AppSecret}, "code": {code},
		"grant_type": {"authorization_code"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, realAPI+call+"?"+query.Encode(), nil)
	if err != nil {
		return WebAuth{}, ownError(call, err)
	}
	var answer struct {
		OpenID   string          `json:"openid"`
		UnionID  string          `json:"unionid"`
		Snapshot json.RawMessage `json:"is_snapshotuser"`
	}
	if err := c.getJSON(req, call, &answer); err != nil {
		return WebAuth{}, err
	}
	if !openIDShape.MatchString(answer.OpenID) {
		return WebAuth{}, &APIError{Call: call, Message: "the answer has no openid"}
	}
	return WebAuth{OpenID: answer.OpenID, UnionID: answer.UnionID, Snapshot: isSet(answer.Snapshot)}, nil
}

// isSet reads the mark of a virtual openid. Whatever is not plainly "no" counts as yes.
func isSet(raw json.RawMessage) bool {
	switch string(raw) {
	case "", "0", "false", "null", `""`, `"0"`:
		return false
	}
	return true
}
