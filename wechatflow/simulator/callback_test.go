package simulator_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/silenceper/wechat/v2/util"
	"github.com/stretchr/testify/require"

	"qiao/wechatflow/simulator"
)

// syncBuffer is a log that tests read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// delivery is one request to the callback.
type delivery struct {
	method string
	query  url.Values
	body   string
	header http.Header
	gone   <-chan struct{} // closed when the platform hangs up
}

// callback is the server of the account.
type callback struct {
	*httptest.Server
	account simulator.Account
	mu      sync.Mutex
	got     []delivery
	answer  func(c *callback, d delivery, w http.ResponseWriter)
}

func newCallback(t *testing.T, account simulator.Account) *callback {
	c := &callback{account: account}
	c.answers("success")
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		d := delivery{method: r.Method, query: r.URL.Query(), body: string(body), header: r.Header}
		c.mu.Lock()
		c.got = append(c.got, d)
		answer := c.answer
		c.mu.Unlock()
		d.gone = r.Context().Done()
		answer(c, d, w)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *callback) does(f func(c *callback, d delivery, w http.ResponseWriter)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = f
}

func (c *callback) answers(body string) {
	c.does(func(_ *callback, _ delivery, w http.ResponseWriter) { _, _ = io.WriteString(w, body) })
}

func (c *callback) deliveries() []delivery {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]delivery(nil), c.got...)
}

func (c *callback) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = nil
}

// event is the XML of a push.
type event struct {
	XMLName      xml.Name `xml:"xml"`
	ToUserName   string
	FromUserName string
	CreateTime   int64
	MsgType      string
	Event        string
	EventKey     *string
	Ticket       *string
	Content      string
	MsgId        string //nolint:revive // the platform's spelling
	Encrypt      string
}

// open reads a push as another SDK does: it checks the signatures and decrypts with code that is not ours.
func (c *callback) open(t *testing.T, d delivery) event {
	t.Helper()
	timestamp, nonce := d.query.Get("timestamp"), d.query.Get("nonce")
	require.Equal(t, util.Signature(c.account.Token, timestamp, nonce), d.query.Get("signature"))
	var outer event
	require.NoError(t, xml.Unmarshal([]byte(d.body), &outer))
	if c.account.Mode == "plain" {
		require.Empty(t, outer.Encrypt)
		require.Empty(t, d.query.Get("encrypt_type"))
		return outer
	}
	require.Equal(t, "aes", d.query.Get("encrypt_type"))
	require.Equal(t, util.Signature(c.account.Token, timestamp, nonce, outer.Encrypt), d.query.Get("msg_signature"))
	_, plain, err := util.DecryptMsg(c.account.AppID, outer.Encrypt, c.account.AESKey)
	require.NoError(t, err)
	var inner event
	require.NoError(t, xml.Unmarshal(plain, &inner))
	require.Equal(t, c.account.OriginalID, outer.ToUserName)
	if c.account.Mode == "safe" {
		require.Empty(t, outer.FromUserName, "a safe body says nothing in clear")
	} else {
		require.Equal(t, inner.FromUserName, outer.FromUserName)
	}
	return inner
}

// events are the pushes so far.
func (s *stage) events() []event {
	s.t.Helper()
	var list []event
	for _, d := range s.callback.deliveries() {
		list = append(list, s.callback.open(s.t, d))
	}
	return list
}

// sealed encrypts a reply as another SDK does.
func sealed(a simulator.Account, nonce, plain string) string {
	text, err := util.EncryptMsg([]byte("0123456789abcdef"), []byte(plain), a.AppID, a.AESKey)
	if err != nil {
		panic(err)
	}
	return sealedReply(a.Token, nonce, string(text))
}

func sealedReply(token, nonce, encrypted string) string {
	timestamp := strconv.FormatInt(start.Unix(), 10)
	return fmt.Sprintf("<xml><Encrypt><![CDATA[%s]]></Encrypt><MsgSignature><![CDATA[%s]]></MsgSignature>"+
		"<TimeStamp>%s</TimeStamp><Nonce><![CDATA[%s]]></Nonce></xml>",
		encrypted, util.Signature(token, timestamp, nonce, encrypted), timestamp, nonce)
}

func textReply(to, from, created, content string) string {
	return fmt.Sprintf("<xml><ToUserName><![CDATA[%s]]></ToUserName><FromUserName><![CDATA[%s]]></FromUserName>"+
		"<CreateTime>%s</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[%s]]></Content></xml>",
		to, from, created, content)
}

// repliesText makes the callback reply with a text in the account's mode.
func (s *stage) repliesText(content string) {
	s.callback.does(func(c *callback, d delivery, w http.ResponseWriter) {
		reply := textReply(d.query.Get("openid"), c.account.OriginalID, "1751342400", content)
		if c.account.Mode == "safe" {
			reply = sealed(c.account, d.query.Get("nonce"), reply)
		}
		_, _ = io.WriteString(w, reply)
	})
}
