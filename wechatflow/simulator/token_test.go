package simulator_test

import (
	"net/http"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow/simulator"
)

type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"`
}

func (s *stage) oldToken(a simulator.Account) tokenAnswer {
	s.t.Helper()
	var out tokenAnswer
	s.get("/cgi-bin/token", "grant_type", "client_credential", "appid", a.AppID, "secret", a.AppSecret).into(&out)
	require.NotEmpty(s.t, out.AccessToken)
	return out
}

func (s *stage) stableToken(force bool) answer {
	s.t.Helper()
	return s.post("/cgi-bin/stable_token", object{
		"grant_type": "client_credential", "appid": s.account.AppID, "secret": s.account.AppSecret, "force_refresh": force,
	})
}

// works reports the errcode of a harmless call with the token.
func (s *stage) codeOf(token string) int {
	s.t.Helper()
	return s.get("/cgi-bin/menu/delete", "access_token", token).code()
}

// Facts C.11, first half.
func TestOldTokenDiesOnlyAfterTheOverlap(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	first := s.oldToken(s.account)
	require.Equal(t, 7200, first.ExpiresIn)
	s.advance(time.Minute)
	second := s.oldToken(s.account)
	require.NotEqual(t, first.AccessToken, second.AccessToken)
	s.advance(299 * time.Second)
	require.Zero(t, s.codeOf(first.AccessToken))
	s.advance(time.Second)
	require.Equal(t, 40001, s.codeOf(first.AccessToken))
	require.Zero(t, s.codeOf(second.AccessToken))
	s.advance(2 * time.Hour)
	require.Equal(t, 42001, s.codeOf(second.AccessToken))
}

// Facts C.11, second half.
func TestStableTokenStaysAndIsIsolated(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	var first, again tokenAnswer
	s.stableToken(false).into(&first)
	require.Equal(t, 7200, first.ExpiresIn)
	s.advance(10 * time.Minute)
	s.stableToken(false).into(&again)
	require.Equal(t, tokenAnswer{first.AccessToken, 6600}, again)

	for range 3 {
		s.oldToken(s.account)
		s.advance(6 * time.Minute)
	}
	require.Zero(t, s.codeOf(first.AccessToken), "cgi-bin/token does not invalidate a stable token")
	old := s.oldToken(s.account)

	var forced tokenAnswer
	s.stableToken(true).into(&forced)
	require.NotEqual(t, first.AccessToken, forced.AccessToken)
	require.Equal(t, 40001, s.codeOf(first.AccessToken))
	require.Zero(t, s.codeOf(forced.AccessToken))
	require.Zero(t, s.codeOf(old.AccessToken), "a forced refresh does not touch the old way's token")
}

func TestStableTokenRenewsBeforeItEnds(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	var first, before, renewed tokenAnswer
	s.stableToken(false).into(&first)
	s.advance(7200*time.Second - 301*time.Second)
	s.stableToken(false).into(&before)
	require.Equal(t, first.AccessToken, before.AccessToken)
	s.advance(time.Second)
	s.stableToken(false).into(&renewed)
	require.NotEqual(t, first.AccessToken, renewed.AccessToken)
	require.Equal(t, 7200, renewed.ExpiresIn)
	require.Zero(t, s.codeOf(first.AccessToken), "both are good until the old one ends")
	s.advance(300 * time.Second)
	require.Equal(t, 42001, s.codeOf(first.AccessToken))
	require.Zero(t, s.codeOf(renewed.AccessToken))
}

func TestForcedRefreshIsLimited(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	require.Zero(t, s.stableToken(true).code())
	s.advance(29 * time.Second)
	require.Equal(t, 45011, s.stableToken(true).code())
	for range 19 {
		s.advance(31 * time.Second)
		require.Zero(t, s.stableToken(true).code())
	}
	s.advance(31 * time.Second)
	require.Equal(t, 45009, s.stableToken(true).code(), "20 a day")
	require.Zero(t, s.stableToken(false).code())
	s.advance(24 * time.Hour)
	require.Zero(t, s.stableToken(true).code())
}

func TestConcurrentStableTokensAreOne(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	texts := make([]string, 50)
	var wg sync.WaitGroup
	for i := range texts {
		wg.Go(func() {
			res, err := http.Post(s.base+"/cgi-bin/stable_token", "application/json", jsonBody(object{
				"grant_type": "client_credential", "appid": s.account.AppID, "secret": s.account.AppSecret,
			}))
			if err == nil {
				texts[i] = decodeToken(res)
			}
		})
	}
	wg.Wait()
	for _, text := range texts {
		require.NotEmpty(t, text)
		require.Equal(t, texts[0], text)
	}
}

func TestCredentialErrors(t *testing.T) {
	s := newStage(t, mainAccount("safe"), secondAccount())
	id, secret := s.account.AppID, s.account.AppSecret
	for _, c := range []struct {
		name, grant, id, secret string
		want                    int
	}{
		{"grant type", "authorization_code", id, secret, 40002},
		{"no appid", "client_credential", "", secret, 41002},
		{"no secret", "client_credential", id, "", 41004},
		{"unknown appid", "client_credential", "wx0000000000000000", secret, 40013},
		{"wrong secret", "client_credential", id, secret + "x", 40125},
		{"another account's secret", "client_credential", id, secondAccount().AppSecret, 40125},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, s.get("/cgi-bin/token", "grant_type", c.grant, "appid", c.id, "secret", c.secret).code())
			require.Equal(t, c.want, s.post("/cgi-bin/stable_token", object{"grant_type": c.grant, "appid": c.id, "secret": c.secret}).code())
		})
	}
	require.Equal(t, 43002, s.get("/cgi-bin/stable_token").code())
	require.Equal(t, 44002, s.post("/cgi-bin/stable_token", nil).code())
	require.Equal(t, 47001, s.post("/cgi-bin/stable_token", `{"grant_type":`).code())
	require.Equal(t, 45002, s.post("/cgi-bin/stable_token", `{"grant_type":"`+string(make([]byte, 70<<10))+`"}`).code())
}

// Facts C.14: errors arrive as HTTP 200 with errcode and rid.
func TestErrorsHaveARequestID(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	a := s.get("/cgi-bin/user/info")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, 41001, a.code())
	require.Regexp(t, regexp.MustCompile(`^access_token missing rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$`), a.members()["errmsg"])
	require.Equal(t, 40001, s.get("/cgi-bin/user/info", "access_token", "never-issued").code())
	require.Equal(t, 40066, s.get("/cgi-bin/no/such/call").code())
}

func TestTokenOfOneAccountIsNotTheOthers(t *testing.T) {
	s := newStage(t, mainAccount("safe"), secondAccount())
	p := s.person()
	other := s.oldToken(secondAccount()).AccessToken
	require.Equal(t, 40003, s.get("/cgi-bin/user/info", "access_token", other, "openid", p.openID).code())
	require.Zero(t, s.get("/cgi-bin/user/info", "access_token", s.stable(s.account), "openid", p.openID).code())
	s.control("/sim/quota", object{"path": "/cgi-bin/user/info", "limit": 2})
	require.Zero(t, s.get("/cgi-bin/user/info", "access_token", s.stable(s.account), "openid", p.openID).code())
	require.Equal(t, 45009, s.get("/cgi-bin/user/info", "access_token", s.stable(s.account), "openid", p.openID).code())
	require.Zero(t, s.get("/cgi-bin/user/info", "access_token", other, "openid", p.OpenIDs[secondAccount().AppID]).code(),
		"quotas are counted for each account")
}
