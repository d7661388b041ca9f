package server_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/demo/play"
	"qiao/cmd/qiao/server/servertest"
)

// phoneOf is the number that a relying party reads in an ID token.
func phoneOf(t *testing.T, tokens servertest.Answer) string {
	t.Helper()
	parts := strings.Split(tokens.Get("id_token"), ".")
	require.Len(t, parts, 3, tokens.Text)
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var claims struct {
		Phone    string `json:"phone_number"`
		Verified bool   `json:"phone_number_verified"`
	}
	require.NoError(t, json.Unmarshal(text, &claims))
	require.True(t, claims.Verified)
	return claims.Phone
}

// A person changes their number from the account page by forms alone, once by the old number and once by WeChat; what the
// relying parties are given from then on has the new one.
func TestPhoneChange(t *testing.T) {
	t.Parallel()
	platform := servertest.NewPlatform(t, 0, "main")
	server := servertest.Start(t, platform.Config(t))
	platform.PushTo(t, server)
	ctx, shop, forum := t.Context(), server.Shop(), server.Forum()
	person, b, other := platform.NewPerson(t, server), server.Browser(), server.Browser()
	second, third := *person, *person
	second.Phone, third.Phone = "+8613900005678", "+8613900005679"
	tokens := shop.SignIn(t, b, person)
	require.Equal(t, person.Phone, phoneOf(t, tokens))
	elsewhere := forum.SignIn(t, other, person)

	submit := func(button, value string, fields url.Values) {
		t.Helper()
		require.NoError(t, b.Submit(ctx, button, value, fields))
	}
	code := func(p *play.Person, after int) int {
		t.Helper()
		text, n, err := p.Code(ctx, after)
		require.NoError(t, err)
		f, ok := b.Page.FormWith("code", "")
		require.True(t, ok, b.Page.Text())
		f.Values.Set("code", text)
		require.NoError(t, b.Post(ctx, f.Action, f.Values))
		return n
	}
	number := func(p *play.Person) {
		t.Helper()
		f, ok := b.Page.FormWith("phone", "")
		require.True(t, ok, b.Page.Text())
		f.Values.Set("phone", p.Phone)
		require.NoError(t, b.Post(ctx, f.Action, f.Values))
	}
	begin := func(way string) {
		t.Helper()
		require.NoError(t, b.Get(ctx, server.Config.Issuer+"/account"))
		require.Contains(t, b.Page.Body, `href="/phone/change?start=1"`)
		require.NoError(t, b.Get(ctx, server.Config.Issuer+"/phone/change?start=1"))
		submit(way, "yes", nil)
	}

	_, bound, err := person.Code(ctx, 0) // the one that bound the number
	require.NoError(t, err)
	begin("sms")
	code(person, bound)
	number(&second)
	code(&second, 0)
	require.Contains(t, b.Page.Text(), "139****5678")
	refreshed, err := shop.Refresh(ctx, tokens.Get("refresh_token"))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, refreshed.Status, refreshed.Text)
	require.Equal(t, second.Phone, phoneOf(t, refreshed), "what lives on has the new number")
	require.Equal(t, second.Phone, phoneOf(t, shop.Again(t, b)))
	info, err := shop.Userinfo(ctx, refreshed.Get("access_token"))
	require.NoError(t, err)
	require.Equal(t, second.Phone, info.Get("phone_number"))
	info, err = forum.Userinfo(ctx, elsewhere.Get("access_token"))
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, info.Status, "the other browser is signed out")

	begin("wechat")
	require.NoError(t, play.Login(ctx, b, person))
	require.Equal(t, "/phone/change", b.Page.URL.Path, b.Page.Text())
	number(&third)
	code(&third, 0)
	require.Contains(t, b.Page.Text(), "139****5679")
	require.Equal(t, third.Phone, phoneOf(t, shop.Again(t, b)))

	// The chat has told of the last one too (the login has read past the first).
	told := 0
	for deadline := time.Now().Add(10 * time.Second); told == 0 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		chat, err := person.Messages(ctx)
		require.NoError(t, err)
		for _, m := range chat {
			if strings.Contains(m.Text, "更换了手机号") {
				told++
			}
		}
	}
	require.Positive(t, told)
}
