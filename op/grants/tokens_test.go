package grants

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/seal"
)

func testBox(t testing.TB, fill byte) *seal.Box {
	t.Helper()
	box, err := seal.New(bytes.Repeat([]byte{fill}, 32))
	require.NoError(t, err)
	return box
}

func TestRefreshTokenText(t *testing.T) {
	box := testBox(t, 1)
	token := refreshToken{storage.NewID(time.Now()), storage.NewSecret(), 7}
	text := token.Text(box)
	require.Len(t, text, 112)
	require.Equal(t, text, token.Text(box), "a successor can be repeated")
	back, err := parseRefreshToken(box, text)
	require.NoError(t, err)
	require.Equal(t, token, back)

	next := token
	next.Generation++
	require.NotEqual(t, text[80:], next.Text(box)[80:], "who holds one generation cannot make the next")
	require.NotContains(t, fmt.Sprintf("%v %+v %s", token, token, token), token.Seed.Text()[:20])
}

func TestForgedRefreshTokens(t *testing.T) {
	box := testBox(t, 1)
	token := refreshToken{storage.NewID(time.Now()), storage.NewSecret(), 7}
	text := token.Text(box)
	raw, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	refuse := func(name, text string) {
		t.Helper()
		_, err := parseRefreshToken(box, text)
		require.ErrorIs(t, err, storage.ErrNotFound, name)
	}
	for i := range raw {
		for _, bit := range []byte{1, 128} {
			changed := bytes.Clone(raw)
			changed[i] ^= bit
			refuse(fmt.Sprintf("byte %d", i), base64.RawURLEncoding.EncodeToString(changed))
		}
	}
	for name, forged := range map[string]string{
		"empty": "", "short": text[:111], "long": text + "A", "padded": text + "====", "space": text[:111] + " ", "line break": text[:56] + "\n" + text[57:],
		"standard base64": strings.Repeat("+", 112), "zeros": strings.Repeat("A", 112), "another box": token.Text(testBox(t, 2)),
		"a handle": storage.NewHandle(time.Now()).Text(), "huge": strings.Repeat("A", 1<<20),
	} {
		refuse(name, forged)
	}
}

func FuzzRefreshToken(f *testing.F) {
	box := testBox(f, 1)
	token := refreshToken{storage.NewID(time.Now()), storage.NewSecret(), 7}
	f.Add(token.Text(box))
	f.Add("")
	f.Add(strings.Repeat("A", 112))
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseRefreshToken(box, text)
		if err == nil && (got != token || got.Text(box) != text) {
			t.Fatalf("accepted a token that was never issued: %q", text)
		}
	})
}

func TestScopesOf(t *testing.T) {
	g := &storage.Grant{Scopes: []string{"openid", "profile", "phone"}}
	for mask, want := range map[uint64]string{storage.AllScopes: "openid profile phone", 0: "", 1: "openid", 0b101: "openid phone", 0b111: "openid profile phone", 1 << 40: ""} {
		scopes, text := scopesOf(g, mask)
		require.Equal(t, want, text)
		require.Equal(t, want, strings.Join(scopes, " "))
	}
}

func TestGrantableScopes(t *testing.T) {
	c := storage.Client{Scopes: []string{"openid", "profile"}}
	require.Equal(t, []string{"profile", "openid"}, GrantableScopes(c, []string{"profile", "phone", "openid", "profile", "", "admin"}))
	require.Empty(t, GrantableScopes(c, nil))
}

func TestChallengeOf(t *testing.T) {
	got, err := challengeOf("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") // the example of RFC 7636, appendix B
	require.NoError(t, err)
	require.Equal(t, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", got)
	got, err = challengeOf("")
	require.NoError(t, err)
	require.Empty(t, got)
	for _, bad := range []string{"short", strings.Repeat("a", 42), strings.Repeat("a", 129), strings.Repeat("a", 42) + "=", strings.Repeat("a", 42) + " ", strings.Repeat("a", 42) + "+", strings.Repeat("a", 42) + "é"} {
		_, err := challengeOf(bad)
		require.Equal(t, invalidRequest, failureOf(err).Code, bad)
	}
	for _, good := range []string{strings.Repeat("a", 43), strings.Repeat("Z9-._~", 21)} {
		_, err := challengeOf(good)
		require.NoError(t, err)
	}
}
