package wechatflow

import (
	"errors"
	"net/http"
	"strings"
	"unicode"

	"qiao/storage"
	"qiao/ui"
)

// getCode serves GET /phone/{attempt}/code?to=: the code from the text message.
func (f *Flow) getCode(w http.ResponseWriter, r *http.Request) {
	p, ok := f.bindVisit(w, r)
	if !ok {
		return
	}
	to, ok := f.openTo(r, p.attempt)
	if !ok {
		redirect(w, r, phonePath(p.attempt.ID, "number"))
		return
	}
	f.Pages.Render(w, http.StatusOK, f.codePage(r, p, to))
}

// postCode serves POST /phone/{attempt}/code?to=: a try. The Store counts it before it compares.
func (f *Flow) postCode(w http.ResponseWriter, r *http.Request) {
	p, ok := f.bindPost(w, r)
	if !ok {
		return
	}
	to, ok := f.openTo(r, p.attempt)
	if !ok {
		redirect(w, r, phonePath(p.attempt.ID, "number"))
		return
	}
	page := f.codePage(r, p, to)
	code, ok := readCode(r.PostForm.Get("code"))
	if !ok { // not a try: there is nothing to compare
		page.Problem = "wrong"
		f.Pages.Render(w, http.StatusUnprocessableEntity, page)
		return
	}
	result, err := f.bind(r, p, f.codeHash(p.attempt.ID, f.phoneIndex(to.number), code), f.Store.BindPhone)
	if err != nil {
		f.bindFailed(w, r, p, err)
		return
	}
	f.metrics.binds.WithLabelValues(bindName(result.Outcome)).Inc()
	switch result.Outcome {
	case storage.BindDone:
		f.bound(w, r, p)
	case storage.BindHeld:
		redirect(w, r, f.withTo(r, p.attempt, "move"))
	case storage.BindWrongCode:
		page.Problem, page.TriesLeft = "wrong", result.TriesLeft
		f.Pages.Render(w, http.StatusUnprocessableEntity, page)
	default:
		page.Problem = "expired"
		f.Pages.Render(w, http.StatusGone, page)
	}
}

// usernameTries is how often a generated username may be taken before that is a fault.
const usernameTries = 5

// bind calls a transition that may make the user, again while the generated username is taken. Each call counts as a
// try, and a code has five: the names are many enough that a second call is rare.
func (f *Flow) bind(r *http.Request, p phoneVisit, code storage.Hash, transition bindTransition) (result storage.BindResult, err error) {
	for range usernameTries {
		result, err = transition(r.Context(), storage.Bind{
			AttemptID: p.attempt.ID, PhoneHash: p.secret.Hash(), Code: code, NewUser: newUser(f.Now()), Now: f.Now(),
		})
		if !errors.Is(err, storage.ErrConflict) {
			return result, err
		}
		now, peekErr := f.Store.PhoneAttempt(r.Context(), p.attempt.ID, p.secret.Hash(), f.Now())
		if peekErr != nil || now.State != storage.AttemptScanned {
			return result, err // not the name: the attempt has moved on
		}
	}
	return result, err
}

// bindFailed answers the error of a binding. What has moved on is told by the confirm page.
func (f *Flow) bindFailed(w http.ResponseWriter, r *http.Request, p phoneVisit, err error) {
	if errors.Is(err, storage.ErrConflict) {
		redirect(w, r, phonePath(p.attempt.ID, "confirm"))
		return
	}
	f.storeAnswer(w, r, p.lang, err)
}

// bound goes on after the number is bound: the computer may continue, or the device is approved, and the phone says so.
func (f *Flow) bound(w http.ResponseWriter, r *http.Request, p phoneVisit) {
	p.attempt.State = storage.AttemptConfirmed
	if p.attempt.Via == storage.ViaDevice {
		p.attempt.State = storage.AttemptDone
		f.Tell(r.Context(), p.attempt.Account, p.attempt.OpenID)
	}
	f.moved(r.Context(), p.attempt)
	f.toNext(w, r, p.attempt)
}

func (f *Flow) codePage(r *http.Request, p phoneVisit, to sentTo) ui.PhoneCode {
	return ui.PhoneCode{
		Frame: f.frame(r, p.lang), Client: clientView(p.client, ""), MaskedPhone: ui.MaskPhone(to.number),
		ResendIn:     max(0, seconds(to.sentAt.Add(resendAfter).Sub(f.Now()))),
		Action:       f.withTo(r, p.attempt, "code"),
		ResendAction: f.withTo(r, p.attempt, "resend"),
		ChangeURL:    phonePath(p.attempt.ID, "number"),
		FormToken:    f.Guard.FormToken(p.secret, p.purpose()),
	}
}

// withTo is one of the attempt's pages, with the request's checked `to`.
func (f *Flow) withTo(r *http.Request, a storage.Attempt, page string) string {
	return phonePath(a.ID, page) + "?to=" + r.URL.Query().Get("to")
}

// readCode reads six digits as they are typed or pasted: in groups, or full-width.
func readCode(typed string) (code string, ok bool) {
	if len(typed) > 64 {
		return "", false
	}
	code = strings.Map(func(c rune) rune {
		switch {
		case c >= '０' && c <= '９':
			return c - '０' + '0'
		case unicode.IsSpace(c) || c == '-':
			return -1
		}
		return c
	}, typed)
	return code, len(code) == 6 && strings.Trim(code, "0123456789") == ""
}
