package storage

import (
	"context"
	"time"
)

// Session is a signed-in browser: single sign-on across clients. Its cookie is the Handle of ID and the secret of Hash.
type Session struct {
	ID            ID // its text is the `sid`
	Hash          Hash
	UserID        string
	Account       string // the Official Account and openid that it was opened through
	OpenID        string
	Browser       Hash
	AuthTime      time.Time // whole seconds
	AMR           []string
	ACR           string
	Device        Device
	CreatedAt     time.Time
	LastSeenAt    time.Time
	IdleExpiresAt time.Time
	ExpiresAt     time.Time
	EndedAt       time.Time
}

// Sessions are the transitions of sessions and consents.
type Sessions interface {
	// Session returns the live session and its user; ErrNotFound when it is ended, late, idle for too long, of another
	// secret, or its user is locked. A use moves IdleExpiresAt to now+idle, written at most once a minute.
	Session(ctx context.Context, id ID, secret Hash, idle time.Duration, now time.Time) (Session, User, error)
	// EndSession ends the session and its online grants (I7). Twice is once. Whatever ends a session by its name, LogOut and
	// EndUserSession too, ends what its browser's scans alone rest on with it.
	EndSession(ctx context.Context, id ID, now time.Time) error
	// LogOut is EndSession by the browser that holds the session's cookie, whether the session is live, idle for too long or
	// late: its online grants live longer than that. Another secret ends nothing, and that is no error: the session was
	// renewed meanwhile, or is somebody else's. Twice is once. In any case nobody's scan alone is enough in this browser any
	// more (its secret's hash; zero where it has none): the session may be long gone, and the person still means to leave.
	LogOut(ctx context.Context, id ID, secret, browser Hash, now time.Time) error
	// UserSessions lists a user's live sessions, newest first.
	UserSessions(ctx context.Context, userID string, now time.Time) ([]Session, error)

	// Consent returns the scopes that the user has granted to the client, none if none.
	Consent(ctx context.Context, userID, clientID string) ([]string, error)
	// GrantConsent adds scopes to the consent.
	GrantConsent(ctx context.Context, userID, clientID string, scopes []string, now time.Time) error
}
