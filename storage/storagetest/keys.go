package storagetest

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func keyStories() map[string]story {
	return map[string]story{
		"two first boots end with one key":     firstKeys,
		"a key moves from next to retired":     keyRotation,
		"a revoked key is gone":                keyRevoked,
		"two rotations at once make one key":   rotationsAtOnce,
		"a retired key goes with the janitor":  retiredKeySwept,
		"the first key follows an expired one": firstKeyAfterExpiry,
	}
}

func newKey(id, alg string, activeAt time.Time) storage.SigningKey {
	return storage.SigningKey{ID: id, Alg: alg, Sealed: []byte("sealed " + id), CreatedAt: start, ActiveAt: activeAt}
}

func (w world) keys(now time.Time) []storage.SigningKey {
	w.Helper()
	list, err := w.b.SigningKeys(w.Context(), now)
	require.NoError(w, err)
	return list
}

func firstKeys(w world) {
	before := w.version()
	added := parallel(8, func(n int) bool {
		ok, err := w.store(n).AddFirstKey(context.WithoutCancel(w.Context()), newKey(fmt.Sprintf("k%d", n), "ES256", start), start)
		return ok && err == nil
	})
	count := 0
	for _, ok := range added {
		if ok {
			count++
		}
	}
	require.Equal(w, 1, count)
	require.Len(w, w.keys(start), 1)
	require.Greater(w, w.version(), before)
	ok, err := w.a.AddFirstKey(w.Context(), newKey("rsa", "RS256", start.Add(-time.Second)), start)
	require.NoError(w, err)
	require.True(w, ok, "each algorithm has its own")
	require.Equal(w, newKey("rsa", "RS256", start.Add(-time.Second)), w.keys(start)[0], "oldest ActiveAt first")
}

func keyRotation(w world) {
	_, err := w.a.AddFirstKey(w.Context(), newKey("k1", "ES256", start), start)
	require.NoError(w, err)
	_, err = w.a.AddFirstKey(w.Context(), newKey("rsa", "RS256", start), start)
	require.NoError(w, err)
	retire := start.Add(2 * time.Hour)
	require.NoError(w, w.a.AddNextKey(w.Context(), newKey("k2", "ES256", start.Add(time.Hour)), retire, "ops", start))
	require.ErrorIs(w, w.a.AddNextKey(w.Context(), newKey("k3", "ES256", start.Add(time.Hour)), retire, "ops", start), storage.ErrConflict)
	list := w.keys(start)
	require.Len(w, list, 3)
	ends := map[string]time.Time{}
	for _, k := range list {
		ends[k.ID] = k.ExpiresAt
	}
	require.Equal(w, map[string]time.Time{"k1": retire, "rsa": {}, "k2": {}}, ends)
	require.Len(w, w.keys(retire), 2, "k1 is over")
	// A later rotation leaves the end of a key that has one.
	require.NoError(w, w.a.AddNextKey(w.Context(), newKey("k3", "ES256", start.Add(2*time.Hour)), start.Add(9*time.Hour), "ops", start.Add(90*time.Minute)))
	for _, k := range w.keys(start.Add(90 * time.Minute)) {
		if k.ID == "k1" {
			require.Equal(w, retire, k.ExpiresAt)
		}
	}
	require.Equal(w, []string{"key.rotate", "key.rotate"}, w.actions(""))
}

func keyRevoked(w world) {
	_, err := w.a.AddFirstKey(w.Context(), newKey("k1", "ES256", start), start)
	require.NoError(w, err)
	before := w.version()
	require.NoError(w, w.a.RevokeKey(w.Context(), "k1", "ops", start))
	require.Empty(w, w.keys(start))
	require.Greater(w, w.version(), before)
	require.ErrorIs(w, w.a.RevokeKey(w.Context(), "k1", "ops", start), storage.ErrNotFound)
	require.Equal(w, []string{"key.revoke"}, w.actions(""))
}

func rotationsAtOnce(w world) {
	_, err := w.a.AddFirstKey(w.Context(), newKey("k1", "ES256", start), start)
	require.NoError(w, err)
	errs := parallel(6, func(n int) error {
		return w.store(n).AddNextKey(context.WithoutCancel(w.Context()), newKey(fmt.Sprintf("next%d", n), "ES256", start.Add(time.Hour)), start.Add(2*time.Hour), "ops", start)
	})
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		} else {
			require.ErrorIs(w, err, storage.ErrConflict)
		}
	}
	require.Equal(w, 1, done)
	require.Len(w, w.keys(start), 2)
}

func retiredKeySwept(w world) {
	k := newKey("k1", "ES256", start)
	k.ExpiresAt = start.Add(time.Hour)
	_, err := w.a.AddFirstKey(w.Context(), k, start)
	require.NoError(w, err)
	before := w.version()
	n, err := w.a.Sweep(w.Context(), start.Add(time.Hour), 10)
	require.NoError(w, err)
	require.Equal(w, 1, n)
	require.Empty(w, w.keys(start))
	require.Greater(w, w.version(), before)
}

func firstKeyAfterExpiry(w world) {
	k := newKey("k1", "ES256", start)
	k.ExpiresAt = start.Add(time.Hour)
	_, err := w.a.AddFirstKey(w.Context(), k, start)
	require.NoError(w, err)
	ok, err := w.a.AddFirstKey(w.Context(), newKey("k2", "ES256", start.Add(time.Hour)), start.Add(time.Hour))
	require.NoError(w, err)
	require.True(w, ok)
}
