package simulator

import (
	"time"
)

const (
	scopeBase     = "snsapi_base"
	scopeUserInfo = "snsapi_userinfo"

	oauthCodeLife  = 5 * time.Minute
	oauthTokenLife = 2 * time.Hour
)

// oauthWorld is what web authorization remembers.
type oauthWorld struct {
	codes    map[string]*authorization
	tokens   map[string]*authorization
	consents map[string]*authorization // consent pages that wait for a click, by form token
	made     int
}

func newOAuthWorld() oauthWorld {
	return oauthWorld{
		codes: map[string]*authorization{}, tokens: map[string]*authorization{}, consents: map[string]*authorization{},
	}
}

// authorization is one person's web authorization, as consent, as code or as token.
type authorization struct {
	relation *relation
	scope    string
	openID   string // virtual for a snapshot person
	redirect string
	state    string
	ends     time.Time
	used     bool
}

// keep stores an authorization under a fresh name, and forgets old ones.
func (o *oauthWorld) keep(m map[string]*authorization, a authorization, size int, now time.Time) (string, error) {
	if o.made++; o.made%sweepEvery == 0 || len(m) >= maxOAuth {
		for _, all := range []map[string]*authorization{o.codes, o.tokens, o.consents} {
			for name, old := range all {
				if now.Sub(old.ends) > keepExpired {
					delete(all, name)
				}
			}
		}
		if len(m) >= maxOAuth {
			return "", platformError(-1)
		}
	}
	name := random(size)
	m[name] = &a
	return name, nil
}

type oauthAnswer struct {
	AccessToken  string `json:"access_token"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
	OpenID       string `json:"openid"`
	Scope        string `json:"scope"`
	Snapshot     int    `json:"is_snapshotuser,omitempty"`
	UnionID      string `json:"unionid,omitempty"`
}

// oauthToken redeems a code, once, for the openid of who gave it.
func (s *Simulator) oauthToken(c *call) (any, error) {
	a, err := s.credentials(c, c.query("grant_type"), "authorization_code", c.query("appid"), c.query("secret"))
	if err != nil {
		return nil, err
	}
	if c.query("code") == "" {
		return nil, platformError(41008)
	}
	given := s.oauth.codes[c.query("code")]
	switch {
	case given == nil || given.relation.account != a:
		return nil, platformError(40029)
	case given.used:
		return nil, platformError(40163)
	case !c.now.Before(given.ends):
		return nil, platformError(40029)
	}
	given.used = true
	token := *given
	token.ends = c.now.Add(oauthTokenLife)
	text, err := s.oauth.keep(s.oauth.tokens, token, 120, c.now)
	if err != nil {
		return nil, err
	}
	answer := oauthAnswer{
		AccessToken: text, ExpiresIn: int(oauthTokenLife / time.Second), RefreshToken: random(120),
		OpenID: given.openID, Scope: given.scope,
	}
	if given.relation.person.snapshot {
		answer.Snapshot = 1
	} else if given.scope == scopeUserInfo && !a.Standalone {
		answer.UnionID = given.relation.person.unionID
	}
	return answer, nil
}

// oauthUserInfo gives the nickname of who consented.
func (s *Simulator) oauthUserInfo(c *call) (any, error) {
	if c.query("access_token") == "" {
		return nil, platformError(41001)
	}
	token := s.oauth.tokens[c.query("access_token")]
	switch {
	case token == nil:
		return nil, platformError(40001)
	case !c.now.Before(token.ends):
		return nil, platformError(42001)
	case token.scope != scopeUserInfo:
		return nil, platformError(48001)
	case token.openID != c.query("openid"):
		return nil, platformError(40003)
	}
	p, a := token.relation.person, token.relation.account
	if err := s.count(a, c.path, c.now); err != nil {
		return nil, err
	}
	info := map[string]any{
		"openid": token.openID, "nickname": p.name, "sex": 0, "language": "", "city": "", "province": "", "country": "",
		"headimgurl": "", "privilege": []string{},
	}
	if p.snapshot {
		info["nickname"] = "微信用户"
	} else if !a.Standalone {
		info["unionid"] = p.unionID
	}
	return info, nil
}
