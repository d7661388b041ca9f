package wechat_test

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/silenceper/wechat/v2/util"
	"github.com/stretchr/testify/require"

	"qiao/wechatflow/wechat"
	"qiao/wechatflow/wechat/crypt"
)

func TestOpenAcceptsEveryMode(t *testing.T) {
	for _, mode := range modes() {
		t.Run(string(mode), func(t *testing.T) {
			account := testAccount(mode)
			c := testCallback(t, account)
			m, err := c.Open(newPush(account, eventXML(account, "subscribe", "qrscene_abc", "T-1")).build(t))
			require.NoError(t, err)
			require.Equal(t, account.OriginalID, m.ToUser)
			require.Equal(t, testOpenID, m.FromUser)
			require.True(t, testNow.Equal(m.CreateTime))
			require.Equal(t, "event subscribe qrscene_abc T-1", strings.Join([]string{m.Type, m.Event, m.EventKey, m.Ticket}, " "))
			scene, ok := m.Scene()
			require.True(t, ok)
			require.Equal(t, "abc", scene)

			m, err = c.Open(newPush(account, textXML(account, "你好 <&> hi")).build(t))
			require.NoError(t, err)
			require.Equal(t, "你好 <&> hi", m.Content)
			require.Equal(t, "1234567890123456", m.MsgID)
			require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", m, m, m, m), testOpenID)
		})
	}
}

func TestVerify(t *testing.T) {
	for _, mode := range modes() {
		account := testAccount(mode)
		c := testCallback(t, account)
		timestamp := strconv.FormatInt(testNow.Unix(), 10)
		query := func() url.Values {
			return url.Values{"signature": {util.Signature(account.Token, timestamp, testNonce)}, "timestamp": {timestamp},
				"nonce": {testNonce}, "echostr": {"5837492013847562019"}}
		}
		echo, err := c.Verify(query())
		require.NoError(t, err)
		require.Equal(t, "5837492013847562019", echo)

		good := query().Get("signature")
		for i := range good {
			q := query()
			changed := []byte(good)
			changed[i] ^= 1
			q.Set("signature", string(changed))
			_, err := c.Verify(q)
			require.ErrorIs(t, err, wechat.ErrSignature)
		}
		for name, change := range map[string]func(q url.Values){
			"no signature":           func(q url.Values) { q.Del("signature") },
			"no echostr":             func(q url.Values) { q.Del("echostr") },
			"two echostr":            func(q url.Values) { q.Add("echostr", "<script>") },
			"a line break":           func(q url.Values) { q.Set("echostr", "a\r\nSet-Cookie: a=b") },
			"a nonce of another":     func(q url.Values) { q.Set("nonce", "2") },
			"an old one":             func(q url.Values) { q.Set("timestamp", "1714036504") },
			"msg_signature instead":  func(q url.Values) { q["msg_signature"] = q["signature"]; q.Del("signature") },
			"two timestamps":         func(q url.Values) { q.Add("timestamp", timestamp) },
			"a timestamp and a half": func(q url.Values) { q.Set("timestamp", timestamp+".5") },
		} {
			q := query()
			change(q)
			_, err := c.Verify(q)
			require.Error(t, err, name)
		}
	}
}

func TestKeyRotation(t *testing.T) {
	account := testAccount(wechat.ModeSafe)
	account.PreviousAESKey = testPreviousAE
	c := testCallback(t, account)
	for _, key := range []string{account.AESKey, account.PreviousAESKey} {
		p := newPush(account, textXML(account, "hi"))
		p.aesKey = key
		m, err := c.Open(p.build(t))
		require.NoError(t, err)
		reply, err := c.Reply(m, "好", testNow)
		require.NoError(t, err)
		var sealed struct{ Encrypt string }
		require.NoError(t, xml.Unmarshal(reply, &sealed))
		_, plain, err := util.DecryptMsg(account.AppID, sealed.Encrypt, key)
		require.NoError(t, err, "the reply is sealed with the key that opened the push")
		require.Contains(t, string(plain), "好")
	}
	p := newPush(account, textXML(account, "hi"))
	p.aesKey = strings.Repeat("B", 43)
	_, err := c.Open(p.build(t))
	require.ErrorIs(t, err, wechat.ErrDecrypt)
}

func TestReply(t *testing.T) {
	for _, mode := range modes() {
		t.Run(string(mode), func(t *testing.T) {
			account := testAccount(mode)
			c := testCallback(t, account)
			p := newPush(account, textXML(account, "hi"))
			p.nonce = "nonce-of-this-push_1"
			m, err := c.Open(p.build(t))
			require.NoError(t, err)
			text := "点 <a href=\"https://a.example/x?a=1&b=2\">这里</a> ]]></Content><X>]]]]>>\x00\x0b 𝄞"
			body, err := c.Reply(m, text, testNow)
			require.NoError(t, err)
			if mode != wechat.ModePlain {
				var sealed struct {
					Encrypt, MsgSignature, Nonce string
					TimeStamp                    int64
				}
				require.NoError(t, xml.Unmarshal(body, &sealed))
				require.Equal(t, "nonce-of-this-push_1", sealed.Nonce)
				require.Equal(t, testNow.Unix(), sealed.TimeStamp)
				require.Equal(t, util.Signature(account.Token, strconv.FormatInt(sealed.TimeStamp, 10), sealed.Nonce, sealed.Encrypt), sealed.MsgSignature)
				_, body, err = util.DecryptMsg(account.AppID, sealed.Encrypt, account.AESKey)
				require.NoError(t, err)
			}
			require.Contains(t, string(body), "<CreateTime>"+strconv.FormatInt(testNow.Unix(), 10)+"</CreateTime>")
			var reply struct {
				XMLName                                    xml.Name `xml:"xml"`
				ToUserName, FromUserName, MsgType, Content string
				X                                          *string
			}
			require.NoError(t, xml.Unmarshal(body, &reply))
			require.Equal(t, testOpenID, reply.ToUserName)
			require.Equal(t, account.OriginalID, reply.FromUserName)
			require.Equal(t, "text", reply.MsgType)
			require.Equal(t, strings.NewReplacer("\x00", "\uFFFD", "\x0b", "\uFFFD").Replace(text), reply.Content)
			require.Nil(t, reply.X)

			_, err = c.Reply(m, " ", testNow)
			require.Error(t, err)
			_, err = c.Reply(wechat.Message{}, "hi", testNow)
			require.Error(t, err)
			if mode != wechat.ModePlain {
				_, err = c.Reply(wechat.Message{FromUser: testOpenID, ToUser: account.OriginalID}, "hi", testNow)
				require.Error(t, err, "a message that nobody opened is not answered in plaintext")
			}
		})
	}
}

func FuzzOpen(f *testing.F) {
	account := testAccount(wechat.ModePlain)
	safe := testAccount(wechat.ModeCompat)
	key, err := crypt.ParseKey(testAESKey)
	require.NoError(f, err)
	f.Add([]byte(eventXML(account, "subscribe", "qrscene_x", "T")))
	f.Add([]byte(textXML(account, "hi")))
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY b "c">]><xml>&b;</xml>`))
	timestamp := strconv.FormatInt(testNow.Unix(), 10)
	open, openSafe := testCallback(f, account), testCallback(f, safe)
	f.Fuzz(func(t *testing.T, body []byte) {
		q := url.Values{"timestamp": {timestamp}, "nonce": {testNonce}, "signature": {crypt.Signature(account.Token, timestamp, testNonce)}}
		m, plainErr := open.Open(q, body)
		if plainErr == nil {
			require.Equal(t, account.OriginalID, m.ToUser)
			require.NotEmpty(t, m.FromUser)
			require.NotContains(t, strings.ToUpper(string(body)), "<!DOCTYPE")
			_, err := open.Reply(m, m.Content+"x", testNow)
			require.NoError(t, err)
		}
		// The same bytes as the body of an encrypted push are never accepted without our key.
		_, err := openSafe.Open(q, body)
		require.Error(t, err)
		// The same bytes sealed as the platform does it are the same message.
		encrypt := crypt.Encrypt(key, safe.AppID, body, [16]byte{})
		q.Set("msg_signature", crypt.Signature(safe.Token, timestamp, testNonce, encrypt))
		sealed, sealedErr := openSafe.Open(q, []byte("<xml><Encrypt>"+encrypt+"</Encrypt></xml>"))
		if plainErr == nil {
			require.NoError(t, sealedErr)
			require.Equal(t, m.FromUser, sealed.FromUser)
		}
	})
}
