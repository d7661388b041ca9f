package grants_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

var errDown = errors.New("rotate refresh token: connection refused at 10.1.2.3:5432 \"quoted\"")

// TestStoreFailuresAreNotTheClientsFault: a client throws its refresh token away when it reads invalid_grant.
func TestStoreFailuresAreNotTheClientsFault(t *testing.T) {
	for _, fault := range []error{
		errDown, storage.ErrConflict, storage.ErrApprovalNeeded, storage.ErrPhoneNeeded, storage.ErrNewerSchema,
		&storage.LimitedError{Key: "x", RetryAfter: time.Minute},
	} {
		store := newFakeStore()
		w := newWorld(t, store)
		live, code := w.tokens(web), w.code(web)
		ask := map[string]struct {
			method string
			do     func() answer
		}{
			"exchange":               {"ConsumeCode", func() answer { return w.exchange(web, code) }},
			"refresh":                {"RotateRefreshToken", func() answer { return w.refresh(web, live.text("refresh_token")) }},
			"refresh with a scope":   {"AccessGrant", func() answer { return w.refresh(web, live.text("refresh_token"), "scope", "openid") }},
			"userinfo":               {"AccessPerson", func() answer { return w.userinfo(live.text("access_token")) }},
			"introspection":          {"AccessScopes", func() answer { return w.post(web, "/introspect", "token", live.text("access_token")) }},
			"introspection, refresh": {"AccessGrant", func() answer { return w.post(web, "/introspect", "token", live.text("refresh_token")) }},
			"revocation":             {"RevokeAccessToken", func() answer { return w.post(web, "/revoke", "token", live.text("access_token")) }},
			"revocation, refresh":    {"RevokeGrant", func() answer { return w.post(web, "/revoke", "token", live.text("refresh_token")) }},
		}
		for name, c := range ask {
			t.Run(fault.Error()[:6]+" "+name, func(t *testing.T) {
				store.setFail(c.method, fault)
				a := c.do()
				refused(t, a, http.StatusServiceUnavailable, "server_error")
				require.NotContains(t, a.body, "10.1.2.3", "database errors never reach an answer")
				store.setFail(c.method, nil)
			})
		}
		for name, c := range ask {
			t.Run(fault.Error()[:6]+" clients, "+name, func(t *testing.T) {
				w.clock.Add(time.Second)
				store.setFail("Version", fault)
				refused(t, c.do(), http.StatusServiceUnavailable, "server_error")
				store.setFail("Version", nil)
			})
		}
		require.Equal(t, http.StatusOK, w.refresh(web, live.text("refresh_token")).status, "it recovers by itself, and nothing is lost")
		require.Equal(t, http.StatusOK, w.exchange(web, code).status)
	}
}

// TestFaultsOfOurOwn: a phone that does not open (another master key) is a 500.
func TestFaultsOfOurOwn(t *testing.T) {
	store := newFakeStore()
	w := newWorld(t, store)
	live := w.tokens(web)
	u := store.users[w.userID]
	u.PhoneSealed = []byte("sealed under a key that is gone, or not at all")
	store.users[w.userID] = u
	refused(t, w.userinfo(live.text("access_token")), http.StatusInternalServerError, "server_error")
	refused(t, w.refresh(web, live.text("refresh_token")), http.StatusInternalServerError, "server_error")
	noPhone := w.exchange(web, w.code(web, "openid", "profile"))
	require.Equal(t, http.StatusOK, noPhone.status, "it is opened only for its scope")
}

func TestUserWithoutPhoneOrName(t *testing.T) {
	store := newFakeStore()
	w := newWorld(t, store)
	u := store.users[w.userID]
	u.PhoneSealed, u.Name, u.Groups = nil, "", []string{"staff"}
	store.users[w.userID] = u
	a := w.tokens(web, "openid", "profile", "phone", "groups")
	claims := w.idClaims(a.text("id_token"))
	require.NotContains(t, claims, "phone_number")
	require.NotContains(t, claims, "phone_number_verified")
	require.Equal(t, "quiet-river-17", claims["name"])
	require.Equal(t, []any{"staff"}, claims["groups"])
	require.NotContains(t, a.body, `""`)
	require.NotContains(t, w.userinfo(a.text("access_token")).body, `""`)
}

func TestUserinfoRequests(t *testing.T) {
	w := newWorld(t, newFakeStore())
	token := w.tokens(web).text("access_token")
	const form = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		method, query, media, body string
		authorization              []string
		status                     int
		code                       string // of WWW-Authenticate and the body
	}{
		"GET":                       {method: "GET", authorization: []string{"Bearer " + token}, status: 200},
		"GET, scheme in lower case": {method: "GET", authorization: []string{"bearer " + token}, status: 200},
		"POST with the header":      {method: "POST", authorization: []string{"Bearer " + token}, status: 200},
		"POST, header, empty form":  {method: "POST", media: form, authorization: []string{"Bearer " + token}, status: 200},
		"POST with a form":          {method: "POST", media: form, body: "access_token=" + token, status: 200},
		"other parameters":          {method: "GET", query: "x=1&x=2&schema=openid", authorization: []string{"Bearer " + token}, status: 200},
		"nothing":                   {method: "GET", status: 401},
		"POST with nothing":         {method: "POST", media: form, status: 401},
		"basic":                     {method: "GET", authorization: []string{"Basic d2ViOng="}, status: 401},
		"DPoP":                      {method: "GET", authorization: []string{"DPoP " + token}, status: 401},
		"the token alone":           {method: "GET", authorization: []string{token}, status: 401},
		"an empty token":            {method: "GET", authorization: []string{"Bearer "}, status: 401, code: "invalid_token"},
		"no token":                  {method: "GET", authorization: []string{"Bearer"}, status: 401, code: "invalid_token"},
		"garbage":                   {method: "GET", authorization: []string{"Bearer garbage"}, status: 401, code: "invalid_token"},
		"two tokens in one":         {method: "GET", authorization: []string{"Bearer " + token + " " + token}, status: 401, code: "invalid_token"},
		"a changed token":           {method: "GET", authorization: []string{"Bearer " + token[:63] + "~"}, status: 401, code: "invalid_token"},
		"a huge token":              {method: "GET", authorization: []string{"Bearer " + strings.Repeat("A", 100_000)}, status: 401, code: "invalid_token"},
		"in the query":              {method: "GET", query: "access_token=" + token, status: 400, code: "invalid_request"},
		"in the query and header":   {method: "GET", query: "access_token=" + token, authorization: []string{"Bearer " + token}, status: 400, code: "invalid_request"},
		"two headers":               {method: "GET", authorization: []string{"Bearer " + token, "Bearer " + token}, status: 400, code: "invalid_request"},
		"header and form":           {method: "POST", media: form, body: "access_token=" + token, authorization: []string{"Bearer " + token}, status: 400, code: "invalid_request"},
		"twice in the form":         {method: "POST", media: form, body: "access_token=" + token + "&access_token=" + token, status: 400, code: "invalid_request"},
		"a broken form":             {method: "POST", media: form, body: "access_token=%zz", status: 400, code: "invalid_request"},
		"a large form":              {method: "POST", media: form, body: "access_token=" + strings.Repeat("A", 64<<10), status: 413, code: "invalid_request"},
		"a form of another type":    {method: "POST", media: "text/plain", body: "access_token=" + token, status: 401},
		"a form by GET":             {method: "GET", media: form, body: "access_token=" + token, status: 401},
		"PUT":                       {method: "PUT", authorization: []string{"Bearer " + token}, status: 405, code: "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), c.method, w.issuer+"/userinfo", strings.NewReader(c.body))
			require.NoError(t, err)
			r.URL.RawQuery = c.query
			r.Header["Authorization"] = c.authorization
			if c.media != "" {
				r.Header.Set("Content-Type", c.media)
			}
			a := w.do(r)
			require.Equal(t, c.status, a.status, a.body)
			require.Equal(t, "no-store", a.header.Get("Cache-Control"))
			challenge := a.header.Get("WWW-Authenticate")
			switch {
			case c.status == http.StatusOK:
				require.Equal(t, w.userID, a.text("sub"))
				require.Equal(t, "application/json", a.header.Get("Content-Type"))
			case c.code == "":
				require.Equal(t, `Bearer realm="`+w.issuer+`"`, challenge, "RFC 6750 section 3.1: no error code")
			default:
				refused(t, a, c.status, c.code)
				require.Contains(t, challenge, `error="`+c.code+`"`)
			}
		})
	}
}

func TestIntrospection(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		live := w.tokens(web)
		now := w.clock.Now().Unix()
		a := w.post(web, "/introspect", "token", live.text("access_token"), "token_type_hint", "refresh_token")
		require.Equal(t, http.StatusOK, a.status)
		require.Equal(t, "no-store", a.header.Get("Cache-Control"))
		require.Equal(t, map[string]any{
			"active": true, "scope": "openid profile phone offline_access", "client_id": web, "token_type": "Bearer", "sub": w.userID,
			"aud": web, "iss": w.issuer, "iat": float64(now), "exp": float64(now + 600),
		}, a.json)
		refresh := w.post(web, "/introspect", "token", live.text("refresh_token"))
		require.Equal(t, map[string]any{
			"active": true, "scope": "openid profile phone offline_access", "client_id": web, "sub": w.userID,
			"aud": web, "iss": w.issuer, "exp": float64(w.clock.Now().Add(30 * 24 * time.Hour).Unix()),
		}, refresh.json)

		inactive := map[string]any{"active": false}
		for _, token := range []string{live.text("access_token"), live.text("refresh_token"), live.text("id_token"), "garbage", strings.Repeat("A", 64), strings.Repeat("A", 112)} {
			a := w.post(other, "/introspect", "token", token)
			require.Equal(t, http.StatusOK, a.status)
			require.Equal(t, inactive, a.json, "another client learns nothing")
		}
		refused(t, w.post(web, "/introspect"), http.StatusBadRequest, "invalid_request")
		refused(t, w.post(spa, "/introspect", "token", w.tokens(spa).text("access_token")), http.StatusUnauthorized, "invalid_client")

		next := w.refresh(web, live.text("refresh_token"))
		require.Equal(t, inactive, w.post(web, "/introspect", "token", live.text("refresh_token")).json, "an old generation")
		require.Equal(t, true, w.post(web, "/introspect", "token", next.text("refresh_token")).json["active"])
		w.clock.Add(10 * time.Minute)
		require.Equal(t, inactive, w.post(web, "/introspect", "token", live.text("access_token")).json)
		w.clock.Add(30 * 24 * time.Hour)
		require.Equal(t, inactive, w.post(web, "/introspect", "token", next.text("refresh_token")).json)
	})
}

func TestRevocation(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		first := w.tokens(web)
		second := w.refresh(web, first.text("refresh_token"))
		for _, client := range []string{other, spa} {
			for _, token := range []string{second.text("access_token"), second.text("refresh_token"), first.text("refresh_token")} {
				require.Equal(t, http.StatusOK, w.post(client, "/revoke", "token", token).status)
			}
		}
		require.Equal(t, http.StatusOK, w.userinfo(second.text("access_token")).status, "a token of another client stays")

		for range 2 { // twice is once
			a := w.post(web, "/revoke", "token", second.text("access_token"), "token_type_hint", "refresh_token")
			require.Equal(t, http.StatusOK, a.status)
			require.Equal(t, "no-store", a.header.Get("Cache-Control"))
			refused(t, w.userinfo(second.text("access_token")), http.StatusUnauthorized, "invalid_token")
		}
		require.Equal(t, http.StatusOK, w.userinfo(first.text("access_token")).status, "the other access token stays")
		third := w.refresh(web, second.text("refresh_token"))
		require.Equal(t, http.StatusOK, third.status, "and so does the refresh token")

		for range 2 {
			require.Equal(t, http.StatusOK, w.post(web, "/revoke", "token", third.text("refresh_token"), "token_type_hint", "access_token").status)
			refused(t, w.refresh(web, third.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
			for _, a := range []answer{first, third} {
				refused(t, w.userinfo(a.text("access_token")), http.StatusUnauthorized, "invalid_token")
			}
		}
		for _, token := range []string{"garbage", strings.Repeat("A", 64), strings.Repeat("A", 112), first.text("id_token")} {
			require.Equal(t, http.StatusOK, w.post(web, "/revoke", "token", token, "token_type_hint", "nonsense").status)
		}
		refused(t, w.post(web, "/revoke"), http.StatusBadRequest, "invalid_request")

		public := w.tokens(spa)
		require.Equal(t, http.StatusOK, w.post(spa, "/revoke", "token", public.text("refresh_token")).status)
		refused(t, w.userinfo(public.text("access_token")), http.StatusUnauthorized, "invalid_token")
	})
}

func TestRevocationByAnOldGeneration(t *testing.T) {
	w := newWorld(t, newFakeStore())
	first := w.tokens(web)
	second := w.refresh(web, first.text("refresh_token"))
	require.Equal(t, http.StatusOK, w.post(web, "/revoke", "token", first.text("refresh_token")).status)
	refused(t, w.refresh(web, second.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
}
