package wechat

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"qiao/wechatflow/wechat/crypt"
)

// Why a push was refused. Whoever sent it learns none of this; the operator's log does.
var (
	// ErrSignature: the push was not signed with the account's Token, or a parameter is missing or twice there.
	ErrSignature = errors.New("push is not signed with this account's token")
	// ErrStale: the signature is right, but its timestamp is not of our time. Either it was recorded and is replayed, or
	// this machine's clock is wrong.
	ErrStale = errors.New("push is signed for another time: replayed, or this machine's clock is wrong")
	// ErrMode: the body is encrypted where plaintext is configured, or the other way round.
	ErrMode = errors.New("push does not have the account's configured mode")
	// ErrDecrypt: neither the AES key nor the previous one opens it.
	ErrDecrypt = errors.New("push does not open with this account's AES keys")
	// ErrAccount: the message is for another AppID or another ToUserName.
	ErrAccount = errors.New("push is for another account")
	// ErrContradiction: in compat mode, the plaintext says something that the ciphertext does not.
	ErrContradiction = errors.New("push has a plaintext that contradicts its ciphertext")
	// ErrMalformed: the XML is not a message.
	ErrMalformed = errors.New("push is malformed")
)

// MaxBody is the size that a push may have.
const MaxBody = 64 << 10

// A push older than maxAge was recorded and is replayed: the platform gives up after three deliveries in 15 s. Ahead of
// our clock more is allowed; what is months ahead is a nonce that was put in the timestamp's place, which the signature
// (a hash of sorted, concatenated strings) would not notice.
const (
	maxAge   = time.Hour
	maxAhead = 60 * 24 * time.Hour
)

// Callback authenticates and opens one account's pushes, and seals the replies to them.
type Callback struct {
	// Now tells the age of a push. NewCallback sets time.Now; whoever has another clock replaces it before use.
	Now func() time.Time

	account Account
	keys    []crypt.Key // the current one, then the previous
}

// NewCallback checks the account's configuration.
func NewCallback(account Account) (*Callback, error) {
	if err := account.Validate(); err != nil {
		return nil, err
	}
	c := &Callback{Now: time.Now, account: account}
	for _, text := range []string{account.AESKey, account.PreviousAESKey} {
		if text == "" {
			continue
		}
		key, err := crypt.ParseKey(text)
		if err != nil {
			return nil, fmt.Errorf("parse AES key: %w", err)
		}
		c.keys = append(c.keys, key)
	}
	return c, nil
}

// Shapes of parameters that come before any signature is checked. They are narrow, because the signature does not say
// where one parameter ends and the next begins.
var (
	timestampShape = regexp.MustCompile(`^[0-9]{10}$`)
	nonceShape     = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)
	echoShape      = regexp.MustCompile(`^[\x20-\x7e]{1,512}$`)
)

// Verify answers the platform's URL verification: it returns the echostr to send back verbatim, as text/plain.
func (c *Callback) Verify(q url.Values) (echo string, err error) {
	p, err := c.params(q)
	if err != nil {
		return "", err
	}
	if p.signature == "" || !crypt.Verify(p.signature, c.account.Token, p.timestamp, p.nonce) {
		return "", ErrSignature
	}
	if err := c.checkAge(p); err != nil {
		return "", err
	}
	echo, err = only(q, "echostr")
	if err != nil || !echoShape.MatchString(echo) {
		return "", ErrMalformed
	}
	return echo, nil
}

// Open authenticates a push and returns its message. The parameters that say what the push is (encrypt_type, openid)
// are not read: whoever can write them could choose the checks.
func (c *Callback) Open(q url.Values, body []byte) (Message, error) {
	if len(body) > MaxBody {
		return Message{}, ErrMalformed
	}
	p, err := c.params(q)
	if err != nil {
		return Message{}, err
	}
	if c.account.Mode == ModePlain {
		return c.openPlain(p, body)
	}
	return c.openEncrypted(p, body)
}

func (c *Callback) openPlain(p params, body []byte) (Message, error) {
	if p.signature == "" || !crypt.Verify(p.signature, c.account.Token, p.timestamp, p.nonce) {
		return Message{}, ErrSignature
	}
	if err := c.checkAge(p); err != nil {
		return Message{}, err
	}
	fields, err := parseXML(body)
	if err != nil {
		return Message{}, err
	}
	if _, encrypted := fields["Encrypt"]; encrypted {
		return Message{}, ErrMode
	}
	return c.message(fields, p, nil)
}

func (c *Callback) openEncrypted(p params, body []byte) (Message, error) {
	outer, err := parseXML(body) // unauthenticated: only Encrypt is used until the signature over it is checked
	if err != nil {
		return Message{}, err
	}
	encrypted := outer["Encrypt"]
	if encrypted == "" {
		return Message{}, ErrMode
	}
	if !crypt.Verify(p.msgSignature, c.account.Token, p.timestamp, p.nonce, encrypted) {
		return Message{}, ErrSignature
	}
	// The platform signs twice. The second signature proves nothing more, but a wrong one was not made by it.
	if p.signature != "" && !crypt.Verify(p.signature, c.account.Token, p.timestamp, p.nonce) {
		return Message{}, ErrSignature
	}
	if err := c.checkAge(p); err != nil {
		return Message{}, err
	}
	plain, key, err := c.decrypt(encrypted)
	if err != nil {
		return Message{}, err
	}
	inner, err := parseXML(plain)
	if err != nil {
		return Message{}, err
	}
	if to, there := outer["ToUserName"]; there && to != c.account.OriginalID {
		return Message{}, ErrAccount
	}
	if c.account.Mode == ModeCompat && contradicts(outer, inner) {
		return Message{}, ErrContradiction
	}
	return c.message(inner, p, key)
}

// decrypt tries the current key and then the previous one, and says which it was: the reply is sealed with the same.
func (c *Callback) decrypt(encrypted string) ([]byte, *crypt.Key, error) {
	result := ErrDecrypt
	for i := range c.keys {
		plain, appID, err := crypt.Decrypt(c.keys[i], encrypted)
		if err != nil {
			continue
		}
		if appID == c.account.AppID {
			return plain, &c.keys[i], nil
		}
		result = ErrAccount // another account with the same Token and AES key, or noise that looks like a padding
	}
	return nil, nil, result
}

// contradicts reports whether the plaintext of a compat push says anything that its ciphertext does not.
func contradicts(outer, inner map[string]string) bool {
	for name, value := range outer {
		if name == "Encrypt" {
			continue
		}
		if sealed, there := inner[name]; !there || sealed != value {
			return true
		}
	}
	return false
}

type params struct {
	signature, msgSignature string // empty when absent
	timestamp, nonce        string
}

// params reads the parameters of the signature; each may be there once.
func (c *Callback) params(q url.Values) (params, error) {
	var p params
	for name, field := range map[string]*string{
		"signature": &p.signature, "msg_signature": &p.msgSignature, "timestamp": &p.timestamp, "nonce": &p.nonce,
	} {
		if !q.Has(name) {
			continue
		}
		value, err := only(q, name)
		if err != nil || value == "" {
			return params{}, ErrSignature
		}
		*field = value
	}
	if !timestampShape.MatchString(p.timestamp) || !nonceShape.MatchString(p.nonce) {
		return params{}, ErrSignature
	}
	return p, nil
}

// only returns a parameter that must be there exactly once: of two, the proxy in front and we might choose differently.
func only(q url.Values, name string) (string, error) {
	if len(q[name]) != 1 {
		return "", ErrSignature
	}
	return q[name][0], nil
}

// checkAge refuses recorded pushes. Timestamp and nonce are not remembered: the platform may use them again when it
// delivers again, so repetition is dealt with by DeliveryKey.
func (c *Callback) checkAge(p params) error {
	seconds, err := strconv.ParseInt(p.timestamp, 10, 64)
	if err != nil {
		return ErrSignature
	}
	age := c.Now().Sub(time.Unix(seconds, 0))
	if age > maxAge || age < -maxAhead {
		return ErrStale
	}
	return nil
}
