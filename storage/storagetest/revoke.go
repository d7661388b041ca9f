package storagetest

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func grantRevoked(w world) {
	issued := w.tokens(w.signIn("o1", start), true, start)
	id := issued.Grant.ID
	require.NoError(w, w.a.RevokeGrant(w.Context(), id, "other", start))
	require.True(w, w.alive(id))
	for range 2 {
		require.NoError(w, w.a.RevokeGrant(w.Context(), id, "grafana", start))
	}
	require.False(w, w.alive(id))
}

func accessRevoked(w world) {
	issued := w.tokens(w.signIn("o1", start), true, start)
	id := issued.Grant.ID
	first := w.grant(id).Grant.Access[0]
	issued, err := w.a.RotateRefreshToken(w.Context(), rotationOf(issued, start))
	require.NoError(w, err)
	second := w.grant(id).Grant.Access[0]
	require.NoError(w, w.a.RevokeAccessToken(w.Context(), id, "other", first.Hash, start))
	require.NoError(w, w.a.RevokeAccessToken(w.Context(), id, "grafana", newHash(), start))
	read, err := w.b.AccessGrant(w.Context(), id)
	require.NoError(w, err)
	require.Len(w, read.Grant.Access, 2)
	for range 2 {
		require.NoError(w, w.a.RevokeAccessToken(w.Context(), id, "grafana", first.Hash, start))
	}
	read, err = w.b.AccessGrant(w.Context(), id)
	require.NoError(w, err)
	require.Equal(w, []storage.AccessToken{second}, read.Grant.Access)
	require.NoError(w, w.a.RevokeAccessToken(w.Context(), id, "grafana", second.Hash, start))
	read, err = w.b.AccessGrant(w.Context(), id)
	require.NoError(w, err)
	require.Empty(w, read.Grant.Access)
	_, err = w.a.RotateRefreshToken(w.Context(), rotationOf(issued, start))
	require.NoError(w, err, "the refresh token is another one's business")
}

func accessKept(w world) {
	issued := w.tokens(w.signIn("o1", start), true, start)
	var want []storage.Hash
	for n := range storage.MaxAccessTokens + 3 {
		now := start.Add(time.Duration(n+1) * time.Minute)
		r := rotationOf(issued, now)
		var err error
		issued, err = w.store(n).RotateRefreshToken(w.Context(), r)
		require.NoError(w, err)
		want = append([]storage.Hash{r.Access.Hash}, want...)
	}
	var got []storage.Hash
	read, err := w.b.AccessGrant(w.Context(), issued.Grant.ID)
	require.NoError(w, err)
	for _, t := range read.Grant.Access {
		got = append(got, t.Hash)
	}
	require.Equal(w, want[:storage.MaxAccessTokens], got)
}

func accessRevokedAtOnce(w world) {
	issued := w.tokens(w.signIn("o1", start), true, start)
	for n := range 6 {
		var err error
		issued, err = w.a.RotateRefreshToken(w.Context(), rotationOf(issued, start.Add(time.Duration(n+1)*time.Minute)))
		require.NoError(w, err)
	}
	tokens := w.grant(issued.Grant.ID).Grant.Access
	errs := parallel(len(tokens)-1, func(n int) error {
		return w.store(n).RevokeAccessToken(context.WithoutCancel(w.Context()), issued.Grant.ID, "grafana", tokens[n].Hash, start)
	})
	require.NoError(w, errors.Join(errs...))
	read, err := w.b.AccessGrant(w.Context(), issued.Grant.ID)
	require.NoError(w, err)
	require.Equal(w, tokens[len(tokens)-1:], read.Grant.Access)
}

func grantUnknown(w world) {
	id := storage.NewID(start)
	_, err := w.a.AccessGrant(w.Context(), id)
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.NoError(w, w.a.RevokeGrant(w.Context(), id, "grafana", start))
	require.NoError(w, w.a.RevokeAccessToken(w.Context(), id, "grafana", newHash(), start))
}
