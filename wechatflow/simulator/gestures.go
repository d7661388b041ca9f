package simulator

import (
	"net/http"
	"net/url"
	"strings"
)

// What a person's gesture came to.
const (
	outcomeEvent        = "event"         // the platform pushed an event
	outcomeFollowPrompt = "follow_prompt" // the account's card with the 关注 button
	outcomePage         = "page"          // a web page
	outcomeExpired      = "expired"
	outcomeUnknown      = "unknown"
	outcomeNothing      = "nothing" // followed, or not followed, already
)

type gesture struct {
	Outcome string `json:"outcome"`
	Account string `json:"account,omitempty"`
	URL     string `json:"url,omitempty"`
}

// codePrefix begins the text of every parametric QR code.
const codePrefix = "http://weixin.qq.com/q/"

// scan looks at a QR code with the person's phone. A parametric code of an account that the person follows pushes SCAN;
// without a follow nothing is pushed yet, but the scan is remembered for the follow.
func (s *Simulator) scan(r *http.Request) (any, error) {
	var in struct {
		QR string `json:"qr"`
	}
	if err := readJSON(r, &in); err != nil {
		return nil, err
	}
	if in.QR == "" {
		return nil, malformed("qr is the text of the code")
	}
	s.mu.Lock()
	p, err := s.personOf(r)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	if !strings.HasPrefix(in.QR, codePrefix) {
		s.mu.Unlock()
		return scanOther(in.QR), nil
	}
	c := s.codes[in.QR]
	switch {
	case c == nil:
		s.mu.Unlock()
		return gesture{Outcome: outcomeUnknown}, nil
	case c.expired(s.now()):
		s.mu.Unlock()
		return gesture{Outcome: outcomeExpired, Account: c.account.Name}, nil
	}
	rel := p.relations[c.account.Name]
	if !rel.following {
		rel.prompt, rel.promptedAt = c, s.now()
		s.mu.Unlock()
		return gesture{Outcome: outcomeFollowPrompt, Account: c.account.Name}, nil
	}
	rel.allow(afterScan, s.now())
	s.note(rel, "scanned")
	sent, err := s.push(rel, eventXML(rel, s.now(), "SCAN", c.scene, c.ticket), false)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	s.await(r.Context(), sent)
	return gesture{Outcome: outcomeEvent, Account: c.account.Name}, nil
}

// scanOther is a code that is not the platform's: a web address opens as a page.
func scanOther(text string) gesture {
	u, err := url.Parse(text)
	if err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
		return gesture{Outcome: outcomePage, URL: text}
	}
	return gesture{Outcome: outcomeUnknown}
}

// follow taps 关注, with the scan that led here, if one did.
func (s *Simulator) follow(r *http.Request) (any, error) {
	return s.act(r, func(rel *relation) (*delivery, error) {
		if rel.following {
			return nil, nil
		}
		led := rel.prompt
		rel.following, rel.followedAt, rel.followedWith, rel.prompt = true, s.now(), led, nil
		rel.allow(afterFollow, s.now())
		s.note(rel, "followed")
		if led == nil {
			return s.push(rel, eventXML(rel, s.now(), "subscribe", "", ""), false)
		}
		return s.push(rel, eventXML(rel, s.now(), "subscribe", "qrscene_"+led.scene, led.ticket), false)
	})
}

// unfollow leaves the account. Whatever it answers reaches nobody.
func (s *Simulator) unfollow(r *http.Request) (any, error) {
	return s.act(r, func(rel *relation) (*delivery, error) {
		if !rel.following {
			return nil, nil
		}
		rel.following, rel.followedWith, rel.prompt = false, nil, nil
		rel.allowances = [3]allowance{}
		s.note(rel, "unfollowed")
		return s.push(rel, eventXML(rel, s.now(), "unsubscribe", "", ""), true)
	})
}

// act runs a gesture that concerns one account, and waits for the answer to what it pushed.
func (s *Simulator) act(r *http.Request, do func(*relation) (*delivery, error)) (any, error) {
	var in struct {
		Account string `json:"account"`
	}
	if err := readJSON(r, &in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	rel, err := s.relationOf(r, in.Account)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	sent, err := do(rel)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if sent == nil {
		return gesture{Outcome: outcomeNothing, Account: rel.account.Name}, nil
	}
	s.await(r.Context(), sent)
	return gesture{Outcome: outcomeEvent, Account: rel.account.Name}, nil
}
