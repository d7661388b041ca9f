package simulator_test

import (
	"encoding/base64"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow/simulator"
)

var modes = []string{"plain", "compat", "safe"}

// Facts C.3, C.6, C.7: what each gesture pushes, in each mode, as another SDK reads it.
func TestGesturesPushWhatThePlatformPushes(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			s := newStage(t, mainAccount(mode))
			scene := strings.Repeat("s", 60) + "-_.~"
			c := s.qr(scene, 600)
			p := s.person()

			require.Equal(t, map[string]any{"outcome": "follow_prompt", "account": "main"}, s.scan(p, c.URL))
			require.Empty(t, s.events(), "nothing is pushed before the follow")

			s.control("/sim/people/"+p.ID+"/follow", object{})
			s.scan(p, c.URL)
			s.control("/sim/people/"+p.ID+"/menu", object{"key": "HELP"})
			s.control("/sim/people/"+p.ID+"/unfollow", nil)
			s.control("/sim/people/"+p.ID+"/follow", nil)

			got := s.events()
			require.Len(t, got, 5)
			for i, want := range []struct{ event, key, ticket string }{
				{"subscribe", "qrscene_" + scene, c.Ticket},
				{"SCAN", scene, c.Ticket},
				{"CLICK", "HELP", ""},
				{"unsubscribe", "", ""},
				{"subscribe", "", ""},
			} {
				e := got[i]
				require.Equal(t, want.event, e.Event)
				require.NotNil(t, e.EventKey, "EventKey is present, if empty")
				require.Equal(t, want.key, *e.EventKey)
				if want.ticket == "" {
					require.Nil(t, e.Ticket)
				} else {
					require.Equal(t, want.ticket, *e.Ticket)
				}
				require.Equal(t, "event", e.MsgType)
				require.Equal(t, s.account.OriginalID, e.ToUserName)
				require.Equal(t, p.openID, e.FromUserName)
				require.Equal(t, start.Unix(), e.CreateTime)
			}
			first := s.callback.deliveries()[0]
			require.Equal(t, http.MethodPost, first.method)
			require.Equal(t, "text/xml", first.header.Get("Content-Type"))
			require.Equal(t, p.openID, first.query.Get("openid"))
		})
	}
}

func TestNumericSceneIsPushedAsDecimal(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	var c qrcode
	s.post("/cgi-bin/qrcode/create?access_token="+s.stable(s.account),
		`{"expire_seconds":60,"action_name":"QR_SCENE","action_info":{"scene":{"scene_id":4294967295}}}`).into(&c)
	p := s.follower()
	s.scan(p, c.URL)
	require.Equal(t, "4294967295", *s.events()[0].EventKey)
}

// Facts C.4: every length round-trips, in ciphertexts of whole blocks of 32.
func TestTextsOfEveryLengthDecryptElsewhere(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	p := s.follower()
	for n := 1; n <= 64; n++ {
		content := strings.Repeat("长", n/3) + strings.Repeat("x", n-n/3)
		s.control("/sim/people/"+p.ID+"/text", object{"content": content})
		d := s.callback.deliveries()[0]
		s.callback.forget()
		e := s.callback.open(t, d)
		require.Equal(t, content, e.Content)
		var outer event
		require.NoError(t, xml.Unmarshal([]byte(d.body), &outer))
		raw, err := base64.StdEncoding.DecodeString(outer.Encrypt)
		require.NoError(t, err)
		require.Zero(t, len(raw)%32)
	}
}

func TestTextKeepsWhatXMLCouldBreakOn(t *testing.T) {
	s := newStage(t, mainAccount("plain"))
	p := s.follower()
	const content = "a]]>b <xml>&amp; ]]]]>>\n<![CDATA[x]]> 你好"
	s.control("/sim/people/"+p.ID+"/text", object{"content": content})
	e := s.events()[0]
	require.Equal(t, content, e.Content)
	require.Equal(t, "text", e.MsgType)
	require.Regexp(t, `^\d{17}$`, e.MsgId)
}

// Facts C.8: a handler that stalls gets exactly three deliveries of the same message, freshly signed.
func TestStallingCallbackGetsThreeDeliveries(t *testing.T) {
	s := newImpatientStage(t, 300*time.Millisecond, mainAccount("safe"))
	p := s.follower()
	s.callback.does(func(_ *callback, d delivery, w http.ResponseWriter) {
		<-d.gone
		_, _ = io.WriteString(w, "success") // too late
	})
	s.control("/sim/people/"+p.ID+"/text", object{"content": "hi"})
	s.eventually(func() bool { return len(s.chat(p)) == 1 }, "the fault notice")
	require.Equal(t, "fault", s.chat(p)[0].Kind)
	require.Equal(t, "该公众号提供的服务出现故障，请稍后再试", s.chat(p)[0].Text)

	require.Never(t, func() bool { return len(s.callback.deliveries()) > 3 }, 3*retryPause, retryPause)
	got := s.events()
	require.Len(t, got, 3)
	require.Equal(t, got[0].MsgId, got[1].MsgId)
	require.Equal(t, got[0], got[2])
	nonces := map[string]bool{}
	for _, d := range s.callback.deliveries() {
		nonces[d.query.Get("nonce")] = true
	}
	require.Len(t, nonces, 3, "each delivery is signed anew")
}

func TestLateAnswerIsNotShown(t *testing.T) {
	s := newImpatientStage(t, 300*time.Millisecond, mainAccount("plain"))
	p := s.follower()
	s.callback.does(func(c *callback, d delivery, w http.ResponseWriter) {
		if len(c.deliveries()) == 1 {
			<-d.gone
		}
		_, _ = io.WriteString(w, textReply(d.query.Get("openid"), c.account.OriginalID, "1", "once"))
	})
	s.control("/sim/people/"+p.ID+"/text", object{"content": "hi"})
	s.eventually(func() bool { return len(s.chat(p)) > 0 }, "the second delivery's reply")
	require.Len(t, s.callback.deliveries(), 2)
	require.Len(t, s.chat(p), 1)
	require.Equal(t, "once", s.chat(p)[0].Text)
}

// Facts C.9.
func TestAnswersThatStopTheDelivery(t *testing.T) {
	for name, body := range map[string]string{"success": "success", "empty": "", "blank": " \n"} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, mainAccount("safe"))
			p := s.follower()
			s.callback.answers(body)
			s.control("/sim/people/"+p.ID+"/text", object{"content": "hi"})
			require.Never(t, func() bool { return len(s.callback.deliveries()) != 1 }, 2*retryPause, retryPause/4)
			require.Empty(t, s.chat(p))
		})
	}
}

func TestHTTPErrorShowsTheFaultAndIsDeliveredAgain(t *testing.T) {
	s := newStage(t, mainAccount("plain"))
	p := s.follower()
	s.callback.does(func(c *callback, _ delivery, w http.ResponseWriter) {
		if len(c.deliveries()) < 3 {
			http.Error(w, "the database is down", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "success")
	})
	s.control("/sim/people/"+p.ID+"/text", object{"content": "hi"})
	s.eventually(func() bool { return len(s.callback.deliveries()) == 3 }, "three deliveries")
	require.Len(t, s.chat(p), 1, "one notice, however often it fails")
	require.Equal(t, "fault", s.chat(p)[0].Kind)
}

func TestRedeliveryFollowsTheSimulatorsClock(t *testing.T) {
	account := mainAccount("plain")
	c := newCallback(t, account)
	c.does(func(_ *callback, _ delivery, w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) })
	account.CallbackURL = c.URL
	sim, err := simulator.New(simulator.Config{
		Accounts: []simulator.Account{account}, AnswerWithin: 300 * time.Millisecond, RetryPause: time.Hour,
	})
	require.NoError(t, err)
	t.Cleanup(sim.Close)
	s := stageOn(t, sim, account, c)
	p := s.person()
	s.control("/sim/people/"+p.ID+"/follow", nil)
	require.Len(t, c.deliveries(), 1)
	for want := 2; want <= 3; want++ {
		s.eventually(func() bool { s.advance(time.Hour); return len(c.deliveries()) >= want }, "a delivery an hour later")
	}
}

func TestRefusedConnectionShowsTheFaultAtTheEnd(t *testing.T) {
	s := newStage(t, mainAccount("plain"))
	p := s.follower()
	s.callback.Close()
	s.control("/sim/people/"+p.ID+"/text", object{"content": "hi"})
	s.eventually(func() bool { return len(s.chat(p)) == 1 }, "the fault notice")
	require.Equal(t, 3, strings.Count(s.logs.String(), "simulated push failed"))
}

func TestUnfollowAnswerReachesNobody(t *testing.T) {
	s := newStage(t, mainAccount("plain"))
	p := s.follower()
	s.callback.answers("{}")
	s.control("/sim/people/"+p.ID+"/unfollow", nil)
	require.Len(t, s.events(), 1)
	require.Empty(t, s.chat(p))
}

func TestCloseEndsDeliveries(t *testing.T) {
	s := newStage(t, mainAccount("plain"))
	p := s.follower()
	s.callback.does(func(_ *callback, _ delivery, w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) })
	s.control("/sim/people/"+p.ID+"/text", object{"content": "hi"})
	s.sim.Close()
	n := len(s.callback.deliveries())
	s.control("/sim/people/"+p.ID+"/text", object{"content": "hi again"})
	require.Never(t, func() bool { return len(s.callback.deliveries()) > n }, 3*retryPause, retryPause)
}

func TestServerModeOffPushesNothing(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	require.NoError(t, s.sim.SetCallback("main", ""))
	p := s.person()
	s.control("/sim/people/"+p.ID+"/follow", nil)
	require.Empty(t, s.callback.deliveries())
	require.Error(t, s.sim.SetCallback("nobody", "http://127.0.0.1/"))
	require.Error(t, s.sim.SetCallback("main", "ftp://127.0.0.1/"))
}

// Every gesture is answered when its call returns, so programs need no sleep.
func TestGesturesWaitForTheReply(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			s := newStage(t, mainAccount(mode))
			s.repliesText(`点<a href="http://127.0.0.1:9/phone/x?a=1&amp;b=2">这里</a>登录`)
			p := s.person()
			c := s.qr("scene", 60)
			s.scan(p, c.URL)
			s.control("/sim/people/"+p.ID+"/follow", nil)
			s.scan(p, c.URL)
			s.control("/sim/people/"+p.ID+"/text", object{"content": "hi"})
			chat := s.chat(p)
			require.Len(t, chat, 3)
			for i, m := range chat {
				require.Equal(t, "text", m.Kind)
				require.Equal(t, "点这里登录", m.Text)
				require.Equal(t, []string{"http://127.0.0.1:9/phone/x?a=1&b=2"}, m.Links)
				require.Equal(t, "main", m.Account)
				if i > 0 {
					require.Greater(t, m.N, chat[i-1].N)
				}
			}
		})
	}
}
