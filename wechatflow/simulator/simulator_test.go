package simulator_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/silenceper/wechat/v2/util"
	"github.com/stretchr/testify/require"

	"qiao/wechatflow/simulator"
)

// stage is a simulator with a callback, driven over plain HTTP.
type stage struct {
	t        *testing.T
	sim      *simulator.Simulator
	base     string
	callback *callback
	account  simulator.Account
	logs     *syncBuffer
}

// retryPause is what the tests wait for between deliveries.
const retryPause = 60 * time.Millisecond

var start = time.Date(2025, 7, 1, 4, 0, 0, 0, time.UTC)

func mainAccount(mode string) simulator.Account {
	return simulator.Account{
		Name: "main", DisplayName: "桥", AppID: "wx1111111111111111", AppSecret: "secret-of-main-0123456789abcdef",
		OriginalID: "gh_main0000001", Token: "tokenOfMain", AESKey: "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", Mode: mode,
	}
}

func secondAccount() simulator.Account {
	return simulator.Account{
		Name: "second", DisplayName: "第二", AppID: "wx2222222222222222", AppSecret: "secret-of-second-0123456789abcde",
		OriginalID: "gh_second00002", Token: "tokenOfSecond", Mode: "plain",
	}
}

// newStage starts a simulator for the account (and others) whose callback answers `success` at first. Its own clock
// stands still, so that only POST /sim/clock moves time.
func newStage(t *testing.T, account simulator.Account, others ...simulator.Account) *stage {
	t.Helper()
	return newImpatientStage(t, 0, account, others...)
}

// newImpatientStage gives up on a delivery sooner than the platform does.
func newImpatientStage(t *testing.T, answerWithin time.Duration, account simulator.Account, others ...simulator.Account) *stage {
	t.Helper()
	s := &stage{t: t, account: account, logs: &syncBuffer{}}
	s.callback = newCallback(t, account)
	account.CallbackURL = s.callback.URL + "/wechat/main"
	sim, err := simulator.New(simulator.Config{
		Accounts: append([]simulator.Account{account}, others...),
		Log:      slog.New(slog.NewTextHandler(s.logs, nil)),
		Now:      func() time.Time { return start }, AnswerWithin: answerWithin, RetryPause: retryPause,
	})
	require.NoError(t, err)
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(func() {
		server.Close()
		sim.Close()
	})
	s.sim, s.base = sim, server.URL
	return s
}

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

// answer is what a call came back with.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

func (a answer) into(v any) {
	a.t.Helper()
	require.NoError(a.t, json.Unmarshal([]byte(a.body), v), a.body)
}

func (a answer) members() map[string]any {
	a.t.Helper()
	var m map[string]any
	a.into(&m)
	return m
}

// code is the errcode, 0 if there is none.
func (a answer) code() int {
	a.t.Helper()
	require.Equal(a.t, http.StatusOK, a.status, a.body)
	var e struct {
		Errcode int `json:"errcode"`
	}
	a.into(&e)
	return e.Errcode
}

func (s *stage) do(req *http.Request) answer {
	s.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	require.NoError(s.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return answer{s.t, res.StatusCode, res.Header, string(body)}
}

func (s *stage) get(path string, query ...string) answer {
	s.t.Helper()
	q := url.Values{}
	for i := 0; i < len(query); i += 2 {
		q.Set(query[i], query[i+1])
	}
	req, err := http.NewRequest(http.MethodGet, s.base+path+"?"+q.Encode(), nil)
	require.NoError(s.t, err)
	return s.do(req)
}

// post sends JSON: v itself where it is a string.
func (s *stage) post(path string, v any) answer {
	s.t.Helper()
	body, isText := v.(string)
	if !isText && v != nil {
		encoded, err := json.Marshal(v)
		require.NoError(s.t, err)
		body = string(encoded)
	}
	req, err := http.NewRequest(http.MethodPost, s.base+path, strings.NewReader(body))
	require.NoError(s.t, err)
	req.Header.Set("Content-Type", "application/json")
	return s.do(req)
}

type object map[string]any

// control posts to the control API and expects it to work.
func (s *stage) control(path string, v any) answer {
	s.t.Helper()
	a := s.post(path, v)
	require.Contains(s.t, []int{200, 201}, a.status, a.body)
	return a
}

func (s *stage) advance(d time.Duration) {
	s.t.Helper()
	s.control("/sim/clock", object{"advance_s": d.Seconds()})
}

type somebody struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	UnionID string            `json:"unionid"`
	OpenIDs map[string]string `json:"openids"`
	openID  string            // at the main account
}

func (s *stage) person() somebody {
	s.t.Helper()
	var p somebody
	s.control("/sim/people", object{"name": "小明"}).into(&p)
	p.openID = p.OpenIDs[s.account.AppID]
	return p
}

func (s *stage) follower() somebody {
	s.t.Helper()
	p := s.person()
	s.control("/sim/people/"+p.ID+"/follow", object{"account": s.account.Name})
	s.callback.forget()
	return p
}

func (s *stage) stable(a simulator.Account) string {
	s.t.Helper()
	var out struct {
		AccessToken string `json:"access_token"`
	}
	s.post("/cgi-bin/stable_token", object{"grant_type": "client_credential", "appid": a.AppID, "secret": a.AppSecret}).into(&out)
	require.NotEmpty(s.t, out.AccessToken)
	return out.AccessToken
}

type qrcode struct {
	Ticket        string `json:"ticket"`
	ExpireSeconds int    `json:"expire_seconds"`
	URL           string `json:"url"`
}

func (s *stage) qr(scene string, seconds int) qrcode {
	s.t.Helper()
	var c qrcode
	a := s.post("/cgi-bin/qrcode/create?access_token="+s.stable(s.account), object{
		"action_name": "QR_STR_SCENE", "expire_seconds": seconds,
		"action_info": object{"scene": object{"scene_str": scene}},
	})
	require.Zero(s.t, a.code(), a.body)
	a.into(&c)
	return c
}

func (s *stage) scan(p somebody, qr string) map[string]any {
	s.t.Helper()
	return s.control("/sim/people/"+p.ID+"/scan", object{"qr": qr}).members()
}

type chatMessage struct {
	N       int64    `json:"n"`
	Account string   `json:"account"`
	Kind    string   `json:"kind"`
	Text    string   `json:"text"`
	Links   []string `json:"links"`
}

func (s *stage) chat(p somebody) []chatMessage {
	s.t.Helper()
	var list []chatMessage
	s.get("/sim/people/"+p.ID+"/messages", "since", "0").into(&list)
	return list
}

// eventually waits for what a goroutine does.
func (s *stage) eventually(what func() bool, why string) {
	s.t.Helper()
	require.Eventually(s.t, what, 5*time.Second, time.Millisecond, why)
}

func jar(t *testing.T) *http.Client {
	t.Helper()
	j, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &http.Client{Jar: j}
}

// stageOn drives a simulator that the test has made itself.
func stageOn(t *testing.T, sim *simulator.Simulator, account simulator.Account, c *callback) *stage {
	t.Helper()
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	return &stage{t: t, sim: sim, base: server.URL, callback: c, account: account, logs: &syncBuffer{}}
}

func jsonBody(v any) io.Reader {
	encoded, _ := json.Marshal(v)
	return bytes.NewReader(encoded)
}

func decodeToken(res *http.Response) string {
	defer res.Body.Close()
	var out struct {
		AccessToken string `json:"access_token"`
	}
	_ = json.NewDecoder(res.Body).Decode(&out)
	return out.AccessToken
}
