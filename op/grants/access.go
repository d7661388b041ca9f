package grants

import (
	"time"

	"qiao/storage"
)

// access is a live access token with what it stands for.
type access struct {
	scopes    []string
	scope     string
	expiresAt time.Time
}

// findAccess finds an access token in the grant that its handle names. storage.ErrNotFound: it is no access token, or one
// that is revoked, expired or pushed out by newer ones.
func (s *Server) findAccess(h storage.Handle, g *storage.Grant) (access, error) {
	hash, now := h.Secret.Hash(), s.cfg.Now()
	for _, t := range g.Access {
		if t.Hash.Equal(hash) && now.Before(t.ExpiresAt) {
			scopes, scope := scopesOf(g, t.Mask)
			return access{scopes, scope, t.ExpiresAt}, nil
		}
	}
	return access{}, storage.ErrNotFound
}
