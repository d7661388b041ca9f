package grants_test

import (
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"qiao/storage"
)

// relyingParty is coreos/go-oidc and x/oauth2: they know nothing of this provider but its issuer.
func (w *world) relyingParty(client string) (oauth2.Config, *oidc.IDTokenVerifier, *oidc.Provider) {
	w.t.Helper()
	provider, err := oidc.NewProvider(w.t.Context(), w.issuer)
	require.NoError(w.t, err)
	config := oauth2.Config{ClientID: client, ClientSecret: w.secrets[client], Endpoint: provider.Endpoint(), RedirectURL: callback}
	return config, provider.Verifier(&oidc.Config{ClientID: client, Now: w.clock.Now}), provider
}

func TestExchangeAsARelyingParty(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		for _, client := range []string{web, other, spa} { // ES256, RS256, public
			config, verifier, provider := w.relyingParty(client)
			token, err := config.Exchange(t.Context(), w.code(client), oauth2.VerifierOption(verifierText))
			require.NoError(t, err)
			require.Equal(t, "Bearer", token.Type())
			require.InDelta(t, 600, token.Extra("expires_in"), 0)
			require.Equal(t, "openid profile phone offline_access", token.Extra("scope"))
			require.NotEmpty(t, token.RefreshToken)

			idToken, err := verifier.Verify(t.Context(), token.Extra("id_token").(string))
			require.NoError(t, err)
			require.Equal(t, "n-0S6_WzA2Mj", idToken.Nonce)
			require.NoError(t, idToken.VerifyAccessToken(token.AccessToken))
			require.Equal(t, w.userID, idToken.Subject)

			info, err := provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
			require.NoError(t, err)
			require.Equal(t, w.userID, info.Subject)

			token.Expiry = time.Now().Add(-time.Hour)
			fresh, err := config.TokenSource(t.Context(), token).Token()
			require.NoError(t, err)
			require.NotEqual(t, token.AccessToken, fresh.AccessToken)
			again, err := verifier.Verify(t.Context(), fresh.Extra("id_token").(string))
			require.NoError(t, err)
			require.Empty(t, again.Nonce, "OpenID Connect Core section 12.2")
		}
	})
}

const verifierText = verifier

func (w *world) idClaims(text string) map[string]any {
	w.t.Helper()
	keySet := oidc.NewRemoteKeySet(w.t.Context(), w.issuer+"/keys")
	payload, err := keySet.VerifySignature(w.t.Context(), text)
	require.NoError(w.t, err)
	var claims map[string]any
	require.NoError(w.t, json.Unmarshal(payload, &claims))
	return claims
}

func TestIDTokenClaims(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		now := w.clock.Now()
		always := []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash"}
		for _, c := range []struct {
			name, client string
			scopes       []string
			more         []string
		}{
			{"openid alone", web, []string{"openid"}, nil},
			{"profile", web, []string{"openid", "profile"}, []string{"name", "preferred_username", "updated_at"}},
			{"phone", web, []string{"openid", "phone"}, []string{"phone_number", "phone_number_verified"}},
			{"groups", web, []string{"openid", "groups"}, []string{"groups"}},
			{"email without the opt-in", web, []string{"openid", "email"}, nil},
			{"email", mail, []string{"openid", "email"}, []string{"email"}},
			{"lean", lean, []string{"openid", "profile", "phone", "groups"}, nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				a := w.tokens(c.client, c.scopes...)
				claims := w.idClaims(a.text("id_token"))
				var names []string
				for name := range claims {
					names = append(names, name)
				}
				require.ElementsMatch(t, append(c.more, always...), names)
				require.Equal(t, w.issuer, claims["iss"])
				require.Equal(t, c.client, claims["aud"])
				require.EqualValues(t, now.Unix(), claims["iat"])
				require.EqualValues(t, now.Unix()+600, claims["exp"])
				require.EqualValues(t, now.Add(-time.Minute).Unix(), claims["auth_time"])
				require.Equal(t, w.session.ID.String(), claims["sid"])
				require.Equal(t, "urn:qiao:acr:confirm", claims["acr"])
				require.Equal(t, []any{"wechat", "sms"}, claims["amr"])

				info := w.userinfo(a.text("access_token"))
				require.Equal(t, http.StatusOK, info.status)
				require.Equal(t, w.userID, info.text("sub"))
				if c.client == lean {
					require.Equal(t, phone, info.text("phone_number"), "what the ID token leaves out, userinfo has")
					require.Equal(t, "安娜", info.text("name"))
				}
				for _, name := range c.more {
					require.Equal(t, claims[name], info.json[name])
					switch name {
					case "phone_number":
						require.Equal(t, phone, claims[name])
					case "phone_number_verified":
						require.Equal(t, true, claims[name])
					case "groups":
						require.Equal(t, []any{}, claims[name], "an array also when it is empty")
					case "email":
						require.Equal(t, w.userID+"@users.example.com", claims[name])
					case "updated_at":
						require.IsType(t, float64(0), claims[name])
					}
				}
			})
		}
	})
}

func TestNoIDTokenWithoutOpenID(t *testing.T) {
	w := newWorld(t, newFakeStore())
	a := w.tokens(web, "profile")
	require.NotContains(t, a.json, "id_token")
	refused(t, w.userinfo(a.text("access_token")), http.StatusForbidden, "insufficient_scope")
}

func TestRefreshTokenOnlyWhereRegistered(t *testing.T) {
	w := newWorld(t, newFakeStore())
	require.NotContains(t, w.tokens(lean).json, "refresh_token")
	require.Contains(t, w.tokens(web, "openid").json, "refresh_token")
	refused(t, w.refresh(lean, w.tokens(web).text("refresh_token")), http.StatusBadRequest, "unauthorized_client")
}

func TestTokenAnswerIsNotCached(t *testing.T) {
	w := newWorld(t, newFakeStore())
	a := w.tokens(web)
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, "no-cache", a.header.Get("Pragma"))
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
}

// TestCodeIsBoundToEverything swaps one thing at a time: nothing comes of it, and the code is still good afterwards.
func TestCodeIsBoundToEverything(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		code, foreign := w.code(web), w.code(other)
		form := func(change ...string) []string {
			base := map[string]string{"grant_type": "authorization_code", "code": code, "redirect_uri": callback, "code_verifier": verifier}
			for i := 0; i < len(change); i += 2 {
				base[change[i]] = change[i+1]
			}
			var pairs []string
			for name, value := range base {
				pairs = append(pairs, name, value)
			}
			return pairs
		}
		tampered := func(i int) string {
			b := []byte(code)
			if b[i] = 'A'; code[i] == 'A' {
				b[i] = 'B'
			}
			return string(b)
		}
		for name, c := range map[string]struct {
			client string
			form   []string
			want   string
		}{
			"another client":              {other, form(), "invalid_grant"},
			"a public client":             {spa, form(), "invalid_grant"},
			"a foreign code":              {web, form("code", foreign), "invalid_grant"},
			"another redirect URI":        {web, form("redirect_uri", callback+"/"), "invalid_grant"},
			"another case":                {web, form("redirect_uri", "https://APP.example.com/callback"), "invalid_grant"},
			"no redirect URI":             {web, form("redirect_uri", ""), "invalid_request"},
			"another verifier":            {web, form("code_verifier", verifier[1:]+"A"), "invalid_grant"},
			"no verifier":                 {web, form("code_verifier", ""), "invalid_grant"},
			"the challenge as verifier":   {web, form("code_verifier", challenge(verifier)), "invalid_grant"},
			"a short verifier":            {web, form("code_verifier", "abc"), "invalid_request"},
			"a verifier with other signs": {web, form("code_verifier", verifier+"="), "invalid_request"},
			"no code":                     {web, form("code", ""), "invalid_request"},
			"garbage":                     {web, form("code", "garbage"), "invalid_grant"},
			"a changed ID":                {web, form("code", tampered(3)), "invalid_grant"},
			"a changed secret":            {web, form("code", tampered(60)), "invalid_grant"},
			"a cut code":                  {web, form("code", code[:63]), "invalid_grant"},
			"a longer code":               {web, form("code", code+"A"), "invalid_grant"},
		} {
			t.Run(name, func(t *testing.T) {
				refused(t, w.post(c.client, "/token", c.form...), http.StatusBadRequest, c.want)
			})
		}
		require.Equal(t, http.StatusOK, w.exchange(web, code).status)
	})
}

// TestVerifierWithoutChallenge is the PKCE downgrade: an attacker strips the challenge from the request.
func TestVerifierWithoutChallenge(t *testing.T) {
	store := newFakeStore()
	w := newWorld(t, store)
	code := w.code(web)
	h, err := storage.ParseHandle(code)
	require.NoError(t, err)
	store.grants[h.ID].CodeChallenge = ""
	refused(t, w.exchange(web, code), http.StatusBadRequest, "invalid_grant")
	require.Equal(t, http.StatusOK, w.post(web, "/token", "grant_type", "authorization_code", "code", code, "redirect_uri", callback).status)
}

func TestExpiredCode(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		code := w.code(web)
		w.clock.Add(time.Minute)
		refused(t, w.exchange(web, code), http.StatusBadRequest, "invalid_grant")
	})
}

func TestReplayedCodeKillsWhatItYielded(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		code := w.code(web)
		first := w.exchange(web, code)
		require.Equal(t, http.StatusOK, first.status)
		refused(t, w.exchange(other, code), http.StatusBadRequest, "invalid_grant")
		require.Equal(t, http.StatusOK, w.userinfo(first.text("access_token")).status, "another client's try ends nothing")

		refused(t, w.exchange(web, code), http.StatusBadRequest, "invalid_grant")
		refused(t, w.userinfo(first.text("access_token")), http.StatusUnauthorized, "invalid_token")
		refused(t, w.refresh(web, first.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
		require.Contains(t, w.log.String(), "replay: the grant is revoked")
	})
}

func TestParallelExchanges(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		code := w.code(web)
		answers := make([]answer, 30)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() { answers[i] = w.exchange(web, code) })
		}
		wg.Wait()
		good := 0
		for _, a := range answers {
			if a.status == http.StatusOK {
				good++
				refused(t, w.userinfo(a.text("access_token")), http.StatusUnauthorized, "invalid_token")
				continue
			}
			refused(t, a, http.StatusBadRequest, "invalid_grant")
		}
		require.LessOrEqual(t, good, 1)
	})
}

func TestLockedUserGetsNothing(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		code, live := w.code(web), w.tokens(web)
		require.NoError(t, w.store.LockUser(t.Context(), w.userID, "test", w.clock.Now()))
		refused(t, w.exchange(web, code), http.StatusBadRequest, "invalid_grant")
		refused(t, w.refresh(web, live.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
		refused(t, w.userinfo(live.text("access_token")), http.StatusUnauthorized, "invalid_token")
		require.Equal(t, map[string]any{"active": false}, w.post(web, "/introspect", "token", live.text("access_token")).json)
	})
}

func TestRemovedClientGetsNothing(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		code, live := w.code(web), w.tokens(web)
		require.NoError(t, w.store.RemoveClient(t.Context(), web, "test", w.clock.Now()))
		w.clock.Add(time.Second)
		refused(t, w.exchange(web, code), http.StatusUnauthorized, "invalid_client")
		refused(t, w.refresh(web, live.text("refresh_token")), http.StatusUnauthorized, "invalid_client")
		refused(t, w.userinfo(live.text("access_token")), http.StatusUnauthorized, "invalid_token")
	})
}
