package storagetest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func replayStories() map[string]story {
	return map[string]story{
		"a reuse beside the newest token ends the family": replayBesideNewest,
		"a reuse beside a revocation or a lock ends it":   replayBesideEnd,
		"a reuse is decided for who hangs up, too":        replayForNobody,
		"a clock that is behind undoes nothing":           replayBehind,
	}
}

// spent is a family whose first token and its successor are used, and a use of the first again.
func (w world) spent(p person) (newest storage.Issued, replay storage.Rotation) {
	w.Helper()
	issued := w.tokens(p, true, start)
	replay = rotationOf(issued, start)
	for range 2 {
		var err error
		issued, err = w.a.RotateRefreshToken(w.Context(), rotationOf(issued, start))
		require.NoError(w, err)
	}
	return issued, replay
}

// replayBesideNewest: whoever comes first, who has the newest token is left with nothing, and nobody gets two answers.
func replayBesideNewest(w world) {
	p := w.signIn("o1", start)
	for range 10 {
		newest, replay := w.spent(p)
		rotated, replayed := 0, 0
		for _, err := range parallel(8, func(n int) error {
			ctx, r := context.WithoutCancel(w.Context()), replay
			if n%2 == 0 {
				r = rotationOf(newest, start)
				r.Params = storage.Hash{byte(n)} // no two are one client that has lost an answer
			}
			_, err := w.store(n/2).RotateRefreshToken(ctx, r)
			return err
		}) {
			switch {
			case err == nil:
				rotated++
			case errors.Is(err, storage.ErrReplayed):
				replayed++
			default:
				require.ErrorIs(w, err, storage.ErrNotFound)
			}
		}
		require.LessOrEqual(w, rotated, 1)
		require.Equal(w, 1, replayed)
		require.False(w, w.alive(newest.Grant.ID))
	}
}

// replayBesideEnd: of a reuse and an end at the same time both leave the grant ended, whatever each is told.
func replayBesideEnd(w world) {
	for n := range 10 {
		p := w.signIn("o"+string(rune('a'+n)), start)
		newest, replay := w.spent(p)
		for _, err := range parallel(3, func(i int) error {
			ctx := context.WithoutCancel(w.Context())
			if i == 0 {
				if n%2 == 0 {
					return w.b.LockUser(ctx, p.user.ID, "operator", start)
				}
				return w.b.RevokeGrant(ctx, newest.Grant.ID, newest.Grant.ClientID, start)
			}
			_, err := w.store(i).RotateRefreshToken(ctx, replay)
			if errors.Is(err, storage.ErrReplayed) || errors.Is(err, storage.ErrNotFound) {
				return nil
			}
			return errors.Join(err, errors.New("neither replayed nor gone"))
		}) {
			require.NoError(w, err)
		}
		require.False(w, w.alive(newest.Grant.ID))
	}
}

// left is the context of a caller who has hung up by the second time that anybody asks.
type left struct {
	context.Context
	asked *atomic.Int32
}

func (c left) Err() error {
	if c.asked.Add(1) > 1 {
		return context.Canceled
	}
	return nil
}

func (w world) left() context.Context {
	return left{context.WithoutCancel(w.Context()), new(atomic.Int32)}
}

// replayForNobody: a caller who hangs up while it is decided does not undo what is decided.
func replayForNobody(w world) {
	p := w.signIn("o1", start)
	newest, replay := w.spent(p)
	_, err := w.a.RotateRefreshToken(w.left(), replay)
	require.ErrorIs(w, err, storage.ErrReplayed)
	require.False(w, w.alive(newest.Grant.ID))

	c := p.codeOf(start)
	require.NoError(w, w.a.IssueCode(w.Context(), c))
	_, err = w.a.ConsumeCode(w.Context(), useOf(c, start))
	require.NoError(w, err)
	_, err = w.a.ConsumeCode(w.left(), useOf(c, start))
	require.ErrorIs(w, err, storage.ErrReplayed)
	require.False(w, w.alive(c.Grant.ID))
}

// replayBehind: a replica whose clock is behind judges by what is stored.
func replayBehind(w world) {
	behind := start.Add(-20 * time.Second)
	p := w.signIn("o1", start.Add(-time.Minute))

	c := p.codeOf(start.Add(-time.Minute))
	c.CodeExpiresAt = start.Add(time.Minute)
	require.NoError(w, w.a.IssueCode(w.Context(), c))
	issued, err := w.a.ConsumeCode(w.Context(), useOf(c, start))
	require.NoError(w, err)
	r := rotationOf(issued, start)
	next, err := w.a.RotateRefreshToken(w.Context(), r)
	require.NoError(w, err)
	r.Now = behind
	repeated, err := w.b.RotateRefreshToken(w.Context(), r)
	require.NoError(w, err)
	require.Equal(w, next.Grant.RefreshGeneration, repeated.Grant.RefreshGeneration, "a lost answer is one there, too")
	_, err = w.b.ConsumeCode(w.Context(), useOf(c, behind))
	require.ErrorIs(w, err, storage.ErrReplayed)
	require.False(w, w.alive(issued.Grant.ID))
	_, err = w.a.RotateRefreshToken(w.Context(), rotationOf(next, start))
	require.ErrorIs(w, err, storage.ErrNotFound)

	newest, replay := w.spent(p)
	replay.Now = behind
	_, err = w.b.RotateRefreshToken(w.Context(), replay)
	require.ErrorIs(w, err, storage.ErrReplayed)
	require.False(w, w.alive(newest.Grant.ID))
}
