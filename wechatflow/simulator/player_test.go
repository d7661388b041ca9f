package simulator_test

import (
	"github.com/stretchr/testify/require"

	"qiao/wechatflow/simulator"
)

type somebody struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	UnionID string            `json:"unionid"`
	OpenIDs map[string]string `json:"openids"`
	openID  string            // at the main account
}

func (s *stage) person() somebody {
	s.t.Helper()
	var p somebody
	s.control("/sim/people", object{"name": "小明"}).into(&p)
	p.openID = p.OpenIDs[s.account.AppID]
	return p
}

func (s *stage) follower() somebody {
	s.t.Helper()
	p := s.person()
	s.control("/sim/people/"+p.ID+"/follow", object{"account": s.account.Name})
	s.callback.forget()
	return p
}

func (s *stage) stable(a simulator.Account) string {
	s.t.Helper()
	var out struct {
		AccessToken string `json:"access_token"`
	}
	s.post("/cgi-bin/stable_token", object{"grant_type": "client_credential", "appid": a.AppID, "secret": a.AppSecret}).into(&out)
	require.NotEmpty(s.t, out.AccessToken)
	return out.AccessToken
}

type qrcode struct {
	Ticket        string `json:"ticket"`
	ExpireSeconds int    `json:"expire_seconds"`
	URL           string `json:"url"`
}

func (s *stage) qr(scene string, seconds int) qrcode {
	s.t.Helper()
	var c qrcode
	a := s.post("/cgi-bin/qrcode/create?access_token="+s.stable(s.account), object{
		"action_name": "QR_STR_SCENE", "expire_seconds": seconds,
		"action_info": object{"scene": object{"scene_str": scene}},
	})
	require.Zero(s.t, a.code(), a.body)
	a.into(&c)
	return c
}

func (s *stage) scan(p somebody, qr string) map[string]any {
	s.t.Helper()
	return s.control("/sim/people/"+p.ID+"/scan", object{"qr": qr}).members()
}

type chatMessage struct {
	N       int64    `json:"n"`
	Account string   `json:"account"`
	Kind    string   `json:"kind"`
	Text    string   `json:"text"`
	Links   []string `json:"links"`
}

func (s *stage) chat(p somebody) []chatMessage {
	s.t.Helper()
	var list []chatMessage
	s.get("/sim/people/"+p.ID+"/messages", "since", "0").into(&list)
	return list
}
