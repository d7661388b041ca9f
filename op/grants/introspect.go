package grants

import (
	"context"
	"errors"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"

	"qiao/storage"
)

// introspection is the answer of RFC 7662 §2.2. There is no username: it is a profile claim, and not every token
// carries that scope.
type introspection struct {
	Active    bool   `json:"active"`
	Scope     string `json:"scope,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	TokenType string `json:"token_type,omitempty"`
	ExpiresAt int64  `json:"exp,omitempty"`
	IssuedAt  int64  `json:"iat,omitempty"`
	Subject   string `json:"sub,omitempty"`
	Audience  string `json:"aud,omitempty"`
	Issuer    string `json:"iss,omitempty"`
}

// Introspect tells a confidential client about a token whose audience it is, which is a token that was issued to it.
// Of any other it learns that it is not active, as of garbage (§4: no probing for what exists).
func (s *Server) Introspect(ctx context.Context, r *op.Request[op.IntrospectionRequest]) (*op.Response, error) {
	c, err := s.cfg.Clients.Authenticate(ctx, r.Header, r.PostForm)
	if err != nil {
		return nil, s.refused(ctx, "introspect", "", err)
	}
	out, err := s.introspect(ctx, c, r.PostForm.Get("token"))
	if errors.Is(err, storage.ErrNotFound) {
		return &op.Response{Data: &introspection{}}, nil
	}
	if err != nil {
		return nil, s.refused(ctx, "introspect", c.ID, err)
	}
	return &op.Response{Data: out}, nil
}

func (s *Server) introspect(ctx context.Context, c storage.Client, text string) (*introspection, error) {
	if len(text) == refreshText {
		return s.introspectRefresh(ctx, c, text)
	}
	h, err := storage.ParseHandle(text)
	if err != nil {
		return nil, err
	}
	g, err := s.cfg.Store.AccessScopes(ctx, h.ID)
	if err != nil {
		return nil, err
	}
	a, err := s.findAccess(h, &g)
	if err != nil {
		return nil, err
	}
	out, err := s.describe(c, &g, a.scope, a.expiresAt)
	if err != nil {
		return nil, err
	}
	out.TokenType = "Bearer"
	out.IssuedAt = a.expiresAt.Add(-s.cfg.Lifetimes.AccessToken).Unix()
	return out, nil
}

// introspectRefresh knows the newest refresh token of a family as active. One that may be repeated after a lost answer
// (I2) is not: whoever asks has a newer one, or is not the one who has it.
func (s *Server) introspectRefresh(ctx context.Context, c storage.Client, text string) (*introspection, error) {
	t, err := parseRefreshToken(s.cfg.Box, text)
	if err != nil {
		return nil, err
	}
	issued, err := s.cfg.Store.AccessGrant(ctx, t.GrantID)
	if err != nil {
		return nil, err
	}
	g := &issued.Grant
	expiresAt := g.RefreshExpiresAt
	if !g.ExpiresAt.IsZero() && g.ExpiresAt.Before(expiresAt) {
		expiresAt = g.ExpiresAt
	}
	if !g.RefreshSeed.Equal(t.Seed.Hash()) || g.RefreshGeneration != t.Generation || !s.cfg.Now().Before(expiresAt) {
		return nil, storage.ErrNotFound
	}
	_, scope := scopesOf(g, storage.AllScopes)
	return s.describe(c, g, scope, expiresAt)
}

func (s *Server) describe(c storage.Client, g *storage.Grant, scope string, expiresAt time.Time) (*introspection, error) {
	if g.ClientID != c.ID {
		return nil, storage.ErrNotFound
	}
	return &introspection{
		Active: true, Scope: scope, ClientID: g.ClientID, ExpiresAt: expiresAt.Unix(),
		Subject: g.UserID, Audience: g.ClientID, Issuer: s.cfg.Issuer,
	}, nil
}
