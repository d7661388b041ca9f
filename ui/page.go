package ui

// Page is one of the structs of pages.go.
type Page interface {
	frame() Frame
	// template is the file below templates/, without .html.
	template() string
	// script is the file below static/ that the page loads, empty for none.
	script() string
	// client is whose logo the page shows, if any.
	client() Client
	// inClientWindow reports whether the page stands in the window that the relying party opened, which may be a popup
	// that must keep its opener.
	inClientWindow() bool
}

// pages has one of each.
func pages() []Page {
	return []Page{
		Login{}, PhoneConfirm{}, DeviceCode{}, DeviceConfirm{}, DeviceEnd{},
		PhoneNumber{}, PhoneCode{}, PhoneHeld{}, PhoneEnd{}, NotMe{}, Follow{}, Consent{}, Logout{},
		LoggedOut{}, AppReturn{}, Home{}, Account{}, AccountDelete{}, AccountGone{}, PhoneChange{}, PhoneChanged{}, Failure{},
	}
}

const (
	loginScript = "login.js"
	pageScript  = "page.js"
)

func (f Frame) frame() Frame { return f }

func (Login) template() string         { return "login" }
func (PhoneConfirm) template() string  { return "phone_confirm" }
func (DeviceCode) template() string    { return "device_code" }
func (DeviceEnd) template() string     { return "device_end" }
func (DeviceConfirm) template() string { return "device_confirm" }
func (PhoneNumber) template() string   { return "phone_number" }
func (PhoneCode) template() string     { return "phone_code" }
func (PhoneHeld) template() string     { return "phone_held" }
func (PhoneEnd) template() string      { return "phone_end" }
func (NotMe) template() string         { return "not_me" }
func (Follow) template() string        { return "follow" }
func (Consent) template() string       { return "consent" }
func (Logout) template() string        { return "logout" }
func (LoggedOut) template() string     { return "logged_out" }
func (Home) template() string          { return "home" }
func (AppReturn) template() string     { return "app_return" }
func (Failure) template() string       { return "failure" }

func (Login) script() string         { return loginScript }
func (PhoneConfirm) script() string  { return pageScript }
func (DeviceCode) script() string    { return pageScript }
func (DeviceEnd) script() string     { return "" }
func (DeviceConfirm) script() string { return pageScript }
func (PhoneNumber) script() string   { return pageScript }
func (PhoneCode) script() string     { return pageScript }
func (PhoneHeld) script() string     { return pageScript }
func (PhoneEnd) script() string      { return pageScript }
func (NotMe) script() string         { return pageScript }
func (Follow) script() string        { return pageScript }
func (Consent) script() string       { return pageScript }
func (Logout) script() string        { return pageScript }
func (LoggedOut) script() string     { return "" }
func (Home) script() string          { return "" }
func (AppReturn) script() string     { return pageScript }
func (Failure) script() string       { return "" }

func (p Login) client() Client         { return p.Client }
func (p PhoneConfirm) client() Client  { return p.Client }
func (p DeviceCode) client() Client    { return p.Client }
func (p DeviceEnd) client() Client     { return p.Client }
func (p DeviceConfirm) client() Client { return p.Client }
func (p PhoneNumber) client() Client   { return p.Client }
func (p PhoneCode) client() Client     { return p.Client }
func (p PhoneHeld) client() Client     { return p.Client }
func (p PhoneEnd) client() Client      { return p.Client }
func (p NotMe) client() Client         { return p.Client }
func (p Follow) client() Client        { return p.Client }
func (p Consent) client() Client       { return p.Client }
func (p Logout) client() Client        { return p.Client }
func (LoggedOut) client() Client       { return Client{} }
func (Home) client() Client            { return Client{} }
func (p AppReturn) client() Client     { return p.Client }
func (Failure) client() Client         { return Client{} }

func (Login) inClientWindow() bool         { return true }
func (PhoneConfirm) inClientWindow() bool  { return false }
func (DeviceCode) inClientWindow() bool    { return false }
func (DeviceEnd) inClientWindow() bool     { return false }
func (DeviceConfirm) inClientWindow() bool { return false }
func (PhoneNumber) inClientWindow() bool   { return false }
func (PhoneCode) inClientWindow() bool     { return false }
func (PhoneHeld) inClientWindow() bool     { return false }
func (PhoneEnd) inClientWindow() bool      { return false }
func (NotMe) inClientWindow() bool         { return false }
func (Follow) inClientWindow() bool        { return false }
func (Consent) inClientWindow() bool       { return true }
func (Logout) inClientWindow() bool        { return true }
func (LoggedOut) inClientWindow() bool     { return true }
func (Home) inClientWindow() bool          { return false }
func (AppReturn) inClientWindow() bool     { return false }
func (Failure) inClientWindow() bool       { return true }
