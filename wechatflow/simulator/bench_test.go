package simulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"qiao/wechatflow/simulator"
)

// BenchmarkLogin is what one returning login costs the simulator: a code, a scan with its push, and web authorization,
// all over its handler, with the callback on a real connection.
func BenchmarkLogin(b *testing.B) {
	callback := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "success")
	}))
	defer callback.Close()
	account := mainAccount("safe")
	account.CallbackURL = callback.URL
	sim, err := simulator.New(simulator.Config{Accounts: []simulator.Account{account}})
	if err != nil {
		b.Fatal(err)
	}
	defer sim.Close()
	handler := sim.Handler()
	do := func(method, path, body, cookie string, into any) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(body))
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/json")
		}
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if into != nil {
			if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
				b.Error(err)
			}
		}
		return w
	}
	credentials := `{"grant_type":"client_credential","appid":"` + account.AppID + `","secret":"` + account.AppSecret + `"}`
	var token struct {
		AccessToken string `json:"access_token"`
	}
	do("POST", "/cgi-bin/stable_token", credentials, "", &token)
	do("POST", "/sim/quota", `{"path":"/cgi-bin/qrcode/create","limit":100000000}`, "", nil)
	var people atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		var p somebody
		do("POST", "/sim/people", "", "", &p)
		people.Add(1)
		do("POST", "/sim/people/"+p.ID+"/follow", "", "", nil)
		cookie, _, _ := strings.Cut(do("GET", "/sim/people/"+p.ID+"/browser?url=http://127.0.0.1/", "", "", nil).Header().Get("Set-Cookie"), ";")
		for pb.Next() {
			var c qrcode
			do("POST", "/cgi-bin/qrcode/create?access_token="+token.AccessToken,
				`{"expire_seconds":60,"action_name":"QR_STR_SCENE","action_info":{"scene":{"scene_str":"qiao.login.0123456789abcdef"}}}`, "", &c)
			do("POST", "/sim/people/"+p.ID+"/scan", `{"qr":"`+c.URL+`"}`, "", nil)
			back := do("GET", "/connect/oauth2/authorize?appid="+account.AppID+"&redirect_uri=http%3A%2F%2F127.0.0.1%2Fx&response_type=code&scope=snsapi_base&state=a",
				"", cookie, nil).Header().Get("Location")
			_, code, _ := strings.Cut(back, "code=")
			code, _, _ = strings.Cut(code, "&")
			var who oauthWho
			do("GET", "/sns/oauth2/access_token?grant_type=authorization_code&appid="+account.AppID+"&secret="+account.AppSecret+"&code="+code, "", "", &who)
			if who.OpenID != p.OpenIDs[account.AppID] {
				b.Error("somebody else came back")
			}
		}
	})
}

type oauthWho struct {
	OpenID string `json:"openid"`
}
