package grants

import (
	"context"
	"time"

	"qiao/storage"
)

// access is a live access token with what it stands for.
type access struct {
	issued    storage.Issued
	scopes    []string
	scope     string
	expiresAt time.Time
}

// findAccess looks an access token up. storage.ErrNotFound: it is no access token, or one that is revoked, expired or
// pushed out by newer ones; other errors are the store's.
func (s *Server) findAccess(ctx context.Context, text string) (access, error) {
	h, err := storage.ParseHandle(text)
	if err != nil {
		return access{}, err
	}
	issued, err := s.cfg.Store.AccessGrant(ctx, h.ID)
	if err != nil {
		return access{}, err
	}
	hash, now := h.Secret.Hash(), s.cfg.Now()
	for _, t := range issued.Grant.Access {
		if t.Hash.Equal(hash) && now.Before(t.ExpiresAt) {
			scopes, scope := scopesOf(&issued.Grant, t.Mask)
			return access{issued, scopes, scope, t.ExpiresAt}, nil
		}
	}
	return access{}, storage.ErrNotFound
}
