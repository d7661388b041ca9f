package tv

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"qiao/cmd/qiao/device"
)

const (
	setCookie = "demo_tv"
	maxSets   = 1000
)

// set is one TV: a code that is shown, or tokens, or neither.
type set struct {
	// mu is held through each call to the provider: one TV polls, refreshes and starts one thing at a time.
	mu     sync.Mutex
	code   *device.Authorization
	pace   device.Pace
	next   time.Time // no poll before
	tokens *device.Tokens
	person person

	seen time.Time // guarded by Server.mu
}

// person is whom the TV shows. The whole phone number stays here.
type person struct{ Subject, Name, Phone string }

// view is what the page gets.
type view struct {
	State     string   `json:"state"` // signed-out, waiting, declined, expired, error, signed-in
	UserCode  string   `json:"user_code,omitempty"`
	URI       string   `json:"verification_uri,omitempty"`
	QR        string   `json:"qr,omitempty"`       // the text of the last picture
	Pictures  []string `json:"pictures,omitempty"` // addresses, the best first; the last is this server's own
	ExpiresIn float64  `json:"expires_in,omitempty"`
	Lifetime  float64  `json:"lifetime,omitempty"`
	Wait      float64  `json:"wait,omitempty"`    // seconds until the next call
	Trouble   bool     `json:"trouble,omitempty"` // the provider did not answer the last poll
	Name      string   `json:"name,omitempty"`
	Phone     string   `json:"phone,omitempty"` // masked
	Error     string   `json:"error,omitempty"`
	Message   string   `json:"message,omitempty"`
}

// api wraps a call of the page: it finds the TV, and answers with what to show.
func (s *Server) api(call func(*http.Request, *set) view) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.headers(w)
		// A page of another origin could post here with the TV's cookie, but not with a header of its own.
		if r.Header.Get("X-TV") == "" {
			http.Error(w, "X-TV: 1 is missing", http.StatusForbidden)
			return
		}
		t := s.find(r)
		if t == nil && r.URL.Path == "/api/start" {
			t = s.add(w)
		}
		v := view{State: "signed-out"}
		if t != nil {
			t.mu.Lock()
			v = call(r, t)
			t.mu.Unlock()
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			s.cfg.Log.DebugContext(r.Context(), "answer the demo TV's page", "error", err)
		}
	}
}

func (s *Server) find(r *http.Request) *set {
	c, err := r.Cookie(setCookie)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.sets[c.Value]
	if t != nil {
		t.seen = s.cfg.Now()
	}
	return t
}

func (s *Server) add(w http.ResponseWriter) *set {
	id := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sets) >= maxSets {
		var oldest string
		for id, t := range s.sets {
			if oldest == "" || t.seen.Before(s.sets[oldest].seen) {
				oldest = id
			}
		}
		delete(s.sets, oldest)
	}
	t := &set{seen: s.cfg.Now()}
	s.sets[id] = t
	http.SetCookie(w, &http.Cookie{Name: setCookie, Value: id, Path: "/", MaxAge: 180 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	return t
}

// waiting is the view of a code that is shown.
func (t *set) waiting(now time.Time) view {
	v := view{
		State: "waiting", UserCode: t.code.UserCode, URI: t.code.URI, QR: t.code.QR(),
		ExpiresIn: t.code.ExpiresAt.Sub(now).Seconds(), Lifetime: t.code.Lifetime.Seconds(), Wait: max(0, t.next.Sub(now).Seconds()),
	}
	if picture := t.code.WeChatQR; strings.HasSuffix(picture, ".svg") || strings.HasSuffix(picture, ".png") {
		v.Pictures = append(v.Pictures, picture)
	} else if picture != "" {
		v.Pictures = append(v.Pictures, picture+".svg", picture+".png")
	}
	// The code is in the address only so that no browser shows the picture of an earlier one.
	v.Pictures = append(v.Pictures, "/qr.svg?code="+url.QueryEscape(t.code.UserCode))
	return v
}

func (t *set) signedIn() view {
	return view{State: "signed-in", Name: t.person.Name, Phone: t.person.Phone}
}
