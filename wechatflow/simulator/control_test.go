package simulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow/simulator"
)

func TestPeople(t *testing.T) {
	s := newStage(t, mainAccount("safe"), secondAccount())
	a := s.post("/sim/people", object{"name": "小红"})
	require.Equal(t, http.StatusCreated, a.status)
	var p somebody
	a.into(&p)
	require.Equal(t, "小红", p.Name)
	require.Len(t, p.OpenIDs, 2)
	for _, openID := range p.OpenIDs {
		require.Regexp(t, `^o[A-Za-z0-9_-]{27}$`, openID)
	}
	require.NotEqual(t, p.OpenIDs[s.account.AppID], p.OpenIDs[secondAccount().AppID])
	require.NotEmpty(t, p.UnionID)

	other := s.person()
	require.NotEqual(t, p.ID, other.ID)
	var all []somebody
	s.get("/sim/people").into(&all)
	require.Len(t, all, 2)
	require.Equal(t, p.ID, all[0].ID)

	req, err := http.NewRequest(http.MethodPost, s.base+"/sim/people", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, s.do(req).status, "no body, no type")
	require.Equal(t, http.StatusBadRequest, s.post("/sim/people", object{"name": strings.Repeat("x", 33)}).status)
}

func TestFollowingTwiceIsNothing(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	p := s.follower()
	require.Equal(t, "nothing", s.control("/sim/people/"+p.ID+"/follow", nil).members()["outcome"])
	require.Equal(t, "event", s.control("/sim/people/"+p.ID+"/unfollow", nil).members()["outcome"])
	require.Equal(t, "nothing", s.control("/sim/people/"+p.ID+"/unfollow", nil).members()["outcome"])
	require.Len(t, s.callback.deliveries(), 1)
}

func TestSeveralAccounts(t *testing.T) {
	s := newStage(t, mainAccount("safe"), secondAccount())
	p := s.person()
	require.Equal(t, http.StatusBadRequest, s.post("/sim/people/"+p.ID+"/follow", object{}).status, "which account?")
	require.Equal(t, http.StatusNotFound, s.post("/sim/people/"+p.ID+"/follow", object{"account": "third"}).status)
	c := s.qr("a", 60)
	s.control("/sim/people/"+p.ID+"/follow", object{"account": "second"})
	require.Equal(t, "follow_prompt", s.scan(p, c.URL)["outcome"], "following one account is not following the other")
	require.Empty(t, s.callback.deliveries())
}

// Every malformed call gets a clear answer, and nothing happens.
func TestMalformedControlCalls(t *testing.T) {
	s := newStage(t, mainAccount("plain"))
	p := s.person()
	person := "/sim/people/" + p.ID
	for _, c := range []struct {
		path, body string
		want       int
	}{
		{"/sim/people", `{`, 400},
		{"/sim/people", `[]`, 400},
		{"/sim/people", `{"name":5}`, 400},
		{"/sim/people", `{"name":"a"}{"name":"b"}`, 400},
		{"/sim/people", `{"name":"a\nb"}`, 400},
		{"/sim/people/p99/scan", `{"qr":"x"}`, 404},
		{"/sim/people/p99/follow", ``, 404},
		{"/sim/people/p99/unfollow", ``, 404},
		{"/sim/people/p99/text", `{"content":"x"}`, 404},
		{"/sim/people/p99/menu", `{"key":"x"}`, 404},
		{person + "/scan", ``, 400},
		{person + "/scan", `{"qr":7}`, 400},
		{person + "/follow", `{"account":"nobody"}`, 404},
		{person + "/text", `{"content":"x"}`, 400},
		{person + "/text", `{"content":""}`, 400},
		{person + "/text", `{"content":"a\u0000b"}`, 400},
		{person + "/menu", `{"key":"x"}`, 400},
		{person + "/menu", `{}`, 400},
		{person + "/text", `{"content":"` + strings.Repeat("x", 64<<10) + `"}`, 413},
		{"/sim/sms", `{"to":"13800001234","text":"x"}`, 400},
		{"/sim/sms", `{"to":"+86138000012345678","text":"x"}`, 400},
		{"/sim/sms", `{"to":"+86x","text":"x"}`, 400},
		{"/sim/sms", `{"to":"+8613800001234","text":""}`, 400},
		{"/sim/push", `{}`, 400},
		{"/sim/push", `{"xml":"<xml/>","signature":"maybe"}`, 400},
		{"/sim/push", `{"xml":"<xml/>","mode":"dangerous"}`, 400},
		{"/sim/push", `{"xml":"<xml/>","times":-1}`, 400},
		{"/sim/push", `{"xml":"<xml/>","times":1001}`, 400},
		{"/sim/push", `{"xml":"<xml/>","delay_ms":-1}`, 400},
		{"/sim/push", `{"xml":"<xml/>","account":"nobody"}`, 404},
		{"/sim/faults", `{"path":"/cgi-bin/nothing","errcode":-1}`, 400},
		{"/sim/faults", `{"path":"/cgi-bin/token"}`, 400},
		{"/sim/faults", `{"path":"/cgi-bin/token","status":42}`, 400},
		{"/sim/faults", `{"path":"/cgi-bin/token","errcode":-1,"times":-1}`, 400},
		{"/sim/faults", `{"path":"/cgi-bin/token","delay_ms":-1}`, 400},
		{"/sim/quota", `{"path":"/cgi-bin/token"}`, 400},
		{"/sim/quota", `{"path":"/cgi-bin/token","limit":-1}`, 400},
		{"/sim/quota", `{"path":"/sim/people","limit":1}`, 400},
		{"/sim/clock", `{"advance_s":-1}`, 400},
		{"/sim/clock", `{"advance_s":1e300}`, 400},
		{"/sim/clock", `{"advance_s":"1"}`, 400},
	} {
		t.Run(c.path+" "+c.body[:min(len(c.body), 60)], func(t *testing.T) {
			a := s.post(c.path, c.body)
			require.Equal(t, c.want, a.status, a.body)
			require.NotEmpty(t, a.members()["error"])
		})
	}
	require.Equal(t, http.StatusNotFound, s.get("/sim/people/p99/messages").status)
	require.Equal(t, http.StatusBadRequest, s.get(person+"/messages", "since", "x").status)
	require.Equal(t, http.StatusBadRequest, s.get("/sim/sms", "since", "x").status)
	require.Equal(t, http.StatusMethodNotAllowed, s.get(person+"/scan").status)
	require.Equal(t, http.StatusNotFound, s.get("/sim/nothing").status)
	require.Empty(t, s.callback.deliveries())
}

func TestTextMessages(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	list := func(query ...string) (out []map[string]any) {
		s.get("/sim/sms", query...).into(&out)
		return out
	}
	require.Empty(t, list())
	first := s.control("/sim/sms", object{"to": "+8613800001234", "text": "验证码 123456", "code": "123456"})
	require.Equal(t, http.StatusCreated, first.status)
	s.control("/sim/sms", object{"to": "+85290001234", "text": "code 1", "code": "1"})
	s.control("/sim/sms", object{"to": "+8613800001234", "text": "验证码 654321", "code": "654321"})
	mine := list("to", "+8613800001234")
	require.Len(t, mine, 2)
	require.Equal(t, "验证码 123456", mine[0]["text"])
	require.Equal(t, "+8613800001234", mine[0]["to"])
	newer := list("to", "+8613800001234", "since", fmt.Sprint(first.members()["n"]))
	require.Len(t, newer, 1)
	require.Equal(t, "654321", newer[0]["code"])
	var raw []map[string]any
	res, err := http.Get(s.base + "/sim/sms?to=+8613800001234") // a + that nobody escaped
	require.NoError(t, err)
	defer res.Body.Close()
	require.NoError(t, json.NewDecoder(res.Body).Decode(&raw))
	require.Len(t, raw, 2)
}

func TestFaultsAndCalls(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	create := func() answer {
		return s.post("/cgi-bin/qrcode/create?access_token="+s.stable(s.account),
			`{"action_name":"QR_STR_SCENE","action_info":{"scene":{"scene_str":"a"}}}`)
	}
	s.control("/sim/faults", object{"path": "/cgi-bin/qrcode/create", "errcode": -1, "times": 2})
	s.control("/sim/faults", object{"path": "cgi-bin/qrcode/create", "status": 502, "times": 1})
	require.Equal(t, -1, create().code())
	require.Contains(t, create().members()["errmsg"], "rid: ")
	require.Equal(t, http.StatusBadGateway, create().status)
	require.Zero(t, create().code())

	s.control("/sim/faults", object{"path": "/cgi-bin/qrcode/create", "errcode": 40164})
	for range 3 {
		require.Equal(t, 40164, create().code())
	}
	req, err := http.NewRequest(http.MethodDelete, s.base+"/sim/faults", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, s.do(req).status)
	require.Zero(t, create().code())

	s.control("/sim/faults", object{"path": "/cgi-bin/qrcode/create", "delay_ms": 30, "times": 1})
	began := time.Now()
	require.Zero(t, create().code())
	require.GreaterOrEqual(t, time.Since(began), 30*time.Millisecond)
	require.Equal(t, 9.0, s.get("/sim/calls").members()["/cgi-bin/qrcode/create"])
}

func TestManyPeopleAtOnce(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	s.repliesText("hello")
	c := s.qr("a", 600)
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			p := s.person()
			s.scan(p, c.URL)
			s.control("/sim/people/"+p.ID+"/follow", nil)
			s.scan(p, c.URL)
			if got := len(s.chat(p)); got != 2 {
				t.Errorf("%d messages, want 2", got)
			}
		})
	}
	wg.Wait()
	require.Len(t, s.events(), 60)
}

// Facts C.15, the platform's side: logs hold no secret, token, code or openid.
func TestLogsKeepSecrets(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	p := s.follower()
	c := s.qr("scene-in-logs", 60)
	s.callback.does(func(_ *callback, _ delivery, w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) })
	s.control("/sim/people/"+p.ID+"/text", object{"content": "content-in-logs"})
	s.callback.answers("{}")
	s.scan(p, c.URL)
	s.callback.Close()
	s.scan(p, c.URL)
	code := s.code(p)
	require.NotEmpty(t, s.logs.String())
	for _, secret := range []string{
		p.openID, p.UnionID, s.account.AppSecret, s.account.AESKey, s.account.Token, s.stable(s.account), code, c.Ticket,
		"scene-in-logs", "content-in-logs",
	} {
		require.NotContains(t, s.logs.String(), secret)
	}
}

func TestConfigErrors(t *testing.T) {
	for name, change := range map[string]func(*simulator.Account){
		"no name":       func(a *simulator.Account) { a.Name = "" },
		"no secret":     func(a *simulator.Account) { a.AppSecret = "" },
		"no id":         func(a *simulator.Account) { a.OriginalID = "" },
		"empty token":   func(a *simulator.Account) { a.Token = "" },
		"long token":    func(a *simulator.Account) { a.Token = strings.Repeat("x", 33) },
		"no mode":       func(a *simulator.Account) { a.Mode = "" },
		"safe, no key":  func(a *simulator.Account) { a.AESKey = "" },
		"a wrong key":   func(a *simulator.Account) { a.Mode, a.AESKey = "plain", "short" },
		"the same name": func(a *simulator.Account) { a.Name = "second" },
		"the same app":  func(a *simulator.Account) { a.AppID = secondAccount().AppID },
	} {
		t.Run(name, func(t *testing.T) {
			account := mainAccount("safe")
			change(&account)
			_, err := simulator.New(simulator.Config{Accounts: []simulator.Account{secondAccount(), account}})
			require.Error(t, err)
			require.NotContains(t, err.Error(), account.AppSecret+"x")
		})
	}
	_, err := simulator.New(simulator.Config{})
	require.Error(t, err)
}
