package server_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/demo/play"
	"qiao/cmd/qiao/server/servertest"
	"qiao/storage"
)

// TestScanAlone is the way of a person who comes back, with the defaults of the configuration, as a relying party sees it;
// and what leads back to the number.
func TestScanAlone(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	platform := servertest.NewPlatform(t, 0, "main")
	s := servertest.Start(t, platform.Config(t))
	platform.PushTo(t, s)
	issuer, err := url.Parse(s.Config.Issuer)
	require.NoError(t, err)
	person, b, shop := platform.NewPerson(t, s), s.Browser(), s.Shop()

	// gone signs the person in again, after the browser has lost its session, and returns the class and the means.
	gone := func(more ...string) (acr string, amr []string) {
		t.Helper()
		b.Lose(issuer, "qiao_session", "__Host-qiao_session")
		sign := shop.Begin(more...)
		require.NoError(t, b.Get(ctx, sign.URL))
		require.NoError(t, play.Login(ctx, b, person))
		return classOf(t, shop, b, sign)
	}
	first := shop.SignIn(t, b, person)
	acr, amr := classIn(t, first)
	require.Equal(t, storage.ACRConfirm, acr)
	require.Equal(t, []string{"wechat", "sms"}, amr)

	acr, amr = gone()
	require.Equal(t, storage.ACRScan, acr)
	require.Equal(t, []string{"wechat"}, amr)
	// Its session is a session, but no answer to a client that asks for more.
	again, _ := classIn(t, shop.Again(t, b))
	require.Equal(t, storage.ACRScan, again)
	for name, more := range map[string][]string{"max_age": {"max_age", "3600"}, "acr_values": {"acr_values", storage.ACRConfirm}, "prompt": {"prompt", "login"}} {
		b.Lose(issuer, "qiao_session", "__Host-qiao_session")
		sign := shop.Begin()
		require.NoError(t, b.Get(ctx, sign.URL))
		require.NoError(t, play.Login(ctx, b, person))
		acr, _ := classOf(t, shop, b, sign)
		require.Equal(t, storage.ACRScan, acr, name)

		if name != "prompt" {
			silent := shop.Begin(append([]string{"prompt", "none"}, more...)...)
			require.NoError(t, b.Get(ctx, silent.URL))
			require.Contains(t, b.Page.Header.Get("Location"), "error=login_required", name)
		}
		sign = shop.Begin(more...)
		require.NoError(t, b.Get(ctx, sign.URL))
		_, asked := b.Page.Attr("data-qr")
		require.True(t, asked, name)
		require.NoError(t, play.Login(ctx, b, person))
		acr, _ = classOf(t, shop, b, sign)
		require.Equal(t, storage.ACRConfirm, acr, name)
	}
	// A client of somebody else has its consent, and never its login by the scan alone.
	forum := s.Forum()
	_, _ = gone()
	sign := forum.Begin()
	require.NoError(t, b.Get(ctx, sign.URL))
	require.NoError(t, b.Submit(ctx, "approve", "1", nil))
	acr, _ = classOf(t, forum, b, sign)
	require.Equal(t, storage.ACRScan, acr, "single sign-on says how the person has signed in")

	// After a logout, with or without a session, the number is asked for.
	for _, lost := range []bool{false, true} {
		_, _ = gone()
		if lost {
			b.Lose(issuer, "qiao_session", "__Host-qiao_session")
		}
		require.NoError(t, b.Get(ctx, s.Config.Issuer+"/end_session"))
		if !lost {
			require.NoError(t, b.Submit(ctx, "approve", "1", nil))
		}
		require.Equal(t, "/logged-out", b.Page.URL.Path, b.Page.Text())
		acr, _ = gone()
		require.Equal(t, storage.ACRConfirm, acr)
		acr, _ = gone()
		require.Equal(t, storage.ACRScan, acr)
	}
	require.Equal(t, []any{storage.ACRConfirm, storage.ACRScan}, discovered(t, s)["acr_values_supported"])

	// The operator's switch.
	c := s.Config
	c.ScanAlone = false
	s.Restart(t, c)
	platform.PushTo(t, s)
	acr, _ = gone()
	require.Equal(t, storage.ACRConfirm, acr)
	require.Equal(t, []any{storage.ACRConfirm}, discovered(t, s)["acr_values_supported"])

	// And the client's own.
	c.ScanAlone = true
	s.Restart(t, c)
	platform.PushTo(t, s)
	acr, _ = gone()
	require.Equal(t, storage.ACRScan, acr)
	c.Clients = slices.Clone(c.Clients)
	for n := range c.Clients {
		c.Clients[n].AlwaysConfirm = true
	}
	s.Restart(t, c)
	platform.PushTo(t, s)
	acr, _ = gone()
	require.Equal(t, storage.ACRConfirm, acr)
}

func classOf(t *testing.T, p servertest.Party, b *play.Browser, sign servertest.Sign) (string, []string) {
	t.Helper()
	a, err := p.Exchange(t.Context(), p.Code(t, b.Page, sign), sign)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.Status, a.Text)
	return classIn(t, a)
}

// classIn reads the ID token's class and means.
func classIn(t *testing.T, a servertest.Answer) (string, []string) {
	t.Helper()
	parts := strings.Split(a.Get("id_token"), ".")
	require.Len(t, parts, 3, a.Text)
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var claims struct {
		ACR string   `json:"acr"`
		AMR []string `json:"amr"`
	}
	require.NoError(t, json.Unmarshal(text, &claims))
	return claims.ACR, claims.AMR
}

func discovered(t *testing.T, s *servertest.Server) map[string]any {
	t.Helper()
	client := http.Client{Transport: s.Via()}
	res, err := client.Get(s.Config.Issuer + "/.well-known/openid-configuration")
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	var body map[string]any
	require.NoError(t, json.NewDecoder(res.Body).Decode(&body))
	return body
}
