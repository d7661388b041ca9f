package storagetest

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func refreshStories() map[string]story {
	return map[string]story{
		"a rotation moves the family on":                 rotateMovesOn,
		"a lost answer is repeated twice within 30 s":    rotateGrace,
		"a reuse after the grace ends the family":        rotateLateReuse,
		"a reuse with other parameters ends the family":  rotateOtherParams,
		"a reuse of a used successor's parent ends it":   rotateOldReuse,
		"a foreign or future token changes nothing":      rotateForeign,
		"idle and absolute ends":                         rotateExpired,
		"a hundred uses at once have one successor (I2)": rotateAtOnce,
		"retries at once get one successor":              rotateRetriesAtOnce,
		"families behave as the model says":              familiesFollowModel,
	}
}

func rotateMovesOn(w world) {
	issued := w.tokens(w.signIn("o1", start), true, start)
	for n := range 5 {
		before := issued.Grant.RefreshGeneration
		now := start.Add(time.Duration(n+1) * time.Hour)
		r := rotationOf(issued, now)
		var err error
		issued, err = w.store(n).RotateRefreshToken(w.Context(), r)
		require.NoError(w, err)
		require.Equal(w, before+1, issued.Grant.RefreshGeneration)
		require.Equal(w, r.Seed, issued.Grant.RefreshSeed)
		require.Equal(w, r.RefreshExpiresAt, issued.Grant.RefreshExpiresAt)
		require.Equal(w, r.Access.Hash, issued.Grant.Access[0].Hash)
		require.Equal(w, []string{"openid", "phone"}, issued.Grant.Scopes)
		require.Equal(w, minted(w.grant(issued.Grant.ID)), minted(issued))
	}
}

func rotateGrace(w world) {
	issued := w.tokens(w.signIn("o1", start), true, start)
	r := rotationOf(issued, start)
	first, err := w.a.RotateRefreshToken(w.Context(), r)
	require.NoError(w, err)
	for n, wait := range []time.Duration{time.Second, 29 * time.Second} {
		again := r
		again.Access, again.Now = newAccess(start), start.Add(wait)
		repeated, err := w.store(n).RotateRefreshToken(w.Context(), again)
		require.NoError(w, err)
		require.Equal(w, first.Grant.RefreshGeneration, repeated.Grant.RefreshGeneration, "the same successor")
		require.Equal(w, again.Access.Hash, repeated.Grant.Access[0].Hash, "with an access token of its own")
	}
	_, err = w.a.RotateRefreshToken(w.Context(), r)
	require.ErrorIs(w, err, storage.ErrReplayed, "at most twice")
	require.False(w, w.alive(issued.Grant.ID))
	_, err = w.a.RotateRefreshToken(w.Context(), rotationOf(first, start))
	require.ErrorIs(w, err, storage.ErrNotFound, "the successor is dead too")
}

func rotateLateReuse(w world) {
	issued := w.tokens(w.signIn("o1", start), true, start)
	r := rotationOf(issued, start)
	_, err := w.a.RotateRefreshToken(w.Context(), r)
	require.NoError(w, err)
	r.Now = start.Add(31 * time.Second)
	_, err = w.b.RotateRefreshToken(w.Context(), r)
	require.ErrorIs(w, err, storage.ErrReplayed)
	require.False(w, w.alive(issued.Grant.ID))

	// A repeat does not stretch the grace.
	issued = w.tokens(w.signIn("o1", start), true, start)
	r = rotationOf(issued, start)
	for _, at := range []time.Duration{0, 20 * time.Second} {
		r.Now = start.Add(at)
		_, err = w.a.RotateRefreshToken(w.Context(), r)
		require.NoError(w, err)
	}
	r.Now = start.Add(40 * time.Second)
	_, err = w.a.RotateRefreshToken(w.Context(), r)
	require.ErrorIs(w, err, storage.ErrReplayed)
}

func rotateOtherParams(w world) {
	issued := w.tokens(w.signIn("o1", start), true, start)
	r := rotationOf(issued, start)
	_, err := w.a.RotateRefreshToken(w.Context(), r)
	require.NoError(w, err)
	r.Params = storage.HashOf([]byte("openid"))
	_, err = w.b.RotateRefreshToken(w.Context(), r)
	require.ErrorIs(w, err, storage.ErrReplayed)
	require.False(w, w.alive(issued.Grant.ID))
}

func rotateOldReuse(w world) {
	issued := w.tokens(w.signIn("o1", start), true, start)
	r := rotationOf(issued, start)
	second, err := w.a.RotateRefreshToken(w.Context(), r)
	require.NoError(w, err)
	_, err = w.a.RotateRefreshToken(w.Context(), rotationOf(second, start))
	require.NoError(w, err)
	_, err = w.b.RotateRefreshToken(w.Context(), r)
	require.ErrorIs(w, err, storage.ErrReplayed, "its successor was used")
	require.False(w, w.alive(issued.Grant.ID))
}

func rotateForeign(w world) {
	issued := w.tokens(w.signIn("o1", start), true, start)
	for name, change := range map[string]func(*storage.Rotation){
		"another client": func(r *storage.Rotation) { r.ClientID = "other" },
		"another seed":   func(r *storage.Rotation) { r.Seed = newHash() },
		"no seed":        func(r *storage.Rotation) { r.Seed = storage.Hash{} },
		"another grant":  func(r *storage.Rotation) { r.GrantID = storage.NewID(start) },
		"the future":     func(r *storage.Rotation) { r.Generation++ },
	} {
		r := rotationOf(issued, start)
		change(&r)
		_, err := w.b.RotateRefreshToken(w.Context(), r)
		require.ErrorIs(w, err, storage.ErrNotFound, name)
	}
	_, err := w.b.RotateRefreshToken(w.Context(), rotationOf(issued, start))
	require.NoError(w, err)
}

func rotateExpired(w world) {
	issued := w.tokens(w.signIn("o1", start), true, start)
	_, err := w.b.RotateRefreshToken(w.Context(), rotationOf(issued, start.AddDate(0, 0, 30)))
	require.ErrorIs(w, err, storage.ErrExpired, "idle")
	for day := 29; day < 90; day += 29 {
		issued, err = w.a.RotateRefreshToken(w.Context(), rotationOf(issued, start.AddDate(0, 0, day)))
		require.NoError(w, err)
	}
	_, err = w.b.RotateRefreshToken(w.Context(), rotationOf(issued, start.AddDate(0, 0, 90)))
	require.ErrorIs(w, err, storage.ErrExpired, "absolute")
}

func rotateAtOnce(w world) {
	p := w.signIn("o1", start)
	issued := w.tokens(p, true, start)
	successors := map[uint32]int{}
	replayed := 0
	for _, result := range parallel(100, func(n int) struct {
		generation uint32
		err        error
	} {
		next, err := w.store(n).RotateRefreshToken(context.WithoutCancel(w.Context()), rotationOf(issued, start))
		return struct {
			generation uint32
			err        error
		}{next.Grant.RefreshGeneration, err}
	}) {
		switch {
		case result.err == nil:
			successors[result.generation]++
		case errors.Is(result.err, storage.ErrReplayed):
			replayed++
		default:
			require.ErrorIs(w, result.err, storage.ErrNotFound)
		}
	}
	require.Equal(w, map[uint32]int{issued.Grant.RefreshGeneration + 1: 1 + storage.RefreshRepeats}, successors)
	require.Equal(w, 1, replayed)
	require.False(w, w.alive(issued.Grant.ID))
}

func rotateRetriesAtOnce(w world) {
	p := w.signIn("o1", start)
	for range 10 {
		issued := w.tokens(p, true, start)
		generations := parallel(1+storage.RefreshRepeats, func(n int) uint32 {
			next, err := w.store(n).RotateRefreshToken(context.WithoutCancel(w.Context()), rotationOf(issued, start))
			if err != nil {
				w.Errorf("rotate: %v", err)
			}
			return next.Grant.RefreshGeneration
		})
		for _, g := range generations {
			require.Equal(w, issued.Grant.RefreshGeneration+1, g)
		}
		read, err := w.b.AccessGrant(w.Context(), issued.Grant.ID)
		require.NoError(w, err)
		require.Len(w, read.Grant.Access, 2+storage.RefreshRepeats, "no access token was lost")
	}
}
