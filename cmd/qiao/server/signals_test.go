package server_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/demo/play"
)

// signalsStopped: without Redis nobody can begin a login, and whoever is signed in goes on. It heals by itself.
func (r *replicas) signalsStopped(t *testing.T) {
	ctx := t.Context()
	person := r.platform.NewPerson(t, r.b)
	b, shop := r.a.Browser(), r.a.Shop()
	tokens := shop.SignIn(t, b, person)

	half := r.a.Browser() // a login that has begun
	begun := shop.Begin("prompt", "login")
	require.NoError(t, half.Get(ctx, begun.URL))

	r.redis.Stop()
	again := shop.Again(t, b)
	for _, access := range []string{tokens.Get("access_token"), again.Get("access_token")} {
		info, err := r.b.Shop().Userinfo(ctx, access)
		require.NoError(t, err)
		require.Equal(t, person.Phone, info.Get("phone_number"), info.Text)
	}
	refreshed, err := r.b.Shop().Refresh(ctx, tokens.Get("refresh_token"))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, refreshed.Status, refreshed.Text)
	introspected, err := shop.Introspect(ctx, refreshed.Get("access_token"))
	require.NoError(t, err)
	require.Equal(t, true, introspected.Body["active"], introspected.Text)

	stranger := r.a.Browser()
	require.NoError(t, stranger.Get(ctx, shop.Begin().URL))
	requireRetry(t, stranger.Page)
	require.NoError(t, b.Get(ctx, shop.Begin("prompt", "login").URL))
	requireRetry(t, b.Page)

	require.NoError(t, half.Reload(ctx))
	require.Equal(t, http.StatusOK, half.Page.Status, "a login that has begun goes on: %s", half.Page.Text())
	require.NoError(t, play.Login(ctx, half, person))
	shop.Code(t, half.Page, begun)

	ready, err := http.Get(r.a.Management + "/readyz")
	require.NoError(t, err)
	require.NoError(t, ready.Body.Close())
	require.Equal(t, http.StatusOK, ready.StatusCode, "a balancer must not take all replicas away")

	r.redis.Start()
	require.Eventually(t, func() bool {
		return stranger.Get(ctx, shop.Begin().URL) == nil && stranger.Page.Status == http.StatusOK
	}, 10*time.Second, 20*time.Millisecond)
	shop.SignIn(t, stranger, person)
}

// requireRetry checks a page that says to come back.
func requireRetry(t *testing.T, page play.Page) {
	t.Helper()
	require.Equal(t, http.StatusServiceUnavailable, page.Status, page.Text())
	require.NotEmpty(t, page.Header.Get("Retry-After"))
}
