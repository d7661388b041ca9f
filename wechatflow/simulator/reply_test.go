package simulator_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/silenceper/wechat/v2/util"
	"github.com/stretchr/testify/require"

	"qiao/wechatflow/simulator"
)

// Facts C.9, C.10: what the platform takes as a reply, and what shows the fault notice instead.
func TestReplies(t *testing.T) {
	good := func(a simulator.Account, d delivery) string {
		return textReply(d.query.Get("openid"), a.OriginalID, "1751342400", "hello")
	}
	other := mainAccount("safe")
	other.AppID = "wx9999999999999999"
	for _, c := range []struct {
		name  string
		modes string
		reply func(a simulator.Account, d delivery) string
		want  string // text in the chat; empty: the fault notice
	}{
		{"plain text", "plain compat", good, "hello"},
		{"encrypted", "compat safe", func(a simulator.Account, d delivery) string {
			return sealed(a, d.query.Get("nonce"), good(a, d))
		}, "hello"},
		{"cut CDATA", "plain", func(a simulator.Account, d delivery) string {
			return textReply(d.query.Get("openid"), a.OriginalID, "1", "a]]]]><![CDATA[>b")
		}, "a]]>b"},
		{"news", "plain", func(a simulator.Account, d delivery) string {
			return strings.Replace(textReply(d.query.Get("openid"), a.OriginalID, "1", ""), "<MsgType><![CDATA[text]]></MsgType>",
				"<MsgType>news</MsgType><ArticleCount>1</ArticleCount><Articles><item><Title>T</Title><Description>D</Description>"+
					"<PicUrl></PicUrl><Url>http://127.0.0.1/n</Url></item></Articles>", 1)
		}, "T\nD"},
		{"2048 bytes", "plain", func(a simulator.Account, d delivery) string {
			return textReply(d.query.Get("openid"), a.OriginalID, "1", strings.Repeat("x", 2048))
		}, strings.Repeat("x", 2048)},

		{"JSON", "plain compat safe", func(simulator.Account, delivery) string { return `{"errcode":0}` }, ""},
		{"not quite success", "plain safe", func(simulator.Account, delivery) string { return `"success"` }, ""},
		{"HTML", "plain", func(simulator.Account, delivery) string { return "<html><body>x</body></html>" }, ""},
		{"names not swapped", "plain", func(a simulator.Account, d delivery) string {
			return textReply(a.OriginalID, d.query.Get("openid"), "1", "hello")
		}, ""},
		{"somebody else", "plain", func(a simulator.Account, _ delivery) string {
			return textReply("oSomebodyElse", a.OriginalID, "1", "hello")
		}, ""},
		{"a date as CreateTime", "plain", func(a simulator.Account, d delivery) string {
			return textReply(d.query.Get("openid"), a.OriginalID, `"2025-07-01 12:00:00"`, "hello")
		}, ""},
		{"no CreateTime", "plain", func(a simulator.Account, d delivery) string {
			return textReply(d.query.Get("openid"), a.OriginalID, "", "hello")
		}, ""},
		{"empty content", "plain", func(a simulator.Account, d delivery) string {
			return textReply(d.query.Get("openid"), a.OriginalID, "1", "")
		}, ""},
		{"2049 bytes", "plain", func(a simulator.Account, d delivery) string {
			return textReply(d.query.Get("openid"), a.OriginalID, "1", strings.Repeat("x", 2049))
		}, ""},
		{"CDATA that ends early", "plain", func(a simulator.Account, d delivery) string {
			return textReply(d.query.Get("openid"), a.OriginalID, "1", "a]]><b>")
		}, ""},
		{"two documents", "plain", func(a simulator.Account, d delivery) string { return good(a, d) + good(a, d) }, ""},
		{"unknown type", "plain", func(a simulator.Account, d delivery) string {
			return strings.Replace(good(a, d), "[text]", "[carrier-pigeon]", 1)
		}, ""},
		{"plaintext in safe mode", "safe", good, ""},
		{"encrypted in plain mode", "plain", func(a simulator.Account, d delivery) string {
			return sealed(mainAccount("safe"), d.query.Get("nonce"), good(a, d))
		}, ""},
		{"another nonce", "safe", func(a simulator.Account, d delivery) string { return sealed(a, "12345", good(a, d)) }, ""},
		{"another token", "safe", func(a simulator.Account, d delivery) string {
			b := a
			b.Token = "another"
			return sealed(b, d.query.Get("nonce"), good(a, d))
		}, ""},
		{"another appid", "safe", func(a simulator.Account, d delivery) string {
			return sealed(other, d.query.Get("nonce"), good(a, d))
		}, ""},
		{"another key", "safe", func(a simulator.Account, d delivery) string {
			b := a
			b.AESKey = strings.Repeat("B", 43)
			return sealed(b, d.query.Get("nonce"), good(a, d))
		}, ""},
		{"no ciphertext", "safe", func(a simulator.Account, d delivery) string {
			return sealedReply(a.Token, d.query.Get("nonce"), "AAAA")
		}, ""},
		{"encrypted success", "safe", func(a simulator.Account, d delivery) string {
			return sealed(a, d.query.Get("nonce"), "success")
		}, ""},
		{"too large", "plain", func(a simulator.Account, d delivery) string {
			return good(a, d) + strings.Repeat(" ", 70<<10) + "x"
		}, ""},
	} {
		for _, mode := range strings.Fields(c.modes) {
			t.Run(c.name+" in "+mode, func(t *testing.T) {
				s := newStage(t, mainAccount(mode))
				p := s.follower()
				s.callback.does(func(cb *callback, d delivery, w http.ResponseWriter) {
					_, _ = io.WriteString(w, c.reply(cb.account, d))
				})
				s.control("/sim/people/"+p.ID+"/text", object{"content": "hi"})
				chat := s.chat(p)
				require.Len(t, chat, 1, "what the callback answered is shown once, as it is or as a fault")
				require.Len(t, s.callback.deliveries(), 1, "a bad body is an answer: it is not delivered again")
				if c.want == "" {
					require.Equal(t, "fault", chat[0].Kind)
					require.Empty(t, chat[0].Links)
				} else {
					require.Equal(t, c.want, chat[0].Text)
				}
			})
		}
	}
}

func TestNewsLinks(t *testing.T) {
	s := newStage(t, mainAccount("plain"))
	p := s.follower()
	s.callback.does(func(c *callback, d delivery, w http.ResponseWriter) {
		_, _ = fmt.Fprintf(w, "<xml><ToUserName>%s</ToUserName><FromUserName>%s</FromUserName><CreateTime>1</CreateTime>"+
			"<MsgType>news</MsgType><Articles><item><Title>One</Title><Url>https://a.example/1</Url></item>"+
			"<item><Title>Two</Title><Url>javascript:alert(1)</Url></item></Articles></xml>", d.query.Get("openid"), c.account.OriginalID)
	})
	s.control("/sim/people/"+p.ID+"/text", object{"content": "hi"})
	m := s.chat(p)[0]
	require.Equal(t, "news", m.Kind)
	require.Equal(t, "One\nTwo", m.Text)
	require.Equal(t, []string{"https://a.example/1"}, m.Links)
}

func TestLinksInTexts(t *testing.T) {
	for content, want := range map[string]struct {
		text  string
		links []string
	}{
		`no link`: {"no link", []string{}},
		`<a href="http://a/1">one</a> <A HREF='https://b/2'>two</A>`:                      {"one two", []string{"http://a/1", "https://b/2"}},
		`<a data-miniprogram-appid="x" href="http://a/?x=1&amp;y=2" target=_blank>go</a>`: {"go", []string{"http://a/?x=1&y=2"}},
		`<a href="http://a/?copy=1&copy=2">go</a>`:                                        {"go", []string{"http://a/?copy=1&copy=2"}},
		`see http://a.example/x?y=1, or not`:                                              {"see http://a.example/x?y=1, or not", []string{"http://a.example/x?y=1"}},
		`请打开https://a.example/x。`:                                                         {"请打开https://a.example/x。", []string{"https://a.example/x"}},
		`<a href="javascript:alert(1)">no</a>`:                                            {"no", []string{}},
		`<a href="http://a/1">http://shown.example</a>`:                                   {"http://shown.example", []string{"http://a/1"}},
		`<b>bold</b> <a>no address</a>`:                                                   {"<b>bold</b> <a>no address</a>", []string{}},
		`<a href="http://a/1">first</a><a href="http://`:                                  {`first<a href="http://`, []string{"http://a/1"}},
	} {
		t.Run(content, func(t *testing.T) {
			s := newStage(t, mainAccount("plain"))
			p := s.follower()
			s.repliesText(content)
			s.control("/sim/people/"+p.ID+"/text", object{"content": "hi"})
			m := s.chat(p)[0]
			require.Equal(t, want.text, m.Text)
			require.Equal(t, want.links, m.Links)
		})
	}
}

// The oracle of these tests reproduces the official vectors, so it is one.
func TestOracleReproducesTheOfficialVectors(t *testing.T) {
	require.Equal(t, "f464b24fc39322e44b38aa78f5edd27bd1441696", util.Signature("AAAAA", "1714036504", "1514711492"))
	encrypted, err := util.EncryptMsg([]byte("707722b803182950"), []byte(`{"demo_resp":"good luck"}`), "wxba5fad812f8e6fb9", strings.Repeat("A", 43))
	require.NoError(t, err)
	require.Equal(t, "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==", string(encrypted))
}
