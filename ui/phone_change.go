package ui

// PhoneChange is where a change of the phone number begins: how the person proves themselves (submits named sms and
// wechat). Without a number that is bound there is one way, and it binds one.
type PhoneChange struct {
	Frame
	MaskedPhone string // empty: none is bound
	Problem     string // "", over, too_many, send_failed
	RetryIn     int    // seconds, with too_many
	Action      string
	FormToken   string
}

// PhoneChanged is its end.
type PhoneChanged struct {
	Frame
	MaskedPhone string // the new number
}

func (PhoneChange) template() string  { return "phone_change" }
func (PhoneChanged) template() string { return "phone_changed" }

func (PhoneChange) script() string  { return pageScript }
func (PhoneChanged) script() string { return "" }

func (PhoneChange) client() Client  { return Client{} }
func (PhoneChanged) client() Client { return Client{} }

func (PhoneChange) inClientWindow() bool  { return false }
func (PhoneChanged) inClientWindow() bool { return false }
