package device

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Identify verifies the ID token (signature, issuer, audience, time, at_hash where there is one) and returns its claims.
func (c *Client) Identify(ctx context.Context, t Tokens) (map[string]any, error) {
	if t.IDToken == "" {
		return nil, errors.New("the answer has no id_token: is openid among the scopes?")
	}
	verifier := c.provider.VerifierContext(oidc.ClientContext(ctx, c.cfg.HTTP), &oidc.Config{ClientID: c.cfg.ClientID, Now: c.cfg.Now})
	token, err := verifier.Verify(ctx, t.IDToken)
	if err != nil {
		return nil, fmt.Errorf("verify the ID token: %w", err)
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(t.Access); err != nil {
			return nil, fmt.Errorf("verify the ID token: %w", err)
		}
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return nil, fmt.Errorf("read the ID token: %w", err)
	}
	return claims, nil
}

// UserInfo returns the claims about subject. Another person's claims are refused (OpenID Connect Core §5.3.2).
func (c *Client) UserInfo(ctx context.Context, t Tokens, subject string) (map[string]any, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.endpoints.UserInfo, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+t.Access)
	var claims map[string]any
	if err := c.do(req, &claims); err != nil {
		return nil, fmt.Errorf("ask for the claims: %w", err)
	}
	if claims["sub"] != subject {
		return nil, errors.New("ask for the claims: the answer is about somebody else")
	}
	return claims, nil
}

// Refresh returns new tokens. ErrInvalidGrant (by errors.Is) says that the device was signed out.
func (c *Client) Refresh(ctx context.Context, t Tokens) (Tokens, error) {
	next, err := c.tokens(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {t.Refresh}})
	if err != nil {
		return Tokens{}, fmt.Errorf("refresh: %w", err)
	}
	if next.Refresh == "" {
		next.Refresh = t.Refresh // not rotated (RFC 6749 §6)
	}
	if next.IDToken == "" {
		next.IDToken = t.IDToken
	}
	return next, nil
}

// Revoke ends what the device holds (RFC 7009): the refresh token, and with it the grant, or else the access token.
func (c *Client) Revoke(ctx context.Context, t Tokens) error {
	if c.endpoints.Revoke == "" {
		return nil
	}
	form := url.Values{"token": {t.Refresh}, "token_type_hint": {"refresh_token"}}
	if t.Refresh == "" {
		form = url.Values{"token": {t.Access}, "token_type_hint": {"access_token"}}
	}
	if err := c.post(ctx, c.endpoints.Revoke, form, nil); err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	return nil
}
