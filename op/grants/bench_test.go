//go:build unix

package grants_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"qiao/op/keys"
	"qiao/storage/memory"
)

// BenchmarkEndpoints is what the endpoints cost without a network and a database: parsing, client authentication,
// minting. The signature is most of a refresh; BenchmarkEndpoints/signature is it alone.
func BenchmarkEndpoints(b *testing.B) {
	w := newWorld(b, newFakeStore())
	router := chi.NewRouter()
	w.grants.Routes(router)
	live := w.tokens(web)
	post := func(path string, form url.Values) *http.Request {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(web, w.secrets[web])
		return r
	}
	run := func(name string, next func() *http.Request, after func(*httptest.ResponseRecorder)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			defer cpu(b)()
			for b.Loop() {
				out := httptest.NewRecorder()
				router.ServeHTTP(out, next())
				if out.Code != http.StatusOK {
					b.Fatal(out.Body.String())
				}
				if after != nil {
					after(out)
				}
			}
		})
	}
	refresh := live.text("refresh_token")
	run("refresh", func() *http.Request {
		return post("/token", values("grant_type", "refresh_token", "refresh_token", refresh))
	}, func(out *httptest.ResponseRecorder) {
		_, rest, _ := strings.Cut(out.Body.String(), `"refresh_token":"`)
		refresh, _, _ = strings.Cut(rest, `"`)
	})
	run("exchange", func() *http.Request {
		return post("/token", values("grant_type", "authorization_code", "code", w.code(web), "redirect_uri", callback, "code_verifier", verifier))
	}, nil)
	token := w.tokens(web).text("access_token")
	run("userinfo", func() *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/userinfo", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		return r
	}, nil)
	run("introspect", func() *http.Request { return post("/introspect", values("token", token)) }, nil)
	run("keys", func() *http.Request { return httptest.NewRequest(http.MethodGet, "/keys", nil) }, nil)
	run("discovery", func() *http.Request {
		return httptest.NewRequest(http.MethodGet, "/.well-known/openid-configuration", nil)
	}, nil)
	b.Run("signature", func(b *testing.B) {
		b.ReportAllocs()
		defer cpu(b)()
		for b.Loop() {
			_, err := w.ring.Sign(keys.ES256, keys.TypeJWT, map[string]string{"sub": w.userID})
			require.NoError(b, err)
		}
	})
}

// BenchmarkDevicePoll is what a poll of a waiting device costs without a network, with the signals of one process. It
// must not reach the store; the pace is that of an impatient device, for a clock that is never late.
func BenchmarkDevicePoll(b *testing.B) {
	signals := memory.New()
	b.Cleanup(func() { _ = signals.Close() })
	store := newFakeStore()
	w := newWorldWith(b, store, signals)
	router := chi.NewRouter()
	w.grants.Routes(router)
	for _, client := range []string{tv, web} {
		b.Run(client, func(b *testing.B) {
			form := values("grant_type", deviceGrant, "device_code", w.device(client).text("device_code"))
			secret := w.secrets[client]
			if secret == "" {
				form.Set("client_id", client)
			}
			body := form.Encode()
			b.ReportAllocs()
			defer cpu(b)()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(body))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				if secret != "" {
					r.SetBasicAuth(client, secret)
				}
				out := httptest.NewRecorder()
				router.ServeHTTP(out, r)
				if out.Code != http.StatusBadRequest {
					b.Fatal(out.Body.String())
				}
			}
		})
	}
	require.Zero(b, store.calls["RedeemDevice"])
}

// cpu reports the processor time of an operation, which a busy machine does not change.
func cpu(b *testing.B) func() {
	now := func() int64 {
		var u syscall.Rusage
		require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
		return u.Utime.Nano() + u.Stime.Nano()
	}
	start := now()
	return func() { b.ReportMetric(float64(now()-start)/float64(b.N), "cpu-ns/op") }
}
