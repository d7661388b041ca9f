package server_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/server/servertest"
)

// signIn signs a new person in on replica a.
func (r *replicas) signIn(t *testing.T) servertest.Answer {
	t.Helper()
	person := r.platform.NewPerson(t, r.b)
	return r.a.Shop().SignIn(t, r.a.Browser(), person)
}

// together makes n calls at once, by turns on each replica.
func (r *replicas) together(t *testing.T, n int, call func(context.Context, servertest.Party) (servertest.Answer, error)) []servertest.Answer {
	t.Helper()
	parties := []servertest.Party{r.a.Shop(), r.b.Shop()}
	answers, errs := make([]servertest.Answer, n), make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			answers[i], errs[i] = call(t.Context(), parties[i%2])
		})
	}
	close(start)
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	return answers
}

// I2: however many use a refresh token at once, one successor comes of it. The first and at most two repeats get it;
// that many more are a theft, which ends the family.
func (r *replicas) parallelRefreshes(t *testing.T) {
	tokens := r.signIn(t)
	first := tokens.Get("refresh_token")
	successors := map[string]int{}
	for _, a := range r.together(t, 100, func(ctx context.Context, p servertest.Party) (servertest.Answer, error) {
		return p.Refresh(ctx, first)
	}) {
		if a.Status == http.StatusOK {
			successors[a.Get("refresh_token")]++
			continue
		}
		require.Equal(t, http.StatusBadRequest, a.Status, a.Text)
		require.Equal(t, "invalid_grant", a.Get("error"), a.Text)
	}
	require.Len(t, successors, 1)
	for next, times := range successors {
		require.NotEqual(t, first, next)
		require.LessOrEqual(t, times, 3)
		a, err := r.b.Shop().Refresh(t.Context(), next)
		require.NoError(t, err)
		require.Equal(t, "invalid_grant", a.Get("error"), a.Text)
	}
	r.dead(t, tokens.Get("access_token"))
}

// I1: of sixteen exchanges of one code one succeeds, and then nothing that it gave is alive.
func (r *replicas) parallelExchanges(t *testing.T) {
	person := r.platform.NewPerson(t, r.b)
	b, shop := r.a.Browser(), r.a.Shop()
	shop.SignIn(t, b, person)
	for range 4 { // a race is not lost at the first try
		s := shop.Begin()
		require.NoError(t, b.Get(t.Context(), s.URL))
		code := shop.Code(t, b.Page, s)
		var won []servertest.Answer
		for _, a := range r.together(t, 16, func(ctx context.Context, p servertest.Party) (servertest.Answer, error) {
			return p.Exchange(ctx, code, s)
		}) {
			if a.Status == http.StatusOK {
				won = append(won, a)
				continue
			}
			require.Equal(t, "invalid_grant", a.Get("error"), a.Text)
		}
		require.Len(t, won, 1)
		r.dead(t, won[0].Get("access_token"))
		a, err := r.b.Shop().Refresh(t.Context(), won[0].Get("refresh_token"))
		require.NoError(t, err)
		require.Equal(t, "invalid_grant", a.Get("error"), a.Text)
	}
}

// dead checks on both replicas that an access token is void.
func (r *replicas) dead(t *testing.T, access string) {
	t.Helper()
	for _, s := range []*servertest.Server{r.a, r.b} {
		a, err := s.Shop().Userinfo(t.Context(), access)
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, a.Status, a.Text)
		a, err = s.Shop().Introspect(t.Context(), access)
		require.NoError(t, err)
		require.Equal(t, false, a.Body["active"], a.Text)
	}
}
