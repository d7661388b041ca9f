package ui

// card is the state of the login card, of which its template asks again and again.
type card struct {
	Waiting, Scanned, Confirmed, Done bool

	Live     bool // waiting or scanned, and not inside WeChat: the page waits for the phone
	InWeChat bool // waiting or scanned there
	Counting bool // the seconds that the picture lives are shown
}

func (p Login) card() card {
	c := card{
		Waiting: p.State == "waiting", Scanned: p.State == "scanned", Confirmed: p.State == "confirmed", Done: p.State == "done",
		Counting: p.QR != "" && p.ExpiresIn > 0,
	}
	c.Live = (c.Waiting || c.Scanned) && !p.WeChat
	c.InWeChat = (c.Waiting || c.Scanned) && p.WeChat
	return c
}
