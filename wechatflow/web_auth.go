package wechatflow

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"qiao/storage"
	"qiao/ui"
)

// Where a round of web authorization goes on.
const (
	webAuthPhone  = "phone"   // the link in the chat: the openid must be the one that scanned
	webAuthLogin  = "login"   // the browser that logs in is WeChat's own
	webAuthScan   = "scan:"   // followed by the account: our own page's QR code, whose scene the openid claims
	webAuthDevice = "device"  // the plain address of a device, opened inside WeChat
	webAuthNotice = "notice:" // followed by its ID: the openid must be the one that was told
)

// webAuthDeadline is how long the person waits for the platform to tell who they are.
const webAuthDeadline = 5 * time.Second

// getScan serves GET /scan/{account}/{secret}, which a QR code of our own page leads to. Like the link in the chat it
// proves nothing by itself. Outside WeChat, web authorization says so in words.
func (f *Flow) getScan(w http.ResponseWriter, r *http.Request) {
	lang := f.Guard.Lang(w, r, nil)
	if ok, retryAfter := f.allowPage(r); !ok {
		f.tooMany(w, r, lang, retryAfter)
		return
	}
	name, secret := chi.URLParam(r, "account"), chi.URLParam(r, "secret")
	if _, err := f.account(name); err != nil || len(secret) != 22 {
		f.fail(w, r, lang, ui.Failure{Status: http.StatusNotFound, Kind: "not_found"}, nil)
		return
	}
	f.beginWebAuth(w, r, lang, name, storage.WebAuth{
		Purpose: webAuthScan + name, Scene: storage.HashOf([]byte(scenePage + secret)),
	})
}

// beginWebAuth sends the browser to WeChat with a state that only this browser can use, once.
func (f *Flow) beginWebAuth(w http.ResponseWriter, r *http.Request, lang, accountName string, round storage.WebAuth) {
	acc, err := f.account(accountName)
	if err != nil {
		f.unavailable(w, r, lang, err)
		return
	}
	state := storage.NewSecret()
	text := hex.EncodeToString(state[:]) // the platform takes letters and digits only
	round.Hash = storage.HashOf([]byte(text))
	round.Browser = f.Guard.EnsurePhoneSecret(w, r).Hash()
	round.ExpiresAt = f.Now().Add(f.Lifetimes.WebAuth)
	if err := f.Store.BeginWebAuth(r.Context(), round); err != nil {
		f.unavailable(w, r, lang, err)
		return
	}
	redirect(w, r, acc.Client.WebAuthURL(f.url("/phone/return"), text))
}

// getReturn serves GET /phone/return, where WeChat sends the browser back to. The state must be one that this browser
// began: a forwarded return address is worth nothing elsewhere, nor is a stranger's code in this browser.
func (f *Flow) getReturn(w http.ResponseWriter, r *http.Request) {
	lang := f.Guard.Lang(w, r, nil)
	q := r.URL.Query()
	if len(q["state"]) != 1 || len(q["code"]) != 1 || len(q.Get("state")) != 64 || q.Get("code") == "" || len(q.Get("code")) > 512 {
		f.fail(w, r, lang, ui.Failure{Status: http.StatusBadRequest, Kind: "bad_request", Detail: "code and state are needed, once each"}, nil)
		return
	}
	secret, ok := f.Guard.PhoneSecret(r)
	if !ok {
		f.fail(w, r, lang, ui.Failure{Status: http.StatusNotFound, Kind: "wrong_browser"}, nil)
		return
	}
	round, err := f.Store.TakeWebAuth(r.Context(), storage.HashOf([]byte(q.Get("state"))), secret.Hash(), f.Now())
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrExpired):
		f.fail(w, r, lang, ui.Failure{Status: http.StatusNotFound, Kind: "wrong_browser"}, nil)
		return
	case err != nil:
		f.unavailable(w, r, lang, err)
		return
	}
	f.finishWebAuth(w, r, lang, round, q.Get("code"))
}

// finishWebAuth learns the openid, and goes on where the round was begun for.
func (f *Flow) finishWebAuth(w http.ResponseWriter, r *http.Request, lang string, round storage.WebAuth, code string) {
	accountName, retry, err := f.webAuthOrigin(r.Context(), round)
	if err != nil {
		f.storeAnswer(w, r, lang, err)
		return
	}
	acc, err := f.account(accountName)
	if err != nil {
		f.unavailable(w, r, lang, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), webAuthDeadline)
	defer cancel()
	who, err := acc.Client.WebAuth(ctx, code)
	if err == nil && who.OpenID == "" {
		err = errors.New("web authorization: the platform's answer has no openid")
	}
	if err != nil {
		f.metrics.platform.WithLabelValues("oauth2/access_token").Inc()
		f.fail(w, r, lang, ui.Failure{Status: http.StatusBadGateway, Kind: "wechat_unavailable", RetryURL: retry}, err)
		return
	}
	if who.Snapshot { // a virtual openid of the quick browse mode: nobody's
		f.end(w, r, lang, storage.Client{}, "snapshot")
		return
	}
	if id, ok := strings.CutPrefix(round.Purpose, webAuthNotice); ok {
		f.provenForNotice(w, r, lang, acc, id, who)
		return
	}
	f.proven(w, r, lang, acc, round, who)
}

// webAuthOrigin tells which account a round belongs to, and where to try again.
func (f *Flow) webAuthOrigin(ctx context.Context, round storage.WebAuth) (accountName, retry string, err error) {
	if name, ok := cutScan(round.Purpose); ok {
		return name, "", nil // the code on the screen is still there to be scanned
	}
	if id, ok := strings.CutPrefix(round.Purpose, webAuthNotice); ok {
		return f.noticeOrigin(ctx, id)
	}
	if round.Purpose == webAuthDevice {
		device, err := f.Store.Device(ctx, round.DeviceID, f.Now())
		if err != nil {
			return "", "", err
		}
		retry, err = f.deviceAddress(device)
		return device.Account, retry, err
	}
	attempt, err := f.Store.PeekAttempt(ctx, round.AttemptID, f.Now())
	if err != nil {
		return "", "", err
	}
	if round.Purpose == webAuthLogin {
		return attempt.Account, "/login/" + attempt.AuthRequestID.String(), nil
	}
	return attempt.Account, f.phoneLink(attempt), nil
}
