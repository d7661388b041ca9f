package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// A replay ends its grant also when the caller hangs up after the first of its statements has found nothing: here the
// second one waits for the grant's row.
func TestAReplayIsDecidedForNobody(t *testing.T) {
	w := newWorld(t)
	for name, replay := range map[string]func(context.Context, storage.CodeUse) error{
		"code": func(ctx context.Context, use storage.CodeUse) error {
			_, err := w.a.ConsumeCode(ctx, use)
			return err
		},
		"refresh token": func(ctx context.Context, use storage.CodeUse) error {
			_, err := w.a.RotateRefreshToken(ctx, w.rotation(use, 0))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, free := w.held()
			free() // only its rows are of use here
			use := w.use(code)
			_, err := w.a.ConsumeCode(t.Context(), use)
			require.NoError(t, err)
			for generation := range uint32(2) { // the first token is used, and so is its successor
				_, err := w.a.RotateRefreshToken(t.Context(), w.rotation(use, generation))
				require.NoError(t, err)
			}
			holder, err := w.pool.Begin(t.Context())
			require.NoError(t, err)
			_, err = holder.Exec(t.Context(), `SELECT FROM grants WHERE id = $1 FOR UPDATE`, code.Grant.ID[:])
			require.NoError(t, err)
			ctx, hangUp := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- replay(ctx, use) }()
			w.waits()
			hangUp()
			<-time.After(100 * time.Millisecond) // what could end now would; there is no event to wait for
			require.NoError(t, holder.Commit(t.Context()))
			require.ErrorIs(t, <-done, storage.ErrReplayed)
			require.Zero(t, w.live(code.Grant.UserID))
		})
	}
}
