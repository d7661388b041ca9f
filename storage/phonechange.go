package storage

import (
	"context"
	"time"
)

// How a person proves themselves before they change their number.
const (
	ProvenBySMS    = "sms"    // by a code sent to the number that they have
	ProvenByWeChat = "wechat" // by a login that was confirmed on the phone for this change
)

// PhoneChange is a person's way to another number: prove yourself, then prove the new number. It belongs to the session
// in which it was begun, which has at most one.
type PhoneChange struct {
	ID ID
	// RequestID names the AuthRequest of the login that is to prove the person; zero where a code to the old number does.
	RequestID   ID
	UserID      string
	ProvenBy    string    // empty while the person is not proven
	SentAt      time.Time // when the code of this step was sent; zero: it was not
	PhoneSealed []byte    // where it was sent to
	Held        bool      // the code was right, and another user holds the number
	CreatedAt   time.Time
	ExpiresAt   time.Time
	DoneAt      time.Time
}

// ChangeBy is who changes a number: a browser with its own secret and with that of a live session that was opened in it.
type ChangeBy struct {
	SessionID   ID
	SessionHash Hash
	Browser     Hash
	Now         time.Time
}

// ChangeCode is a text-message code of a change that is about to be sent: to the user's number before they are proven, to
// the new one after that.
type ChangeCode struct {
	ChangeBy
	ID          ID
	PhoneSealed []byte
	PhoneIndex  []byte
	Code        Hash // keyed, as PhoneCode.Code is, with the change's ID
	ExpiresAt   time.Time
	Limits      []Limit
}

// ChangeTry is a try of a change's code.
type ChangeTry struct {
	ChangeBy
	ID   ID
	Code Hash
	Move bool // take the number from its holder; Code was found right before
}

// ChangeResult is the outcome of a try. Told and MovedFrom list whom the chat tells, each by a notice: the identities that
// follow of the user, and of the user who lost the number.
type ChangeResult struct {
	Outcome   BindOutcome
	TriesLeft int
	Told      []Identity
	MovedFrom []Identity
}

// PhoneChanges are the transitions of a change of number. Each is made by a live session in the browser that it was opened
// in: ErrNotFound in any other, and for a change that is late, replaced or another session's. ErrLocked.
type PhoneChanges interface {
	// BeginPhoneChange begins a change in place of the session's earlier one: c.ID, c.RequestID and c.ExpiresAt are the
	// caller's. ErrPhoneNeeded where the user has no number.
	BeginPhoneChange(ctx context.Context, by ChangeBy, c PhoneChange) error
	// PhoneChange returns the session's change.
	PhoneChange(ctx context.Context, by ChangeBy) (PhoneChange, error)
	// SendChangeCode counts against every limit (all or none) and stores the code in place of an earlier one, before it is
	// sent. ErrConflict when the change is done, when the number is not of this step (before the proof another one than the
	// user's, after it the same one), or when the user's number has become another since the change began.
	SendChangeCode(ctx context.Context, c ChangeCode) error
	// ProvePhoneChange counts the try of the code to the old number before it compares. Proven again is the same.
	ProvePhoneChange(ctx context.Context, t ChangeTry) (ChangeResult, error)
	// ChangePhone counts the try of the code to the new number before it compares. The right one gives the number to the
	// user in one commit: every other session of the user ends, with its online grants, and every login that they have not
	// finished; no browser knows the user any more; each identity of theirs that follows has a notice. Grants of TVs and
	// offline ones stay. Done again is the same. BindHeld when another user holds the number; with t.Move, which follows it,
	// that one loses it, as in MovePhone. ErrConflict as in SendChangeCode, and while the person is not proven; a
	// LimitedError.
	ChangePhone(ctx context.Context, t ChangeTry) (ChangeResult, error)
}
