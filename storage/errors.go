package storage

import (
	"errors"
	"fmt"
	"time"
)

// The sentinels that a Store returns. Driver errors never leave a store package unwrapped by an operation name; an
// error that is none of these is a fault of the store, and its caller answers 5xx with a retry hint.
var (
	// ErrNotFound: there is no such thing, or it belongs to somebody else (another browser, client or person). The two
	// are not told apart, so that an answer reveals nothing.
	ErrNotFound = errors.New("not found")
	// ErrExpired: it was there and its time is over.
	ErrExpired = errors.New("expired")
	// ErrReplayed: a one-time thing was used again. The transition has already revoked what it led to.
	ErrReplayed = errors.New("replayed")
	// ErrConflict: the state does not allow this transition (any more).
	ErrConflict = errors.New("conflict")
	// ErrLocked: the user is locked.
	ErrLocked = errors.New("user is locked")
	// ErrApprovalNeeded: this person is new to this browser and has not clicked "Continue as …" in it.
	ErrApprovalNeeded = errors.New("approval needed")
	// ErrConfirmNeeded: the scan alone confirmed this login, and what it rested on has ended since, or the browser is in
	// another network now. A number has to be matched.
	ErrConfirmNeeded = errors.New("confirmation needed")
	// ErrPhoneNeeded: the user has no bound phone.
	ErrPhoneNeeded = errors.New("phone needed")
	// ErrNewerSchema: the database was migrated by a newer version of this program.
	ErrNewerSchema = errors.New("the database schema is newer than this program")
)

// LimitedError says that a durable limit was reached. Nothing was done.
type LimitedError struct {
	Key        string        // the limit's name, for the log: never a phone, openid or address
	RetryAfter time.Duration // until a try may succeed
}

func (e *LimitedError) Error() string {
	return fmt.Sprintf("limit %q reached, retry in %s", e.Key, e.RetryAfter.Round(time.Second))
}
