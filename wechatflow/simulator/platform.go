package simulator

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// platformCall is one call of the platform's API.
type platformCall struct {
	path   string
	method string // empty: any
	token  bool   // carries an access token; others check their credentials themselves
	do     func(*call) (any, error)
}

// platformCalls is the table of calls. Those that answer with a page or a picture are in Handler.
func (s *Simulator) platformCalls() []platformCall {
	return []platformCall{
		{"/cgi-bin/token", "", false, s.token},
		{"/cgi-bin/stable_token", http.MethodPost, false, s.stableToken},
		{"/cgi-bin/qrcode/create", http.MethodPost, true, s.createQR},
		{"/cgi-bin/user/info", "", true, s.userInfo},
		{"/cgi-bin/message/custom/send", http.MethodPost, true, s.sendCustom},
		{"/cgi-bin/menu/create", http.MethodPost, true, s.createMenu},
		{"/cgi-bin/menu/get", "", true, s.getMenu},
		{"/cgi-bin/menu/delete", "", true, s.deleteMenu},
		{"/cgi-bin/clear_quota", http.MethodPost, true, s.clearQuota},
		{"/sns/oauth2/access_token", "", false, s.oauthToken},
		{"/sns/userinfo", "", false, s.oauthUserInfo},
	}
}

// call is one call being answered. The mutex is held while it is.
type call struct {
	request *http.Request
	path    string
	body    []byte
	account *account // whose access token it carries
	now     time.Time
}

func (c *call) query(name string) string { return c.request.URL.Query().Get(name) }

// read takes the JSON body.
func (c *call) read(v any) error {
	if len(c.body) == 0 {
		return platformError(44002)
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		return platformError(47001)
	}
	return nil
}

// platform answers a call: HTTP 200 and JSON, whether it worked or not.
func (s *Simulator) platform(p platformCall) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if done := s.injectFault(w, r, p.path); done {
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			s.writePlatform(w, nil, platformError(45002))
			return
		}
		result, err := s.answer(p, &call{request: r, path: p.path, body: body})
		s.writePlatform(w, result, err)
	})
}

func (s *Simulator) answer(p platformCall, c *call) (any, error) {
	if p.method == http.MethodPost && c.request.Method != http.MethodPost {
		return nil, platformError(43002)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.now = s.now()
	if p.token {
		a, err := s.accountOfToken(c)
		if err != nil {
			return nil, err
		}
		c.account = a
		if err := s.count(a, p.path, c.now); err != nil {
			return nil, err
		}
	}
	return p.do(c)
}

func (s *Simulator) writePlatform(w http.ResponseWriter, result any, err error) {
	var code platformError
	if errors.As(err, &code) {
		result = code.body(s.lockedNow())
	}
	writeJSON(w, http.StatusOK, result)
}

func (s *Simulator) unknownCall(w http.ResponseWriter, _ *http.Request) {
	s.writePlatform(w, nil, platformError(40066))
}

// fine is the answer of calls that have nothing else to say.
func fine() any { return errcode{0, "ok"} }
