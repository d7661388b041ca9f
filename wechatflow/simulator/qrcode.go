package simulator

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"
)

const (
	maxCodeLife     = 2592000 // seconds
	defaultCodeLife = 60
)

// code is a parametric QR code.
type code struct {
	account *account
	scene   string
	numeric bool // made with scene_id
	ticket  string
	url     string // the text of the QR code
	made    time.Time
	expires time.Time // zero: permanent
}

func (c *code) expired(now time.Time) bool { return !c.expires.IsZero() && !now.Before(c.expires) }

type codeAnswer struct {
	Ticket        string `json:"ticket"`
	ExpireSeconds int    `json:"expire_seconds,omitempty"`
	URL           string `json:"url"`
}

// createQR makes a code for a scene.
func (s *Simulator) createQR(c *call) (any, error) {
	var in struct {
		ActionName    string      `json:"action_name"`
		ExpireSeconds json.Number `json:"expire_seconds"`
		ActionInfo    struct {
			Scene struct {
				ID  json.Number `json:"scene_id"`
				Str *string     `json:"scene_str"`
			} `json:"scene"`
		} `json:"action_info"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	made := &code{account: c.account, made: c.now}
	var permanent bool
	switch in.ActionName {
	case "QR_SCENE", "QR_LIMIT_SCENE":
		permanent = in.ActionName == "QR_LIMIT_SCENE"
		id, err := strconv.ParseUint(in.ActionInfo.Scene.ID.String(), 10, 32)
		if err != nil || id == 0 || permanent && id > maxPermanent {
			return nil, platformError(40053)
		}
		made.scene, made.numeric = strconv.FormatUint(id, 10), true
	case "QR_STR_SCENE", "QR_LIMIT_STR_SCENE":
		permanent = in.ActionName == "QR_LIMIT_STR_SCENE"
		scene := in.ActionInfo.Scene.Str
		if scene == nil || *scene == "" || utf8.RuneCountInString(*scene) > 64 || !printable(*scene) {
			return nil, platformError(40053)
		}
		made.scene = *scene
	default:
		return nil, platformError(40052)
	}
	if permanent {
		return s.permanentCode(made)
	}
	life := defaultCodeLife
	if text := in.ExpireSeconds.String(); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxCodeLife {
			return nil, platformError(40053)
		}
		life = n
	}
	made.expires = c.now.Add(time.Duration(life) * time.Second)
	if err := s.keepCode(made, c.now); err != nil {
		return nil, err
	}
	return codeAnswer{made.ticket, life, made.url}, nil
}

// permanentCode gives one code for each scene, however often it is asked for.
func (s *Simulator) permanentCode(made *code) (any, error) {
	key := made.scene
	if made.numeric {
		key = "#" + key // scene_id 5 and scene_str "5" are two codes
	} else {
		key = "$" + key
	}
	if old := made.account.permanent[key]; old != nil {
		return codeAnswer{Ticket: old.ticket, URL: old.url}, nil
	}
	if len(made.account.permanent) >= maxPermanent {
		return nil, platformError(45009)
	}
	if err := s.keepCode(made, made.made); err != nil {
		return nil, err
	}
	made.account.permanent[key] = made
	return codeAnswer{Ticket: made.ticket, URL: made.url}, nil
}

// keepCode gives a code its ticket and text, and stores it.
func (s *Simulator) keepCode(c *code, now time.Time) error {
	if s.codesMade++; s.codesMade%sweepEvery == 0 || len(s.codes) >= maxCodes {
		for url, old := range s.codes {
			if !old.expires.IsZero() && now.Sub(old.expires) > keepExpired {
				delete(s.codes, url)
				delete(s.tickets, old.ticket)
			}
		}
		if len(s.codes) >= maxCodes {
			return platformError(-1)
		}
	}
	c.url = codePrefix + "02" + random(20)
	c.ticket = base64.StdEncoding.EncodeToString([]byte("\x81\x00" + random(70))) // holds + and /, as real ones do
	s.codes[c.url], s.tickets[c.ticket] = c, c
	s.recent = append(s.recent, c)
	if over := len(s.recent) - 20; over > 0 {
		s.recent = append(s.recent[:0], s.recent[over:]...)
	}
	return nil
}

// codeView is what the platform knows of a code.
type codeView struct {
	Account   string     `json:"account"`
	Scene     string     `json:"scene"`
	Ticket    string     `json:"ticket"`
	ToUser    string     `json:"to_user"`
	ExpiresAt *time.Time `json:"expires_at"` // null: never
}

// showCode looks a code up by its text.
func (s *Simulator) showCode(r *http.Request) (any, error) {
	qr := r.URL.Query().Get("qr")
	if qr == "" {
		return nil, malformed("qr is the text of the code")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.codes[qr]
	if c == nil {
		return nil, unknown("code")
	}
	v := codeView{Account: c.account.Name, Scene: c.scene, Ticket: c.ticket, ToUser: c.account.OriginalID}
	if !c.expires.IsZero() {
		expires := c.expires.UTC()
		v.ExpiresAt = &expires
	}
	return v, nil
}
