package simulator

import (
	"crypto/rand"
	"encoding/base64"
	"time"

	"qiao/wechatflow/wechat/crypt"
)

// The bounds of what is kept.
const (
	maxPeople    = 10_000
	maxCodes     = 250_000
	maxChat      = 200 // messages in one person's phone
	maxSMS       = 10_000
	maxOAuth     = 100_000
	maxInFlight  = 10_000 // deliveries
	maxBody      = 64 << 10
	maxFaults    = 1_000
	sweepEvery   = 1024
	keepExpired  = 10 * time.Minute // how long an expired thing is known to be expired, not unknown
	maxPermanent = 100_000          // QR_LIMIT codes of one account
)

// world is everything that the simulator remembers.
type world struct {
	accounts []*account
	people   map[string]*person
	order    []*person // as they were made
	openIDs  map[string]*relation
	cookies  map[string]*person // the simulator's cookie in WeChat's browser

	codes     map[string]*code // by the text of the QR code
	tickets   map[string]*code
	codesMade int
	recent    []*code // the last ones, for the phone page

	tokens map[string]*accessToken // of all accounts
	oauth  oauthWorld

	sms    []textMessage
	faults []*fault
	quotas map[string]int // set by POST /sim/quota, by path
	called map[string]int // by path

	n        int64 // the number of the last message, chat or text
	msgID    int64
	ahead    time.Duration // what POST /sim/clock has added
	moved    chan struct{} // closed and replaced when the clock moves
	inFlight int
	closed   bool
}

func newWorld() world {
	return world{
		people: map[string]*person{}, openIDs: map[string]*relation{}, cookies: map[string]*person{},
		codes: map[string]*code{}, tickets: map[string]*code{},
		tokens: map[string]*accessToken{}, oauth: newOAuthWorld(),
		quotas: map[string]int{}, called: map[string]int{},
		msgID: 23_000_000_000_000_000,
		moved: make(chan struct{}),
	}
}

// account is an Official Account with what the platform knows of it.
type account struct {
	Account
	key    crypt.Key
	hasKey bool

	current   *accessToken // the newest of cgi-bin/token
	stable    *accessToken // the one of cgi-bin/stable_token
	forcedAt  time.Time
	calls     map[string]*counter // by path
	permanent map[string]*code    // QR_LIMIT codes by scene
	menu      *menu
}

// person is a simulated WeChat user.
type person struct {
	id, name, unionID string
	cookie            string
	snapshot          bool                 // uses the quick browse mode: web authorization gives a virtual openid
	relations         map[string]*relation // by account name
	chat              []message
}

// relation is what stands between one person and one account.
type relation struct {
	person       *person
	account      *account
	openID       string
	following    bool
	followedAt   time.Time
	followedWith *code // nil: a plain follow
	prompt       *code // the scan that led to the follow prompt
	promptedAt   time.Time
	allowances   [3]allowance
}

func (w *world) accountNamed(name string) *account {
	for _, a := range w.accounts {
		if a.Name == name {
			return a
		}
	}
	return nil
}

func (w *world) accountByAppID(appID string) *account {
	for _, a := range w.accounts {
		if a.AppID == appID {
			return a
		}
	}
	return nil
}

// random returns n characters of base64url.
func random(n int) string {
	buf := make([]byte, (n*3+3)/4)
	_, _ = rand.Read(buf) // never fails
	return base64.RawURLEncoding.EncodeToString(buf)[:n]
}
