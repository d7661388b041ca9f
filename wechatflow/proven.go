package wechatflow

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"

	"qiao/storage"
	"qiao/ui"
	"qiao/wechatflow/wechat"
)

// proven goes on with an openid that web authorization has just returned in this browser. The phone secret is renewed
// here: one that was planted before the proof is worth nothing after it.
func (f *Flow) proven(w http.ResponseWriter, r *http.Request, lang string, acc *account, round storage.WebAuth, who wechat.WebAuth) {
	ctx, phone := r.Context(), storage.NewSecret()
	var attempt storage.Attempt
	var err error
	switch name, scan := cutScan(round.Purpose); {
	case scan:
		attempt, err = f.claimPageScene(ctx, name, round.Scene, who.OpenID, phone.Hash())
	case round.Purpose == webAuthLogin:
		attempt, err = f.claimWeChatLogin(r, round.AttemptID, who.OpenID, phone.Hash())
	case round.Purpose == webAuthDevice:
		attempt, err = f.Store.BeginDeviceAttempt(ctx, round.DeviceID, acc.name, who.OpenID, phone.Hash(), f.Now())
	default:
		attempt, err = f.Store.OpenPhone(ctx, round.AttemptID, who.OpenID, phone.Hash(), f.Now())
		if errors.Is(err, storage.ErrNotFound) {
			err = endError("other_wechat") // the link was forwarded: this is not the WeChat that scanned
		}
	}
	if err != nil {
		f.storeAnswer(w, r, lang, err)
		return
	}
	f.noteUnionID(ctx, acc, who.OpenID, who.UnionID)
	f.Guard.SetPhoneSecret(w, phone)
	if round.Purpose != webAuthPhone {
		f.moved(ctx, attempt)
		if endOf(attempt) == "" && !f.follows(ctx, acc, who.OpenID) {
			redirect(w, r, phonePath(attempt.ID, "follow"))
			return
		}
	}
	redirect(w, r, phonePath(attempt.ID, "confirm"))
}

// claimPageScene is the scan of our own page's code: what an event does elsewhere, web authorization did here.
func (f *Flow) claimPageScene(ctx context.Context, accountName string, scene storage.Hash, openID string, phone storage.Hash) (storage.Attempt, error) {
	number, choices := drawNumber()
	outcome, attempt, err := f.Store.RecordScan(ctx, storage.Scan{
		Account: accountName, OpenID: openID, Scene: scene, Number: number, Choices: choices, Now: f.Now(),
	})
	if err != nil {
		return storage.Attempt{}, err
	}
	f.metrics.scans.WithLabelValues(outcomeName(outcome, attempt)).Inc()
	switch outcome {
	case storage.ScanAccepted, storage.ScanRepeated:
		return f.Store.OpenPhone(ctx, attempt.ID, openID, phone, f.Now())
	case storage.ScanTaken:
		return storage.Attempt{}, endError("taken")
	case storage.ScanBlocked:
		return storage.Attempt{}, endError("blocked")
	case storage.ScanLocked:
		return storage.Attempt{}, endError("locked")
	default:
		return storage.Attempt{}, endError("expired")
	}
}

// claimWeChatLogin needs the browser secret beside the proof: no login goes on in a browser that did not begin it.
func (f *Flow) claimWeChatLogin(r *http.Request, attemptID storage.ID, openID string, phone storage.Hash) (storage.Attempt, error) {
	secret, ok := f.Guard.Secret(r)
	if !ok {
		return storage.Attempt{}, storage.ErrNotFound
	}
	begun, err := f.Store.PeekAttempt(r.Context(), attemptID, f.Now())
	if err != nil {
		return storage.Attempt{}, err
	}
	return f.Store.RecordWeChatLogin(r.Context(), begun.AuthRequestID, secret.Hash(), openID, phone, f.Now())
}

// endError is an outcome that the phone's last page has words for.
type endError string

func (e endError) Error() string { return "the phone's part ends: " + string(e) }

// storeAnswer answers the error of a transition on the phone's side.
func (f *Flow) storeAnswer(w http.ResponseWriter, r *http.Request, lang string, err error) {
	var end endError
	var limited *storage.LimitedError
	switch {
	case errors.As(err, &end):
		f.end(w, r, lang, storage.Client{}, string(end))
	case errors.As(err, &limited):
		f.endBlocked(w, r, lang, limited.RetryAfter)
	case errors.Is(err, storage.ErrLocked):
		f.end(w, r, lang, storage.Client{}, "locked")
	case errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrExpired):
		f.end(w, r, lang, storage.Client{}, "expired")
	case errors.Is(err, storage.ErrNotFound):
		f.fail(w, r, lang, ui.Failure{Status: http.StatusNotFound, Kind: "wrong_browser"}, nil)
	default:
		f.unavailable(w, r, lang, err)
	}
}

func cutScan(purpose string) (accountName string, ok bool) {
	return strings.CutPrefix(purpose, webAuthScan)
}

// drawNumber draws the number that the computer shows, and the three that the phone offers, in a random order.
func drawNumber() (number int, choices [3]int) {
	for i := range choices {
		for again := true; again; {
			choices[i] = 10 + randomBelow(90)
			again = i > 0 && choices[i] == choices[0] || i > 1 && choices[i] == choices[1]
		}
	}
	return choices[randomBelow(3)], choices
}

// randomBelow is uniform in [0, n).
func randomBelow(n int) int {
	v, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(fmt.Sprintf("crypto/rand: %v", err)) // never: it ends the process instead
	}
	return int(v.Int64())
}
