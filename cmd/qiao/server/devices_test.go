package server_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/server/servertest"
)

// device is a TV on replica a: it polls there, and the phone is on b.
func (r *replicas) device(t *testing.T) {
	ctx := t.Context()
	tv := r.a.TV()
	asked, err := tv.Post(ctx, "/device_authorization", url.Values{"scope": {tv.Scope}, "device_name": {"Living Room"}})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, asked.Status, asked.Text)
	r.secrets.Add(servertest.Bearer, asked.Get("user_code"))
	poll := func(ctx context.Context, p servertest.Party) (servertest.Answer, error) {
		return p.Post(ctx, "/token", url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {asked.Get("device_code")},
		})
	}
	pending, err := poll(ctx, tv)
	require.NoError(t, err)
	require.Equal(t, "authorization_pending", pending.Get("error"), pending.Text)
	soon, err := poll(ctx, r.b.TV())
	require.NoError(t, err)
	require.Equal(t, "slow_down", soon.Get("error"), "the pace is kept across replicas: %s", soon.Text)

	picture, err := tv.HTTP.Get(asked.Get("qiao_wechat_qr") + ".svg")
	require.NoError(t, err)
	require.NoError(t, picture.Body.Close())
	require.Equal(t, http.StatusOK, picture.StatusCode)

	person := r.platform.NewPerson(t, r.b)
	require.NoError(t, person.Sim.Call(ctx, http.MethodPost, "/sim/people/"+person.ID+"/follow", map[string]string{}, nil))
	outcome, err := person.Scan(ctx, asked.Get("verification_uri_complete"))
	require.NoError(t, err)
	require.Equal(t, "page", outcome)
	require.NoError(t, person.Web.Submit(ctx, "approve", "yes", nil), person.Web.Page.Text())
	require.NoError(t, person.Bind(ctx))

	// I6: however many polls come at once, on whichever replica, one gets the tokens, and the others end nothing.
	var won []servertest.Answer
	for _, a := range r.together(t, 50, func(ctx context.Context, p servertest.Party) (servertest.Answer, error) {
		own := tv
		own.HTTP = p.HTTP
		return poll(ctx, own)
	}) {
		if a.Status == http.StatusOK {
			won = append(won, a)
			continue
		}
		require.Contains(t, []string{"invalid_grant", "slow_down"}, a.Get("error"), a.Text)
	}
	require.Len(t, won, 1)
	info, err := r.b.TV().Userinfo(ctx, won[0].Get("access_token"))
	require.NoError(t, err)
	require.Equal(t, person.Phone, info.Get("phone_number"), info.Text)
	next, err := r.b.TV().Refresh(ctx, won[0].Get("refresh_token"))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, next.Status, next.Text)
}
