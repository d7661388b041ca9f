package rp

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"sort"
	"time"
)

const (
	visitCookie = "demo_visit"
	maxVisitors = 10000
)

// visitor returns this browser's visit, locked until done is called.
func (s *Site) visitor(w http.ResponseWriter, r *http.Request) (v *visitor, done func()) {
	s.mu.Lock()
	if c, err := r.Cookie(visitCookie); err == nil && s.visitors[c.Value] != nil {
		v = s.visitors[c.Value]
		v.seen = time.Now()
		return v, s.mu.Unlock
	}
	if len(s.visitors) >= maxVisitors {
		s.forgetOldest()
	}
	id := rand.Text()
	v = &visitor{pending: map[string]pending{}, seen: time.Now()}
	s.visitors[id] = v
	http.SetCookie(w, &http.Cookie{Name: visitCookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return v, s.mu.Unlock
}

func (s *Site) forgetOldest() {
	var oldest string
	for id, v := range s.visitors {
		if oldest == "" || v.seen.Before(s.visitors[oldest].seen) {
			oldest = id
		}
	}
	delete(s.visitors, oldest)
}

func (s *Site) render(w http.ResponseWriter, status int, page string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self' "+s.cfg.Issuer+"; frame-ancestors 'none'")
	w.WriteHeader(status)
	if err := s.pages.ExecuteTemplate(w, page, data); err != nil {
		s.cfg.Log.Error("render demo page", "page", page, "error", err)
	}
}

func (s *Site) fail(w http.ResponseWriter, status int, err error) {
	s.render(w, status, "failed.html", map[string]any{"Error": err.Error()})
}

type claimRow struct{ Name, Value string }

// claimRows lists claims by name, as JSON values.
func claimRows(claims map[string]any) []claimRow {
	rows := make([]claimRow, 0, len(claims))
	for name, value := range claims {
		text, err := json.Marshal(value)
		if err != nil {
			continue
		}
		rows = append(rows, claimRow{name, string(text)})
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i].Name < rows[j].Name })
	return rows
}
