package wechat

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"qiao/wechatflow/wechat/crypt"
)

// Success is the answer to a push that needs no reply. It is never encrypted.
const Success = "success"

// Reply makes the answer that shows a text in the person's chat, sealed where the push was: with the key that opened
// it, and the nonce of the push. The text may hold <a href="…"> links; what comes from people must be escaped by the
// caller.
func (c *Callback) Reply(m Message, text string, now time.Time) ([]byte, error) {
	if m.FromUser == "" || m.ToUser != c.account.OriginalID {
		return nil, errors.New("reply to push: the message is not one that this account opened")
	}
	if strings.TrimSpace(text) == "" { // the platform would tell the person that the service is out of order
		return nil, errors.New("reply to push: the text is empty")
	}
	plain := "<xml>" +
		"<ToUserName>" + cdata(m.FromUser) + "</ToUserName>" +
		"<FromUserName>" + cdata(m.ToUser) + "</FromUserName>" +
		"<CreateTime>" + strconv.FormatInt(now.Unix(), 10) + "</CreateTime>" +
		"<MsgType><![CDATA[text]]></MsgType>" +
		"<Content>" + cdata(text) + "</Content>" +
		"</xml>"
	if c.account.Mode == ModePlain {
		return []byte(plain), nil
	}
	if m.key == nil {
		return nil, errors.New("reply to push: the message was not opened with a key")
	}
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("reply to push: %w", err)
	}
	timestamp := strconv.FormatInt(now.Unix(), 10)
	encrypted := crypt.Encrypt(*m.key, c.account.AppID, []byte(plain), random)
	return []byte("<xml>" +
		"<Encrypt>" + cdata(encrypted) + "</Encrypt>" +
		"<MsgSignature>" + cdata(crypt.Signature(c.account.Token, timestamp, m.nonce, encrypted)) + "</MsgSignature>" +
		"<TimeStamp>" + timestamp + "</TimeStamp>" +
		"<Nonce>" + cdata(m.nonce) + "</Nonce>" +
		"</xml>"), nil
}

// cdata quotes a text. The end mark within it is split over two sections, or the text could end its element and begin
// another. What XML cannot carry becomes U+FFFD.
func cdata(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 {
			return r
		}
		return utf8.RuneError
	}, text)
	return "<![CDATA[" + strings.ReplaceAll(text, "]]>", "]]]]><![CDATA[>") + "]]>"
}
