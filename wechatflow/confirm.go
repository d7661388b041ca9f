package wechatflow

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"qiao/storage"
	"qiao/ui"
)

// getConfirm serves GET /phone/{attempt}/confirm: who asks, on which device, where and when. Once the choice is made it
// leads on, and at last it is the page that says how it ended.
func (f *Flow) getConfirm(w http.ResponseWriter, r *http.Request) {
	p, ok := f.phoneVisit(w, r)
	if !ok {
		return
	}
	switch p.step() {
	case stepEnd:
		f.showEnd(w, r, p)
	case stepBind:
		redirect(w, r, phonePath(p.attempt.ID, "number"))
	default:
		f.showConfirm(w, r, p, http.StatusOK)
	}
}

// postConfirm serves POST /phone/{attempt}/confirm: a number, or decline.
func (f *Flow) postConfirm(w http.ResponseWriter, r *http.Request) {
	p, ok := f.phonePost(w, r)
	if !ok {
		return
	}
	if pressed(r, "decline") {
		f.decline(w, r, p)
		return
	}
	choice := storage.Confirm{AttemptID: p.attempt.ID, PhoneHash: p.secret.Hash(), Now: f.Now()}
	if p.attempt.Via == storage.ViaQR {
		number, err := strconv.Atoi(r.PostForm.Get("number"))
		if err != nil || !slices.Contains(p.attempt.Choices[:], number) {
			f.showConfirm(w, r, p, http.StatusBadRequest) // no button of ours: not a choice, so not a wrong one
			return
		}
		choice.Number = number
	} else if !pressed(r, "approve") {
		f.showConfirm(w, r, p, http.StatusBadRequest)
		return
	}
	outcome, attempt, err := f.Store.ConfirmLogin(r.Context(), choice)
	if err != nil {
		f.metrics.confirms.WithLabelValues("refused").Inc()
		f.storeAnswer(w, r, p.lang, err)
		return
	}
	f.metrics.confirms.WithLabelValues(confirmName(outcome)).Inc()
	f.moved(r.Context(), attempt)
	if attempt.Via == storage.ViaDevice && outcome == storage.ConfirmDone {
		f.Tell(r.Context(), p.attempt.Account, p.attempt.OpenID)
	}
	f.toNext(w, r, attempt) // the confirm page shows whatever is due: the number, or the end
}

// decline ends the attempt. Its equal place on the page is what stops a person from confirming out of habit.
func (f *Flow) decline(w http.ResponseWriter, r *http.Request, p phoneVisit) {
	attempt, err := f.Store.DeclineLogin(r.Context(), p.attempt.ID, p.secret.Hash(), f.Now())
	if errors.Is(err, storage.ErrConflict) { // too late: that page says how it ended
		redirect(w, r, phonePath(p.attempt.ID, "confirm"))
		return
	}
	if err != nil {
		f.storeAnswer(w, r, p.lang, err)
		return
	}
	f.metrics.confirms.WithLabelValues("declined").Inc()
	f.moved(r.Context(), attempt)
	f.toNext(w, r, attempt)
}

func (f *Flow) showConfirm(w http.ResponseWriter, r *http.Request, p phoneVisit, status int) {
	if p.step() != stepConfirm {
		redirect(w, r, phonePath(p.attempt.ID, "confirm"))
		return
	}
	if p.attempt.Via == storage.ViaDevice {
		f.showDeviceConfirm(w, r, p, status)
		return
	}
	page := ui.PhoneConfirm{
		Frame: f.frame(r, p.lang), Client: clientView(p.client, ""),
		Device: p.attempt.Device.Name, Place: p.attempt.Device.Place, Address: p.attempt.Device.Address,
		At: p.attempt.CreatedAt, Now: f.Now(), FarAway: f.Guard.FarFrom(r, p.attempt.Device), // a relay shows its own screen
		Action: phonePath(p.attempt.ID, "confirm"), FormToken: f.Guard.FormToken(p.secret, p.purpose()),
	}
	if p.attempt.Via == storage.ViaQR {
		page.Choices = p.attempt.Choices[:]
	}
	f.Pages.Render(w, status, page)
}
