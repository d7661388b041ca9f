package simulator_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

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
