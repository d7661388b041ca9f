package tv

import (
	"context"
	"errors"
	"net/http"
	"time"

	"qiao/cmd/qiao/device"
	"qiao/ui"
)

// patience bounds what one call of the page may ask of the provider.
const patience = 15 * time.Second

// lasting outlives the page's request: when the page goes away while a poll brings the tokens, they would be lost, for a
// code is redeemed once.
func lasting(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), patience)
}

// start asks for a new code. Whatever the TV had is dropped first; tokens are revoked.
func (s *Server) start(r *http.Request, t *set) view {
	ctx, cancel := lasting(r)
	defer cancel()
	s.drop(ctx, t)
	provider, err := s.discover(ctx)
	if err != nil {
		return s.failed(ctx, err)
	}
	code, err := provider.Start(ctx)
	if err != nil {
		return s.failed(ctx, err)
	}
	now := s.cfg.Now()
	t.code, t.pace, t.next = &code, device.Pace{Interval: code.Interval}, now.Add(code.Interval)
	return t.waiting(now)
}

// poll asks once whether the code was approved. A page that asks too early, or twice, gets what is known.
func (s *Server) poll(r *http.Request, t *set) view {
	now := s.cfg.Now()
	switch {
	case t.tokens != nil:
		return t.signedIn()
	case t.code == nil:
		return view{State: "signed-out"}
	case now.Before(t.next) && now.Before(t.code.ExpiresAt):
		return t.waiting(now)
	}
	ctx, cancel := lasting(r)
	defer cancel()
	provider, err := s.discover(ctx)
	if err != nil {
		return s.failed(ctx, err)
	}
	tokens, err := provider.Poll(ctx, t.code.DeviceCode)
	if err == nil {
		t.code = nil
		return s.signIn(ctx, provider, t, tokens)
	}
	now = s.cfg.Now()
	switch expired := !now.Before(t.code.ExpiresAt); {
	case errors.Is(err, device.ErrDenied):
		t.code = nil
		return view{State: "declined"}
	// invalid_grant: the provider forgot the code, or an answer with the tokens was lost. Both need a new code.
	case errors.Is(err, device.ErrExpired), errors.Is(err, device.ErrInvalidGrant), expired && !device.Final(err):
		t.code = nil
		return view{State: "expired"}
	case device.Final(err):
		t.code = nil
		return s.failed(ctx, err)
	}
	t.next = now.Add(t.pace.After(err))
	v := t.waiting(now)
	v.Trouble = !errors.Is(err, device.ErrPending) && !errors.Is(err, device.ErrSlowDown)
	return v
}

// signIn verifies the ID token and asks for the claims; only then is anybody signed in.
func (s *Server) signIn(ctx context.Context, provider *device.Client, t *set, tokens device.Tokens) view {
	claims, err := provider.Identify(ctx, tokens)
	if err != nil {
		if err := provider.Revoke(ctx, tokens); err != nil { // nobody is going to use them
			s.cfg.Log.WarnContext(ctx, "demo tv: revoke", "error", err)
		}
		return s.failed(ctx, err)
	}
	subject, _ := claims["sub"].(string)
	// UserInfo adds what the ID token leaves out; a TV that cannot get it now shows what it has.
	if more, err := provider.UserInfo(ctx, tokens, subject); err == nil {
		claims = more
	} else {
		s.cfg.Log.WarnContext(ctx, "demo tv: userinfo", "error", err)
	}
	t.tokens, t.person = &tokens, personOf(subject, claims)
	return t.signedIn()
}

func personOf(subject string, claims map[string]any) person {
	text := func(name string) string { v, _ := claims[name].(string); return device.Printable(v, 40) }
	p := person{Subject: subject, Name: text("name")}
	if p.Name == "" {
		p.Name = text("preferred_username")
	}
	if number := text("phone_number"); number != "" {
		p.Phone = ui.MaskPhone(number)
	}
	return p
}

// me tells what the TV shows. A signed-in TV asks the provider: it may have been signed out on the account page, or the
// person's name may have changed.
func (s *Server) me(r *http.Request, t *set) view {
	switch {
	case t.tokens == nil && t.code == nil:
		return view{State: "signed-out"}
	case t.tokens == nil:
		return t.waiting(s.cfg.Now())
	}
	ctx, cancel := lasting(r)
	defer cancel()
	provider, err := s.discover(ctx)
	if err != nil {
		return t.signedIn()
	}
	claims, err := s.claims(ctx, provider, t)
	if over(err) {
		t.tokens = nil
		return view{State: "signed-out"}
	}
	if err == nil { // else the provider could not be asked: nothing says that the TV is signed out
		t.person = personOf(t.person.Subject, claims)
	}
	return t.signedIn()
}

// claims asks for the person's claims, with fresh tokens where the old ones have ended.
func (s *Server) claims(ctx context.Context, provider *device.Client, t *set) (map[string]any, error) {
	claims, err := provider.UserInfo(ctx, *t.tokens, t.person.Subject)
	if !over(err) || t.tokens.Refresh == "" {
		return claims, err
	}
	next, err := provider.Refresh(ctx, *t.tokens)
	if err != nil {
		return nil, err
	}
	t.tokens = &next
	return provider.UserInfo(ctx, next, t.person.Subject)
}

// over reports whether the provider has refused what the TV holds.
func over(err error) bool {
	var answer *device.Error
	return errors.As(err, &answer) && (answer.Status == http.StatusUnauthorized || errors.Is(err, device.ErrInvalidGrant))
}

func (s *Server) signOut(r *http.Request, t *set) view {
	ctx, cancel := lasting(r)
	defer cancel()
	s.drop(ctx, t)
	return view{State: "signed-out"}
}

// drop forgets the code and revokes the tokens. A code that nobody polls for ends by itself.
func (s *Server) drop(ctx context.Context, t *set) {
	t.code = nil
	if t.tokens == nil {
		return
	}
	tokens := *t.tokens
	t.tokens, t.person = nil, person{}
	provider, err := s.discover(ctx)
	if err == nil {
		err = provider.Revoke(ctx, tokens)
	}
	if err != nil { // the TV is signed out here all the same; the account page still lists it
		s.cfg.Log.WarnContext(ctx, "demo tv: revoke", "error", err)
	}
}

// failed is the view of a provider that gave no code.
func (s *Server) failed(ctx context.Context, err error) view {
	s.cfg.Log.WarnContext(ctx, "demo tv: the provider", "error", err)
	v := view{State: "error", Error: "unreachable"}
	var answer *device.Error
	switch {
	case errors.As(err, &answer):
		v.Error, v.Wait = answer.Code, answer.RetryAfter.Seconds()
		if v.Error == "" {
			v.Error = "unavailable"
		}
		v.Message = answer.Description
	case errors.Is(err, device.ErrNoDeviceGrant):
		v.Error = "no_device_grant"
	}
	return v
}

// qr draws the address that this TV's code is approved at.
func (s *Server) qr(w http.ResponseWriter, r *http.Request) {
	s.headers(w)
	t := s.find(r)
	text := ""
	if t != nil {
		t.mu.Lock()
		if t.code != nil {
			text = t.code.QR()
		}
		t.mu.Unlock()
	}
	svg, err := ui.QRSVG(text)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write([]byte(svg)) // a page that went away needs no picture
}
