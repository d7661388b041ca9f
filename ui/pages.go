package ui

import "time"

// Frame is what every page has.
type Frame struct {
	Lang string // "zh-CN" or "en"
	// Here is the page's path and query: the language switch leads back to it with lang=….
	Here string
	// Return lists the origins (or custom schemes such as "com.example.app:") that a form of this page may end at after
	// redirects: browsers apply the policy's form-action to them too.
	Return []string
}

// Client is the relying party as a person sees it.
type Client struct {
	Name      string
	Host      string // of its redirect URI; empty on loopback, where the pages have their own words
	LogoURI   string
	PolicyURI string
	TOSURI    string
}

// Login is the card with the QR code, in every state.
type Login struct {
	Frame
	Client      Client
	IssuerHost  string
	AccountName string // the Official Account's display name
	State       string // data-state: waiting, scanned, confirmed, done, declined, expired, error
	Version     int64  // of the state: the long poll asks for a newer one
	QR          string // text of the QR code, rendered as SVG and repeated in data-qr; empty outside waiting
	Number      int    // 10–99 in data-number, when scanned by QR
	Binding     bool   // with scanned: approved on the phone, the number is being bound there
	ContinueAs  string // masked phone, with confirmed: where set, the person must click (submit named approve)
	Attempt     string // whose number that is; it is posted along
	WrongNumber bool   // with declined: a wrong number was chosen
	ExpiresIn   int    // seconds that the picture lives
	Renewable   bool   // the picture renews itself when ExpiresIn is over
	Mobile      bool   // an ordinary mobile browser: save the picture, scan it from the album
	WeChat      bool   // inside WeChat's browser: no QR, one button that continues by web authorization
	StateURL    string // JSON of the state; the script adds ?v=N&wait=20
	ContinueURL string // POST; every state without another way out has this one form
	RefreshURL  string // POST: a new attempt
	CancelURL   string // POST: back to the relying party with access_denied
	PictureURL  string // PNG to save
	FormToken   string
	Reference   string // with error: the reference id
}

// LoginState is the JSON of the login card's state.
type LoginState struct {
	State     string `json:"state"` // waiting, scanned, confirmed, done, declined, expired
	Version   int64  `json:"v"`
	QR        string `json:"qr,omitempty"`         // text of the code, when waiting
	Picture   string `json:"picture,omitempty"`    // the code as an SVG document, when waiting and V is new to the page
	ExpiresIn int    `json:"expires_in,omitempty"` // seconds that the picture lives
	Renewable bool   `json:"renewable,omitempty"`  // the picture renews itself when ExpiresIn is over
	Number    int    `json:"number,omitempty"`
	Step      string `json:"step,omitempty"` // "confirm" or "bind" when scanned; "approve" when confirmed and a click is due
	As        string `json:"as,omitempty"`   // masked phone, when confirmed and a click is due
	Reason    string `json:"reason,omitempty"`
}

// PhoneConfirm asks on the phone: who wants in, on which device, where and when.
type PhoneConfirm struct {
	Frame
	Client    Client
	Device    string // "Chrome · Windows"
	Place     string // empty: unknown
	Address   string
	At        time.Time // when the login began
	Now       time.Time
	FarAway   bool  // the two networks are in different places: warn
	Choices   []int // submit buttons named number; empty: one submit named approve
	Action    string
	FormToken string
}

// DeviceCode asks for the code that a TV shows (input named user_code). With a code that is right and came with the
// address, it shows the code for WeChat too.
type DeviceCode struct {
	Frame
	Client     Client // whose device, with PictureURL
	UserCode   string // as it was typed, or came with the address
	Problem    string // "", wrong, too_many
	RetryIn    int    // seconds, with too_many
	PictureURL string // path of the device's QR code for WeChat; empty: none
	Action     string
	FormToken  string
}

// DeviceEnd is where the browser in which a code was typed ends.
type DeviceEnd struct {
	Frame
	Kind     string // approved, declined, expired, taken, cancelled, locked
	Client   Client
	AgainURL string // GET: another code; empty: none
}

// DeviceConfirm asks, on the phone or in a browser, whether a device may sign in as this person (submits named approve
// and decline): which one, where and since when. It always takes a tap.
type DeviceConfirm struct {
	Frame
	Client      Client
	DeviceName  string // what the device calls itself, unverified; may be empty
	UserCode    string // XXXX-XXXX, in data-user-code: the person compares it with the device's screen
	Place       string // of the device; empty: unknown
	Address     string
	At          time.Time // when the device asked
	Now         time.Time
	FarAway     bool    // the two networks are in different places: warn
	Scopes      []Scope // that approving gives to a third party; empty: first party
	MaskedPhone string  // of the person; empty while no phone is bound
	Action      string
	FormToken   string
}

// PhoneNumber asks for the phone number (type=tel).
type PhoneNumber struct {
	Frame
	Client    Client
	Change    bool   // the number takes the place of another one: no client asks
	Value     string // what was typed before
	Problem   string // "", invalid, country, same, too_many, send_failed
	RetryIn   int    // seconds, with too_many
	Action    string
	FormToken string
}

// PhoneCode asks for the code of the text message (autocomplete=one-time-code).
type PhoneCode struct {
	Frame
	Client       Client
	Change       bool // the number takes the place of another one: no client asks
	Old          bool // with Change: the code went to the number that is to be given up
	MaskedPhone  string
	Problem      string // "", wrong, expired, too_many
	TriesLeft    int    // with wrong
	RetryIn      int    // seconds, with too_many
	ResendIn     int    // seconds until the code can be sent again
	Action       string // POST code
	ResendAction string // POST: send again
	ChangeURL    string // GET: another number, or, with Old, another way
	FormToken    string
}

// PhoneHeld says that another account holds the number, and offers to move it (submit named move) or to take another.
type PhoneHeld struct {
	Frame
	Client      Client
	Change      bool // as in PhoneNumber
	MaskedPhone string
	Problem     string // "", too_many
	Action      string
	ChangeURL   string
	FormToken   string
}

// PhoneEnd is where the phone's part ends.
type PhoneEnd struct {
	Frame
	// Kind is done, declined, wrong_number, expired, blocked, taken, locked, other_wechat, snapshot, look_at_tv when a
	// device was approved, or, after NotMe, disowned, disowned_phone, kept, kept_phone, notice_over and notice_other.
	Kind   string
	Client Client
	// RetryIn is in seconds, with blocked.
	RetryIn int
	// OnThisDevice: the browser that logs in is this one, so the person continues with ContinueURL.
	ContinueURL string
}

// NotMe tells of a sign-in in a new browser or of a device, or of a change of the phone number, and asks whether it was this person (submits named revoke and
// keep, of equal weight). Both end in PhoneEnd.
type NotMe struct {
	Frame
	Client    Client
	TV        bool   // a device; else a browser
	Phone     bool   // the number was changed, in a browser
	Device    string // of a TV: what it calls itself, unverified
	Place     string // empty: unknown
	At        time.Time
	Now       time.Time
	Action    string
	FormToken string
}

// Follow shows a person inside WeChat how to follow the account, and goes on after that.
type Follow struct {
	Frame
	Client      Client
	AccountName string
	QR          string // text of a code to press long, empty if there is none
	Tried       bool   // "I follow now" was pressed, and the platform says no
	Action      string // POST: go on
	FormToken   string
}

// Scope is one line of a consent, in words; Detail is what would be given, such as the masked phone.
type Scope struct {
	Name   string // openid, profile, phone, groups, offline_access
	Detail string
}

// Consent asks whether the client may have the scopes (submits named approve and decline).
type Consent struct {
	Frame
	Client      Client
	Scopes      []Scope
	MaskedPhone string // of the signed-in person
	Action      string
	FormToken   string
}

// Logout asks whether to sign out (submits named approve and decline).
type Logout struct {
	Frame
	Client    Client // empty name: none
	Action    string
	FormToken string
}

// LoggedOut says that the session is over, or (Stayed) that it goes on.
type LoggedOut struct {
	Frame
	Stayed bool
}

// Home is what a person sees who opens the issuer's address itself.
type Home struct {
	Frame
	AccountURL string
	DeviceURL  string
}

// AppReturn ends a login or a logout that an app began (RFC 8252): its button leads to the app's own scheme, which
// browsers open only when a person taps. With script the page tries once by itself.
type AppReturn struct {
	Frame
	Kind   string // signed_in, not_signed_in, signed_out
	Client Client // its Host is the scheme
	URL    string // holds the answer: this page must not be kept by anybody
}

// Failure is the error page. Kind chooses its words: bad_request, unknown_client, redirect_mismatch, request_expired,
// wrong_browser, foreign_form, too_many, unavailable, internal, not_found, wechat_unavailable, locked, too_large,
// user_code.
type Failure struct {
	Frame
	Status    int
	Kind      string
	Detail    string // ASCII, for developers: which parameter and what to change; never a value that was sent
	Reference string // also in the log
	RetryURL  string
	RetryIn   int // seconds
}
