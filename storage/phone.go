package storage

import "time"

// PhoneCodeTries is how often a text-message code may be tried.
const PhoneCodeTries = 5

// Limit is a durable counter of a sliding or fixed window; the Store decides which, and never lets more than Max pass
// within any fixed window.
type Limit struct {
	Name   string // for messages: "phone", "openid", "address", "day"
	Key    Hash
	Max    int
	Window time.Duration
}

// PhoneCode is a text-message code that is about to be sent.
type PhoneCode struct {
	AttemptID   ID
	PhoneHash   Hash // of the WeChat browser's secret
	PhoneSealed []byte
	PhoneIndex  []byte
	Code        Hash // keyed: HMAC(key, attempt, phone, code), for six digits are guessed from a plain hash
	ExpiresAt   time.Time
	Limits      []Limit
	Now         time.Time
}

// Bind is a try of a text-message code, or (Move) the consent to take the number from its earlier holder.
type Bind struct {
	AttemptID ID
	PhoneHash Hash
	Code      Hash
	// NewUser is used when the openid has no user yet: ID and Username are set by the caller. ErrConflict when the
	// Username is taken: call again with another.
	NewUser User
	Now     time.Time
}

// BindOutcome says what BindPhone did.
type BindOutcome int

const (
	BindDone      BindOutcome = iota + 1 // bound, and the attempt is confirmed, or the device approved
	BindWrongCode                        // counted; BindResult.TriesLeft
	BindExpired                          // the code is too old, used up or was never sent
	BindHeld                             // the code is right, and another user holds the number: MovePhone, or another number
)

// BindResult is the outcome of BindPhone and MovePhone.
type BindResult struct {
	Outcome   BindOutcome
	TriesLeft int
	User      User
	// MovedFrom lists the identities that follow of the user who lost the number: each is told by a NoticeMoved.
	MovedFrom []Identity
}
