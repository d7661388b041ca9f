package ui

// card is the state of the login card as its template asks for it, again and again.
type card struct {
	Confirmed, Done bool

	Live     bool // waiting or scanned, and not inside WeChat: the page waits for the phone
	InWeChat bool // waiting or scanned there
	Steps    bool // live, and there is room to say what comes
	Number   int  // when scanned; 0: none
	Hidden   hidden
}

// hidden is which parts of a live card are there and not shown: the script shows them when it is their turn.
type hidden struct {
	Waiting, Count, Renews, Ends     bool
	Scanned, Match, NoMatch, Binding bool
}

func (p Login) card() card {
	waiting, scanned := p.State == "waiting", p.State == "scanned"
	c := card{
		Confirmed: p.State == "confirmed", Done: p.State == "done",
		Live: (waiting || scanned) && !p.WeChat, InWeChat: (waiting || scanned) && p.WeChat,
	}
	c.Steps = c.Live && !p.Mobile
	if scanned {
		c.Number = p.Number
	}
	c.Hidden = hidden{
		Waiting: !waiting, Count: p.QR == "" || p.ExpiresIn <= 0, Renews: !p.Renewable, Ends: p.Renewable,
		Scanned: waiting || p.Binding, Match: scanned && p.Number == 0, NoMatch: waiting || p.Number != 0, Binding: waiting || !p.Binding,
	}
	return c
}
