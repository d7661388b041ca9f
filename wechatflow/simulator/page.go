package simulator

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"time"
)

// The phone on the screen: plain files, nothing built, nothing from elsewhere.
//
//go:embed page
var pageFiles embed.FS

const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// pageRoutes serves the page and its files.
func (s *Simulator) pageRoutes(mux *http.ServeMux) {
	for path, name := range map[string]string{
		"GET /{$}":                "index.html",
		"GET /assets/phone.css":   "phone.css",
		"GET /assets/phone.js":    "phone.js",
		"GET /assets/actions.js":  "actions.js",
		"GET /assets/views.js":    "views.js",
		"GET /assets/parts.js":    "parts.js",
		"GET /assets/words.js":    "words.js",
		"GET /assets/consent.css": "consent.css",
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			content, err := pageFiles.ReadFile("page/" + name)
			if err != nil {
				http.NotFound(w, r)
				return
			}
			h := w.Header()
			h.Set("Content-Security-Policy", pagePolicy)
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("Cache-Control", "no-store") // the demo is rebuilt often, and is never far away
			http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
		})
	}
}

// phoneView is all that the page shows, in one answer.
type phoneView struct {
	N        int64         `json:"n"`
	Now      int64         `json:"now"`
	Accounts []accountView `json:"accounts"`
	People   []personView  `json:"people"`
	Codes    []shownCode   `json:"codes"` // newest first
	Messages []message     `json:"messages"`
	SMS      []textMessage `json:"sms"`
}

type accountView struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	Menu        *menu  `json:"menu,omitempty"`
}

type shownCode struct {
	QR        string `json:"qr"`
	Account   string `json:"account"`
	Picture   string `json:"picture"`
	MadeAt    int64  `json:"made_at"`
	ExpiresAt int64  `json:"expires_at"` // 0: never
}

const shownPeople = 50

// phone gives the page what is new for a person since a number.
func (s *Simulator) phone(r *http.Request) (any, error) {
	since, err := sinceOf(r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	v := phoneView{N: s.n, Now: now.Unix(), Codes: []shownCode{}, Messages: []message{}, SMS: s.smsSince("", since)}
	current := s.people[r.URL.Query().Get("person")]
	if current == nil && r.URL.Query().Get("person") != "" {
		return nil, unknown("person")
	}
	for _, a := range s.accounts {
		v.Accounts = append(v.Accounts, accountView{a.Name, a.DisplayName, a.menu})
	}
	v.People = []personView{}
	for i, p := range s.order {
		if i < shownPeople || p == current {
			v.People = append(v.People, p.view(s.accounts))
		}
	}
	if current != nil {
		v.Messages = current.chatSince(since, true)
	}
	for i := len(s.recent) - 1; i >= 0 && len(v.Codes) < 5; i-- {
		c := s.recent[i]
		if c.expired(now) {
			continue
		}
		shown := shownCode{
			QR: c.url, Account: c.account.Name, MadeAt: c.made.Unix(),
			Picture: "/cgi-bin/showqrcode?ticket=" + url.QueryEscape(c.ticket),
		}
		if !c.expires.IsZero() {
			shown.ExpiresAt = c.expires.Unix()
		}
		v.Codes = append(v.Codes, shown)
	}
	return v, nil
}

// authorizeView is the page of web authorization: a consent, or a problem.
type authorizeView struct {
	Problem   string
	FormToken string
	Account   string
	Person    string
}

// authorizePage renders it. The form may end at the redirect URI, so the policy names its origin.
func (s *Simulator) authorizePage(w http.ResponseWriter, status int, v authorizeView, redirect string) {
	page, err := template.ParseFS(pageFiles, "page/consent.html")
	var out bytes.Buffer
	if err == nil {
		err = page.Execute(&out, v)
	}
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	formAction := "'self'"
	if u, err := url.Parse(redirect); err == nil && u.Host != "" {
		formAction += " " + u.Scheme + "://" + u.Host
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action "+formAction)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // the other side is gone: there is nobody to tell
}
