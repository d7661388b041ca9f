package wechatflow

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"qiao/storage"
	"qiao/ui"
)

// card is what the login page shows of an attempt now. The page and the JSON are made of the same card.
type card struct {
	attempt   storage.Attempt
	state     string // of the attempt, or expired when no picture is left to show
	expiresIn int    // seconds that the picture lives
	as        string // masked phone, when confirmed and this person is new to this browser
}

// card looks at the attempt, and gives a waiting one its picture where that is missing or too old.
func (f *Flow) card(ctx context.Context, attempt storage.Attempt, address netip.Addr) (card, error) {
	c := card{attempt: attempt}
	if attempt.State == storage.AttemptWaiting && attempt.Via == storage.ViaQR {
		var err error
		if c.attempt, err = f.withPicture(ctx, attempt, address); err != nil {
			return card{}, err
		}
	}
	c.state = string(c.attempt.State)
	switch {
	case c.attempt.State == storage.AttemptWaiting && c.attempt.Via == storage.ViaQR:
		if left := c.attempt.Scene.ShownUntil.Sub(f.Now()); left > 0 {
			c.expiresIn = seconds(left)
		} else {
			c.state = string(storage.AttemptExpired) // the last picture is spent; its scene still works for a late 关注
		}
	case c.attempt.State == storage.AttemptConfirmed && !c.attempt.Known:
		as, err := f.maskedPhone(ctx, c.attempt.UserID)
		if errors.Is(err, storage.ErrNotFound) {
			c.state = string(storage.AttemptExpired) // deleted or unbound since the confirmation: start again
			break
		}
		if err != nil {
			return card{}, err
		}
		c.as = as
	}
	return c, nil
}

// maskedPhone is the bound number of a user as it may be shown; ErrNotFound where there is no user or no number.
func (f *Flow) maskedPhone(ctx context.Context, userID string) (string, error) {
	user, err := f.Store.User(ctx, userID)
	if err != nil {
		return "", err
	}
	if len(user.PhoneSealed) == 0 {
		return "", storage.ErrNotFound
	}
	return f.masked(user.PhoneSealed)
}

// masked is a sealed number as pages show it, empty for none.
func (f *Flow) masked(sealed []byte) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	phone, err := f.Box.Open(phoneSeal, sealed)
	if err != nil {
		return "", fmt.Errorf("open a phone number: %w", err)
	}
	return ui.MaskPhone(string(phone)), nil
}

// version differs whenever the card differs. The attempt's own version does not rise when time passes, and starts
// again with a new attempt; a page that waits must hear of both. It rises while the attempt is the same.
func (c card) version() int64 {
	phase := int64(0)
	if c.state == string(storage.AttemptExpired) {
		phase = 1
		if c.attempt.State == storage.AttemptExpired {
			phase = 2
		}
	}
	// 36 random bits of the attempt's ID, then 16 that count: below 2^53, which is what JSON numbers hold in a browser.
	attempt := int64(binary.BigEndian.Uint64(c.attempt.ID[8:]) >> 28)
	return attempt<<16 | (c.attempt.Version*16+int64(c.attempt.Scenes)*4+phase)&0xffff
}

// renewable reports whether the picture renews itself when its time is over.
func (c card) renewable() bool { return c.attempt.Scenes < maxScenes }

// json is the card as JSON, with its picture where that is wanted.
func (c card) json(picture bool) (ui.LoginState, error) {
	s := ui.LoginState{State: c.state, Version: c.version()}
	switch storage.AttemptState(c.state) {
	case storage.AttemptWaiting:
		if c.attempt.Via != storage.ViaQR {
			break
		}
		s.QR, s.ExpiresIn, s.Renewable = c.attempt.Scene.URL, c.expiresIn, c.renewable()
		if !picture {
			break
		}
		var err error
		if s.Picture, err = ui.QRSVG(c.attempt.Scene.URL); err != nil {
			return s, fmt.Errorf("draw a QR code: %w", err)
		}
	case storage.AttemptScanned:
		s.Number, s.Step = c.attempt.Number, "confirm"
		if !c.attempt.ApprovedAt.IsZero() {
			s.Step = "bind"
		}
	case storage.AttemptConfirmed:
		if c.as != "" {
			s.Step, s.As = "approve", c.as
		}
	case storage.AttemptDeclined:
		s.Reason = "declined"
		if c.attempt.WrongNumber {
			s.Reason = "wrong_number"
		}
	}
	return s, nil
}
