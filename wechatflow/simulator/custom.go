package simulator

import "time"

// What opens a window for customer messages.
type occasion int

const (
	afterFollow occasion = iota
	afterScan            // and after a menu click: the same window of the same size
	afterText
)

// allowance is a window in which an account may write first: so many messages, so long.
type allowance struct {
	ends time.Time
	left int
}

// allow opens the occasion's window anew.
func (r *relation) allow(o occasion, now time.Time) {
	r.allowances[o] = allowance{ends: now.Add(time.Minute), left: 3}
	if o == afterText {
		r.allowances[o] = allowance{ends: now.Add(48 * time.Hour), left: 5}
	}
}

// spend takes one message from the open window that closes first.
func (r *relation) spend(now time.Time) error {
	var best *allowance
	open := false
	for i := range r.allowances {
		a := &r.allowances[i]
		if !now.Before(a.ends) {
			continue
		}
		open = true
		if a.left > 0 && (best == nil || a.ends.Before(best.ends)) {
			best = a
		}
	}
	switch {
	case !open:
		return platformError(45015)
	case best == nil:
		return platformError(45047)
	}
	best.left--
	return nil
}

// sendCustom sends a customer message. An unfollow has closed all windows.
func (s *Simulator) sendCustom(c *call) (any, error) {
	var in struct {
		ToUser  string `json:"touser"`
		MsgType string `json:"msgtype"`
		Text    struct {
			Content string `json:"content"`
		} `json:"text"`
		News struct {
			Articles []article `json:"articles"`
		} `json:"news"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	rel, err := s.follower(c, in.ToUser)
	if err != nil {
		return nil, err
	}
	kind := kindText
	var parts []part
	switch in.MsgType {
	case "text":
		switch {
		case in.Text.Content == "":
			return nil, platformError(44004)
		case len(in.Text.Content) > 2048:
			return nil, platformError(45002)
		}
		parts = textParts(in.Text.Content)
	case "news":
		if len(in.News.Articles) != 1 {
			return nil, platformError(47001)
		}
		kind, parts = kindNews, newsParts(in.News.Articles)
	case "image", "voice", "video", "music", "mpnews", "msgmenu":
		parts = []part{{Text: "[" + in.MsgType + "]"}}
	default:
		return nil, platformError(40008)
	}
	if err := rel.spend(c.now); err != nil {
		return nil, err
	}
	s.show(rel, kind, parts)
	return fine(), nil
}
