package storage

import (
	"context"
	"errors"
	"time"
)

// What a poll of a device code is told besides the sentinels that every transition knows (RFC 8628 §3.5).
var (
	// ErrPending: nobody has decided so far.
	ErrPending = errors.New("authorization pending")
	// ErrDeclined: the person declined.
	ErrDeclined = errors.New("declined")
)

// DeviceState is where a device authorization stands. One whose time is over is expired, whatever its state.
type DeviceState string

const (
	DevicePending  DeviceState = "pending"  // also after a decline, until the device was told of it
	DeviceApproved DeviceState = "approved" // its grant exists; the device has not fetched its tokens
	DeviceDeclined DeviceState = "declined" // and the device has been told
	DeviceRedeemed DeviceState = "redeemed"
)

// DeviceAuthorization is a TV that waits for a person (RFC 8628). Its ID is also that of the grant that an approval
// makes, and its device_code the Handle of that ID and the secret of CodeHash.
type DeviceAuthorization struct {
	ID       ID
	ClientID string
	Scopes   []string
	CodeHash Hash
	// UserCode is HMAC of the user code, for 20^8 codes are found from a plain hash; UserCodeSealed is the code itself,
	// shown on the phone to be compared.
	UserCode       Hash
	UserCodeSealed []byte
	Name           string // what the device calls itself, at most 32 safe characters; unverified
	Device         Device // where it is
	Account        string // the Official Account of its picture
	Picture        Hash   // of the secret in its picture's address
	Scene          Scene  // minted when the picture is first fetched; zero before
	State          DeviceState
	UserID         string // who approved
	CreatedAt      time.Time
	ExpiresAt      time.Time
	GrantExpiresAt time.Time // the absolute end of what an approval grants
}

// DeviceApproval is the decision of a signed-in browser in which the code of a device was typed.
type DeviceApproval struct {
	DeviceID    ID
	SessionID   ID
	SessionHash Hash
	Now         time.Time
}

// DeviceUse is the redemption of a device code.
type DeviceUse struct {
	DeviceID         ID
	CodeHash         Hash
	ClientID         string
	RefreshSeed      Hash // zero issues no refresh token
	RefreshExpiresAt time.Time
	Access           AccessToken
	Now              time.Time
}

// What a login and the approval of a device are worth: the `acr` and `amr` of sessions and grants. ACRScan is a login by
// the scan alone. The phone was proven in this very login or approval where there is an AMRSMS.
const (
	ACRConfirm = "urn:qiao:acr:confirm"
	ACRScan    = "urn:qiao:acr:scan"
	AMRWeChat  = "wechat"
	AMRSMS     = "sms"
)

// Devices are the transitions of TVs.
//
// Any number of people may scan a device's picture or type its code: each has an approval of their own (an Attempt with
// Via "device"), and none of them claims anything until one approves. That one takes all: the attempts of the others
// expire. A decline ends the decliner's own; the device is told of it only while nobody else is deciding, so that a
// stranger's decline locks nobody out, and not if somebody scans before it was told.
//
// An attempt ViaDevice goes through RecordScan or BeginDeviceAttempt, OpenPhone, ConfirmLogin, SendPhoneCode, BindPhone,
// MovePhone and DeclineLogin like any other; its end is done, never confirmed: there is no browser that continues.
type Devices interface {
	// CreateDevice returns ErrConflict when the user code is taken by a live authorization: call again with another.
	CreateDevice(ctx context.Context, d DeviceAuthorization) error
	// DeviceByUserCode finds a pending authorization. The try is counted against every limit before it is compared, and
	// given back when it hits (I8). ErrNotFound for a wrong, late or decided code; a LimitedError.
	DeviceByUserCode(ctx context.Context, code Hash, limits []Limit, now time.Time) (DeviceAuthorization, error)
	// Device returns an authorization by its ID alone, late ones as ErrExpired: for a caller that has proven its right.
	Device(ctx context.Context, id ID, now time.Time) (DeviceAuthorization, error)
	// AddDeviceScene gives the picture of a pending device its code, once: ErrConflict when it has one, or is decided.
	AddDeviceScene(ctx context.Context, id ID, s Scene, now time.Time) error
	// BeginDeviceAttempt begins the approval of an openid that web authorization has proven, in the WeChat browser of the
	// phone secret; again, it is the same one, and the last browser counts. RecordScan does the same, without the phone,
	// for a scan of the picture. ErrConflict when the device is decided; ErrExpired; ErrLocked.
	BeginDeviceAttempt(ctx context.Context, id ID, account, openID string, phone Hash, now time.Time) (Attempt, error)
	// OpenDevice shows a pending device to the session that is about to decide: from now on a decline of somebody else is
	// not told before this session has decided too. The errors are ApproveDevice's.
	OpenDevice(ctx context.Context, a DeviceApproval) (DeviceAuthorization, error)
	// ApproveDevice lets the device in as the session's user, and makes its grant: the first approval wins, and the same
	// person's again is the same. ErrConflict when another was first or the device was told of a decline; ErrNotFound for
	// a session or a device that is gone; ErrExpired; ErrLocked; ErrPhoneNeeded.
	ApproveDevice(ctx context.Context, a DeviceApproval) (DeviceAuthorization, error)
	// DeclineDevice is the session's decline. Again, it is the same. ErrConflict when the device is decided already;
	// ErrNotFound as in ApproveDevice; ErrExpired.
	DeclineDevice(ctx context.Context, a DeviceApproval) error
	// RedeemDevice gives the approved device its grant, once (I6). ErrPending, ErrDeclined and ErrExpired say where it
	// stands; ErrNotFound: unknown, of another client or secret, redeemed before, revoked, or of a locked user. A second
	// use changes nothing: polls repeat. One round trip on PostgreSQL when it succeeds.
	RedeemDevice(ctx context.Context, u DeviceUse) (Issued, error)
}
