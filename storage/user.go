package storage

import (
	"context"
	"time"
)

// User is a person. A user exists from the moment that a phone was bound.
type User struct {
	ID              string // the `sub`: random, never reused, lower-case letters and digits
	Username        string // preferred_username: unique, [a-z0-9-], starts with a letter
	Name            string // what the person set, else the nickname that was granted, else empty
	PhoneSealed     []byte // E.164, sealed; empty when no phone is bound
	PhoneIndex      []byte // HMAC of the E.164 text; empty when no phone is bound
	PhoneVerifiedAt time.Time
	Groups          []string
	LockedAt        time.Time
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// Identity is a person as one Official Account sees them: (Account, OpenID) is unique.
type Identity struct {
	Account    string
	OpenID     string
	UnionID    string // empty where the account is not bound to an Open Platform account
	UserID     string // empty until a phone was bound
	Followed   bool
	FollowedAt time.Time // the CreateTime of the newest follow, scan or unfollow that is recorded
	CreatedAt  time.Time
}

// FollowEvent is a follow or unfollow as the platform told it.
type FollowEvent struct {
	Delivery Hash // dedupe key of the event: hash of (account, openid, CreateTime, Event, EventKey)
	Account  string
	OpenID   string
	Followed bool
	At       time.Time // the event's CreateTime, whole seconds
	// Asked is set when At ties with an earlier event and the platform was asked: the answer then wins.
	Asked bool
	Now   time.Time
}

// FollowOutcome says what RecordFollow did.
type FollowOutcome int

const (
	FollowRecorded FollowOutcome = iota + 1
	FollowRepeated               // the same delivery was recorded before: nothing changed
	FollowStale                  // a newer event is recorded, and stays; a late unfollow still ends what was opened before it
	FollowTied                   // an opposite event has the same CreateTime: ask the platform, then call again with Asked
)

// UserFilter chooses users for an operator's list.
type UserFilter struct {
	PhoneIndex []byte // when set: the user with this phone
	Username   string // when set: the user of this name
	Account    string // with OpenID: the user with this identity
	OpenID     string
	After      string // list after this user ID, in ID order
	Limit      int    // 0 means 100
}

// Users are the transitions of people and identities.
type Users interface {
	// User returns ErrNotFound for an unknown id.
	User(ctx context.Context, id string) (User, error)
	// ListUsers returns users in ID order.
	ListUsers(ctx context.Context, f UserFilter) ([]User, error)
	// Identities lists a user's identities.
	Identities(ctx context.Context, userID string) ([]Identity, error)
	// Identity returns ErrNotFound for an openid that was never seen by this account.
	Identity(ctx context.Context, account, openID string) (Identity, error)

	// RecordFollow stores a follow or unfollow. Events are ordered by their CreateTime: every permutation of the same
	// events ends in the same state. An unfollow ends, in the same commit, the user's sessions that were opened through
	// this account with auth_time ≤ At, their online grants, and the grants' refresh tokens; and it expires what the openid
	// scanned up to then and has not finished, also what is confirmed.
	RecordFollow(ctx context.Context, e FollowEvent) (FollowOutcome, error)
	// RecordUnionID stores what user/info or web authorization told. An identity without a user, whose unionid belongs
	// to identities of exactly one user, is joined to that user. ErrConflict when another unionid is already stored:
	// then the identity stays as it is, its attempts that are not finished expire, and an audit entry says so.
	RecordUnionID(ctx context.Context, account, openID, unionID string, now time.Time) error

	// LockUser locks the user and ends all of their sessions and grants (I7), and expires the logins and approvals that they
	// have not finished. Twice is once. When it fails after a while the user is locked all the same, and nothing of theirs is
	// of any use; again, it ends the rest.
	LockUser(ctx context.Context, userID string, by string, now time.Time) error
	// UnlockUser lets the user log in again. What the lock ended stays ended.
	UnlockUser(ctx context.Context, userID string, by string, now time.Time) error
	// UnbindUser takes the phone and the WeChat identities away and ends all sessions and grants.
	UnbindUser(ctx context.Context, userID string, by string, now time.Time) error
	// RecoverUser gives a person whose WeChat is lost their account back. from is the user that they have become with another
	// WeChat: in one commit its identities are the user's, in place of those that the user had, and so is its phone, where
	// it has one; the sessions, grants and unfinished logins of both end, no browser knows either, and from is deleted. The
	// user keeps ID, names, groups and consents. ErrConflict when the two are one, or from has no identity; ErrLocked when
	// one of them is locked.
	RecoverUser(ctx context.Context, userID, from string, by string, now time.Time) error
	// DeleteUser removes the user with everything that names them, but for the audit log, where the id stays.
	DeleteUser(ctx context.Context, userID string, by string, now time.Time) error
}
