package simulator

import (
	"crypto/subtle"
	"time"
)

const (
	tokenLife     = 2 * time.Hour
	tokenOverlap  = 5 * time.Minute  // how long a token lives on after the next was fetched
	renewBefore   = 5 * time.Minute  // stable_token gives a new token this long before the old one ends
	forcePause    = 30 * time.Second // between two forced refreshes
	forcesPerDay  = 20
	tokenTextSize = 136
)

// accessToken is an access token of an account.
type accessToken struct {
	text    string
	account *account
	ends    time.Time // by age
	dies    time.Time // because a newer one was fetched; zero: not
}

type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"`
}

// token is the old way: each call gives a new token, and the one before dies after the overlap.
func (s *Simulator) token(c *call) (any, error) {
	a, err := s.credentials(c, c.query("grant_type"), "client_credential", c.query("appid"), c.query("secret"))
	if err != nil {
		return nil, err
	}
	if old := a.current; old != nil && old.dies.IsZero() {
		old.dies = c.now.Add(tokenOverlap)
	}
	a.current = s.newToken(a, c.now)
	return tokenAnswer{a.current.text, int(tokenLife / time.Second)}, nil
}

// stableToken gives the same token until it is about to end, and knows nothing of the old way's tokens.
func (s *Simulator) stableToken(c *call) (any, error) {
	var in struct {
		GrantType    string `json:"grant_type"`
		AppID        string `json:"appid"`
		Secret       string `json:"secret"`
		ForceRefresh bool   `json:"force_refresh"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	a, err := s.credentials(c, in.GrantType, "client_credential", in.AppID, in.Secret)
	if err != nil {
		return nil, err
	}
	old := a.stable
	switch {
	case in.ForceRefresh:
		if err := a.force(c); err != nil {
			return nil, err
		}
		if old != nil {
			old.dies = c.now // a forced refresh is for a token that leaked: it ends at once
		}
	case old != nil && old.ends.Sub(c.now) > renewBefore:
		return tokenAnswer{old.text, int(old.ends.Sub(c.now) / time.Second)}, nil
	}
	a.stable = s.newToken(a, c.now)
	return tokenAnswer{a.stable.text, int(tokenLife / time.Second)}, nil
}

// force counts a forced refresh: 20 a day, 30 s apart.
func (a *account) force(c *call) error {
	count := a.counter(c.path)
	switch {
	case !a.forcedAt.IsZero() && c.now.Sub(a.forcedAt) < forcePause:
		return platformError(45011)
	case count.forcedOn == count.day && count.forced >= forcesPerDay:
		return platformError(45009)
	}
	if count.forcedOn != count.day {
		count.forcedOn, count.forced = count.day, 0
	}
	count.forced++
	a.forcedAt = c.now
	return nil
}

// credentials checks AppID and AppSecret, and takes the call from the quota.
func (s *Simulator) credentials(c *call, grant, wanted, appID, secret string) (*account, error) {
	switch {
	case grant != wanted:
		return nil, platformError(40002)
	case appID == "":
		return nil, platformError(41002)
	case secret == "":
		return nil, platformError(41004)
	}
	a := s.accountByAppID(appID)
	if a == nil {
		return nil, platformError(40013)
	}
	if subtle.ConstantTimeCompare([]byte(secret), []byte(a.AppSecret)) != 1 {
		return nil, platformError(40125)
	}
	return a, s.count(a, c.path, c.now)
}

func (s *Simulator) newToken(a *account, now time.Time) *accessToken {
	for text, t := range s.tokens { // few: each account has its last ones
		if now.Sub(t.ends) > tokenLife {
			delete(s.tokens, text)
		}
	}
	t := &accessToken{text: random(tokenTextSize), account: a, ends: now.Add(tokenLife)}
	s.tokens[t.text] = t
	return t
}

// accountOfToken checks the access token of a call.
func (s *Simulator) accountOfToken(c *call) (*account, error) {
	text := c.query("access_token")
	if text == "" {
		return nil, platformError(41001)
	}
	t := s.tokens[text]
	switch {
	case t == nil, !t.dies.IsZero() && !c.now.Before(t.dies):
		return nil, platformError(40001)
	case !c.now.Before(t.ends):
		return nil, platformError(42001)
	}
	return t.account, nil
}
