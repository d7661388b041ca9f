package wechatflow

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"qiao/storage"
	"qiao/ui"
)

// phoneVisit is a request of the phone's pages, in the WeChat browser that proved the openid.
type phoneVisit struct {
	secret  storage.Secret
	attempt storage.Attempt
	client  storage.Client
	lang    string
}

func (p phoneVisit) purpose() string { return "phone " + p.attempt.ID.String() }

// phoneVisit finds the attempt that the URL names for the phone secret that came with the request, and answers by
// itself where there is none. Another phone's attempt looks like one that never was.
func (f *Flow) phoneVisit(w http.ResponseWriter, r *http.Request) (phoneVisit, bool) {
	lang := f.Guard.Lang(w, r, nil)
	secret, ok := f.Guard.PhoneSecret(r)
	id, err := storage.ParseID(chi.URLParam(r, "attempt"))
	if !ok || err != nil {
		f.fail(w, r, lang, ui.Failure{Status: http.StatusNotFound, Kind: "wrong_browser"}, nil)
		return phoneVisit{}, false
	}
	attempt, err := f.Store.PhoneAttempt(r.Context(), id, secret.Hash(), f.Now())
	if err != nil {
		f.storeAnswer(w, r, lang, err)
		return phoneVisit{}, false
	}
	client, err := f.client(r.Context(), attempt.ClientID, lang)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		f.fail(w, r, lang, ui.Failure{Status: http.StatusBadRequest, Kind: "unknown_client"}, nil)
		return phoneVisit{}, false
	case err != nil:
		f.unavailable(w, r, lang, err)
		return phoneVisit{}, false
	}
	return phoneVisit{secret: secret, attempt: attempt, client: client, lang: lang}, true
}

// phonePost is phoneVisit for a post: the form must be ours, shown to this very browser for this attempt.
func (f *Flow) phonePost(w http.ResponseWriter, r *http.Request) (phoneVisit, bool) {
	p, ok := f.phoneVisit(w, r)
	if !ok || !f.postedForm(w, r, p.lang, p.secret, p.purpose()) {
		return phoneVisit{}, false
	}
	return p, true
}

// The steps on the phone, by what the attempt waits for.
const (
	stepConfirm = "confirm"
	stepBind    = "bind"
	stepEnd     = "end"
)

func (p phoneVisit) step() string {
	switch {
	case endOf(p.attempt) != "":
		return stepEnd
	case p.attempt.ApprovedAt.IsZero():
		return stepConfirm
	default:
		return stepBind
	}
}

// phonePath is the path of one of an attempt's pages.
func phonePath(attempt storage.ID, page string) string {
	return "/phone/" + attempt.String() + "/" + page
}

// endOf is the kind of the phone's last page for an attempt that asks nothing more of the phone, empty otherwise.
func endOf(a storage.Attempt) string {
	switch a.State {
	case storage.AttemptConfirmed, storage.AttemptDone:
		if a.Via == storage.ViaDevice {
			return "look_at_tv"
		}
		return "done"
	case storage.AttemptDeclined:
		if a.WrongNumber {
			return "wrong_number"
		}
		return "declined"
	case storage.AttemptExpired:
		return "expired"
	default:
		return ""
	}
}

// toNext goes on after a step that succeeded. Where the browser that logs in is this one, it is its turn again.
func (f *Flow) toNext(w http.ResponseWriter, r *http.Request, a storage.Attempt) {
	if a.Via == storage.ViaWeChat && a.State == storage.AttemptConfirmed {
		redirect(w, r, "/login/"+a.AuthRequestID.String())
		return
	}
	redirect(w, r, phonePath(a.ID, "confirm"))
}

// showEnd is the last page of an attempt that is over for the phone.
func (f *Flow) showEnd(w http.ResponseWriter, r *http.Request, p phoneVisit) {
	page := ui.PhoneEnd{Frame: f.frame(r, p.lang), Kind: endOf(p.attempt), Client: clientView(p.client, "")}
	if p.attempt.Via == storage.ViaWeChat {
		page.ContinueURL = "/login/" + p.attempt.AuthRequestID.String() // the browser that logs in is this one
	}
	f.Pages.Render(w, endStatus(page.Kind), page)
}

// end is the last page where no attempt is at hand.
func (f *Flow) end(w http.ResponseWriter, r *http.Request, lang string, client storage.Client, kind string) {
	if kind == "blocked" {
		f.endBlocked(w, r, lang, storage.WrongNumberPause)
		return
	}
	f.Pages.Render(w, endStatus(kind), ui.PhoneEnd{Frame: f.frame(r, lang), Kind: kind, Client: clientView(client, "")})
}

func (f *Flow) endBlocked(w http.ResponseWriter, r *http.Request, lang string, retryAfter time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(max(1, seconds(retryAfter))))
	f.Pages.Render(w, endStatus("blocked"), ui.PhoneEnd{
		Frame: f.frame(r, lang), Kind: "blocked", RetryIn: max(1, seconds(retryAfter)),
	})
}

func endStatus(kind string) int {
	switch kind {
	case "expired", "notice_over":
		return http.StatusGone
	case "taken":
		return http.StatusConflict
	case "blocked":
		return http.StatusTooManyRequests
	case "locked", "other_wechat", "notice_other", "snapshot":
		return http.StatusForbidden
	default:
		return http.StatusOK
	}
}
