package simulator

import (
	"crypto/rand"
	"encoding/binary"
	"net/url"
	"strconv"
	"strings"
	"time"

	"qiao/wechatflow/wechat/crypt"
)

// The modes of a callback.
const (
	modePlain  = "plain"
	modeCompat = "compat"
	modeSafe   = "safe"
)

// envelope is one push, ready to be posted.
type envelope struct {
	query url.Values
	body  string
	nonce string
}

// wrap signs a body, and encrypts it where the mode says so. Timestamp, nonce and ciphertext are fresh for each
// delivery: whether the platform repeats them is unknown, so nobody may rely on it.
func wrap(a *account, mode, body, openID string, now time.Time) envelope {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	nonce := newNonce()
	e := envelope{nonce: nonce, body: body, query: url.Values{
		"signature": {crypt.Signature(a.Token, timestamp, nonce)},
		"timestamp": {timestamp},
		"nonce":     {nonce},
	}}
	if openID != "" {
		e.query.Set("openid", openID)
	}
	if mode == modePlain {
		return e
	}
	var salt [16]byte
	_, _ = rand.Read(salt[:])
	sealed := crypt.Encrypt(a.key, a.AppID, []byte(body), salt)
	e.query.Set("encrypt_type", "aes")
	e.query.Set("msg_signature", crypt.Signature(a.Token, timestamp, nonce, sealed))

	var b strings.Builder
	if mode == modeCompat && strings.HasSuffix(body, "</xml>") {
		b.WriteString(strings.TrimSuffix(body, "</xml>"))
	} else {
		b.WriteString("<xml>")
		element(&b, "ToUserName", a.OriginalID)
	}
	element(&b, "Encrypt", sealed)
	b.WriteString("</xml>")
	e.body = b.String()
	return e
}

// newNonce is a decimal number, as the platform's are.
func newNonce() string {
	var buf [4]byte
	_, _ = rand.Read(buf[:])
	return strconv.FormatUint(uint64(binary.BigEndian.Uint32(buf[:])), 10)
}
