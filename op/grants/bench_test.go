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
