package storage

import (
	"context"
	"slices"
	"time"
)

// AuthRequest is an authorization request (OpenID Connect Core §3.1.2.1) that waits for a person. Its checks are done:
// what it holds is valid for its client. It belongs to the browser that sent it.
type AuthRequest struct {
	ID        ID
	Browser   Hash // of the browser cookie's secret
	ClientID  string
	Params    AuthParams
	CreatedAt time.Time
	ExpiresAt time.Time
	// SessionID is set once a login was completed for this request: that session satisfies prompt=login and max_age.
	SessionID ID
}

// AuthParams are the parameters that matter after the checks.
type AuthParams struct {
	RedirectURI   string   `json:"redirect_uri"`
	ResponseMode  string   `json:"response_mode,omitempty"`
	State         string   `json:"state,omitempty"`
	Nonce         string   `json:"nonce,omitempty"`
	Scopes        []string `json:"scopes"`
	CodeChallenge string   `json:"code_challenge,omitempty"` // S256, base64url
	Prompt        []string `json:"prompt,omitempty"`
	MaxAge        *int64   `json:"max_age,omitempty"` // seconds
	ACRValues     []string `json:"acr_values,omitempty"`
	UILocales     []string `json:"ui_locales,omitempty"`
	LoginHint     string   `json:"login_hint,omitempty"`
	HintSubject   string   `json:"hint_sub,omitempty"` // the sub of a valid id_token_hint
	// Device is the text of the DeviceAuthorization's ID that the person logs in for; there is no redirect URI then, and
	// the request never yields a code.
	Device string `json:"device,omitempty"`
}

// AsksToConfirm reports whether a scan alone is no answer, however fresh: who asks for a login anew, of a certain age or of
// the class ACRConfirm wants to know that the person is there and means it.
func (p AuthParams) AsksToConfirm() bool {
	return slices.Contains(p.Prompt, "login") || slices.Contains(p.Prompt, "select_account") || p.MaxAge != nil || slices.Contains(p.ACRValues, ACRConfirm)
}

// Scan is a scan or follow event with one of our scenes, or a visit of a page scene by a proven openid.
type Scan struct {
	Delivery Hash // dedupe key of the event; zero for a page scene
	Account  string
	OpenID   string
	Scene    Hash
	// ForDevice: the scene is the picture of a device, by its prefix. A scene of the other kind is ScanUnknown.
	ForDevice bool
	Ticket    string    // must equal the scene's, where both are present
	At        time.Time // the event's CreateTime; zero for a page scene
	Number    int       // freshly drawn; used only if this scan is the first
	Choices   [3]int
	// Alone: the scan may be all there is to this login. The caller vouches for what the Store cannot see: the operator
	// allows it, and this is a scan by a follower in an event that nobody but the platform can have made.
	Alone bool
	Now   time.Time
}

// How long a number that was matched may stand for later scans, and how old a scan event may be to do without one: a later
// event is not of a person who stands before the screen right now.
const (
	ScanAloneLife = 30 * 24 * time.Hour
	ScanAloneLag  = time.Minute
)

// ScanOutcome says what RecordScan did.
type ScanOutcome int

const (
	ScanAccepted ScanOutcome = iota + 1 // this openid has the attempt now
	ScanRepeated                        // it had it before: the same reply is due
	ScanTaken                           // another openid came first; audited
	ScanOver                            // the attempt is over
	ScanUnknown                         // no such scene at this account, or the ticket differs
	ScanBlocked                         // this openid chose wrong numbers: see LimitedError rules at ConfirmLogin
	ScanLocked                          // the user is locked
)

// WebAuth is one round of WeChat web authorization, bound to the browser that began it.
type WebAuth struct {
	Hash      Hash   // of the state parameter
	Purpose   string // the caller's word for where to go on
	AttemptID ID     // zero where Scene or DeviceID is set
	Scene     Hash
	DeviceID  ID
	Browser   Hash
	ExpiresAt time.Time
}

// ConfirmOutcome says what ConfirmLogin did.
type ConfirmOutcome int

const (
	ConfirmDone        ConfirmOutcome = iota + 1 // the attempt is confirmed, or the device approved
	ConfirmPhoneNeeded                           // approved; the phone is to be bound next
	ConfirmWrong                                 // a wrong number: the attempt and its scenes are over
)

// Confirm is a choice on the phone.
type Confirm struct {
	AttemptID ID
	PhoneHash Hash
	Number    int // for ViaQR: the number chosen; ignored for ViaWeChat and ViaDevice
	Now       time.Time
}

// Wrong numbers: this many by one openid within the window block that openid for the pause.
const (
	WrongNumberMax    = 2
	WrongNumberWindow = time.Hour
	WrongNumberPause  = 15 * time.Minute
)

// Complete ends a login in the browser that began it.
type Complete struct {
	AuthRequestID ID
	Browser       Hash
	// Account and OpenID are of the attempt as the caller has seen it: ErrConflict where somebody else has confirmed since.
	Account, OpenID string

	Approved   ID   // the attempt that was shown where the person clicked "Continue as …"; zero without a click
	NewBrowser Hash // the browser's cookie is renewed at login
	// Network is a keyed hash of the network that the browser is in, the same for the same network; zero when unknown. A
	// login that a number confirmed is remembered with it.
	Network Hash
	// Session is the draft: ID, Hash, AMR, ACR, Device, ExpiresAt and IdleExpiresAt are the caller's. After a scan alone AMR
	// and ACR are the Store's, for it alone knows which attempt it completes.
	Session Session
	// Previous is the live session of this browser, if any. The same user's is renewed (it keeps its ID, with the new
	// Hash and auth_time); another user's is ended, and so is every other session of this Browser.
	Previous ID
	// Code answers the request in the same transition, where nothing is lacking but the login; nil: IssueCode will. Of its draft
	// the Store sets the grant's SessionID, AuthTime, AMR and ACR; ErrConflict where Grant.UserID is not who has confirmed. An
	// online grant does not outlive the session.
	Code *NewCode
	Now  time.Time
}

// Progress is how far a request is: who waits for it has to read again when any of this differs from what was read.
type Progress struct {
	AuthRequestID ID
	Browser       Hash // of the request now: a login in another tab renews it
	AttemptID     ID   // the newest attempt
	Version       int64
}

// Logins are the transitions from an authorization request to a session.
type Logins interface {
	// CreateAuthRequest stores the request.
	CreateAuthRequest(ctx context.Context, r AuthRequest) error
	// AuthRequest returns a live request of this browser; ErrNotFound for another browser's, an expired or a finished one.
	AuthRequest(ctx context.Context, id ID, browser Hash, now time.Time) (AuthRequest, error)
	// EndAuthRequest removes the request and its attempts: it was answered with an error. Twice is once.
	EndAuthRequest(ctx context.Context, id ID, browser Hash, now time.Time) error

	// Login is AuthRequest and CurrentAttempt in one look. The attempt is zero where none was begun.
	Login(ctx context.Context, authRequest ID, browser Hash, now time.Time) (AuthRequest, Attempt, error)

	// BeginAttempt makes a the newest attempt of its request, and expires the one it replaces, with all of its scenes. Where
	// a comes with its first scene, that is stored with it.
	// ErrConflict when the newest is not replaces (zero: there is none): somebody else was faster, read again.
	BeginAttempt(ctx context.Context, a Attempt, replaces ID, now time.Time) error
	// AddScene gives a waiting attempt a scene, before its code is shown; ErrConflict when it is not waiting or has max.
	AddScene(ctx context.Context, attempt ID, s Scene, max int, now time.Time) error
	// CurrentAttempt returns the newest attempt of the request to the browser that began it; ErrNotFound to any other.
	// An attempt whose time is over has State expired.
	CurrentAttempt(ctx context.Context, authRequest ID, browser Hash, now time.Time) (Attempt, error)
	// Progress tells how far each of these requests is, in no order; one that is gone or has no attempt is left out. It asks
	// for a hundred in one statement: this is how ten thousand waiting pages are looked after.
	Progress(ctx context.Context, authRequests []ID) ([]Progress, error)

	// RecordScan claims the scene's attempt for the openid: the first one wins. It records the identity as following,
	// expires that openid's earlier attempts that are not confirmed, and remembers the delivery: repeated, it changes
	// nothing and returns the first outcome (ScanRepeated for ScanAccepted), with the attempt as it is now.
	//
	// The scene of a device is claimed by nobody: every openid that scans it is given an attempt of its own, and the same
	// one again while that is not over. ScanOver comes without an attempt for who never had one.
	//
	// A scan that is Alone confirms the attempt at once, with a notice whose ID is the attempt's, where every one of these
	// holds, and is like any other where one does not:
	//
	//   - the attempt is ViaQR, the event no older than ScanAloneLag, and the openid followed before it and has not
	//     unfollowed since;
	//   - the openid's user has a phone, and is neither locked nor blocked;
	//   - the client is registered, FirstParty, and not AlwaysConfirm;
	//   - the request has no prompt, max_age or acr_values, and is not for a device;
	//   - this browser's secret is that of a login of this very user and openid that was completed less than ScanAloneLife
	//     ago after a number was matched, in the same network as the attempt's;
	//   - such logins have asked for every scope of the request on behalf of this client.
	//
	// That login counts no more after a logout in the browser, a login of somebody else in it, "not me", a lock, an unfollow,
	// a change of phone, an unbinding, or once the client's access was taken back or the client removed. A scan alone never
	// counts as such a login itself.
	RecordScan(ctx context.Context, s Scan) (ScanOutcome, Attempt, error)
	// RecordWeChatLogin claims an attempt ViaWeChat for the openid that web authorization proved in the browser that
	// began it; phone is that browser's phone-side secret.
	RecordWeChatLogin(ctx context.Context, authRequest ID, browser Hash, openID string, phone Hash, now time.Time) (Attempt, error)

	// BeginWebAuth stores a state. TakeWebAuth uses it up: ErrNotFound for another browser's, a late or a used one.
	BeginWebAuth(ctx context.Context, w WebAuth) error
	TakeWebAuth(ctx context.Context, state, browser Hash, now time.Time) (WebAuth, error)
	// PeekAttempt returns an attempt by its ID alone: only for a caller that has checked the phone link's token.
	PeekAttempt(ctx context.Context, id ID, now time.Time) (Attempt, error)
	// OpenPhone binds the phone side to the WeChat browser that has just proved the openid; ErrNotFound for another
	// openid than the one that scanned. It may be called again by the same openid: the last browser counts.
	OpenPhone(ctx context.Context, attempt ID, openID string, phone Hash, now time.Time) (Attempt, error)
	// PhoneAttempt returns the attempt to the WeChat browser that it was opened in; ErrNotFound to any other.
	PhoneAttempt(ctx context.Context, attempt ID, phone Hash, now time.Time) (Attempt, error)

	// ConfirmLogin takes the choice. The right number confirms (again: the same outcome); a wrong one ends the attempt
	// and counts against the openid. ErrNotFound for another phone; ErrConflict when the attempt is over; ErrLocked; a
	// LimitedError when the openid is blocked. For ViaDevice it approves: the device's grant is made in the same transition,
	// as Devices.ApproveDevice does it, or by BindPhone where the phone is still to be bound. Approved again: the same;
	// ErrConflict when the device is decided otherwise.
	ConfirmLogin(ctx context.Context, c Confirm) (ConfirmOutcome, Attempt, error)
	// DeclineLogin ends the attempt and voids its scenes. Declined again: the same. ErrConflict when it is over otherwise
	// or confirmed and done. For ViaDevice: see Devices.
	DeclineLogin(ctx context.Context, attempt ID, phone Hash, now time.Time) (Attempt, error)
	// SendPhoneCode counts against every limit (all or none) and stores the code in place of an earlier one. It is
	// called before the message is sent. ErrConflict unless the attempt is approved and not over, and its device undecided;
	// a LimitedError.
	SendPhoneCode(ctx context.Context, c PhoneCode) error
	// BindPhone counts the try before it compares. The right code binds the number to the openid's user (made now where
	// there is none) and confirms the attempt, or approves the device. ErrConflict when the attempt is over, the device is
	// decided, or b.NewUser.Username is taken.
	BindPhone(ctx context.Context, b Bind) (BindResult, error)
	// MovePhone follows BindHeld, with the same attempt and phone: the number is taken from its earlier holder, who keeps
	// everything else. A LimitedError when the number was moved within a day.
	MovePhone(ctx context.Context, b Bind) (BindResult, error)

	// CompleteLogin opens the session of a confirmed attempt, once: the second call is ErrConflict. ErrNotFound for
	// another browser; ErrApprovalNeeded; ErrPhoneNeeded; ErrLocked; ErrConfirmNeeded. The request's SessionID is set, the
	// browser learns this user, and all live requests of the browser, with their attempts, belong to NewBrowser from then on.
	// With a Code the request is finished by it: either all of this happens or nothing.
	CompleteLogin(ctx context.Context, c Complete) (Session, error)
}
