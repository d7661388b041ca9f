package play

import (
	"context"
	"fmt"
	"time"
)

// Login takes the browser, which shows the login page, through a whole login by the person: scan, follow, number where the
// scan was not enough, phone where it is asked for, "Continue as …" and consent where they are asked for. It ends on the page
// after that.
func Login(ctx context.Context, b *Browser, p *Person) error {
	qr, ok := b.Page.Attr("data-qr")
	if !ok || qr == "" {
		return fmt.Errorf("no code on %s (%d): %s", b.Page.URL.Path, b.Page.Status, b.Page.Text())
	}
	outcome, err := p.Scan(ctx, qr)
	if err != nil {
		return err
	}
	if alone, err := b.Confirmed(ctx); alone || err != nil { // the event was answered before Scan returned
		if err != nil {
			return err
		}
		return b.Finish(ctx)
	}
	if outcome == "event" || outcome == "follow_prompt" {
		link, err := p.Link(ctx)
		if err != nil {
			return err
		}
		if err := p.Open(ctx, link); err != nil {
			return err
		}
	}
	number, err := b.Number(ctx)
	if err != nil {
		return err
	}
	if err := p.Web.Submit(ctx, "number", number, nil); err != nil {
		return err
	}
	if _, asked := p.Web.Page.FormWith("", "tel"); asked {
		if err := p.Bind(ctx); err != nil {
			return err
		}
	}
	return b.Finish(ctx)
}

// Confirmed reloads the login page and reports whether it may continue.
func (b *Browser) Confirmed(ctx context.Context) (bool, error) {
	if err := b.Reload(ctx); err != nil {
		return false, err
	}
	state, _ := b.Page.Attr("data-state")
	return state == "confirmed", nil
}

// Number is the number that the login page shows; it reloads the page until it shows the number to match.
func (b *Browser) Number(ctx context.Context) (string, error) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if n, ok := b.Page.Attr("data-number"); ok && n != "" && n != "0" {
			return n, nil
		}
		if err := b.Reload(ctx); err != nil {
			return "", err
		}
	}
	state, _ := b.Page.Attr("data-state")
	return "", fmt.Errorf("no number on the login page, its state is %q", state)
}

// Finish continues in the browser from a confirmed login, and approves what is asked for, until another page comes.
func (b *Browser) Finish(ctx context.Context) error {
	if state, _ := b.Page.Attr("data-state"); state != "confirmed" {
		if err := b.Reload(ctx); err != nil {
			return err
		}
	}
	if _, ok := b.Page.FormWith("approve", ""); ok {
		if err := b.Submit(ctx, "approve", "1", nil); err != nil {
			return err
		}
	} else if state, _ := b.Page.Attr("data-state"); state == "confirmed" {
		f, ok := b.Page.FormWith("form_token", "")
		if !ok {
			return fmt.Errorf("no way to continue on %s", b.Page.URL.Path)
		}
		if err := b.Post(ctx, f.Action, f.Values); err != nil {
			return err
		}
	}
	if _, ok := b.Page.FormWith("approve", ""); ok { // consent
		return b.Submit(ctx, "approve", "1", nil)
	}
	return nil
}
