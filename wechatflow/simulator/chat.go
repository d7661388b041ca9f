package simulator

import (
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The kinds of what stands in the chat. The last two are shown by the phone page only.
const (
	kindText  = "text"
	kindNews  = "news"
	kindFault = "fault"
	kindOwn   = "own"  // what the person sent
	kindNote  = "note" // what the person did: followed, unfollowed, scanned
)

// faultNotice is what WeChat shows when an account's server does not answer, or answers nonsense.
const faultNotice = "该公众号提供的服务出现故障，请稍后再试"

// message is one line of the chat as the phone shows it.
type message struct {
	N       int64    `json:"n"`
	Account string   `json:"account"`
	Kind    string   `json:"kind"`
	Text    string   `json:"text"`  // without markup
	Links   []string `json:"links"` // in the order of the text
	Parts   []part   `json:"parts"` // the text again, cut where links begin and end
	At      int64    `json:"at"`    // Unix seconds
}

// sendText sends a chat message, which opens the window for customer messages.
func (s *Simulator) sendText(r *http.Request) (any, error) {
	var in struct {
		Account string `json:"account"`
		Content string `json:"content"`
	}
	if err := readJSON(r, &in); err != nil {
		return nil, err
	}
	if in.Content == "" || utf8.RuneCountInString(in.Content) > 2048 || !printable(in.Content) {
		return nil, malformed("content is a text of 1 to 2048 characters")
	}
	return s.perform(r, func() (gesture, *delivery, error) {
		rel, err := s.followingOf(r, in.Account)
		if err != nil {
			return gesture{}, nil, err
		}
		rel.allow(afterText, s.now())
		s.show(rel, kindOwn, []part{{Text: in.Content}})
		s.msgID++
		return rel.outcome(outcomeEvent), s.push(rel, textXML(rel, s.now(), in.Content, s.msgID), false), nil
	})
}

// messages lists the chat from a number on.
func (s *Simulator) messages(r *http.Request) (any, error) {
	since, err := sinceOf(r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.personOf(r)
	if err != nil {
		return nil, err
	}
	return p.chatSince(since, r.URL.Query().Get("own") == "1"), nil
}

// chatSince returns what came after a number, with or without the person's own part.
func (p *person) chatSince(since int64, own bool) []message {
	list := []message{}
	for _, m := range p.chat {
		if m.N > since && (own || m.Kind != kindOwn && m.Kind != kindNote) {
			list = append(list, m)
		}
	}
	return list
}

func sinceOf(r *http.Request) (int64, error) {
	text := r.URL.Query().Get("since")
	if text == "" {
		return 0, nil
	}
	since, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, malformed("since is the number of a message")
	}
	return since, nil
}

// show puts a line into the chat. The caller holds the mutex.
func (s *Simulator) show(rel *relation, kind string, parts []part) {
	s.n++
	m := message{N: s.n, Account: rel.account.Name, Kind: kind, Links: []string{}, Parts: parts, At: s.now().Unix()}
	for _, p := range parts {
		m.Text += p.Text
		if p.URL != "" {
			m.Links = append(m.Links, p.URL)
		}
	}
	p := rel.person
	p.chat = append(p.chat, m)
	if over := len(p.chat) - maxChat; over > 0 {
		p.chat = append(p.chat[:0], p.chat[over:]...)
	}
}

func (s *Simulator) note(rel *relation, what string) { s.show(rel, kindNote, []part{{Text: what}}) }

// printable refuses what XML 1.0 cannot carry.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0xFFFE || r == 0xFFFF
	})
}
