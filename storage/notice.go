package storage

import (
	"context"
	"time"
)

// NoticeLife is how long a person may say "not me".
const NoticeLife = 7 * 24 * time.Hour

// NoticeMovedLife is for how long a NoticeMoved waits to be told: there is nothing to take back, and who comes seldom is to
// hear of it, too.
const NoticeMovedLife = 90 * 24 * time.Hour

// What a notice tells of.
const (
	NoticeBrowser = "browser" // a login in a browser that did not know the person
	NoticeTV      = "tv"      // the approval of a device
	NoticePhone   = "phone"   // another phone number
	NoticeScan    = "scan"    // a login by the scan alone; the reply to the scan carries it
	NoticeMoved   = "moved"   // the number is another user's now, who has proven it
)

// Notice is what the chat tells a person after a sign-in somewhere new, after one that they confirmed by nothing but a scan,
// after a change of their number, and after its loss to somebody else. CompleteLogin, the approval of a device, RecordScan,
// ChangePhone and MovePhone write it in their own transition, so that none is forgotten.
type Notice struct {
	ID        ID
	Account   string // through whom the sign-in was confirmed: they are told
	OpenID    string
	UserID    string
	Kind      string
	Target    ID // the session, the grant of the device, or the change; zero for NoticeScan, which is of whatever its browser has, and NoticeMoved
	ClientID  string
	Device    Device // without an address; zero for NoticeMoved: where the new holder is, the earlier one is not told
	PhoneHash Hash   // of the secret of the WeChat browser that proved OpenID; zero before
	CreatedAt time.Time
	SentAt    time.Time // zero while no message carries it
	RevokedAt time.Time // "not me" was said
	ExpiresAt time.Time

	PhoneSealed []byte // the number of a NoticeMoved; nil of the others
}

// Notices are the transitions of what the chat tells.
type Notices interface {
	// ClaimNotices hands out the openid's notices that no message carries so far, oldest first and at most max, for one
	// message: claim is the hash of whatever names that message, such as the delivery that it answers. Claimed again with
	// the same claim it is the same ones again; of two claims at once one gets each notice.
	ClaimNotices(ctx context.Context, account, openID string, claim Hash, max int, now time.Time) ([]Notice, error)
	// ReleaseNotice gives a notice back whose message did not go out. A notice of another claim stays as it is.
	ReleaseNotice(ctx context.Context, id ID, claim Hash) error
	// Notice returns a notice by its ID alone, late ones as ErrExpired: for a caller that has checked its link.
	Notice(ctx context.Context, id ID, now time.Time) (Notice, error)
	// OpenNotice binds a notice to the WeChat browser that has just proved the openid; ErrNotFound for another openid than
	// the one that was told, and for a NoticeMoved, which has nothing to take back. Called again, the last browser counts.
	// ErrExpired.
	OpenNotice(ctx context.Context, id ID, account, openID string, phone Hash, now time.Time) (Notice, error)
	// RevokeByNotice is "not me" in that browser. It ends, in one commit, the browser's sessions of this user with all of
	// their grants, also the offline ones, or the grant of the device, and no browser knows the user any more: the scan that
	// confirmed it was not meant. What a NoticeScan tells of opens nothing after it. Audited as login.disowned. Of a change of
	// number it ends all that SignOutEverywhere ends, and the number is taken away again, as long as it is the one of this
	// change: the next login binds one. Audited as phone.disowned. Twice is once. ErrNotFound in any other browser; ErrExpired.
	RevokeByNotice(ctx context.Context, id ID, phone Hash, now time.Time) (Notice, error)
	// UserNotices lists a user's notices, newest first.
	UserNotices(ctx context.Context, userID string) ([]Notice, error)
}
