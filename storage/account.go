package storage

import (
	"context"
	"time"
)

// UserGrant is a live grant as its person sees it.
type UserGrant struct {
	Grant
	UsedAt time.Time // of the latest refresh; zero while there was none
}

// Consent is what a person has allowed a client.
type Consent struct {
	ClientID  string
	Scopes    []string
	UpdatedAt time.Time
}

// KnownBrowser is what a browser knows of a person whose login was completed in it, as the person may see it: nothing here
// finds the browser again.
type KnownBrowser struct {
	LoginAt   time.Time // the latest login that was more than a scan alone
	ExpiresAt time.Time
	// Device, FirstSeenAt and LastSeenAt are those of the person's latest session there, ended or not; zero once it is swept.
	Device      Device
	FirstSeenAt time.Time
	LastSeenAt  time.Time
	// ConfirmedAt is when a number confirmed what scans alone rest on: that this openid comes again in the same network, for
	// these scopes of each client. Zero where they rest on nothing.
	ConfirmedAt time.Time
	Account     string
	OpenID      string
	Scopes      map[string][]string
}

// Accounts are the transitions that a person makes on their own account page. Each names the person, and finds only what
// is theirs: of somebody else's it says ErrNotFound, as of what does not exist. Twice is once, and audited once. Once one
// has returned, nothing more is issued for what it ended (I7).
type Accounts interface {
	// ListUserGrants lists what of a user's grants can still be used, newest first, at most MaxUserGrants of them.
	ListUserGrants(ctx context.Context, userID string, now time.Time) ([]UserGrant, error)
	// UserConsents lists a user's consents in the order of the clients' ids.
	UserConsents(ctx context.Context, userID string) ([]Consent, error)
	// UserBrowsers lists the browsers that know a user, the one of the latest login first.
	UserBrowsers(ctx context.Context, userID string, now time.Time) ([]KnownBrowser, error)
	// RevokeUserGrant ends one grant, such as that of a TV.
	RevokeUserGrant(ctx context.Context, userID string, id ID, now time.Time) error
	// EndUserSession ends one session with its online grants.
	EndUserSession(ctx context.Context, userID string, id ID, now time.Time) error
	// SignOutEverywhere ends all sessions and all grants, those of TVs and of offline_access with them, and every login and
	// approval that is under way; no browser is known any more. Unlike LockUser it lets the person log in again.
	SignOutEverywhere(ctx context.Context, userID string, by string, now time.Time) error
	// RevokeClientAccess takes back the consent and ends all grants of the client. A client that asks nobody for consent is
	// granted anew when a signed-in person goes to it.
	RevokeClientAccess(ctx context.Context, userID, clientID string, now time.Time) error
}

// MaxUserGrants bounds a list that a person reads.
const MaxUserGrants = 1000
