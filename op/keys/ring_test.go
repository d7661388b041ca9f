package keys

import (
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// publicKeys reads the JWKS as a relying party does.
func publicKeys(t *testing.T, r *Ring) jose.JSONWebKeySet {
	t.Helper()
	var set jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal(r.JWKS(), &set))
	return set
}

func hint(sub string) map[string]any {
	return map[string]any{"iss": issuer, "sub": sub, "aud": "web", "iat": 1_800_000_000, "exp": 1_800_000_600, "sid": "s1", "auth_time": 1_799_999_000}
}

func signHint(t *testing.T, r *Ring, alg string) string {
	t.Helper()
	token, err := r.Sign(alg, TypeJWT, hint("user1"))
	require.NoError(t, err)
	return token
}

func kidOf(t *testing.T, token string) string {
	t.Helper()
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	require.NoError(t, err)
	return parsed.Signatures[0].Protected.KeyID
}

func TestTwoFirstStartsEndWithOneKeyForEachAlgorithm(t *testing.T) {
	store, clock := &fakeStore{}, newClock()
	a, b := newRing(t, store, clock), newRing(t, store, clock)
	var wg sync.WaitGroup
	faults := make([]error, 2)
	for i, r := range []*Ring{a, b} {
		wg.Go(func() { faults[i] = r.Load(t.Context()) })
	}
	wg.Wait()
	require.NoError(t, errors.Join(faults...))
	require.Len(t, store.keys, 2)
	require.Equal(t, string(a.JWKS()), string(b.JWKS()))
	for _, alg := range a.Algs() {
		_, err := b.Verify(signHint(t, a, alg))
		require.NoError(t, err, "what one server signs, the other one knows")
	}
}

func TestJWKSIsPublicAndComplete(t *testing.T) {
	r, _, _ := loadedRing(t)
	set := publicKeys(t, r)
	require.Len(t, set.Keys, 2)
	kids := map[string]bool{}
	for _, k := range set.Keys {
		require.True(t, k.Valid())
		require.True(t, k.IsPublic())
		require.Equal(t, "sig", k.Use)
		require.Contains(t, []string{ES256, RS256}, k.Algorithm)
		thumb, err := thumbprint(k.Key)
		require.NoError(t, err)
		require.Equal(t, thumb, k.KeyID, "RFC 7638")
		kids[k.KeyID] = true
	}
	require.Len(t, kids, 2)

	var raw struct {
		Keys []map[string]any `json:"keys"`
	}
	require.NoError(t, json.Unmarshal(r.JWKS(), &raw))
	for _, k := range raw.Keys {
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			require.NotContains(t, k, private)
		}
	}
}

func TestSealedKeysOnlyInStore(t *testing.T) {
	_, store, clock := loadedRing(t)
	other, err := New(Config{Issuer: issuer, Store: store, Box: newBox(t, 2), Now: clock.Now, Log: newRing(t, store, clock).cfg.Log})
	require.NoError(t, err)
	require.Error(t, other.Load(t.Context()), "another master key opens nothing")

	// Somebody who can write to the database moves a key to another row.
	store.keys[0].Sealed, store.keys[1].Sealed = store.keys[1].Sealed, store.keys[0].Sealed
	require.Error(t, newRing(t, store, clock).Load(t.Context()))
	store.keys[0].Sealed, store.keys[1].Sealed = store.keys[1].Sealed, store.keys[0].Sealed
	store.keys[0].ID = "chosen"
	require.Error(t, newRing(t, store, clock).Load(t.Context()))
}

func TestFailedLoadKeepsTheKeys(t *testing.T) {
	r, store, _ := loadedRing(t)
	token := signHint(t, r, ES256)
	store.fail = errors.New("the database is down")
	require.Error(t, r.Load(t.Context()))
	require.Error(t, r.Check(t.Context()))
	_, err := r.Verify(token)
	require.NoError(t, err)
	signHint(t, r, RS256)
}

func TestRotation(t *testing.T) {
	r, store, clock := loadedRing(t)
	first := signHint(t, r, ES256)
	require.NoError(t, r.Rotate(t.Context(), "operator"))
	require.Len(t, publicKeys(t, r).Keys, 4, "the next keys are published")
	require.Equal(t, kidOf(t, first), kidOf(t, signHint(t, r, ES256)), "and do not sign yet")
	require.ErrorIs(t, r.Rotate(t.Context(), "operator"), storage.ErrConflict)
	require.Len(t, store.keys, 4)
	require.LessOrEqual(t, r.JWKSMaxAge(), time.Hour, "who cached the set before has the next key before it signs")

	clock.Add(time.Hour)
	second := signHint(t, r, ES256)
	require.NotEqual(t, kidOf(t, first), kidOf(t, second), "without anything being run")
	for _, token := range []string{first, second} {
		_, err := r.Verify(token)
		require.NoError(t, err)
	}
	states := map[string]int{}
	for _, k := range r.List() {
		states[k.State]++
	}
	require.Equal(t, map[string]int{"active": 2, "retired": 2}, states)

	clock.Add(8*24*time.Hour - time.Second)
	require.Len(t, publicKeys(t, r).Keys, 4)
	clock.Add(time.Second)
	require.Len(t, publicKeys(t, r).Keys, 2, "gone after the overlap, without anything being run")
	_, err := r.Verify(first)
	require.ErrorIs(t, err, ErrInvalid)
	_, err = r.Verify(second)
	require.NoError(t, err)
}

func TestAutomaticRotation(t *testing.T) {
	store, clock := &fakeStore{}, newClock()
	a, b := newRing(t, store, clock), newRing(t, store, clock)
	require.NoError(t, a.Load(t.Context()))
	require.NoError(t, b.Load(t.Context()))
	clock.Add(90*24*time.Hour - time.Second)
	require.NoError(t, a.Check(t.Context()))
	require.Len(t, store.keys, 2)
	clock.Add(time.Second)
	var wg sync.WaitGroup
	for _, r := range []*Ring{a, b, a, b} {
		wg.Go(func() { assert.NoError(t, r.Check(t.Context())) })
	}
	wg.Wait()
	require.Len(t, store.keys, 4, "one next key an algorithm, however many replicas look")
	require.NoError(t, b.Check(t.Context()))
	require.Equal(t, string(a.JWKS()), string(b.JWKS()))
}

func TestRevoke(t *testing.T) {
	r, store, clock := loadedRing(t)
	other := newRing(t, store, clock)
	require.NoError(t, other.Load(t.Context()))
	token := signHint(t, r, ES256)
	require.NoError(t, r.Revoke(t.Context(), kidOf(t, token), "operator"))
	_, err := r.Verify(token)
	require.ErrorIs(t, err, ErrInvalid)
	require.NotEqual(t, kidOf(t, token), kidOf(t, signHint(t, r, ES256)), "a new key signs at once")
	require.NoError(t, other.Check(t.Context()))
	_, err = other.Verify(token)
	require.ErrorIs(t, err, ErrInvalid)
	require.ErrorIs(t, r.Revoke(t.Context(), "unknown", "operator"), storage.ErrNotFound)
}

func TestRevokeWhileANextKeyWaits(t *testing.T) {
	r, _, _ := loadedRing(t)
	active := kidOf(t, signHint(t, r, ES256))
	require.NoError(t, r.Rotate(t.Context(), "operator"))
	require.NoError(t, r.Revoke(t.Context(), active, "operator"))
	require.NotEqual(t, active, kidOf(t, signHint(t, r, ES256)), "the published next key signs early")
}

func TestRevokedSuccessorDoesNotLeaveTheAlgorithmWithoutAKey(t *testing.T) {
	for name, wait := range map[string]time.Duration{"soon": time.Minute, "late": 8*24*time.Hour + 30*time.Minute} {
		t.Run(name, func(t *testing.T) {
			r, _, clock := loadedRing(t)
			first := kidOf(t, signHint(t, r, ES256))
			require.NoError(t, r.Rotate(t.Context(), "operator"))
			clock.Add(wait)
			var successor string
			for _, k := range r.List() {
				if k.Alg == ES256 && k.ID != first {
					successor = k.ID
				}
			}
			require.NoError(t, r.Revoke(t.Context(), successor, "operator"))
			for range 400 { // over 16 days and more, hour by hour
				require.NotEqual(t, successor, kidOf(t, signHint(t, r, ES256)), "also just before Check looks")
				require.NoError(t, r.Check(t.Context()))
				clock.Add(time.Hour)
			}
		})
	}
}

func TestSignWhileKeysChange(t *testing.T) {
	r, _, clock := loadedRing(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 3 {
			assert.NoError(t, r.Rotate(t.Context(), "operator"))
			clock.Add(2 * time.Hour)
		}
	})
	for range 2 {
		wg.Go(func() {
			for range 100 {
				token, err := r.Sign(ES256, TypeJWT, hint("user1"))
				assert.NoError(t, err)
				_, err = r.Verify(token)
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
}
