package simulator_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow/simulator"
)

// phoneBrowser is WeChat's built-in browser of one person, which stops before it leaves the simulator.
func (s *stage) phoneBrowser(p somebody) *http.Client {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(s.t, err)
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(s.base + "/sim/people/" + p.ID + "/browser?url=" + url.QueryEscape("http://127.0.0.1:9/phone?x=1"))
	require.NoError(s.t, err)
	defer res.Body.Close()
	require.Equal(s.t, http.StatusFound, res.StatusCode)
	require.Equal(s.t, "http://127.0.0.1:9/phone?x=1", res.Header.Get("Location"))
	return client
}

func (s *stage) authorizeURL(change map[string]string) string {
	q := url.Values{
		"appid": {s.account.AppID}, "redirect_uri": {"http://127.0.0.1:9/phone/back?a=b"}, "response_type": {"code"},
		"scope": {"snsapi_base"}, "state": {"state123"},
	}
	for k, v := range change {
		q.Set(k, v)
	}
	return s.base + "/connect/oauth2/authorize?" + q.Encode() + "#wechat_redirect"
}

func fetch(t *testing.T, client *http.Client, address string) answer {
	t.Helper()
	res, err := client.Get(address)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return answer{t, res.StatusCode, res.Header, string(body)}
}

// code authorizes silently and returns the code.
func (s *stage) code(p somebody) string {
	s.t.Helper()
	a := fetch(s.t, s.phoneBrowser(p), s.authorizeURL(nil))
	require.Equal(s.t, http.StatusFound, a.status, a.body)
	back, err := url.Parse(a.header.Get("Location"))
	require.NoError(s.t, err)
	require.Equal(s.t, "/phone/back", back.Path)
	require.Equal(s.t, "b", back.Query().Get("a"))
	require.Equal(s.t, "state123", back.Query().Get("state"))
	return back.Query().Get("code")
}

func (s *stage) redeem(a simulator.Account, code string) answer {
	s.t.Helper()
	return s.get("/sns/oauth2/access_token", "appid", a.AppID, "secret", a.AppSecret, "code", code, "grant_type", "authorization_code")
}

func TestSilentWebAuthorization(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	p := s.person()
	a := s.redeem(s.account, s.code(p)).members()
	require.Equal(t, p.openID, a["openid"])
	require.Equal(t, "snsapi_base", a["scope"])
	require.Equal(t, 7200.0, a["expires_in"])
	require.NotContains(t, a, "unionid", "only snsapi_userinfo gives it")
	require.NotContains(t, a, "is_snapshotuser")
	require.Equal(t, 48001, s.get("/sns/userinfo", "access_token", a["access_token"].(string), "openid", p.openID).code())
}

// Facts C.14: a used code, and every other wrong one.
func TestOAuthCodeErrors(t *testing.T) {
	s := newStage(t, mainAccount("safe"), secondAccount())
	p := s.person()
	used := s.code(p)
	require.Zero(t, s.redeem(s.account, used).code())
	require.Equal(t, 40163, s.redeem(s.account, used).code())
	require.Equal(t, 40029, s.redeem(s.account, "never-given").code())
	require.Equal(t, 41008, s.redeem(s.account, "").code())

	foreign := s.code(p)
	require.Equal(t, 40029, s.redeem(secondAccount(), foreign).code(), "another account's code")
	wrong := s.account
	wrong.AppSecret = "wrong"
	require.Equal(t, 40125, s.redeem(wrong, foreign).code())
	require.Zero(t, s.redeem(s.account, foreign).code(), "a refused attempt does not use the code")

	late := s.code(p)
	s.advance(5*time.Minute - time.Second)
	inTime := s.code(p)
	require.Zero(t, s.redeem(s.account, late).code())
	s.advance(5 * time.Minute)
	require.Equal(t, 40029, s.redeem(s.account, inTime).code())
}

func TestOAuthCodeIsUsedOnceInParallel(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	code := s.code(s.person())
	var good atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if !strings.Contains(s.redeem(s.account, code).body, "errcode") {
				good.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, good.Load())
}

func TestAuthorizeRefusals(t *testing.T) {
	account := mainAccount("safe")
	account.WebDomain = "127.0.0.1"
	s := newStage(t, account)
	client := s.phoneBrowser(s.person())
	for name, change := range map[string]map[string]string{
		"unknown appid":       {"appid": "wx0"},
		"another domain":      {"redirect_uri": "http://evil.example/phone"},
		"a subdomain":         {"redirect_uri": "http://x.127.0.0.1/phone"},
		"no address":          {"redirect_uri": "phone/back"},
		"not the web":         {"redirect_uri": "weixin://127.0.0.1/"},
		"response type":       {"response_type": "token"},
		"scope":               {"scope": "snsapi_login"},
		"no scope":            {"scope": ""},
		"long state":          {"state": strings.Repeat("a", 129)},
		"state with a hyphen": {"state": "a-b"},
	} {
		t.Run(name, func(t *testing.T) {
			a := fetch(t, client, s.authorizeURL(change))
			require.Equal(t, http.StatusForbidden, a.status)
			require.Empty(t, a.header.Get("Location"))
		})
	}
	require.Equal(t, http.StatusFound, fetch(t, client, s.authorizeURL(map[string]string{"state": strings.Repeat("a", 128)})).status)

	stranger := jar(t)
	a := fetch(t, stranger, s.authorizeURL(nil))
	require.Equal(t, http.StatusForbidden, a.status)
	require.Contains(t, a.body, "请在微信客户端打开链接")
}

func TestBrowserRefusesWhatIsNoAddress(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	p := s.person()
	for _, target := range []string{"", "javascript:alert(1)", "/relative", "ftp://127.0.0.1/", "http://"} {
		require.Equal(t, http.StatusBadRequest, s.get("/sim/people/"+p.ID+"/browser", "url", target).status, target)
	}
	require.Equal(t, http.StatusNotFound, s.get("/sim/people/p99/browser", "url", "http://127.0.0.1/").status)
}

func TestConsentPage(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	p := s.person()
	client := s.phoneBrowser(p)
	ask := func() (string, answer) {
		a := fetch(t, client, s.authorizeURL(map[string]string{"scope": "snsapi_userinfo"}))
		require.Equal(t, http.StatusOK, a.status)
		require.Contains(t, a.header.Get("Content-Security-Policy"), "form-action 'self' http://127.0.0.1:9")
		found := regexp.MustCompile(`name="form_token" value="([^"]+)"`).FindStringSubmatch(a.body)
		require.Len(t, found, 2)
		return found[1], a
	}
	send := func(c *http.Client, token, answerText string) *http.Response {
		res, err := c.PostForm(s.base+"/connect/oauth2/consent", url.Values{"form_token": {token}, "answer": {answerText}})
		require.NoError(t, err)
		res.Body.Close()
		return res
	}
	token, page := ask()
	require.Contains(t, page.body, "小明")
	require.Equal(t, http.StatusForbidden, send(s.phoneBrowser(s.person()), token, "allow").StatusCode, "another person's click")
	require.Equal(t, http.StatusForbidden, send(client, "guessed", "allow").StatusCode)
	back, err := send(client, token, "allow").Location()
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, send(client, token, "allow").StatusCode, "a second click")

	a := s.redeem(s.account, back.Query().Get("code")).members()
	require.Equal(t, p.UnionID, a["unionid"])
	access := a["access_token"].(string)
	info := s.get("/sns/userinfo", "access_token", access, "openid", p.openID, "lang", "zh_CN").members()
	require.Equal(t, "小明", info["nickname"])
	require.Equal(t, p.UnionID, info["unionid"])
	require.Equal(t, 40003, s.get("/sns/userinfo", "access_token", access, "openid", "oOther").code())
	require.Equal(t, 40001, s.get("/sns/userinfo", "access_token", "x", "openid", p.openID).code())
	require.Equal(t, 41001, s.get("/sns/userinfo", "openid", p.openID).code())
	s.advance(2 * time.Hour)
	require.Equal(t, 42001, s.get("/sns/userinfo", "access_token", access, "openid", p.openID).code())

	token, _ = ask()
	declined, err := send(client, token, "deny").Location()
	require.NoError(t, err)
	require.Empty(t, declined.Query().Get("code"))
	require.Equal(t, "state123", declined.Query().Get("state"))

	token, _ = ask()
	s.advance(5 * time.Minute)
	require.Equal(t, http.StatusForbidden, send(client, token, "allow").StatusCode, "a page left open")
}

// Facts C.14: the openid of a snapshot user is virtual, another one each time.
func TestSnapshotUser(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	var p somebody
	s.control("/sim/people", object{"name": "快照", "snapshot": true}).into(&p)
	p.openID = p.OpenIDs[s.account.AppID]
	first := s.redeem(s.account, s.code(p)).members()
	require.Equal(t, 1.0, first["is_snapshotuser"])
	require.NotEqual(t, p.openID, first["openid"])
	require.NotContains(t, first, "unionid")
	second := s.redeem(s.account, s.code(p)).members()
	require.NotEqual(t, first["openid"], second["openid"])
}
