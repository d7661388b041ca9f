package grants

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"qiao/storage"
)

// RefreshToken is the refresh_token grant (RFC 6749 §6) with rotation (RFC 9700 §4.14.2).
func (s *Server) RefreshToken(ctx context.Context, r *op.ClientRequest[oidc.RefreshTokenRequest]) (*op.Response, error) {
	c := registration(r.Client)
	out, err := s.refresh(ctx, c, r.Data.RefreshToken, r.PostForm.Get("scope"))
	if err != nil {
		return nil, s.refused(ctx, "refresh", c.ID, err)
	}
	return &op.Response{Data: out}, nil
}

func (s *Server) refresh(ctx context.Context, c storage.Client, text, scope string) (*tokens, error) {
	presented, err := parseRefreshToken(s.cfg.Box, text)
	if err != nil {
		return nil, err
	}
	mask, err := s.narrow(ctx, c, presented, scope)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Now()
	access := storage.Handle{ID: presented.GrantID, Secret: storage.NewSecret()}
	issued, err := s.cfg.Store.RotateRefreshToken(ctx, storage.Rotation{
		GrantID: presented.GrantID, Seed: presented.Seed.Hash(), Generation: presented.Generation,
		ClientID: c.ID, Params: storage.HashOf([]byte(scope)),
		RefreshExpiresAt: now.Add(s.cfg.Lifetimes.RefreshIdle),
		Access:           s.accessToken(access, mask, now), Now: now,
	})
	if err != nil {
		return nil, err
	}
	presented.Generation = issued.Grant.RefreshGeneration
	// No nonce: it belongs to the authentication request that is long answered (OpenID Connect Core §12.2).
	return s.mint(minting{client: c, issued: issued, access: access, refresh: presented.Text(s.cfg.Box), mask: mask, now: now})
}

// narrow turns a scope parameter into the mask of the access token. Only where there is one is the grant read before
// the rotation, so that a scope that was never granted leaves the refresh token as it is.
func (s *Server) narrow(ctx context.Context, c storage.Client, presented refreshToken, scope string) (uint64, error) {
	if scope == "" {
		return storage.AllScopes, nil
	}
	issued, err := s.cfg.Store.AccessGrant(ctx, presented.GrantID)
	if err != nil {
		return 0, err
	}
	if issued.Grant.ClientID != c.ID || !issued.Grant.RefreshSeed.Equal(presented.Seed.Hash()) {
		return 0, storage.ErrNotFound
	}
	var mask uint64
	for _, name := range strings.Split(scope, " ") {
		i := slices.Index(issued.Grant.Scopes, name)
		if i < 0 || i >= 64 {
			return 0, refuse(invalidScope, "scope asks for more than was granted")
		}
		mask |= 1 << i
	}
	if n := len(issued.Grant.Scopes); n < 64 && mask == 1<<n-1 {
		mask = storage.AllScopes
	}
	return mask, nil
}

// accessToken is what is stored of an access token. Its time has whole seconds, as the store keeps it.
func (s *Server) accessToken(h storage.Handle, mask uint64, now time.Time) storage.AccessToken {
	return storage.AccessToken{
		Hash: h.Secret.Hash(), Mask: mask,
		ExpiresAt: time.Unix(now.Add(s.cfg.Lifetimes.AccessToken).Unix(), 0),
	}
}
