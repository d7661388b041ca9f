package wechatflow

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"qiao/storage"
	"qiao/ui"
)

// postChangeNumber serves POST /phone/change/number: sends a code to the new number.
func (f *Flow) postChangeNumber(w http.ResponseWriter, r *http.Request) {
	v, ok := f.changePost(w, r)
	if !ok {
		return
	}
	typed := r.PostForm.Get("phone")
	number, problem := parseNumber(typed, f.Limits.Countries)
	if problem == "" && string(f.phoneIndex(number)) == string(v.user.PhoneIndex) {
		problem = "same"
	}
	if problem != "" {
		f.Pages.Render(w, http.StatusUnprocessableEntity, f.changeNumberPage(r, v, typed, problem))
		return
	}
	f.sendChangeCode(w, r, v, number, func(status int, problem string, retryAfter time.Duration) {
		page := f.changeNumberPage(r, v, typed, problem)
		page.RetryIn = seconds(retryAfter)
		f.Pages.Render(w, status, page)
	})
}

// postChangeResend serves POST /phone/change/resend: another code to the same number, which ends the one before it.
func (f *Flow) postChangeResend(w http.ResponseWriter, r *http.Request) {
	v, ok := f.changePost(w, r)
	if !ok {
		return
	}
	if v.change.SentAt.IsZero() || len(v.change.PhoneSealed) == 0 {
		redirect(w, r, changePath)
		return
	}
	number, err := f.Box.Open(phoneSeal, v.change.PhoneSealed)
	if err != nil {
		f.unavailable(w, r, v.lang, err)
		return
	}
	refuse := func(status int, problem string, retryAfter time.Duration) {
		f.showChangeCode(w, r, v, status, func(page *ui.PhoneCode) {
			page.Problem, page.RetryIn = problem, seconds(retryAfter)
		})
	}
	if wait := v.change.SentAt.Add(resendAfter).Sub(f.Now()); wait > 0 {
		refuse(http.StatusTooManyRequests, "too_many", wait)
		return
	}
	f.sendChangeCode(w, r, v, string(number), refuse)
}

// postChangeOld and postChangeNew serve the tries of the two codes: POST /phone/change/old and /phone/change/new.
func (f *Flow) postChangeOld(w http.ResponseWriter, r *http.Request) {
	f.tryChange(w, r, f.Store.ProvePhoneChange, "proof_")
}

func (f *Flow) postChangeNew(w http.ResponseWriter, r *http.Request) {
	f.tryChange(w, r, f.Store.ChangePhone, "change_")
}

type changeTransition func(context.Context, storage.ChangeTry) (storage.ChangeResult, error)

func (f *Flow) tryChange(w http.ResponseWriter, r *http.Request, transition changeTransition, metric string) {
	v, ok := f.changePost(w, r)
	if !ok {
		return
	}
	wrong := func(triesLeft int) {
		f.showChangeCode(w, r, v, http.StatusUnprocessableEntity, func(page *ui.PhoneCode) {
			page.Problem, page.TriesLeft = "wrong", triesLeft
		})
	}
	code, ok := readCode(r.PostForm.Get("code"))
	if !ok { // not a try: there is nothing to compare
		wrong(0)
		return
	}
	number, err := f.Box.Open(phoneSeal, v.change.PhoneSealed)
	if err != nil { // none was sent in this step
		redirect(w, r, changePath)
		return
	}
	result, err := transition(r.Context(), storage.ChangeTry{
		ChangeBy: v.by, ID: v.change.ID, Code: f.codeHash(v.change.ID, f.phoneIndex(string(number)), code),
	})
	if err != nil {
		f.changeFailed(w, r, v, err)
		return
	}
	f.metrics.binds.WithLabelValues(metric + bindName(result.Outcome)).Inc()
	switch result.Outcome {
	case storage.BindDone, storage.BindHeld:
		f.tellAll(r.Context(), result.Told)
		redirect(w, r, changePath)
	case storage.BindWrongCode:
		wrong(result.TriesLeft)
	default:
		f.showChangeCode(w, r, v, http.StatusGone, func(page *ui.PhoneCode) { page.Problem = "expired" })
	}
}

// postChangeMove serves POST /phone/change/move: the number is taken from its earlier holder, who is told.
func (f *Flow) postChangeMove(w http.ResponseWriter, r *http.Request) {
	v, ok := f.changePost(w, r)
	if !ok {
		return
	}
	if !v.change.Held || !pressed(r, "move") {
		redirect(w, r, changePath)
		return
	}
	result, err := f.Store.ChangePhone(r.Context(), storage.ChangeTry{ChangeBy: v.by, ID: v.change.ID, Move: true})
	if limited := (*storage.LimitedError)(nil); errors.As(err, &limited) {
		f.metrics.binds.WithLabelValues("limited").Inc()
		f.showChangeHeld(w, r, v, http.StatusTooManyRequests, "too_many")
		return
	}
	if err != nil {
		f.changeFailed(w, r, v, err)
		return
	}
	f.metrics.binds.WithLabelValues("change_moved_" + bindName(result.Outcome)).Inc()
	f.tellAll(r.Context(), slices.Concat(result.Told, result.MovedFrom))
	redirect(w, r, changePath)
}

// changePost is changeVisit for the form of a change that is under way. A late form leads to the page that says so.
func (f *Flow) changePost(w http.ResponseWriter, r *http.Request) (changeVisit, bool) {
	v, ok := f.changeVisit(w, r)
	if !ok {
		return v, false
	}
	if v.change.ID.IsZero() {
		redirect(w, r, changePath+"?over=1")
		return v, false
	}
	if !f.postedForm(w, r, v.lang, v.secret, v.purpose()) {
		return v, false
	}
	if !v.change.DoneAt.IsZero() { // the answer was lost
		redirect(w, r, changePath)
		return v, false
	}
	return v, true
}

// sendChangeCode is sendCode for a change: to the number that the person has until they are proven, then to the new one.
func (f *Flow) sendChangeCode(w http.ResponseWriter, r *http.Request, v changeVisit, number string, refuse func(status int, problem string, retryAfter time.Duration)) {
	code, now := drawCode(), f.Now()
	index := f.phoneIndex(number)
	err := f.Store.SendChangeCode(r.Context(), storage.ChangeCode{
		ChangeBy: v.by, ID: v.change.ID, PhoneSealed: f.Box.Seal(phoneSeal, []byte(number)), PhoneIndex: index,
		Code: f.codeHash(v.change.ID, index, code), ExpiresAt: now.Add(f.Lifetimes.Code),
		Limits: f.messageLimits(v.session.Account, v.session.OpenID, index, f.Guard.Address(r)),
	})
	if limited := (*storage.LimitedError)(nil); errors.As(err, &limited) {
		f.metrics.messages.WithLabelValues("limited").Inc()
		f.Log.InfoContext(r.Context(), "text message refused by a limit", "limit", limited.Key)
		refuse(http.StatusTooManyRequests, "too_many", max(time.Second, limited.RetryAfter))
		return
	}
	if err != nil {
		f.changeFailed(w, r, v, err)
		return
	}
	if err := f.deliver(r, v.lang, "sms.code_change", number, code); err != nil {
		f.metrics.messages.WithLabelValues("failed").Inc()
		f.Log.ErrorContext(r.Context(), "text message not sent", "error", err)
		refuse(http.StatusBadGateway, "send_failed", 0)
		return
	}
	f.metrics.messages.WithLabelValues("sent").Inc()
	redirect(w, r, changePath)
}

func (f *Flow) changeNumberPage(r *http.Request, v changeVisit, typed, problem string) ui.PhoneNumber {
	return ui.PhoneNumber{
		Frame: f.frame(r, v.lang), Change: true, Value: strings.ToValidUTF8(typed, ""), Problem: problem,
		Action: changePath + "/number", FormToken: f.Guard.FormToken(v.secret, v.purpose()),
	}
}

func (f *Flow) showChangeCode(w http.ResponseWriter, r *http.Request, v changeVisit, status int, with func(*ui.PhoneCode)) {
	masked, err := f.masked(v.change.PhoneSealed)
	if err != nil {
		f.unavailable(w, r, v.lang, err)
		return
	}
	page := ui.PhoneCode{
		Frame: f.frame(r, v.lang), Change: true, Old: v.change.ProvenBy == "", MaskedPhone: masked,
		ResendIn: max(0, seconds(v.change.SentAt.Add(resendAfter).Sub(f.Now()))),
		Action:   changePath + "/new", ResendAction: changePath + "/resend", ChangeURL: changePath + "?number=1",
		FormToken: f.Guard.FormToken(v.secret, v.purpose()),
	}
	if page.Old {
		page.Action, page.ChangeURL = changePath+"/old", changePath+"?start=1"
	}
	with(&page)
	f.Pages.Render(w, status, page)
}

func (f *Flow) showChangeHeld(w http.ResponseWriter, r *http.Request, v changeVisit, status int, problem string) {
	masked, err := f.masked(v.change.PhoneSealed)
	if err != nil {
		f.unavailable(w, r, v.lang, err)
		return
	}
	f.Pages.Render(w, status, ui.PhoneHeld{
		Frame: f.frame(r, v.lang), Change: true, MaskedPhone: masked, Problem: problem,
		Action: changePath + "/move", ChangeURL: changePath + "?number=1", FormToken: f.Guard.FormToken(v.secret, v.purpose()),
	})
}
