package simulator

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

const maxRawPushes = 1000

// pushed is what came back from one raw push.
type pushed struct {
	Status int    `json:"status"` // 0: no answer in time
	Body   string `json:"body"`
	Reply  string `json:"reply,omitempty"` // the body's reply in clear, if it is an acceptable one of its mode
}

// rawPush posts any XML to the callback, also wrong on purpose. It is what somebody who is not the platform would do:
// the phone shows nothing of it.
func (s *Simulator) rawPush(r *http.Request) (any, error) {
	var in struct {
		Account   string            `json:"account"`
		XML       string            `json:"xml"`
		Signature string            `json:"signature"`
		Mode      string            `json:"mode"`
		Times     int               `json:"times"`
		DelayMS   int               `json:"delay_ms"` // before each push
		Query     map[string]string `json:"query"`    // laid over the signed query
		AppID     string            `json:"appid"`    // to encrypt for, instead of the account's own
	}
	if err := readJSON(r, &in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	found, err := s.accountOf(in.Account)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	a := *found
	s.mu.Unlock()
	if in.Mode == "" {
		in.Mode = a.Mode
	}
	if in.Times == 0 {
		in.Times = 1
	}
	switch {
	case in.XML == "":
		return nil, malformed("xml is the body to push")
	case in.Signature != "" && in.Signature != "good" && in.Signature != "bad" && in.Signature != "none":
		return nil, malformed("signature is good, bad or none")
	case in.Mode != modePlain && in.Mode != modeCompat && in.Mode != modeSafe:
		return nil, malformed("mode is plain, compat or safe")
	case in.Mode != modePlain && !a.hasKey:
		return nil, malformed("this account has no AES key")
	case in.Times < 0 || in.Times > maxRawPushes:
		return nil, malformed("times is 1 to 1000")
	case in.DelayMS < 0 || in.DelayMS > 60_000:
		return nil, malformed("delay_ms is 0 to 60000")
	case a.CallbackURL == "":
		return nil, malformed("this account has no callback")
	}
	answers := make([]pushed, 0, in.Times)
	for range in.Times {
		if !wait(r.Context(), s.ctx, time.Duration(in.DelayMS)*time.Millisecond) {
			return nil, refusal{http.StatusServiceUnavailable, "the push was interrupted"}
		}
		answers = append(answers, s.pushRaw(r.Context(), &a, forgery{in.Mode, in.Signature, in.XML, in.AppID, in.Query}))
	}
	return struct {
		pushed           // the last one
		Answers []pushed `json:"answers"`
	}{answers[len(answers)-1], answers}, nil
}

// forgery is a raw push, with what is wrong about it.
type forgery struct {
	mode, signature, body, appID string
	query                        map[string]string
}

func (s *Simulator) pushRaw(ctx context.Context, a *account, f forgery) pushed {
	var addressed replyXML
	_ = parseXML([]byte(f.body), &addressed) // not well-formed on purpose: then the reply has no addressee
	from := *a
	if f.appID != "" {
		from.AppID = f.appID
	}
	e := wrap(&from, f.mode, f.body, addressed.FromUserName, s.lockedNow())
	spoil(e.query, f.signature)
	for name, value := range f.query {
		e.query.Set(name, value)
	}
	status, answer, err := s.post(ctx, a.CallbackURL, e)
	if err != nil {
		return pushed{}
	}
	out := pushed{Status: status, Body: string(answer)}
	if accepted, err := readReply(a, f.mode, addressed.FromUserName, e.nonce, answer); err == nil && status == http.StatusOK {
		for _, p := range accepted.parts {
			out.Reply += p.Text
		}
	}
	return out
}

// spoil changes or removes the signatures.
func spoil(query url.Values, how string) {
	for _, name := range []string{"signature", "msg_signature"} {
		value := query.Get(name)
		switch {
		case value == "" || how == "" || how == "good":
		case how == "none":
			query.Del(name)
		case value[0] == '0':
			query.Set(name, "1"+value[1:])
		default:
			query.Set(name, "0"+value[1:])
		}
	}
}

// verifyCallback does what the platform does when the operator saves the server URL: a GET whose echostr must come
// back as it is.
func (s *Simulator) verifyCallback(r *http.Request) (any, error) {
	var in struct {
		Account string `json:"account"`
	}
	if err := readJSON(r, &in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	found, err := s.accountOf(in.Account)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	a := *found
	s.mu.Unlock()
	if a.CallbackURL == "" {
		return nil, malformed("this account has no callback")
	}
	e := wrap(&a, modePlain, "", "", s.lockedNow())
	echo := newNonce() + newNonce()
	e.query.Set("echostr", echo)
	status, body, err := s.request(r.Context(), http.MethodGet, a.CallbackURL, e.query, "")
	return struct {
		OK     bool `json:"ok"`
		Status int  `json:"status"`
	}{err == nil && status == http.StatusOK && string(body) == echo, status}, nil
}

// wait reports false when one of the contexts ended first.
func wait(ctx, other context.Context, d time.Duration) bool {
	if d == 0 {
		return ctx.Err() == nil && other.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-other.Done():
	}
	return false
}
