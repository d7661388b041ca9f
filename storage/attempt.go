package storage

import "time"

// AttemptState is where a login attempt stands.
type AttemptState string

const (
	AttemptWaiting   AttemptState = "waiting"   // the QR code is shown
	AttemptScanned   AttemptState = "scanned"   // an openid has it; the person is on the phone (approving, or binding)
	AttemptConfirmed AttemptState = "confirmed" // approved and phone bound: the browser may continue
	AttemptDone      AttemptState = "done"      // a session was opened
	AttemptDeclined  AttemptState = "declined"  // declined, or a wrong number was chosen
	AttemptExpired   AttemptState = "expired"   // late, or replaced by a newer attempt
)

// Over reports whether nothing more can come of the attempt.
func (s AttemptState) Over() bool {
	return s == AttemptDone || s == AttemptDeclined || s == AttemptExpired
}

// How an attempt reaches the phone.
const (
	ViaQR     = "qr"     // a QR code on another screen
	ViaWeChat = "wechat" // the browser that logs in is WeChat's own: nothing to scan, no number to match
	ViaDevice = "device" // a TV: no number to match, for it shows its user code
)

// Device describes the browser or TV that asks, for the person who confirms.
type Device struct {
	Name    string `json:"name"`              // such as "Chrome · Windows"
	Address string `json:"address,omitempty"` // IP address, personal data: never logged
	Place   string `json:"place,omitempty"`   // such as "Shanghai", empty when unknown
}

// Attempt is one try to log in for an AuthRequest, or one person's approval of a device.
type Attempt struct {
	ID            ID
	AuthRequestID ID // zero for ViaDevice
	DeviceID      ID // for ViaDevice: the device to approve
	ClientID      string
	Browser       Hash
	Account       string
	Via           string
	Device        Device
	Network       Hash // of the browser that began it, see Complete; zero when unknown
	CreatedAt     time.Time
	ExpiresAt     time.Time

	State       AttemptState
	Version     int64 // rises with every change that the browser should hear of
	OpenID      string
	UserID      string // empty while the openid has no user
	Number      int    // 10–99; 0 before the scan, after a scan alone, and for ViaWeChat and ViaDevice
	Choices     [3]int // Number and its two decoys, in the order to show
	PhoneHash   Hash   // of the secret of the WeChat browser that proved OpenID; zero before
	ScannedAt   time.Time
	ApprovedAt  time.Time // the number was chosen; with State scanned: the phone is still to be bound
	PhoneProven bool      // the phone was bound in this attempt (amr sms)
	Alone       bool      // the scan alone confirmed it: nobody chose a number
	WrongNumber bool      // with State declined: by a wrong number

	Scenes int   // how many scenes it was given
	Scene  Scene // the newest; zero before the first
	Known  bool  // this browser knows UserID: an earlier login of theirs was completed in it
	Told   bool  // RecordScan alone says so: no notice waits for OpenID, so that Notices.ClaimNotices would find none
}

// Scene is the secret parameter of a QR code. It is known to the server and to WeChat only.
type Scene struct {
	Hash       Hash
	Ticket     string    // as the platform issued it; empty for a page scene
	URL        string    // the text of the QR code
	ShownUntil time.Time // the picture is renewed after this; the scene works until its attempt ends
}
