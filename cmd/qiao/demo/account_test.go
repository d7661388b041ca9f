package demo_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/demo/play"
)

// The account page has a login of its own: through WeChat and back to it. What it signs out is signed out at the site.
func TestAccountPageByFormsAlone(t *testing.T) {
	ready, sim := start(t, "")
	ctx := t.Context()
	person, err := sim.NewPerson(ctx, "+8613800001234")
	require.NoError(t, err)
	b := play.NewBrowser(nil, nil)

	require.NoError(t, b.Get(ctx, ready.Issuer+"/account"))
	require.NoError(t, play.Login(ctx, b, person))
	require.Equal(t, "/account", b.Page.URL.Path, b.Page.Text())
	require.Contains(t, b.Page.Text(), "138****1234")

	require.NoError(t, b.Get(ctx, ready.RP+"/login/demo-web"))
	state, _ := b.Page.Attr("data-state")
	require.Equal(t, "signed-in", state, b.Page.Text())
	require.NoError(t, b.Get(ctx, ready.Issuer+"/account"))
	form, ok := b.Page.FormWith("form_token", "")
	require.True(t, ok)
	token := url.Values{"form_token": {form.Values.Get("form_token")}}
	require.NoError(t, b.Post(ctx, ready.Issuer+"/account/sign-out", token))
	require.Equal(t, "/logged-out", b.Page.URL.Path, b.Page.Text())
	require.NoError(t, b.Get(ctx, ready.Issuer+"/account"))
	_, asked := b.Page.Attr("data-qr")
	require.True(t, asked, "a new login: %s", b.Page.Text())
}
