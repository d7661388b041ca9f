package grants

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"qiao/op/clients"
	"qiao/storage"
)

// Error codes of RFC 8628 §3.5.
const (
	authorizationPending = "authorization_pending"
	slowDown             = "slow_down"
	accessDenied         = "access_denied"
	expiredToken         = "expired_token"
)

// tokenRequest sends polls of device codes their own way, and everything else to the library. Almost every poll is told
// to wait, and a hundred thousand TVs poll without an end: the library's decoder costs more than all the rest of it.
func (s *Server) tokenRequest(library http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Form.Get("grant_type") != clients.GrantDeviceCode {
			library.ServeHTTP(w, r)
			return
		}
		s.pollDevice(w, r)
	})
}

// pollDevice is the device_code grant (RFC 8628 §3.4 and §3.5).
func (s *Server) pollDevice(w http.ResponseWriter, r *http.Request) {
	c, out, err := s.deviceTokens(r)
	switch {
	case err == nil:
		s.polls.WithLabelValues("tokens").Inc()
		writeJSON(w, out)
	case errors.Is(err, errPending):
		s.pending.answer(w)
	case errors.Is(err, errTooSoon):
		s.tooSoon.answer(w)
	default:
		f := failureOf(err)
		s.polls.WithLabelValues(f.Code).Inc()
		s.note(r.Context(), "redeem_device", c.ID, f, err)
		f.write(w)
	}
}

// The two answers to who has to wait. They are errors by RFC 8628 §3.5, and not ours to count or log as such.
var (
	errPending = refuse(authorizationPending, "nobody has decided so far")
	errTooSoon = refuse(slowDown, "polled too soon: wait 5 seconds longer between two polls from now on")
)

func (s *Server) deviceTokens(r *http.Request) (storage.Client, *tokens, error) {
	ctx := r.Context()
	c, err := s.cfg.Clients.Authenticate(ctx, r.Header, r.Form)
	if err != nil {
		return c, nil, err
	}
	if !c.HasGrantType(clients.GrantDeviceCode) {
		return c, nil, refuse(unauthorizedClient, "the client is not registered for this grant type")
	}
	text := r.Form.Get("device_code")
	if text == "" {
		return c, nil, refuse(invalidRequest, "device_code is missing")
	}
	code, err := storage.ParseHandle(text)
	if err != nil {
		return c, nil, deviceFailure(err)
	}
	key := storage.PollKey(code.ID, code.Secret.Hash(), c.ID)
	// Signals that do not answer know nothing: the store decides, and only the pace is not enforced.
	poll, signalsErr := s.cfg.Signals.PollPending(ctx, key)
	if poll.Pending {
		return c, nil, wait(poll)
	}
	out, err := s.redeemDevice(ctx, c, code)
	if errors.Is(err, storage.ErrPending) {
		if signalsErr == nil {
			s.markPending(ctx, key, code.ID)
		}
		return c, nil, wait(poll)
	}
	return c, out, deviceFailure(err)
}

func wait(poll storage.Poll) error {
	if poll.TooSoon {
		return errTooSoon
	}
	return errPending
}

// redeemDevice uses the device code up, in one transition of the store.
func (s *Server) redeemDevice(ctx context.Context, c storage.Client, code storage.Handle) (*tokens, error) {
	now := s.cfg.Now()
	access := storage.Handle{ID: code.ID, Secret: storage.NewSecret()}
	use := storage.DeviceUse{
		DeviceID: code.ID, CodeHash: code.Secret.Hash(), ClientID: c.ID, Access: s.accessToken(access, storage.AllScopes, now), Now: now,
	}
	family := s.newFamily(c, now)
	use.RefreshSeed, use.RefreshExpiresAt = family.hash(), family.idleEnd
	issued, err := s.cfg.Store.RedeemDevice(ctx, use)
	if err != nil {
		return nil, err
	}
	return s.mint(minting{
		client: c, issued: issued, access: access, mask: storage.AllScopes, refresh: family.first(s.cfg.Box, &issued.Grant), now: now,
	})
}

// trustMark is how long the signals are believed that a device is pending. A ClearPending that was lost is felt for so
// long at most, and so often a waiting device costs a read of the store.
const trustMark = 30 * time.Second

// jitter is how much sooner than told a poll may come: the network delays one poll and not the next.
const jitter = 500 * time.Millisecond

// markPending is best effort: without the mark the next poll asks the store again.
func (s *Server) markPending(ctx context.Context, key string, device storage.ID) {
	// Not beyond the end of the code: from then on the store has another answer.
	left := device.Time().Add(s.cfg.Lifetimes.DeviceCode).Sub(s.cfg.Now())
	if left > 0 {
		_ = s.cfg.Signals.MarkPending(ctx, key, s.cfg.Lifetimes.DeviceInterval-jitter, min(trustMark, left))
	}
}

// deviceFailure puts the store's sentinels into the words of RFC 8628 §3.5.
func deviceFailure(err error) error {
	switch {
	case errors.Is(err, storage.ErrExpired):
		return refuse(expiredToken, "the device code has expired: ask for another")
	case errors.Is(err, storage.ErrDeclined):
		return refuse(accessDenied, "the person declined")
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrLocked):
		return refuse(invalidGrant, "unknown, revoked, redeemed before, or issued to another client")
	}
	return err
}

// waitAnswer tells a device to go on waiting. It is given thousands of times a second, so its parts are made once.
type waitAnswer struct {
	body  []byte
	count prometheus.Counter
}

func (s *Server) newWaitAnswer(f failure) waitAnswer {
	return waitAnswer{f.body(), s.polls.WithLabelValues(f.Code)}
}

func (a waitAnswer) answer(w http.ResponseWriter) {
	if w, ok := w.(waiter); ok {
		w.waiting()
	}
	a.count.Inc()
	w.Header()["Content-Type"] = []string{"application/json"}
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write(a.body)
}
