package storagetest

import (
	"errors"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"qiao/storage"
)

// family is what I2 says about one refresh-token family, in the plainest words: which token is the newest, when the one
// before it was first used and with what parameters, and how often that was repeated.
type family struct {
	newest    uint32
	rotatedAt time.Time
	params    storage.Hash
	repeats   int
	revoked   bool
	access    []storage.Hash // newest first
}

// use is what the family answers to a genuine token.
func (f *family) use(r storage.Rotation, expiresAt time.Time) error {
	switch {
	case f.revoked || r.Generation > f.newest:
		return storage.ErrNotFound
	case !r.Now.Before(expiresAt):
		return storage.ErrExpired
	case r.Generation == f.newest:
		f.newest, f.rotatedAt, f.params, f.repeats = f.newest+1, r.Now, r.Params, 0
	case r.Generation == f.newest-1 && r.Params == f.params && f.repeats < storage.RefreshRepeats && r.Now.Sub(f.rotatedAt) < storage.RefreshGrace:
		f.repeats++
	default:
		f.revoked = true
		return storage.ErrReplayed
	}
	f.access = append([]storage.Hash{r.Access.Hash}, f.access...)
	f.access = f.access[:min(len(f.access), storage.MaxAccessTokens)]
	return nil
}

// familiesFollowModel draws sequences of uses, of any generation, at any time, with either of two parameters, and of
// revocations, and compares every answer with the model's.
func familiesFollowModel(w world) {
	p := w.signIn("o1", start)
	rapid.Check(w.T, func(t *rapid.T) {
		issued := w.tokens(p, true, start)
		model := &family{access: []storage.Hash{issued.Grant.Access[0].Hash}}
		now := start
		for range rapid.IntRange(1, 8).Draw(t, "uses") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 10, 29, 31, 3600}).Draw(t, "seconds")) * time.Second)
			if rapid.IntRange(0, 19).Draw(t, "revoke") == 0 {
				require.NoError(t, w.a.RevokeGrant(w.Context(), issued.Grant.ID, "grafana", now))
				model.revoked = true
			}
			r := rotationOf(issued, now)
			r.RefreshExpiresAt = issued.Grant.RefreshExpiresAt
			back := rapid.IntRange(-1, 3).Draw(t, "generations back")
			r.Generation = uint32(max(0, int(model.newest)-back))
			r.Params = storage.HashOf([]byte(rapid.SampledFrom([]string{"", "", "openid"}).Draw(t, "scope")))
			want := model.use(r, issued.Grant.RefreshExpiresAt)
			got, err := w.b.RotateRefreshToken(w.Context(), r)
			if !errors.Is(err, want) {
				t.Fatalf("generation %d of %d at %s: %v, want %v", r.Generation, model.newest, now, err, want)
			}
			if err == nil && got.Grant.RefreshGeneration != model.newest {
				t.Fatalf("successor %d, want %d", got.Grant.RefreshGeneration, model.newest)
			}
		}
		read, err := w.a.AccessGrant(w.Context(), issued.Grant.ID)
		if model.revoked {
			require.ErrorIs(t, err, storage.ErrNotFound)
			return
		}
		require.NoError(t, err)
		var tokens []storage.Hash
		for _, a := range read.Grant.Access {
			tokens = append(tokens, a.Hash)
		}
		require.Equal(t, model.access, tokens)
	})
}
