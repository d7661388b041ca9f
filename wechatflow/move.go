package wechatflow

import (
	"context"
	"errors"
	"net/http"

	"qiao/storage"
	"qiao/ui"
)

// bindTransition is Store.BindPhone or Store.MovePhone.
type bindTransition func(context.Context, storage.Bind) (storage.BindResult, error)

// getMove serves GET /phone/{attempt}/move?to=: another account holds the number. It is shown only after a right code,
// or anybody could ask which numbers have an account.
func (f *Flow) getMove(w http.ResponseWriter, r *http.Request) {
	p, ok := f.bindVisit(w, r)
	if !ok {
		return
	}
	to, ok := f.openTo(r, p.attempt)
	if !ok {
		redirect(w, r, phonePath(p.attempt.ID, "number"))
		return
	}
	f.Pages.Render(w, http.StatusOK, f.heldPage(r, p, to))
}

// postMove serves POST /phone/{attempt}/move?to=: the number is taken from its earlier holder, who is told. The new
// holder inherits nothing.
func (f *Flow) postMove(w http.ResponseWriter, r *http.Request) {
	p, ok := f.bindPost(w, r)
	if !ok {
		return
	}
	to, ok := f.openTo(r, p.attempt)
	if !ok || !pressed(r, "move") {
		redirect(w, r, phonePath(p.attempt.ID, "number"))
		return
	}
	result, err := f.bind(r, p, storage.Hash{}, f.Store.MovePhone)
	if limited := (*storage.LimitedError)(nil); errors.As(err, &limited) {
		f.metrics.binds.WithLabelValues("limited").Inc()
		page := f.heldPage(r, p, to)
		page.Problem = "too_many"
		f.Pages.Render(w, http.StatusTooManyRequests, page)
		return
	}
	if err != nil {
		f.bindFailed(w, r, p, err)
		return
	}
	f.metrics.binds.WithLabelValues("moved_" + bindName(result.Outcome)).Inc()
	if result.Outcome != storage.BindDone { // no right code came before, or too long ago
		redirect(w, r, phonePath(p.attempt.ID, "number"))
		return
	}
	f.tellAll(r.Context(), result.MovedFrom)
	f.bound(w, r, p)
}

func (f *Flow) heldPage(r *http.Request, p phoneVisit, to sentTo) ui.PhoneHeld {
	return ui.PhoneHeld{
		Frame: f.frame(r, p.lang), Client: clientView(p.client, ""), MaskedPhone: ui.MaskPhone(to.number),
		Action: f.withTo(r, p.attempt, "move"), ChangeURL: phonePath(p.attempt.ID, "number"),
		FormToken: f.Guard.FormToken(p.secret, p.purpose()),
	}
}
