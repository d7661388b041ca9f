package grants

import (
	"context"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"qiao/storage"
)

// VerifyClient authenticates the client of a token or revocation request, and refuses a grant type that it is not
// registered for. (The library checks that too, with quotes in its description, which RFC 6749 §5.2 forbids.)
func (s *Server) VerifyClient(ctx context.Context, r *op.Request[op.ClientCredentials]) (op.Client, error) {
	c, err := s.cfg.Clients.Authenticate(ctx, r.Header, r.Form)
	if err != nil {
		return nil, s.refused(ctx, "authenticate_client", "", err)
	}
	if grantType := r.Form.Get("grant_type"); grantType != "" && !c.HasGrantType(grantType) {
		return nil, refuse(unauthorizedClient, "the client is not registered for this grant type").library()
	}
	return &client{registered: c}, nil
}

// refused turns an error into the library's. What is our fault, and what may be an attack, is logged; an error's text
// holds no token.
func (s *Server) refused(ctx context.Context, operation, clientID string, err error) error {
	f := failureOf(err)
	s.note(ctx, operation, clientID, f, err)
	return f.library()
}

// client is a registered client as the library's routes know one. They ask for its grant types, and nothing else.
type client struct {
	op.Client  // nil: the rest of the interface is for routes that are not mounted
	registered storage.Client
}

func (c *client) GetID() string { return c.registered.ID }

func (c *client) GrantTypes() []oidc.GrantType {
	types := make([]oidc.GrantType, len(c.registered.GrantTypes))
	for i, t := range c.registered.GrantTypes {
		types[i] = oidc.GrantType(t)
	}
	return types
}

// registration is the client that VerifyClient returned.
func registration(c op.Client) storage.Client { return c.(*client).registered }
