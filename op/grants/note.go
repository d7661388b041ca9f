package grants

import (
	"context"
	"errors"
	"net/http"

	"qiao/storage"
)

// note logs what an operator should know: faults of ours, and replays, which are a bug of the client or a theft.
func (s *Server) note(ctx context.Context, operation, clientID string, f failure, err error) {
	switch {
	case errors.Is(err, storage.ErrReplayed):
		s.replays.WithLabelValues(operation).Inc()
		s.cfg.Log.WarnContext(ctx, "replay: the grant is revoked", "operation", operation, "client_id", clientID)
	case f.Status >= http.StatusInternalServerError && ctx.Err() == nil: // a burst of hang-ups is no burst of faults
		s.cfg.Log.ErrorContext(ctx, "token request failed", "operation", operation, "client_id", clientID, "error", err)
	}
}
