package wechat_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/silenceper/wechat/v2/util"
	"github.com/stretchr/testify/require"

	"qiao/wechatflow/wechat"
)

const (
	testAESKey     = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
	testPreviousAE = "zyxwvutsrqponmlkjihgfedcba9876543210ABCDEFG"
	testOpenID     = "oABCDEFGHIJKLMNOPQRSTUVWXYZ_1"
	testNonce      = "1514711492"
)

var testNow = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

func testAccount(mode wechat.Mode) wechat.Account {
	return wechat.Account{Name: "main", DisplayName: "桥", AppID: "wx0123456789abcdef", AppSecret: "planted-app-secret-0123456789abcd",
		OriginalID: "gh_0123456789ab", Token: "plantedToken123", AESKey: testAESKey, Mode: mode}
}

func testCallback(t testing.TB, account wechat.Account) *wechat.Callback {
	t.Helper()
	c, err := wechat.NewCallback(account)
	require.NoError(t, err)
	c.Now = func() time.Time { return testNow }
	return c
}

// push is what the platform sends; each part can be made wrong. It is built with another SDK, not with our own package.
type push struct {
	account      wechat.Account
	at           time.Time
	nonce        string
	plain        string // the message; also in the body in plain and compat
	outer        string // the plaintext beside Encrypt; default: as the mode has it
	aesKey       string
	sealedAppID  string
	encrypt      string // replaces the ciphertext
	signature    *string
	msgSignature *string
	body         *string
}

func newPush(account wechat.Account, message string) push {
	return push{account: account, at: testNow, nonce: testNonce, plain: message, aesKey: account.AESKey, sealedAppID: account.AppID}
}

func (p push) build(t testing.TB) (url.Values, []byte) {
	t.Helper()
	timestamp := strconv.FormatInt(p.at.Unix(), 10)
	q := url.Values{"timestamp": {timestamp}, "nonce": {p.nonce}, "openid": {testOpenID},
		"signature": {util.Signature(p.account.Token, timestamp, p.nonce)}}
	body := p.plain
	if p.account.Mode != wechat.ModePlain {
		encrypt := p.encrypt
		if encrypt == "" {
			sealed, err := util.EncryptMsg([]byte("0123456789abcdef"), []byte(p.plain), p.sealedAppID, p.aesKey)
			require.NoError(t, err)
			encrypt = string(sealed)
		}
		q.Set("encrypt_type", "aes")
		q.Set("msg_signature", util.Signature(p.account.Token, timestamp, p.nonce, encrypt))
		outer := p.outer
		if outer == "" {
			outer = "<ToUserName><![CDATA[" + p.account.OriginalID + "]]></ToUserName>"
			if p.account.Mode == wechat.ModeCompat {
				outer = strings.TrimSuffix(strings.TrimPrefix(p.plain, "<xml>"), "</xml>")
			}
		}
		body = "<xml>" + outer + "<Encrypt><![CDATA[" + encrypt + "]]></Encrypt></xml>"
	}
	for name, value := range map[string]*string{"signature": p.signature, "msg_signature": p.msgSignature} {
		if value != nil {
			q.Del(name)
			if *value != "" {
				q.Set(name, *value)
			}
		}
	}
	if p.body != nil {
		body = *p.body
	}
	return q, []byte(body)
}

func eventXML(account wechat.Account, event, key, ticket string) string {
	return "<xml><ToUserName><![CDATA[" + account.OriginalID + "]]></ToUserName><FromUserName><![CDATA[" + testOpenID +
		"]]></FromUserName><CreateTime>" + strconv.FormatInt(testNow.Unix(), 10) + "</CreateTime>" +
		"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[" + event + "]]></Event><EventKey><![CDATA[" + key +
		"]]></EventKey><Ticket><![CDATA[" + ticket + "]]></Ticket></xml>"
}

func textXML(account wechat.Account, content string) string {
	return "<xml><ToUserName><![CDATA[" + account.OriginalID + "]]></ToUserName><FromUserName><![CDATA[" + testOpenID +
		"]]></FromUserName><CreateTime>" + strconv.FormatInt(testNow.Unix(), 10) + "</CreateTime>" +
		"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[" + content + "]]></Content><MsgId>1234567890123456</MsgId></xml>"
}

func modes() []wechat.Mode {
	return []wechat.Mode{wechat.ModePlain, wechat.ModeCompat, wechat.ModeSafe}
}
