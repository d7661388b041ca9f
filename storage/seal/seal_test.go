package seal_test

import (
	"bytes"
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/storage/seal"
)

func box(t *testing.T, masters ...string) *seal.Box {
	t.Helper()
	var keys [][]byte
	for _, m := range masters {
		keys = append(keys, bytes.Repeat([]byte(m), 32))
	}
	b, err := seal.New(keys...)
	require.NoError(t, err)
	return b
}

func TestOpensOnlyWhatItSealedForThePurpose(t *testing.T) {
	b := box(t, "a")
	sealed := b.Seal("phone", []byte("+8613800001234"))
	require.NotContains(t, string(sealed), "13800001234")
	require.NotEqual(t, sealed, b.Seal("phone", []byte("+8613800001234")), "a fresh nonce every time")
	plain, err := b.Open("phone", sealed)
	require.NoError(t, err)
	require.Equal(t, "+8613800001234", string(plain))

	_, err = b.Open("signing key", sealed)
	require.ErrorIs(t, err, seal.ErrOpen, "another purpose")
	_, err = box(t, "b").Open("phone", sealed)
	require.ErrorIs(t, err, seal.ErrOpen, "another master key")
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		_, err = b.Open("phone", changed)
		require.ErrorIs(t, err, seal.ErrOpen, "byte %d changed", i)
		_, err = b.Open("phone", sealed[:i])
		require.ErrorIs(t, err, seal.ErrOpen, "cut at %d", i)
	}
}

func TestANewMasterKeyOpensTheOldAndKeepsTheLookUps(t *testing.T) {
	old, moved := box(t, "a"), box(t, "b", "a")
	plain, err := moved.Open("phone", old.Seal("phone", []byte("x")))
	require.NoError(t, err)
	require.Equal(t, "x", string(plain))
	_, err = old.Open("phone", moved.Seal("phone", []byte("x")))
	require.ErrorIs(t, err, seal.ErrOpen, "the new key seals")
	require.Equal(t, old.MAC("phone index", []byte("x")), moved.MAC("phone index", []byte("x")))
}

func TestMACSeparatesPurposesAndParts(t *testing.T) {
	b := box(t, "a")
	require.NotEqual(t, b.MAC("p", []byte("ab"), []byte("c")), b.MAC("p", []byte("a"), []byte("bc")))
	require.NotEqual(t, b.MAC("p", []byte("ab")), b.MAC("q", []byte("ab")))
	require.Equal(t, b.MAC("p", []byte("ab")), b.MAC("p", []byte("ab")))
}

func TestParseKey(t *testing.T) {
	key, err := seal.ParseKey(seal.NewKey() + "\n")
	require.NoError(t, err)
	require.Len(t, key, 32)
	for _, bad := range []string{"", "short", base64.StdEncoding.EncodeToString(make([]byte, 31)), "ünï"} {
		_, err := seal.ParseKey(bad)
		require.ErrorContains(t, err, "openssl rand", bad)
	}
	_, err = seal.New()
	require.Error(t, err)
	_, err = seal.New(make([]byte, 31))
	require.Error(t, err)
}
