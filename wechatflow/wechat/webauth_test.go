package wechat_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow/wechat"
)

func TestWebAuth(t *testing.T) {
	f := newFixture(t)
	c := f.client(t)
	ctx := context.Background()
	require.Equal(t, f.URL+"/connect/oauth2/authorize?appid=wx0123456789abcdef&redirect_uri=https%3A%2F%2Fid.example%2Fscan%2Fback%3Fa%3D1"+
		"&response_type=code&scope=snsapi_base&state=abc123#wechat_redirect", c.WebAuthURL("https://id.example/scan/back?a=1", "abc123"))

	who, err := c.WebAuth(ctx, plantedCode)
	require.NoError(t, err)
	require.Equal(t, wechat.WebAuth{OpenID: testOpenID}, who)
	query, err := url.ParseQuery(strings.TrimSpace(f.last("sns/oauth2/access_token")))
	require.NoError(t, err)
	require.Equal(t, url.Values{"appid": {"wx0123456789abcdef"}, "secret": {plantedSecret}, "code": {plantedCode}, "grant_type": {"authorization_code"}}, query)

	for mark, snapshot := range map[string]bool{"1": true, "true": true, `"1"`: true, `{}`: true, "0": false, "false": false, "null": false} {
		f.onJSON("sns/oauth2/access_token", `{"openid":"`+testOpenID+`","unionid":"u","is_snapshotuser":`+mark+`}`)
		who, err = c.WebAuth(ctx, plantedCode)
		require.NoError(t, err)
		require.Equal(t, wechat.WebAuth{OpenID: testOpenID, UnionID: "u", Snapshot: snapshot}, who, mark)
	}
	calls := f.count("sns/oauth2/access_token")
	for _, code := range []int{40029, 40163} {
		f.onJSON("sns/oauth2/access_token", fmt.Sprintf(`{"errcode":%d,"errmsg":"code been used, rid: 65f1c1f0-1a2b3c4d-5e6f7a8b"}`, code))
		_, err = c.WebAuth(ctx, plantedCode)
		require.True(t, wechat.CodeRefused(err))
	}
	require.Equal(t, calls+2, f.count("sns/oauth2/access_token"), "a code is tried once")
	f.onJSON("sns/oauth2/access_token", `{"access_token":"x"}`)
	_, err = c.WebAuth(ctx, plantedCode)
	require.Error(t, err)
	_, err = c.WebAuth(ctx, "")
	require.Error(t, err)
}
