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
	case ctx.Err() != nil:
		// The client has gone: nobody is told, and a burst of hang-ups is not a burst of faults.
	case f.Status >= http.StatusInternalServerError:
		s.cfg.Log.ErrorContext(ctx, "token request failed", "operation", operation, "client_id", clientID, "error", err)
	case errors.Is(err, storage.ErrReplayed):
		s.cfg.Log.WarnContext(ctx, "replay: the grant is revoked", "operation", operation, "client_id", clientID)
	}
}
