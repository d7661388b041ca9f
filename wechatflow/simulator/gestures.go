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
	return s.perform(r, func() (gesture, *delivery, error) {
		p, err := s.personOf(r)
		if err != nil {
			return gesture{}, nil, err
		}
		if !strings.HasPrefix(in.QR, codePrefix) {
			return scanOther(in.QR), nil, nil
		}
		c := s.codes[in.QR]
		switch {
		case c == nil:
			return gesture{Outcome: outcomeUnknown}, nil, nil
		case c.expired(s.now()):
			return gesture{Outcome: outcomeExpired, Account: c.account.Name}, nil, nil
		}
		rel := p.relations[c.account.Name]
		if !rel.following {
			rel.prompt, rel.promptedAt = c, s.now()
			return rel.outcome(outcomeFollowPrompt), nil, nil
		}
		rel.allow(afterScan, s.now())
		s.note(rel, "scanned")
		return rel.outcome(outcomeEvent), s.push(rel, eventXML(rel, s.now(), "SCAN", c.scene, c.ticket), false), nil
	})
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
	return s.act(r, func(rel *relation) (gesture, *delivery, error) {
		if rel.following {
			return rel.outcome(outcomeNothing), nil, nil
		}
		led, key, ticket := rel.prompt, "", ""
		if led != nil {
			key, ticket = "qrscene_"+led.scene, led.ticket
		}
		rel.following, rel.followedAt, rel.followedWith, rel.prompt = true, s.now(), led, nil
		rel.allow(afterFollow, s.now())
		s.note(rel, "followed")
		return rel.outcome(outcomeEvent), s.push(rel, eventXML(rel, s.now(), "subscribe", key, ticket), false), nil
	})
}

// unfollow leaves the account. Whatever it answers reaches nobody.
func (s *Simulator) unfollow(r *http.Request) (any, error) {
	return s.act(r, func(rel *relation) (gesture, *delivery, error) {
		if !rel.following {
			return rel.outcome(outcomeNothing), nil, nil
		}
		rel.following, rel.followedWith, rel.prompt = false, nil, nil
		rel.allowances = [3]allowance{}
		s.note(rel, "unfollowed")
		return rel.outcome(outcomeEvent), s.push(rel, eventXML(rel, s.now(), "unsubscribe", "", ""), true), nil
	})
}

// act performs a gesture that says nothing but its account.
func (s *Simulator) act(r *http.Request, do func(*relation) (gesture, *delivery, error)) (any, error) {
	var in struct {
		Account string `json:"account"`
	}
	if err := readJSON(r, &in); err != nil {
		return nil, err
	}
	return s.perform(r, func() (gesture, *delivery, error) {
		rel, err := s.relationOf(r, in.Account)
		if err != nil {
			return gesture{}, nil, err
		}
		return do(rel)
	})
}

// perform runs a gesture while it holds the mutex, and then waits for the answer to what was pushed.
func (s *Simulator) perform(r *http.Request, do func() (gesture, *delivery, error)) (any, error) {
	s.mu.Lock()
	if s.inFlight >= maxInFlight {
		s.mu.Unlock()
		return nil, refusal{http.StatusServiceUnavailable, "too many pushes wait for an answer"}
	}
	done, sent, err := do()
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if sent != nil {
		s.await(r.Context(), sent)
	}
	return done, nil
}

func (r *relation) outcome(what string) gesture {
	return gesture{Outcome: what, Account: r.account.Name}
}
