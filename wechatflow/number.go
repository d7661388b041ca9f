package wechatflow

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"qiao/storage"
	"qiao/ui"
)

// getNumber serves GET /phone/{attempt}/number: which number is to be bound.
func (f *Flow) getNumber(w http.ResponseWriter, r *http.Request) {
	p, ok := f.bindVisit(w, r)
	if !ok {
		return
	}
	f.Pages.Render(w, http.StatusOK, f.numberPage(r, p, "", ""))
}

// postNumber serves POST /phone/{attempt}/number: sends a code to the number.
func (f *Flow) postNumber(w http.ResponseWriter, r *http.Request) {
	p, ok := f.bindPost(w, r)
	if !ok {
		return
	}
	typed := r.PostForm.Get("phone")
	number, problem := parseNumber(typed, f.Limits.Countries)
	if problem != "" {
		f.Pages.Render(w, http.StatusUnprocessableEntity, f.numberPage(r, p, typed, problem))
		return
	}
	f.sendCode(w, r, p, number, func(limited *storage.LimitedError) {
		page := f.numberPage(r, p, typed, "too_many")
		page.RetryIn = max(1, seconds(limited.RetryAfter))
		f.Pages.Render(w, http.StatusTooManyRequests, page)
	})
}

// postResend serves POST /phone/{attempt}/resend: another code to the same number, which ends the one before it.
func (f *Flow) postResend(w http.ResponseWriter, r *http.Request) {
	p, ok := f.bindPost(w, r)
	if !ok {
		return
	}
	to, ok := f.openTo(r, p.attempt)
	if !ok {
		redirect(w, r, phonePath(p.attempt.ID, "number"))
		return
	}
	refuse := func(retryAfter time.Duration) {
		page := f.codePage(r, p, to)
		page.Problem, page.RetryIn = "too_many", max(1, seconds(retryAfter))
		f.Pages.Render(w, http.StatusTooManyRequests, page)
	}
	if wait := to.sentAt.Add(resendAfter).Sub(f.Now()); wait > 0 {
		refuse(wait)
		return
	}
	f.sendCode(w, r, p, to.number, func(limited *storage.LimitedError) { refuse(limited.RetryAfter) })
}

// bindVisit is phoneVisit for the pages of the binding; an attempt that waits for something else leads there.
func (f *Flow) bindVisit(w http.ResponseWriter, r *http.Request) (phoneVisit, bool) {
	return f.atBind(w, r, f.phoneVisit)
}

// bindPost is bindVisit for a post.
func (f *Flow) bindPost(w http.ResponseWriter, r *http.Request) (phoneVisit, bool) {
	return f.atBind(w, r, f.phonePost)
}

func (f *Flow) atBind(w http.ResponseWriter, r *http.Request, visit func(http.ResponseWriter, *http.Request) (phoneVisit, bool)) (phoneVisit, bool) {
	p, ok := visit(w, r)
	if ok && p.step() != stepBind {
		redirect(w, r, phonePath(p.attempt.ID, "confirm"))
		return p, false
	}
	return p, ok
}

func (f *Flow) numberPage(r *http.Request, p phoneVisit, typed, problem string) ui.PhoneNumber {
	return ui.PhoneNumber{
		Frame: f.frame(r, p.lang), Client: clientView(p.client, ""), Value: strings.ToValidUTF8(typed, ""), Problem: problem,
		Action: phonePath(p.attempt.ID, "number"), FormToken: f.Guard.FormToken(p.secret, p.purpose()),
	}
}

// sendDeadline is how long the person waits for the sender to take the message.
const sendDeadline = 8 * time.Second

// sendCode counts, stores and only then sends. A code that was not counted is never sent; one that could not be sent
// is counted all the same, or a broken sender would be an unlimited one.
func (f *Flow) sendCode(w http.ResponseWriter, r *http.Request, p phoneVisit, number string, limitedPage func(*storage.LimitedError)) {
	code, now := drawCode(), f.Now()
	index := f.phoneIndex(number)
	err := f.Store.SendPhoneCode(r.Context(), storage.PhoneCode{
		AttemptID: p.attempt.ID, PhoneHash: p.secret.Hash(),
		PhoneSealed: f.Box.Seal(phoneSeal, []byte(number)), PhoneIndex: index,
		Code: f.codeHash(p.attempt.ID, index, code), ExpiresAt: now.Add(f.Lifetimes.Code),
		Limits: f.messageLimits(p.attempt.Account, p.attempt.OpenID, index, f.Guard.Address(r)), Now: now,
	})
	if limited := (*storage.LimitedError)(nil); errors.As(err, &limited) {
		f.metrics.messages.WithLabelValues("limited").Inc()
		f.Log.InfoContext(r.Context(), "text message refused by a limit", "limit", limited.Key)
		limitedPage(limited)
		return
	}
	if errors.Is(err, storage.ErrConflict) { // confirmed in another window, or over: that page says so
		redirect(w, r, phonePath(p.attempt.ID, "confirm"))
		return
	}
	if err != nil {
		f.storeAnswer(w, r, p.lang, err)
		return
	}
	if err := f.deliver(r, p.lang, "sms.code", number, code); err != nil {
		f.metrics.messages.WithLabelValues("failed").Inc()
		f.Log.ErrorContext(r.Context(), "text message not sent", "error", err)
		f.Pages.Render(w, http.StatusBadGateway, f.numberPage(r, p, number, "send_failed"))
		return
	}
	f.metrics.messages.WithLabelValues("sent").Inc()
	redirect(w, r, phonePath(p.attempt.ID, "code")+"?to="+f.sealTo(p.attempt, sentTo{number: number, sentAt: now}))
}
