package ui

import "time"

// Account is the page where a person sees and ends what is signed in as them. Its forms post below /account.
type Account struct {
	Frame
	Name        string // may be empty
	Username    string
	MaskedPhone string // empty: none is bound
	Sessions    []AccountSession
	TVs         []AccountTV
	Apps        []AccountApp
	Now         time.Time
	Fresh       bool // a new login was just made for the export: it goes on now
	FormToken   string
}

// AccountSession is a signed-in browser.
type AccountSession struct {
	ID     string
	Device string // "Chrome · Windows"; may be empty
	Place  string // empty: unknown
	SeenAt time.Time
	Here   bool // it is this one
}

// AccountTV is a signed-in device.
type AccountTV struct {
	ID     string
	Client string
	Device string // what it calls itself; may be empty
	Place  string
	Since  time.Time
	UsedAt time.Time // zero: not since then
}

// AccountApp is a client that may act for the person.
type AccountApp struct {
	ClientID string
	Name     string
	Scopes   []Scope
}

// AccountDelete asks once more (submits named decline and approve).
type AccountDelete struct {
	Frame
	Username    string
	MaskedPhone string
	FormToken   string
}

// AccountGone says goodbye.
type AccountGone struct {
	Frame
}

func (Account) template() string       { return "account" }
func (AccountDelete) template() string { return "account_delete" }
func (AccountGone) template() string   { return "account_gone" }

func (Account) script() string       { return pageScript }
func (AccountDelete) script() string { return pageScript }
func (AccountGone) script() string   { return "" }

func (Account) client() Client       { return Client{} }
func (AccountDelete) client() Client { return Client{} }
func (AccountGone) client() Client   { return Client{} }

func (Account) inClientWindow() bool       { return false }
func (AccountDelete) inClientWindow() bool { return false }
func (AccountGone) inClientWindow() bool   { return false }
