package wechat_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/silenceper/wechat/v2/util"
	"github.com/stretchr/testify/require"

	"qiao/wechatflow/wechat"
)

func ptr(s string) *string { return &s }

// TestForgeries is the matrix of what must not pass: each case in each mode it applies to.
func TestForgeries(t *testing.T) {
	account := testAccount(wechat.ModeSafe)
	good := eventXML(account, "SCAN", "abc", "T-1")
	flip := func(text string, i int) string {
		b := []byte(text)
		if b[i]++; b[i] > 'z' {
			b[i] = 'a'
		}
		return string(b)
	}
	otherKey := strings.Repeat("B", 43)
	timestamp := strconv.FormatInt(testNow.Unix(), 10)
	goodEncrypt, err := util.EncryptMsg([]byte("0123456789abcdef"), []byte(good), account.AppID, account.AESKey)
	require.NoError(t, err)
	badPadding := "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	foreign := strings.Replace(good, account.OriginalID, "gh_someoneelse", 1)

	encrypted := []wechat.Mode{wechat.ModeSafe, wechat.ModeCompat}
	every := modes()
	cases := []struct {
		name   string
		modes  []wechat.Mode
		change func(p *push)
		want   error
	}{
		{"junk signature, aes claimed, plaintext body", encrypted, func(p *push) { p.signature, p.msgSignature, p.body = ptr("junk"), ptr(""), ptr(good) }, wechat.ErrMode},
		{"good signature, aes claimed, plaintext body", encrypted, func(p *push) { p.body = ptr(good) }, wechat.ErrMode},
		{"plaintext body with an empty Encrypt", encrypted, func(p *push) {
			p.body = ptr(strings.Replace(good, "</xml>", "<Encrypt></Encrypt></xml>", 1))
			p.msgSignature = ptr(util.Signature(account.Token, timestamp, testNonce, ""))
		}, wechat.ErrMode},
		{"the plain signature as msg_signature", encrypted, func(p *push) { p.msgSignature = ptr(util.Signature(account.Token, timestamp, testNonce)) }, wechat.ErrSignature},
		{"no msg_signature", encrypted, func(p *push) { p.msgSignature = ptr("") }, wechat.ErrSignature},
		{"junk msg_signature", encrypted, func(p *push) { p.msgSignature = ptr(strings.Repeat("a", 40)) }, wechat.ErrSignature},
		{"good msg_signature, junk signature", encrypted, func(p *push) { p.signature = ptr(strings.Repeat("a", 40)) }, wechat.ErrSignature},
		{"junk signature", every, func(p *push) { p.signature = ptr(strings.Repeat("a", 40)) }, wechat.ErrSignature},
		{"no signatures", every, func(p *push) { p.signature, p.msgSignature = ptr(""), ptr("") }, wechat.ErrSignature},
		{"signed with another token", every, func(p *push) {
			p.signature = ptr(util.Signature("otherToken", timestamp, testNonce))
			p.msgSignature = ptr(util.Signature("otherToken", timestamp, testNonce, string(goodEncrypt)))
		}, wechat.ErrSignature},
		{"signed with an empty token", every, func(p *push) {
			p.signature = ptr(util.Signature("", timestamp, testNonce))
			p.msgSignature = ptr(util.Signature("", timestamp, testNonce, string(goodEncrypt)))
		}, wechat.ErrSignature},
		{"ciphertext changed after signing", encrypted, func(p *push) {
			p.body = ptr("<xml><Encrypt>" + flip(string(goodEncrypt), 40) + "</Encrypt></xml>")
			p.msgSignature = ptr(util.Signature(account.Token, timestamp, testNonce, string(goodEncrypt)))
		}, wechat.ErrSignature},
		{"another appid in the ciphertext", encrypted, func(p *push) { p.sealedAppID = "wxffffffffffffffff" }, wechat.ErrAccount},
		{"an appid that only begins like ours", encrypted, func(p *push) { p.sealedAppID = account.AppID + "0" }, wechat.ErrAccount},
		{"another key", encrypted, func(p *push) { p.aesKey = otherKey }, wechat.ErrDecrypt},
		{"bad padding", encrypted, func(p *push) { p.encrypt = badPadding }, wechat.ErrDecrypt},
		{"ciphertext that is not base64", encrypted, func(p *push) { p.encrypt = "%%%%" }, wechat.ErrDecrypt},
		{"wrong account in the message", every, func(p *push) {
			p.plain = foreign
			p.outer = "<ToUserName>" + account.OriginalID + "</ToUserName>"
			if p.account.Mode == wechat.ModeCompat {
				p.outer = "<MsgType>event</MsgType>"
			}
		}, wechat.ErrAccount},
		{"wrong account beside the ciphertext", encrypted, func(p *push) { p.outer = "<ToUserName>gh_someoneelse</ToUserName>" }, wechat.ErrAccount},
		{"no account in the message", every, func(p *push) {
			p.plain = strings.Replace(good, "ToUserName", "To", 2)
			p.outer = "<MsgType>event</MsgType>"
		}, wechat.ErrAccount},
		{"plaintext that contradicts: person", []wechat.Mode{wechat.ModeCompat}, func(p *push) {
			p.outer = strings.TrimSuffix(strings.TrimPrefix(strings.Replace(good, testOpenID, "oSomebodyElse", 1), "<xml>"), "</xml>")
		}, wechat.ErrContradiction},
		{"plaintext that contradicts: scene", []wechat.Mode{wechat.ModeCompat}, func(p *push) { p.outer = "<EventKey>other</EventKey>" }, wechat.ErrContradiction},
		{"plaintext that adds", []wechat.Mode{wechat.ModeCompat}, func(p *push) { p.outer = "<Content>more</Content>" }, wechat.ErrContradiction},
		{"encrypted push in plain mode", []wechat.Mode{wechat.ModePlain}, func(p *push) {
			p.body = ptr("<xml><ToUserName>" + account.OriginalID + "</ToUserName><Encrypt>" + string(goodEncrypt) + "</Encrypt></xml>")
		}, wechat.ErrMode},
		{"an hour and a second old", every, func(p *push) { p.at = testNow.Add(-time.Hour - time.Second) }, wechat.ErrStale},
		{"signed years ahead", every, func(p *push) { p.at = testNow.AddDate(3, 0, 0) }, wechat.ErrStale},
		{"empty body", every, func(p *push) { p.body = ptr("") }, wechat.ErrMalformed},
		{"too large", every, func(p *push) { p.body = ptr(good + strings.Repeat(" ", wechat.MaxBody)) }, wechat.ErrMalformed},
	}
	for _, tc := range cases {
		for _, mode := range tc.modes {
			t.Run(tc.name+"/"+string(mode), func(t *testing.T) {
				account := account
				account.Mode = mode
				p := newPush(account, good)
				tc.change(&p)
				m, err := testCallback(t, account).Open(p.build(t))
				require.ErrorIs(t, err, tc.want)
				require.Zero(t, m, "nothing of a refused push is handed on")
			})
		}
	}
}

func TestParametersOfTheSignature(t *testing.T) {
	for _, mode := range modes() {
		account := testAccount(mode)
		c := testCallback(t, account)
		for _, name := range []string{"signature", "msg_signature", "timestamp", "nonce"} {
			q, body := newPush(account, textXML(account, "hi")).build(t)
			if len(q[name]) == 0 {
				continue
			}
			good := q.Get(name)
			for _, values := range [][]string{{good, good}, {good, "x"}, {"x", good}, {""}, {good + " "}, {strings.ToUpper(good) + "\n"}} {
				q[name] = values
				_, err := c.Open(q, body)
				require.ErrorIs(t, err, wechat.ErrSignature, "%s %s %q", mode, name, values)
			}
		}
	}
}

func TestSignatureDoesNotMoveBetweenParameters(t *testing.T) {
	// The signature hashes sorted, concatenated strings: it cannot tell where one ends. A recorded plain push must not be
	// given another timestamp by exchanging timestamp and nonce, or by moving digits from one to the other.
	account := testAccount(wechat.ModePlain)
	c := testCallback(t, account)
	later := testNow.Add(48 * time.Hour)
	c.Now = func() time.Time { return later }
	p := newPush(account, textXML(account, "hi"))
	for _, nonce := range []string{"1514711492", "2147483647", "9876543210", "42", strings.Repeat("7", 30)} {
		p.nonce = nonce
		q, body := p.build(t)
		all := []string{q.Get("timestamp"), q.Get("nonce")}
		if all[0] > all[1] {
			all[0], all[1] = all[1], all[0]
		}
		joined := all[0] + all[1]
		for cut := range len(joined) {
			for _, order := range [][2]string{{joined[:cut], joined[cut:]}, {joined[cut:], joined[:cut]}} {
				q.Set("timestamp", order[0])
				q.Set("nonce", order[1])
				_, err := c.Open(q, body)
				require.Error(t, err, "%q", order)
			}
		}
	}
}
