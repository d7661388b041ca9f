package simulator_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/silenceper/wechat/v2/util"
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

// A page of the internet, open in the browser of the developer, cannot play or read people.
func TestForeignPagesAreRefused(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	for _, c := range []struct {
		name, method, path, header, value string
		want                              int
	}{
		{"rebound host", "GET", "/sim/people", "Host", "attacker.example", 403},
		{"rebound host of the page", "GET", "/", "Host", "attacker.example:80", 403},
		{"rebound host of the platform", "GET", "/cgi-bin/token", "Host", "attacker.example", 403},
		{"host that looks local", "GET", "/sim/people", "Host", "localhost.attacker.example", 403},
		{"local address of the network", "GET", "/sim/people", "Host", "192.168.0.1", 403},
		{"foreign origin", "POST", "/sim/people", "Origin", "https://attacker.example", 403},
		{"origin that looks local", "POST", "/sim/people", "Origin", "http://127.0.0.1.attacker.example", 403},
		{"null origin", "POST", "/sim/people", "Origin", "null", 403},
		{"foreign link", "GET", "/sim/people/p1/browser?url=http://127.0.0.1/", "Sec-Fetch-Site", "cross-site", 403},
		{"form", "POST", "/sim/people", "Content-Type", "application/x-www-form-urlencoded", 415},
		{"text", "POST", "/sim/people", "Content-Type", "text/plain", 415},
		{"multipart", "POST", "/sim/people", "Content-Type", "multipart/form-data; boundary=x", 415},
		{"looks like JSON", "POST", "/sim/people", "Content-Type", "text/plain; application/json", 415},
		{"no type", "POST", "/sim/people", "Content-Type", "", 415},

		{"localhost", "GET", "/sim/people", "Host", "localhost:1234", 200},
		{"a name below localhost", "GET", "/sim/people", "Host", "phone.localhost", 200},
		{"IPv6", "GET", "/sim/people", "Host", "[::1]:80", 200},
		{"own origin", "POST", "/sim/people", "Origin", "http://localhost:5000", 201},
		{"JSON with charset", "POST", "/sim/people", "Content-Type", "application/json; charset=utf-8", 201},
	} {
		t.Run(c.name, func(t *testing.T) {
			var body io.Reader
			if c.method == "POST" {
				body = strings.NewReader(`{"name":"x"}`)
			}
			req, err := http.NewRequest(c.method, s.base+c.path, body)
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/json")
			switch {
			case c.header == "Host":
				req.Host = c.value
			case c.value == "":
				req.Header.Del(c.header)
			default:
				req.Header.Set(c.header, c.value)
			}
			require.Equal(t, c.want, s.do(req).status)
		})
	}
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

func TestRawPush(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			s := newStage(t, mainAccount(mode))
			p := s.follower()
			s.repliesText("hello")
			body := fmt.Sprintf("<xml><ToUserName>%s</ToUserName><FromUserName>%s</FromUserName><CreateTime>1</CreateTime>"+
				"<MsgType>event</MsgType><Event>SCAN</Event><EventKey>forged</EventKey></xml>", s.account.OriginalID, p.openID)
			got := s.control("/sim/push", object{"xml": body, "times": 3}).members()
			require.Equal(t, 200.0, got["status"])
			require.Equal(t, "hello", got["reply"])
			require.Len(t, got["answers"], 3)
			for _, e := range s.events() {
				require.Equal(t, "forged", *e.EventKey)
			}
			require.Empty(t, s.chat(p), "the phone shows nothing of it")

			s.callback.forget()
			s.control("/sim/push", object{"xml": body, "signature": "bad"})
			s.control("/sim/push", object{"xml": body, "signature": "none"})
			s.control("/sim/push", object{"xml": body})
			d := s.callback.deliveries()
			require.Len(t, d[0].query.Get("signature"), 40)
			require.False(t, d[1].query.Has("signature"))
			require.False(t, d[1].query.Has("msg_signature"))
			require.Equal(t, mode != "plain", d[0].query.Has("msg_signature"))
			s.callback.open(t, d[2])
			signatures := func(d delivery) string { return d.query.Get("signature") + d.query.Get("msg_signature") }
			require.NotEqual(t, signatures(d[0]), signatures(d[2]))
		})
	}
}

func TestRawPushInAnotherMode(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	s.control("/sim/push", object{"xml": "<xml>anything", "mode": "plain"})
	d := s.callback.deliveries()[0]
	require.Equal(t, "<xml>anything", d.body)
	require.False(t, d.query.Has("encrypt_type"))
	s.control("/sim/push", object{"xml": "<xml/>", "mode": "plain", "signature": "bad", "query": object{"encrypt_type": "aes"}})
	d = s.callback.deliveries()[1]
	require.Equal(t, "<xml/>", d.body)
	require.Equal(t, "aes", d.query.Get("encrypt_type"))
	s.control("/sim/push", object{"xml": "<xml/>", "appid": "wx9999999999999999"})
	d = s.callback.deliveries()[2]
	var outer event
	require.NoError(t, xml.Unmarshal([]byte(d.body), &outer))
	_, plain, err := util.DecryptMsg("wx9999999999999999", outer.Encrypt, s.account.AESKey)
	require.NoError(t, err)
	require.Equal(t, "<xml/>", string(plain))
	s.callback.Close()
	require.Equal(t, 0.0, s.control("/sim/push", object{"xml": "<xml/>"}).members()["status"])

	noKey := newStage(t, secondAccount())
	require.Equal(t, http.StatusBadRequest, noKey.post("/sim/push", object{"xml": "<xml/>", "mode": "safe"}).status, "there is no key")
}

// Facts C.2: the verification of the server URL.
func TestVerifyCallback(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	s.callback.does(func(_ *callback, d delivery, w http.ResponseWriter) {
		require.Equal(t, http.MethodGet, d.method)
		_, _ = io.WriteString(w, d.query.Get("echostr"))
	})
	require.Equal(t, true, s.control("/sim/verify", nil).members()["ok"])
	s.callback.does(func(_ *callback, d delivery, w http.ResponseWriter) {
		_, _ = io.WriteString(w, d.query.Get("echostr")+"\n")
	})
	require.Equal(t, false, s.control("/sim/verify", nil).members()["ok"])
	s.callback.answers("success")
	require.Equal(t, false, s.control("/sim/verify", nil).members()["ok"])
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

// What is kept is bounded: a chat forgets its oldest lines, text messages too, and there is an end to people.
func TestBounds(t *testing.T) {
	s := newStage(t, mainAccount("plain"))
	require.NoError(t, s.sim.SetCallback("main", ""))
	p := s.follower()
	for range 210 {
		s.control("/sim/people/"+p.ID+"/text", object{"content": "hi"})
	}
	var chat []chatMessage
	s.get("/sim/people/"+p.ID+"/messages", "own", "1").into(&chat)
	require.Len(t, chat, 200)
	require.Greater(t, chat[0].N, int64(1))

	handler := s.sim.Handler()
	call := func(path, body string) int {
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	for range 10_000 - 1 {
		require.Equal(t, http.StatusCreated, call("/sim/people", ""))
	}
	require.Equal(t, http.StatusBadRequest, call("/sim/people", ""))
	for range 12_000 {
		call("/sim/sms", `{"to":"+8613800001234","text":"x"}`)
	}
	var texts []object
	s.get("/sim/sms").into(&texts)
	require.LessOrEqual(t, len(texts), 11_000)
	require.GreaterOrEqual(t, len(texts), 10_000)
}

// The page loads nothing from elsewhere, and its policy would not let it.
func TestPhonePage(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	page := s.get("/")
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.header.Get("Content-Type"), "text/html")
	policy := page.header.Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'")
	require.NotContains(t, policy, "unsafe")
	require.NotContains(t, page.body, "style=")
	require.NotRegexp(t, `\son[a-z]+=`, page.body)
	assets := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page.body, -1)
	require.NotEmpty(t, assets)
	seen := map[string]bool{}
	for _, asset := range assets {
		u, err := url.Parse(asset[1])
		require.NoError(t, err)
		require.Empty(t, u.Host, asset[1])
		if strings.HasPrefix(asset[1], "/") {
			require.Equal(t, http.StatusOK, s.get(asset[1]).status, asset[1])
			seen[asset[1]] = true
		}
	}
	require.True(t, seen["/assets/phone.css"] && seen["/assets/phone.js"])
	require.Equal(t, http.StatusNotFound, s.get("/assets/consent.html").status)
}

func TestPhoneShowsWhatIsNew(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	s.repliesText("hello")
	p := s.person()
	gone, shown := s.qr("gone", 1), s.qr("shown", 60)
	s.advance(time.Second)
	s.control("/sim/people/"+p.ID+"/follow", nil)
	s.control("/sim/people/"+p.ID+"/text", object{"content": "hi"})
	s.control("/sim/sms", object{"to": "+8613800001234", "text": "code", "code": "1"})
	a := s.get("/sim/phone", "person", p.ID)
	require.NotContains(t, a.body, gone.URL)
	var v struct {
		N        int64                          `json:"n"`
		Codes    []struct{ QR, Picture string } `json:"codes"`
		Messages []chatMessage                  `json:"messages"`
		SMS      []map[string]any               `json:"sms"`
		Accounts []map[string]any               `json:"accounts"`
		People   []map[string]any               `json:"people"`
	}
	a.into(&v)
	require.Len(t, v.Codes, 1)
	require.Equal(t, shown.URL, v.Codes[0].QR)
	picture, err := http.Get(s.base + v.Codes[0].Picture)
	require.NoError(t, err)
	picture.Body.Close()
	require.Equal(t, http.StatusOK, picture.StatusCode)
	kinds := []string{}
	for _, m := range v.Messages {
		kinds = append(kinds, m.Kind)
	}
	require.Equal(t, []string{"note", "text", "own", "text"}, kinds)
	require.Len(t, v.SMS, 1)
	require.Equal(t, []any{"main"}, v.People[0]["following"])
	require.Equal(t, "桥", v.Accounts[0]["display_name"])
	a = s.get("/sim/phone", "person", p.ID, "since", fmt.Sprint(v.N))
	a.into(&v)
	require.Empty(t, v.Messages)
	require.Empty(t, v.SMS)
	require.Equal(t, http.StatusNotFound, s.get("/sim/phone", "person", "p99").status)
}
