package simulator

import (
	"net/http"
	"strings"
)

// textMessage is a text message that the demo's sender delivered.
type textMessage struct {
	N    int64  `json:"n"`
	To   string `json:"to"`
	Text string `json:"text"`
	Code string `json:"code"`
	At   int64  `json:"at"` // Unix seconds
}

// receiveSMS takes a text message from the demo's sender.
func (s *Simulator) receiveSMS(r *http.Request) (any, error) {
	var in struct {
		To   string `json:"to"`
		Text string `json:"text"`
		Code string `json:"code"`
	}
	if err := readJSON(r, &in); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(in.To, "+") || len(in.To) < 5 || len(in.To) > 16 || strings.Trim(in.To[1:], "0123456789") != "" {
		return nil, malformed("to is a number in E.164, such as +8613800001234")
	}
	if in.Text == "" || len(in.Text) > 2048 || len(in.Code) > 64 {
		return nil, malformed("text is what the message says, code the code in it")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	s.sms = append(s.sms, textMessage{N: s.n, To: in.To, Text: in.Text, Code: in.Code, At: s.now().Unix()})
	if over := len(s.sms) - maxSMS; over >= maxSMS/10 { // in steps: moving all for each message is slow
		s.sms = append(s.sms[:0], s.sms[over:]...)
	}
	return created{struct {
		N int64 `json:"n"`
	}{s.n}}, nil
}

// listSMS lists the text messages to a number from one message on. A + in a query is a space, so that is a + too.
func (s *Simulator) listSMS(r *http.Request) (any, error) {
	since, err := sinceOf(r)
	if err != nil {
		return nil, err
	}
	to := strings.ReplaceAll(r.URL.Query().Get("to"), " ", "+")
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.smsSince(to, since), nil
}

func (s *Simulator) smsSince(to string, since int64) []textMessage {
	first := len(s.sms)
	for first > 0 && s.sms[first-1].N > since {
		first--
	}
	list := []textMessage{}
	for _, m := range s.sms[first:] {
		if to == "" || m.To == to {
			list = append(list, m)
		}
	}
	return list
}
