package grants

import (
	"context"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"qiao/storage"
)

// Revocation ends an access token, or with a refresh token the whole grant (RFC 7009). What a token is follows from its
// shape, so the hint is not needed. A token that is unknown, of another client or already revoked is answered 200, as
// one that was revoked now (§2.2): the client has nothing left to do.
func (s *Server) Revocation(ctx context.Context, r *op.ClientRequest[oidc.RevocationRequest]) (*op.Response, error) {
	c := registration(r.Client)
	if err := s.revoke(ctx, c, r.Data.Token); err != nil {
		return nil, s.refused(ctx, "revoke", c.ID, err)
	}
	return &op.Response{}, nil
}

func (s *Server) revoke(ctx context.Context, c storage.Client, text string) error {
	if t, err := parseRefreshToken(s.cfg.Box, text); err == nil {
		return s.cfg.Store.RevokeGrant(ctx, t.GrantID, c.ID, s.cfg.Now())
	}
	h, err := storage.ParseHandle(text)
	if err != nil {
		return nil // not a token of ours
	}
	return s.cfg.Store.RevokeAccessToken(ctx, h.ID, c.ID, h.Secret.Hash(), s.cfg.Now())
}
