package simulator

import (
	"net/http"
	"strings"
	"time"
)

// limit is a quota of one call for one account; 0 is none.
type limit struct{ day, minute int }

// counter is how much of a quota is used.
type counter struct {
	day, minute     int64 // which ones
	inDay, inMinute int
	clearedIn       int64 // month
	forcedOn        int64 // day of forced refreshes
	clears, forced  int
}

// platformLimits are the quotas of a verified service account.
func platformLimits() map[string]limit {
	return map[string]limit{
		"/cgi-bin/token":               {day: 2_000},
		"/cgi-bin/stable_token":        {day: 500_000, minute: 10_000},
		"/cgi-bin/qrcode/create":       {day: 100_000},
		"/cgi-bin/user/info":           {day: 5_000_000},
		"/cgi-bin/message/custom/send": {day: 500_000},
		"/cgi-bin/menu/create":         {day: 1_000},
		"/cgi-bin/menu/get":            {day: 10_000},
		"/cgi-bin/menu/delete":         {day: 1_000},
	}
}

// count takes one call from the account's quota. The platform's days begin at midnight in China.
func (s *Simulator) count(a *account, path string, now time.Time) error {
	c := a.counter(path)
	local := now.Add(8 * time.Hour).Unix()
	if day := local / 86400; day != c.day {
		c.day, c.inDay = day, 0
	}
	if minute := local / 60; minute != c.minute {
		c.minute, c.inMinute = minute, 0
	}
	most := s.limits[path]
	if set, ok := s.quotas[path]; ok {
		most.day = set
		if set <= c.inDay {
			return platformError(45009)
		}
	}
	switch {
	case most.day > 0 && c.inDay >= most.day:
		return platformError(45009)
	case most.minute > 0 && c.inMinute >= most.minute:
		return platformError(45011)
	}
	c.inDay++
	c.inMinute++
	return nil
}

func (a *account) counter(path string) *counter {
	c := a.calls[path]
	if c == nil {
		c = &counter{}
		a.calls[path] = c
	}
	return c
}

// clearQuota sets all of the account's counters to zero, ten times a month.
func (s *Simulator) clearQuota(c *call) (any, error) {
	var in struct {
		AppID string `json:"appid"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.AppID != c.account.AppID {
		return nil, platformError(40013)
	}
	own := c.account.counter(c.path)
	year, month, _ := c.now.UTC().Add(8 * time.Hour).Date()
	if now := int64(year)*12 + int64(month); own.clearedIn != now {
		own.clearedIn, own.clears = now, 0
	}
	if own.clears >= 10 {
		return nil, platformError(48006)
	}
	own.clears++
	for _, used := range c.account.calls {
		used.inDay, used.inMinute = 0, 0
	}
	return fine(), nil
}

// setQuota replaces the daily quota of a call, for each account.
func (s *Simulator) setQuota(r *http.Request) (any, error) {
	var in struct {
		Path  string `json:"path"`
		Limit *int   `json:"limit"`
	}
	if err := readJSON(r, &in); err != nil {
		return nil, err
	}
	path, err := s.platformPath(in.Path)
	if err != nil {
		return nil, err
	}
	if in.Limit == nil || *in.Limit < 0 {
		return nil, malformed("limit is the number of calls a day")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quotas[path] = *in.Limit
	return struct {
		Path  string `json:"path"`
		Limit int    `json:"limit"`
	}{path, *in.Limit}, nil
}

// listCalls says how often each call was made, whatever came of it.
func (s *Simulator) listCalls(*http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := make(map[string]int, len(s.called))
	for path, n := range s.called {
		calls[path] = n
	}
	return calls, nil
}

// platformPath finds the call that a control call names, with or without the slash in front.
func (s *Simulator) platformPath(path string) (string, error) {
	path = "/" + strings.TrimPrefix(path, "/")
	for _, c := range s.platformCalls() {
		if c.path == path {
			return path, nil
		}
	}
	return "", malformed("path is one of the platform's calls, such as /cgi-bin/qrcode/create")
}
