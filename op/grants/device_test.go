package grants_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/op/clients"
	"qiao/storage"
)

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// device asks for a device code as the client.
func (w *world) device(client string, more ...string) answer {
	w.t.Helper()
	a := w.post(client, "/device_authorization", append([]string{"scope", "openid phone"}, more...)...)
	require.Equal(w.t, http.StatusOK, a.status, a.body)
	return a
}

func (w *world) poll(client, code string) answer {
	w.t.Helper()
	return w.post(client, "/token", "grant_type", deviceGrant, "device_code", code)
}

// typed finds the device by the code that it shows, as the page does where it is typed.
func (w *world) typed(a answer) storage.DeviceAuthorization {
	w.t.Helper()
	c, err := storage.ParseUserCode(a.text("user_code"))
	require.NoError(w.t, err)
	d, err := w.store.DeviceByUserCode(w.t.Context(), w.box.MAC(storage.UserCodePurpose, c[:]), nil, w.clock.Now())
	require.NoError(w.t, err)
	return d
}

func (w *world) decision(d storage.DeviceAuthorization) storage.DeviceApproval {
	return storage.DeviceApproval{DeviceID: d.ID, SessionID: w.session.ID, SessionHash: w.session.Secret.Hash(), Now: w.clock.Now()}
}

// approve lets the device in as the person who is signed in.
func (w *world) approve(a answer) {
	w.t.Helper()
	d := w.typed(a)
	_, err := w.store.ApproveDevice(w.t.Context(), w.decision(d))
	require.NoError(w.t, err)
	require.NoError(w.t, w.signals.ClearPending(w.t.Context(), d.PollKey()))
}

func TestDeviceFlow(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		for _, client := range []string{tv, web} { // public, and confidential by Basic
			a := w.device(client, "device_name", "客厅电视")
			code := a.text("device_code")
			refused(t, w.poll(client, code), http.StatusBadRequest, "authorization_pending")
			w.clock.Add(5 * time.Second)
			refused(t, w.poll(client, code), http.StatusBadRequest, "authorization_pending")
			w.approve(a)
			w.clock.Add(5 * time.Second)
			got := w.poll(client, code)
			require.Equal(t, http.StatusOK, got.status, got.body)
			require.Equal(t, "no-store", got.header.Get("Cache-Control"))
			require.Equal(t, "Bearer", got.text("token_type"))
			require.Equal(t, "openid phone", got.text("scope"))

			claims := w.idClaims(got.text("id_token"))
			require.Equal(t, w.userID, claims["sub"])
			require.Equal(t, client, claims["aud"])
			require.Equal(t, "urn:qiao:acr:confirm", claims["acr"])
			require.Contains(t, claims["amr"], "wechat")
			require.Equal(t, phone, claims["phone_number"])
			require.NotZero(t, claims["auth_time"])
			require.NotContains(t, claims, "sid", "a browser's logout is not the TV's")
			require.NotContains(t, claims, "nonce")
			require.Equal(t, http.StatusOK, w.userinfo(got.text("access_token")).status)

			refused(t, w.poll(client, code), http.StatusBadRequest, "invalid_grant")
			again := w.refresh(client, got.text("refresh_token"))
			require.Equal(t, http.StatusOK, again.status, "a poll that comes after all ends nothing: %s", again.body)
			require.NotContains(t, w.idClaims(again.text("id_token")), "sid")
		}
	})
}

// What the device is told (RFC 8628 §3.2).
func TestDeviceAuthorization(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		a := w.device(tv, "device_name", "Ann’s TV")
		require.Len(t, a.json, 7)
		require.Regexp(t, `^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$`, a.text("user_code"))
		require.Equal(t, w.issuer+"/device", a.text("verification_uri"))
		require.Equal(t, w.issuer+"/device?user_code="+a.text("user_code"), a.text("verification_uri_complete"))
		require.EqualValues(t, 600, a.json["expires_in"])
		require.EqualValues(t, 5, a.json["interval"])
		require.Equal(t, "no-store", a.header.Get("Cache-Control"))
		require.Equal(t, "application/json", a.header.Get("Content-Type"))

		d := w.typed(a)
		code, err := storage.ParseHandle(a.text("device_code"))
		require.NoError(t, err)
		require.Equal(t, d.ID, code.ID)
		require.Equal(t, d.CodeHash, code.Secret.Hash())
		text, ok := strings.CutPrefix(a.text("qiao_wechat_qr"), w.issuer+"/device/picture/")
		require.True(t, ok)
		picture, err := storage.ParseHandle(text)
		require.NoError(t, err)
		require.Equal(t, d.ID, picture.ID)
		require.Equal(t, d.Picture, picture.Secret.Hash())
		require.NotEqual(t, code.Secret, picture.Secret, "who sees the picture's address cannot poll")

		shown, err := w.box.Open(storage.UserCodePurpose, d.UserCodeSealed)
		require.NoError(t, err)
		require.Equal(t, a.text("user_code"), string(shown))
		require.Equal(t, "Ann’s TV", d.Name)
		require.Equal(t, "main", d.Account)
		require.Equal(t, "127.0.0.1", d.Device.Address)
		require.Equal(t, []string{"openid", "phone"}, d.Scopes)
		require.WithinDuration(t, w.clock.Now().Add(10*time.Minute), d.ExpiresAt, 0)
		require.WithinDuration(t, w.clock.Now().Add(180*24*time.Hour), d.GrantExpiresAt, 0)
		require.NotEqual(t, a.text("user_code"), w.device(tv).text("user_code"))
	})
}

func TestDeviceAuthorizationIsRefused(t *testing.T) {
	w := newWorld(t, newFakeStore())
	for name, c := range map[string]struct {
		client string
		form   []string
		code   string
	}{
		"a client without the grant": {lean, []string{"scope", "openid"}, "unauthorized_client"},
		"no scope":                   {tv, nil, "invalid_scope"},
		"without openid":             {tv, []string{"scope", "phone"}, "invalid_scope"},
		"two devices in one":         {tv, []string{"scope", "openid", "scope", "openid"}, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, w.post(c.client, "/device_authorization", c.form...), http.StatusBadRequest, c.code)
		})
	}
	refused(t, w.post("", "/device_authorization", "scope", "openid", "client_id", "nobody"), http.StatusUnauthorized, "invalid_client")
	refused(t, w.post("", "/device_authorization", "scope", "openid", "client_id", web), http.StatusUnauthorized, "invalid_client")
	refused(t, w.poll(lean, "x"), http.StatusBadRequest, "unauthorized_client")
	refused(t, w.post(tv, "/token", "grant_type", deviceGrant), http.StatusBadRequest, "invalid_request")
	refused(t, w.post("", "/token", "grant_type", deviceGrant, "device_code", "x", "client_id", web), http.StatusUnauthorized, "invalid_client")
	post := w.post("", "/device_authorization", "scope", "openid", "client_id", web, "client_secret", w.secrets[web])
	require.Equal(t, http.StatusOK, post.status, "client_secret_post")
}

// Scopes are narrowed as the authorization endpoint narrows them, and a refresh token follows from the registration.
func TestDeviceScopes(t *testing.T) {
	w := newWorld(t, newFakeStore())
	once := storage.Client{
		ID: "once", Name: "Once", AuthMethods: []string{storage.AuthMethodNone}, GrantTypes: []string{deviceGrant},
		Scopes: []string{"openid", "profile"}, IDTokenAlg: "ES256", Source: "cli",
	}
	require.NoError(t, clients.Validate(once))
	require.NoError(t, w.store.AddClient(t.Context(), once, "test"))
	w.clock.Add(2 * time.Second) // the registry looks once a second
	a := w.post("", "/device_authorization", "client_id", "once", "scope", "openid email offline_access profile openid https://x.example")
	w.approve(a)
	got := w.post("", "/token", "client_id", "once", "grant_type", deviceGrant, "device_code", a.text("device_code"))
	require.Equal(t, "openid profile", got.text("scope"))
	require.NotContains(t, got.json, "refresh_token")
	require.Contains(t, w.idClaims(got.text("id_token")), "preferred_username")
}

// Every way in which a poll fails for good (RFC 8628 §3.5).
func TestDevicePollIsRefused(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		a := w.device(tv)
		code := a.text("device_code")
		handle, err := storage.ParseHandle(code)
		require.NoError(t, err)
		stranger := storage.Handle{ID: handle.ID, Secret: storage.NewSecret()}.Text()
		for name, c := range map[string]struct{ client, code string }{
			"garbage": {tv, "x"}, "unknown": {tv, storage.NewHandle(w.clock.Now()).Text()}, "wrong secret": {tv, stranger},
			"of another client": {web, code}, "cut": {tv, code[:63]}, "the user code": {tv, a.text("user_code")},
			"the picture's": {tv, a.text("qiao_wechat_qr")[len(w.issuer+"/device/picture/"):]},
		} {
			t.Run(name, func(t *testing.T) { refused(t, w.poll(c.client, c.code), http.StatusBadRequest, "invalid_grant") })
		}
		refused(t, w.poll(tv, code), http.StatusBadRequest, "authorization_pending")

		declined := w.device(tv)
		d := w.typed(declined)
		require.NoError(t, w.store.DeclineDevice(t.Context(), w.decision(d)))
		require.NoError(t, w.signals.ClearPending(t.Context(), d.PollKey()))
		refused(t, w.poll(tv, declined.text("device_code")), http.StatusBadRequest, "access_denied")
		w.clock.Add(time.Minute)
		refused(t, w.poll(tv, declined.text("device_code")), http.StatusBadRequest, "access_denied")

		w.clock.Add(9*time.Minute - time.Second)
		refused(t, w.poll(tv, code), http.StatusBadRequest, "authorization_pending")
		w.clock.Add(2 * time.Second)
		refused(t, w.poll(tv, code), http.StatusBadRequest, "expired_token")
	})
}

// Approved and never fetched: the code ends on time, and no token comes of it.
func TestDeviceApprovedLate(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		a := w.device(tv)
		w.clock.Add(9 * time.Minute)
		w.approve(a)
		w.clock.Add(2 * time.Minute)
		refused(t, w.poll(tv, a.text("device_code")), http.StatusBadRequest, "expired_token")
	})
}

func TestDeviceRedeemedOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		a := w.device(tv)
		w.approve(a)
		var mu sync.Mutex
		var sets []answer
		var running sync.WaitGroup
		for range 100 {
			running.Go(func() {
				got := w.poll(tv, a.text("device_code"))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case got.status == http.StatusOK:
					sets = append(sets, got)
				case got.text("error") != "invalid_grant":
					t.Errorf("%d %s", got.status, got.body)
				}
			})
		}
		running.Wait()
		require.Len(t, sets, 1)
		require.Equal(t, http.StatusOK, w.userinfo(sets[0].text("access_token")).status, "the losers ended nothing")
		require.Equal(t, http.StatusOK, w.refresh(tv, sets[0].text("refresh_token")).status)
	})
}

// Whatever ends a person's grants between the approval and the poll ends this one too (I7).
func TestDeviceGateBeforeTheTokens(t *testing.T) {
	for name, end := range map[string]func(w *world, a answer){
		"lock": func(w *world, _ answer) {
			require.NoError(w.t, w.store.LockUser(w.t.Context(), w.userID, "test", w.clock.Now()))
		},
		"revoke": func(w *world, a answer) {
			require.NoError(w.t, w.store.RevokeGrant(w.t.Context(), w.typedID(a), tv, w.clock.Now()))
		},
		"client": func(w *world, _ answer) {
			require.NoError(w.t, w.store.RemoveClient(w.t.Context(), tv, "test", w.clock.Now()))
			w.clock.Add(2 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachStore(t, func(t *testing.T, w *world) {
				a := w.device(tv)
				w.approve(a)
				end(w, a)
				got := w.poll(tv, a.text("device_code"))
				require.Contains(t, []string{"invalid_grant", "invalid_client"}, got.text("error"), got.body)
				require.NotContains(t, got.json, "access_token")
			})
		})
	}
}

func (w *world) typedID(a answer) storage.ID {
	w.t.Helper()
	h, err := storage.ParseHandle(a.text("device_code"))
	require.NoError(w.t, err)
	return h.ID
}
