package grants

import (
	"context"
	"crypto/sha256"
	"encoding/base64"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"qiao/storage"
)

// CodeExchange is the authorization_code grant (OpenID Connect Core §3.1.3). Everything that a code is bound to is
// compared inside the transition that uses it up.
func (s *Server) CodeExchange(ctx context.Context, r *op.ClientRequest[oidc.AccessTokenRequest]) (*op.Response, error) {
	c := registration(r.Client)
	out, err := s.exchangeCode(ctx, c, r.Data.Code, r.Data.RedirectURI, r.Data.CodeVerifier)
	if err != nil {
		return nil, s.refused(ctx, "exchange_code", c.ID, err)
	}
	return &op.Response{Data: out}, nil
}

func (s *Server) exchangeCode(ctx context.Context, c storage.Client, text, redirectURI, verifier string) (*tokens, error) {
	challenge, err := challengeOf(verifier)
	if err != nil {
		return nil, err
	}
	code, err := storage.ParseHandle(text)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Now()
	access := storage.Handle{ID: code.ID, Secret: storage.NewSecret()}
	use := storage.CodeUse{
		GrantID: code.ID, CodeHash: code.Secret.Hash(), ClientID: c.ID, RedirectURI: redirectURI, CodeChallenge: challenge,
		Access: s.accessToken(access, storage.AllScopes, now), Now: now,
	}
	family := s.newFamily(c, now)
	use.RefreshSeed, use.RefreshExpiresAt = family.hash(), family.idleEnd
	issued, err := s.cfg.Store.ConsumeCode(ctx, use)
	if err != nil {
		return nil, err
	}
	return s.mint(minting{
		client: c, issued: issued, access: access, mask: storage.AllScopes, nonce: issued.Grant.Nonce, now: now,
		refresh: family.first(s.cfg.Box, &issued.Grant),
	})
}

// challengeOf is the S256 challenge of a verifier (RFC 7636 §4.2), empty for none. There is no plain.
func challengeOf(verifier string) (string, error) {
	if verifier == "" {
		return "", nil
	}
	if len(verifier) < 43 || len(verifier) > 128 {
		return "", refuse(invalidRequest, "code_verifier must have 43 to 128 characters")
	}
	for i := range len(verifier) {
		if !unreserved(verifier[i]) {
			return "", refuse(invalidRequest, "code_verifier must consist of unreserved characters")
		}
	}
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

func unreserved(b byte) bool {
	switch {
	case 'A' <= b && b <= 'Z', 'a' <= b && b <= 'z', '0' <= b && b <= '9':
		return true
	}
	return b == '-' || b == '.' || b == '_' || b == '~'
}
