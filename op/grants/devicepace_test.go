package grants_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// A device whose person is slow costs the store one look in half a minute, and one that polls too fast is told so and
// waits 5 s longer from then on.
func TestDevicePace(t *testing.T) {
	store := newFakeStore()
	w := newWorld(t, store)
	code := w.device(tv).text("device_code")
	want := func(wait time.Duration, code string, answer string) {
		t.Helper()
		w.clock.Add(wait)
		refused(t, w.poll(tv, code), http.StatusBadRequest, answer)
	}
	for range 12 {
		want(5*time.Second, code, "authorization_pending")
	}
	require.LessOrEqual(t, store.calls["RedeemDevice"], 2)

	want(4700*time.Millisecond, code, "authorization_pending") // the network's jitter is forgiven
	want(time.Second, code, "slow_down")
	want(5*time.Second, code, "slow_down") // it is 10 s now, and 15 s from here
	want(10*time.Second, code, "slow_down")
	want(20*time.Second, code, "authorization_pending")
	want(5*time.Second, w.device(tv).text("device_code"), "authorization_pending") // it is this code's pace alone

	// The mark is over, the store says pending, and the pace goes on.
	want(50*time.Second, code, "authorization_pending")
	want(time.Second, code, "slow_down")
	log := w.log.String()
	require.NotContains(t, log, "level=ERROR")
	require.NotContains(t, log, code)
}

// The signals are never the record: with them flushed, lying or gone the store decides.
func TestDeviceWithoutSignals(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		a := w.device(tv)
		code := a.text("device_code")
		w.signals.flush()
		refused(t, w.poll(tv, code), http.StatusBadRequest, "authorization_pending")

		// An approval whose ClearPending was lost is felt for half a minute at most.
		_, err := w.store.ApproveDevice(t.Context(), w.decision(w.typed(a)))
		require.NoError(t, err)
		refused(t, w.poll(tv, code), http.StatusBadRequest, "authorization_pending")
		w.clock.Add(31 * time.Second)
		require.Equal(t, http.StatusOK, w.poll(tv, code).status)

		b := w.device(tv)
		w.signals.setDown(errDown)
		refused(t, w.poll(tv, b.text("device_code")), http.StatusBadRequest, "authorization_pending")
		_, err = w.store.ApproveDevice(t.Context(), w.decision(w.typed(b)))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, w.poll(tv, b.text("device_code")).status)
		down := w.post(tv, "/device_authorization", "scope", "openid")
		refused(t, down, http.StatusServiceUnavailable, "server_error")
	})
}

// A database that is down is never a protocol error: a device would give up on that.
func TestDeviceStoreDown(t *testing.T) {
	store := newFakeStore()
	w := newWorld(t, store)
	a := w.device(tv)
	w.signals.flush()
	store.setFail("RedeemDevice", errDown)
	store.setFail("CreateDevice", errDown)
	refused(t, w.poll(tv, a.text("device_code")), http.StatusServiceUnavailable, "server_error")
	refused(t, w.post(tv, "/device_authorization", "scope", "openid"), http.StatusServiceUnavailable, "server_error")
	store.setFail("RedeemDevice", nil)
	store.setFail("CreateDevice", storage.ErrConflict)
	refused(t, w.post(tv, "/device_authorization", "scope", "openid"), http.StatusServiceUnavailable, "server_error")
	require.Equal(t, 1+5+1, store.calls["CreateDevice"], "another user code is drawn, and not for ever")
	w.approve(a)
	require.Equal(t, http.StatusOK, w.poll(tv, a.text("device_code")).status)
}

func TestDeviceAuthorizationLimits(t *testing.T) {
	w := newWorld(t, newFakeStore())
	for range 60 {
		w.device(tv)
	}
	a := w.post(tv, "/device_authorization", "scope", "openid")
	refused(t, a, http.StatusTooManyRequests, "temporarily_unavailable")
	require.Equal(t, "60", a.header.Get("Retry-After"))
	for key := range w.signals.used {
		require.NotContains(t, key, "127.0.0.1")
	}
}

// A device's code is good at its own grant alone, and nothing else is good there.
func TestDeviceCodeIsNothingElse(t *testing.T) {
	eachStore(t, func(t *testing.T, w *world) {
		live := w.tokens(web)
		unused := w.code(web)
		pending, approved := w.device(web), w.device(web)
		w.approve(approved)
		for name, text := range map[string]string{
			"a code": unused, "an access token": live.text("access_token"), "a refresh token": live.text("refresh_token"),
			"an ID token": live.text("id_token"), "a session": w.session.Text(), "a client secret": w.secrets[web],
		} {
			t.Run(name, func(t *testing.T) { refused(t, w.poll(web, text), http.StatusBadRequest, "invalid_grant") })
		}
		for _, a := range []answer{pending, approved} {
			code := a.text("device_code")
			refused(t, w.exchange(web, code), http.StatusBadRequest, "invalid_grant")
			refused(t, w.refresh(web, code), http.StatusBadRequest, "invalid_grant")
			refused(t, w.userinfo(code), http.StatusUnauthorized, "invalid_token")
			require.Equal(t, map[string]any{"active": false}, w.post(web, "/introspect", "token", code).json)
			require.Equal(t, http.StatusOK, w.post(web, "/revoke", "token", code).status)
		}
		require.Equal(t, http.StatusOK, w.exchange(web, unused).status)
		got := w.poll(web, approved.text("device_code"))
		require.Equal(t, http.StatusOK, got.status, "an approved device survives all of it")
		for _, text := range []string{got.text("access_token"), got.text("refresh_token")} {
			refused(t, w.poll(web, text), http.StatusBadRequest, "invalid_grant")
		}
		refused(t, w.poll(web, pending.text("device_code")), http.StatusBadRequest, "authorization_pending")
	})
}

// The device's name and code travel in the body alone.
func TestDeviceSecretsAreNotInTheQuery(t *testing.T) {
	w := newWorld(t, newFakeStore())
	for _, q := range []url.Values{{"device_code": {"x"}}, {"grant_type": {deviceGrant}}} {
		r := w.request(tv, "/token", values("grant_type", deviceGrant))
		r.URL.RawQuery = q.Encode()
		refused(t, w.do(r), http.StatusBadRequest, "invalid_request")
	}
}
