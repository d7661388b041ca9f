package simulator_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/silenceper/wechat/v2/util"
	"github.com/stretchr/testify/require"
)

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
