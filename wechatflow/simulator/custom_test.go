package simulator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (s *stage) custom(openID, content string) int {
	s.t.Helper()
	return s.post("/cgi-bin/message/custom/send?access_token="+s.stable(s.account), object{
		"touser": openID, "msgtype": "text", "text": object{"content": content},
	}).code()
}

// Facts C.13.
func TestCustomMessageWindows(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	p := s.person()
	c := s.qr("a", 600)
	require.Equal(t, 45015, s.custom(p.openID, "before the follow"))
	s.control("/sim/people/"+p.ID+"/follow", nil)
	for range 3 {
		require.Zero(t, s.custom(p.openID, "after the follow"))
	}
	require.Equal(t, 45047, s.custom(p.openID, "a fourth"))
	s.advance(61 * time.Second)
	require.Equal(t, 45015, s.custom(p.openID, "too late"))

	for _, open := range []func(){
		func() { s.scan(p, c.URL) },
		func() { s.control("/sim/people/"+p.ID+"/menu", object{"key": "K"}) },
	} {
		open()
		s.advance(59 * time.Second)
		for range 3 {
			require.Zero(t, s.custom(p.openID, "in time"))
		}
		require.Equal(t, 45047, s.custom(p.openID, "a fourth"))
		s.advance(2 * time.Second)
		require.Equal(t, 45015, s.custom(p.openID, "too late"))
	}

	s.control("/sim/people/"+p.ID+"/text", object{"content": "hi"})
	s.advance(48*time.Hour - time.Second)
	for range 5 {
		require.Zero(t, s.custom(p.openID, "an answer"))
	}
	require.Equal(t, 45047, s.custom(p.openID, "a sixth"))
	s.advance(time.Second)
	require.Equal(t, 45015, s.custom(p.openID, "too late"))

	s.control("/sim/people/"+p.ID+"/text", object{"content": "hi"})
	s.control("/sim/people/"+p.ID+"/unfollow", nil)
	require.Equal(t, 45015, s.custom(p.openID, "after the unfollow"))
}

func TestShortWindowIsSpentFirst(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	p := s.follower()
	s.control("/sim/people/"+p.ID+"/text", object{"content": "hi"})
	for range 3 {
		require.Zero(t, s.custom(p.openID, "of the follow's window"))
	}
	s.advance(61 * time.Second)
	for range 5 {
		require.Zero(t, s.custom(p.openID, "of the message's window"))
	}
	require.Equal(t, 45047, s.custom(p.openID, "none left"))
}

func TestCustomMessagesReachTheChat(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	p := s.follower()
	require.Zero(t, s.custom(p.openID, `<a href="http://127.0.0.1/x">open</a>`))
	require.Equal(t, "open", s.chat(p)[0].Text)
	require.Equal(t, []string{"http://127.0.0.1/x"}, s.chat(p)[0].Links)
	require.Zero(t, s.post("/cgi-bin/message/custom/send?access_token="+s.stable(s.account), object{
		"touser": p.openID, "msgtype": "news", "news": object{"articles": []object{{"title": "T", "description": "D", "url": "http://127.0.0.1/n"}}},
	}).code())
	require.Equal(t, "news", s.chat(p)[1].Kind)
}

func TestCustomMessageErrors(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	p := s.follower()
	send := func(body any) int {
		return s.post("/cgi-bin/message/custom/send?access_token="+s.stable(s.account), body).code()
	}
	require.Equal(t, 40003, s.custom("oNobody", "hi"))
	require.Equal(t, 41009, s.custom("", "hi"))
	require.Equal(t, 44004, s.custom(p.openID, ""))
	require.Equal(t, 45002, s.custom(p.openID, strings.Repeat("x", 2049)))
	require.Equal(t, 40008, send(object{"touser": p.openID, "msgtype": "telegram"}))
	require.Equal(t, 47001, send("{"))
	require.Equal(t, 44002, send(nil))
	require.Equal(t, 43002, s.get("/cgi-bin/message/custom/send", "access_token", s.stable(s.account)).code())
	require.Zero(t, s.custom(p.openID, "an error costs nothing"))
	require.Zero(t, s.custom(p.openID, "an error costs nothing"))
	require.Zero(t, s.custom(p.openID, "an error costs nothing"))
}

func TestMenu(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	p := s.follower()
	token := s.stable(s.account)
	require.Equal(t, 46003, s.get("/cgi-bin/menu/get", "access_token", token).code())
	require.Equal(t, 40016, s.post("/cgi-bin/menu/create?access_token="+token, `{"button":[]}`).code())
	require.Zero(t, s.post("/cgi-bin/menu/create?access_token="+token, object{"button": []object{
		{"type": "click", "name": "Help", "key": "HELP"},
		{"name": "More", "sub_button": []object{{"type": "view", "name": "Site", "url": "https://example.com/"}}},
	}}).code())
	menu := s.get("/cgi-bin/menu/get", "access_token", token).members()["menu"].(map[string]any)
	require.Len(t, menu["button"], 2)

	require.Equal(t, "event", s.control("/sim/people/"+p.ID+"/menu", object{"key": "HELP"}).members()["outcome"])
	require.Equal(t, "https://example.com/", s.control("/sim/people/"+p.ID+"/menu", object{"key": "https://example.com/"}).members()["url"])
	got := s.events()
	require.Equal(t, "CLICK", got[0].Event)
	require.Equal(t, "HELP", *got[0].EventKey)
	require.Equal(t, "VIEW", got[1].Event)
	require.Equal(t, "https://example.com/", *got[1].EventKey)

	require.Zero(t, s.get("/cgi-bin/menu/delete", "access_token", token).code())
	require.Equal(t, 46003, s.get("/cgi-bin/menu/get", "access_token", token).code())
}

// Facts C.14, first part.
func TestUserInfo(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	p := s.person()
	info := func() map[string]any {
		return s.get("/cgi-bin/user/info", "access_token", s.stable(s.account), "openid", p.openID, "lang", "zh_CN").members()
	}
	require.Equal(t, map[string]any{"subscribe": 0.0, "openid": p.openID, "tagid_list": []any{}}, info())
	s.scan(p, s.qr("the scene", 60).URL)
	s.control("/sim/people/"+p.ID+"/follow", nil)
	require.Equal(t, map[string]any{
		"subscribe": 1.0, "openid": p.openID, "unionid": p.UnionID, "language": "zh_CN",
		"subscribe_time": float64(start.Unix()), "remark": "", "groupid": 0.0, "tagid_list": []any{},
		"subscribe_scene": "ADD_SCENE_QR_CODE", "qr_scene": 0.0, "qr_scene_str": "the scene",
	}, info())
	s.control("/sim/people/"+p.ID+"/unfollow", nil)
	require.NotContains(t, info(), "unionid")
	require.Equal(t, 40003, s.get("/cgi-bin/user/info", "access_token", s.stable(s.account), "openid", "oNobody").code())
	require.Equal(t, 41009, s.get("/cgi-bin/user/info", "access_token", s.stable(s.account)).code())
}

func TestStandaloneAccountHasNoUnionID(t *testing.T) {
	account := mainAccount("safe")
	account.Standalone = true
	s := newStage(t, account)
	p := s.follower()
	require.NotContains(t, s.get("/cgi-bin/user/info", "access_token", s.stable(account), "openid", p.openID).members(), "unionid")
}
