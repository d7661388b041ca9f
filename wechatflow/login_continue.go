package wechatflow

import (
	"errors"
	"net/http"
	"net/url"

	"qiao/storage"
	"qiao/ui"
)

// postContinue serves POST /login/{id}/continue, the one form of the page: inside WeChat it begins web authorization,
// a confirmed login becomes a session, and in any other state the page is shown again.
func (f *Flow) postContinue(w http.ResponseWriter, r *http.Request) {
	v, ok := f.visit(w, r)
	if !ok || !f.postedForm(w, r, v.lang, v.secret, v.purpose()) {
		return
	}
	switch attempt := v.attempt; {
	case attempt.Via == storage.ViaWeChat && (attempt.State == storage.AttemptWaiting || attempt.State == storage.AttemptScanned):
		// Also when it is claimed already: the person came back from the phone's pages, and must get there again.
		f.beginWebAuth(w, r, v.lang, attempt.Account, storage.WebAuth{Purpose: webAuthLogin, AttemptID: attempt.ID})
	case attempt.State == storage.AttemptConfirmed:
		f.complete(w, r, v, attempt)
	case attempt.State == storage.AttemptDone:
		f.toAuthorize(w, r, v.request.ID) // the button was pressed twice
	default:
		redirect(w, r, v.path())
	}
}

// complete opens the session. Only the browser that began the login gets here; where the person is new to it, only with
// their click: otherwise anybody could sign a stranger's browser in to his own account.
func (f *Flow) complete(w http.ResponseWriter, r *http.Request, v visit, attempt storage.Attempt) {
	ctx, now := r.Context(), f.Now()
	previous, _, err := f.liveSession(r)
	if err != nil {
		f.unavailable(w, r, v.lang, err)
		return
	}
	handle, newBrowser := storage.NewHandle(now), storage.NewSecret()
	amr := []string{storage.AMRWeChat}
	if attempt.PhoneProven {
		amr = append(amr, storage.AMRSMS)
	}
	code, answer := f.draft(r, v.request, attempt)
	session, err := f.Store.CompleteLogin(ctx, storage.Complete{
		AuthRequestID: v.request.ID, Browser: v.browser(), Account: attempt.Account, OpenID: attempt.OpenID,
		Approved: approved(r), NewBrowser: newBrowser.Hash(),
		Network: f.Guard.Network(r),
		Session: storage.Session{
			ID: handle.ID, Hash: handle.Secret.Hash(), AMR: amr, ACR: storage.ACRConfirm, Device: f.Guard.Device(r),
			ExpiresAt: now.Add(f.Lifetimes.Session), IdleExpiresAt: now.Add(f.Lifetimes.SessionIdle),
		},
		Previous: previous.ID, Code: code, Now: now,
	})
	switch {
	case err == nil:
	case errors.Is(err, storage.ErrApprovalNeeded), errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrExpired),
		errors.Is(err, storage.ErrNotFound): // also when another tab has renewed the browser's secret this very moment
		redirect(w, r, v.path()) // the page shows what is due
		return
	case errors.Is(err, storage.ErrLocked):
		f.fail(w, r, v.lang, ui.Failure{Status: http.StatusForbidden, Kind: "locked"}, nil)
		return
	case errors.Is(err, storage.ErrPhoneNeeded), errors.Is(err, storage.ErrConfirmNeeded):
		// The phone, or what the scan alone rested on, was taken away between the confirmation and now: from the start. A new
		// attempt knows the network that the browser is in now, and ends in a number there.
		if _, err := f.beginAttempt(r, v, attempt.ID); err != nil {
			f.unavailable(w, r, v.lang, err)
			return
		}
		redirect(w, r, v.path())
		return
	default:
		f.unavailable(w, r, v.lang, err)
		return
	}
	f.metrics.completions.Inc()
	if !attempt.Known {
		f.Tell(ctx, attempt.Account, attempt.OpenID)
	}
	f.Guard.SetSecret(w, newBrowser)
	handle.ID = session.ID
	f.Guard.SetSession(w, handle, session.ExpiresAt.Sub(now))
	f.wake(ctx, v.request.ID)
	if answer == nil {
		f.toAuthorize(w, r, v.request.ID)
		return
	}
	answer(w)
}

// draft asks the provider for the code that answers the request, if that is all there is to it. Where the click is still due
// there will be none, and none may be counted: whoever holds somebody's confirmation could use up their rate without a login.
func (f *Flow) draft(r *http.Request, request storage.AuthRequest, attempt storage.Attempt) (*storage.NewCode, func(http.ResponseWriter)) {
	if f.Draft == nil || !attempt.Known && attempt.Via != storage.ViaWeChat && approved(r) != attempt.ID {
		return nil, nil
	}
	return f.Draft(r, request, attempt.UserID)
}

// approved is the attempt whose person the page named where the person clicked; zero without a click. The page may be an
// older one than the attempt that is confirmed now.
func approved(r *http.Request) storage.ID {
	if !pressed(r, "approve") {
		return storage.ID{}
	}
	shown, err := storage.ParseID(r.PostForm.Get("attempt"))
	if err != nil {
		return storage.ID{}
	}
	return shown
}

// liveSession is the session that this browser can prove, zero where there is none. A cookie that only names one must
// not end it.
func (f *Flow) liveSession(r *http.Request) (storage.Session, storage.User, error) {
	handle, ok := f.Guard.Session(r)
	if !ok {
		return storage.Session{}, storage.User{}, nil
	}
	session, user, err := f.Store.Session(r.Context(), handle.ID, handle.Secret.Hash(), f.Lifetimes.SessionIdle, f.Now())
	if errors.Is(err, storage.ErrNotFound) {
		return storage.Session{}, storage.User{}, nil
	}
	return session, user, err
}

func (f *Flow) toAuthorize(w http.ResponseWriter, r *http.Request, request storage.ID) {
	redirect(w, r, "/authorize/continue?request="+url.QueryEscape(request.String()))
}
