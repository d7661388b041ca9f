package grants_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func TestRefresh(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		first := w.tokens(web)
		w.clock.Add(5 * time.Minute)
		second := w.refresh(web, first.text("refresh_token"))
		require.Equal(t, http.StatusOK, second.status, second.body)
		require.NotEqual(t, first.text("refresh_token"), second.text("refresh_token"))
		require.NotEqual(t, first.text("access_token"), second.text("access_token"))
		require.Equal(t, "openid profile phone offline_access", second.text("scope"))
		require.EqualValues(t, 600, second.json["expires_in"])

		before, after := w.idClaims(first.text("id_token")), w.idClaims(second.text("id_token"))
		for _, same := range []string{"iss", "sub", "aud", "auth_time", "acr", "amr", "sid", "phone_number"} {
			require.Equal(t, before[same], after[same], same)
		}
		require.EqualValues(t, w.clock.Now().Unix(), after["iat"])
		require.NotContains(t, after, "nonce")
		require.NotEqual(t, before["at_hash"], after["at_hash"])
		require.Equal(t, http.StatusOK, w.userinfo(first.text("access_token")).status, "the earlier one lives out its time")
		w.clock.Add(5 * time.Minute)
		refused(t, w.userinfo(first.text("access_token")), http.StatusUnauthorized, "invalid_token")
		require.Equal(t, http.StatusOK, w.userinfo(second.text("access_token")).status)
	})
}

func TestLostAnswerIsRepeated(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		first := w.tokens(web)
		second := w.refresh(web, first.text("refresh_token"))
		w.clock.Add(storage.RefreshGrace - time.Second)
		for range storage.RefreshRepeats {
			again := w.refresh(web, first.text("refresh_token"))
			require.Equal(t, http.StatusOK, again.status, again.body)
			require.Equal(t, second.text("refresh_token"), again.text("refresh_token"), "the same successor")
			require.Equal(t, http.StatusOK, w.userinfo(again.text("access_token")).status)
		}
		third := w.refresh(web, second.text("refresh_token"))
		require.Equal(t, http.StatusOK, third.status)
		// The successor was used: whoever comes with the first token now is somebody else.
		refused(t, w.refresh(web, first.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
		refused(t, w.refresh(web, third.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
		refused(t, w.userinfo(third.text("access_token")), http.StatusUnauthorized, "invalid_token")
	})
}

func TestReuseEndsTheFamily(t *testing.T) {
	for name, reuse := range map[string]func(w *world, first, second answer) answer{
		"after the grace": func(w *world, first, _ answer) answer {
			w.clock.Add(storage.RefreshGrace + time.Second)
			return w.refresh(web, first.text("refresh_token"))
		},
		"a third repeat": func(w *world, first, _ answer) answer {
			w.refresh(web, first.text("refresh_token"))
			w.refresh(web, first.text("refresh_token"))
			return w.refresh(web, first.text("refresh_token"))
		},
		"with other parameters": func(w *world, first, _ answer) answer {
			return w.refresh(web, first.text("refresh_token"), "scope", "openid")
		},
		"two generations back": func(w *world, first, second answer) answer {
			w.refresh(web, second.text("refresh_token"))
			return w.refresh(web, first.text("refresh_token"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachStore(t, func(t *testing.T, w *world) {
				first := w.tokens(web)
				second := w.refresh(web, first.text("refresh_token"))
				require.Equal(t, http.StatusOK, second.status)
				refused(t, reuse(w, first, second), http.StatusBadRequest, "invalid_grant")
				refused(t, w.refresh(web, second.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
				refused(t, w.userinfo(second.text("access_token")), http.StatusUnauthorized, "invalid_token")
			})
		})
	}
}

func TestForeignClientCannotRefreshOrEndAFamily(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		first := w.tokens(web)
		second := w.refresh(web, first.text("refresh_token"))
		w.clock.Add(time.Minute)
		for _, client := range []string{other, spa} {
			refused(t, w.refresh(client, second.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
			refused(t, w.refresh(client, first.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
			refused(t, w.refresh(client, first.text("refresh_token"), "scope", "openid"), http.StatusBadRequest, "invalid_grant")
			refused(t, w.refresh(client, first.text("refresh_token"), "scope", "admin"), http.StatusBadRequest, "invalid_grant")
		}
		require.Equal(t, http.StatusOK, w.refresh(web, second.text("refresh_token")).status)
	})
}

func TestParallelRefreshes(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		first := w.tokens(web)
		answers := make([]answer, 100)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() { answers[i] = w.refresh(web, first.text("refresh_token")) })
		}
		wg.Wait()
		successors := map[string]int{}
		for _, a := range answers {
			if a.status == http.StatusOK {
				successors[a.text("refresh_token")]++
			} else {
				refused(t, a, http.StatusBadRequest, "invalid_grant")
			}
		}
		require.Len(t, successors, 1, "one successor, however many ask")
		for token, n := range successors {
			require.LessOrEqual(t, n, 1+storage.RefreshRepeats)
			refused(t, w.refresh(web, token), http.StatusBadRequest, "invalid_grant") // a hundred uses are a theft
		}
	})
}

func TestRefreshScope(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		first := w.tokens(web, "openid", "profile", "phone")
		token := first.text("refresh_token")
		for _, bad := range []string{"admin", "openid admin", "openid groups", "openid  profile", " openid", "OPENID", "offline_access"} {
			refused(t, w.refresh(web, token, "scope", bad), http.StatusBadRequest, "invalid_scope")
		}
		narrow := w.refresh(web, token, "scope", "phone openid") // nothing was rotated so far
		require.Equal(t, http.StatusOK, narrow.status, narrow.body)
		require.Equal(t, "openid phone", narrow.text("scope"))
		claims := w.idClaims(narrow.text("id_token"))
		require.Contains(t, claims, "phone_number")
		require.NotContains(t, claims, "name")
		info := w.userinfo(narrow.text("access_token"))
		require.Equal(t, phone, info.text("phone_number"))
		require.NotContains(t, info.json, "name")
		require.Equal(t, "openid phone", w.post(web, "/introspect", "token", narrow.text("access_token")).text("scope"))
		require.Contains(t, w.userinfo(first.text("access_token")).json, "name", "the earlier token keeps its scope")

		noOpenID := w.refresh(web, narrow.text("refresh_token"), "scope", "profile")
		require.Equal(t, http.StatusOK, noOpenID.status)
		require.NotContains(t, noOpenID.json, "id_token")
		refused(t, w.userinfo(noOpenID.text("access_token")), http.StatusForbidden, "insufficient_scope")

		full := w.refresh(web, noOpenID.text("refresh_token"), "scope", "phone profile openid")
		require.Equal(t, "openid profile phone", full.text("scope"), "narrowing once narrows no later token")
		require.Equal(t, "openid profile phone", w.refresh(web, full.text("refresh_token")).text("scope"))
	})
}

func TestIdleAndAbsoluteEnd(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		idle := w.tokens(web)
		w.clock.Add(30*24*time.Hour - time.Second)
		next := w.refresh(web, idle.text("refresh_token"))
		require.Equal(t, http.StatusOK, next.status, "a second before the idle end")
		w.clock.Add(30 * 24 * time.Hour)
		refused(t, w.refresh(web, next.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
	})
	eachStore(t, func(t *testing.T, w *world) {
		token := w.tokens(web).text("refresh_token")
		for range 4 {
			w.clock.Add(20 * 24 * time.Hour)
			a := w.refresh(web, token)
			require.Equal(t, http.StatusOK, a.status)
			token = a.text("refresh_token")
		}
		w.clock.Add(10 * 24 * time.Hour)
		refused(t, w.refresh(web, token), http.StatusBadRequest, "invalid_grant")
	})
}

func TestRefreshIsOneStorageCall(t *testing.T) {
	store := newFakeStore()
	w := newWorld(t, store)
	first := w.tokens(web)
	count := func(f func()) map[string]int {
		store.mu.Lock()
		clear(store.calls)
		store.mu.Unlock()
		f()
		store.mu.Lock()
		defer store.mu.Unlock()
		calls := map[string]int{}
		for name, n := range store.calls {
			calls[name] = n
		}
		return calls
	}
	require.Equal(t, map[string]int{"RotateRefreshToken": 1}, count(func() { w.refresh(web, first.text("refresh_token")) }))
	code := w.code(web)
	require.Equal(t, map[string]int{"ConsumeCode": 1}, count(func() { w.exchange(web, code) }))
	require.Equal(t, map[string]int{"AccessPerson": 1}, count(func() { w.userinfo(first.text("access_token")) }))
	require.Equal(t, map[string]int{"AccessScopes": 1}, count(func() { w.post(web, "/introspect", "token", first.text("access_token")) }))
	require.Empty(t, count(func() { w.refresh(web, "garbage"); w.userinfo("garbage") }), "garbage never reaches the store")
}
