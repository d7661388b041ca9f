package wechatflow

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"qiao/storage"
	"qiao/ui"
)

// The change of a phone number has one page, which shows whatever is due. Its forms post below it.
const (
	changePath  = "/phone/change"
	accountPath = "/account" // the provider's page, which leads here
)

// changeLife is how long a change takes at most; a login in WeChat is part of it.
const changeLife = 20 * time.Minute

// changesPerUser bounds what one session can begin: each is a row, and a login that waits.
var changesPerUser = Rate{Max: 20, Window: time.Hour}

// changeVisit is a signed-in person, in the browser that the session was opened in.
type changeVisit struct {
	lang    string
	secret  storage.Secret
	user    storage.User
	session storage.Session
	by      storage.ChangeBy
	change  storage.PhoneChange // the zero one where none is under way
}

// purpose binds the forms of a change to it; begins, that of the first page to the session.
func (v changeVisit) purpose() string { return v.begins() + " " + v.change.ID.String() }
func (v changeVisit) begins() string  { return "phone change " + v.by.SessionID.String() }

// getChange serves GET /phone/change. It changes nothing.
func (f *Flow) getChange(w http.ResponseWriter, r *http.Request) {
	v, ok := f.changeVisit(w, r)
	if !ok {
		return
	}
	q := r.URL.Query()
	c, another := v.change, q.Has("number")
	switch {
	case q.Has("over"):
		f.showChange(w, r, v, http.StatusConflict, "over", 0)
	case c.ID.IsZero(), q.Has("start"), len(v.user.PhoneIndex) == 0:
		f.showChange(w, r, v, http.StatusOK, "", 0)
	case !c.DoneAt.IsZero():
		masked, err := f.masked(v.user.PhoneSealed)
		if err != nil {
			f.unavailable(w, r, v.lang, err)
			return
		}
		f.Pages.Render(w, http.StatusOK, ui.PhoneChanged{Frame: f.frame(r, v.lang), MaskedPhone: masked})
	case c.ProvenBy == "" && c.SentAt.IsZero(): // the login in WeChat was left, or the message did not go out
		f.showChange(w, r, v, http.StatusOK, "", 0)
	case c.ProvenBy != "" && (another || c.SentAt.IsZero()):
		f.Pages.Render(w, http.StatusOK, f.changeNumberPage(r, v, "", ""))
	case c.Held:
		f.showChangeHeld(w, r, v, http.StatusOK, "")
	default:
		f.showChangeCode(w, r, v, http.StatusOK, func(*ui.PhoneCode) {})
	}
}

// changeVisit finds the person, and answers by itself where nobody is signed in. A session's cookie that was carried into
// another browser changes nothing there.
func (f *Flow) changeVisit(w http.ResponseWriter, r *http.Request) (v changeVisit, ok bool) {
	v.lang = f.Guard.Lang(w, r, nil)
	if ok, retryAfter := f.allowPage(r); !ok {
		f.tooMany(w, r, v.lang, retryAfter)
		return v, false
	}
	session, user, err := f.liveSession(r)
	switch {
	case err != nil:
		f.unavailable(w, r, v.lang, err)
		return v, false
	case session.ID.IsZero():
		redirect(w, r, accountPath) // which begins with a login
		return v, false
	}
	if v.secret, ok = f.Guard.Secret(r); !ok || !session.Browser.Equal(v.secret.Hash()) {
		f.fail(w, r, v.lang, ui.Failure{Status: http.StatusNotFound, Kind: "wrong_browser"}, nil)
		return v, false
	}
	v.user, v.session = user, session
	v.by = storage.ChangeBy{SessionID: session.ID, SessionHash: session.Hash, Browser: session.Browser, Now: f.Now()}
	v.change, err = f.Store.PhoneChange(r.Context(), v.by)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		f.changeFailed(w, r, v, err)
		return v, false
	}
	return v, true
}

// postChange serves POST /phone/change: the person proves themselves by a code to the number that they have, or by a login
// that is confirmed in WeChat.
func (f *Flow) postChange(w http.ResponseWriter, r *http.Request) {
	v, ok := f.changeVisit(w, r)
	if !ok || !f.postedForm(w, r, v.lang, v.secret, v.begins()) {
		return
	}
	sms, inWeChat := pressed(r, "sms"), pressed(r, "wechat")
	bound := len(v.user.PhoneIndex) > 0
	if sms == inWeChat || sms && !bound {
		f.showChange(w, r, v, http.StatusBadRequest, "", 0)
		return
	}
	allowed, retryAfter, err := f.allow(r.Context(), "phone change", changesPerUser, []byte(v.user.ID))
	switch {
	case err != nil:
		f.unavailable(w, r, v.lang, err)
	case !allowed:
		f.showChange(w, r, v, http.StatusTooManyRequests, "too_many", retryAfter)
	case sms:
		f.changeBySMS(w, r, v)
	default:
		f.changeByLogin(w, r, v, bound)
	}
}

func (f *Flow) changeBySMS(w http.ResponseWriter, r *http.Request, v changeVisit) {
	number, err := f.Box.Open(phoneSeal, v.user.PhoneSealed)
	if err != nil {
		f.unavailable(w, r, v.lang, err)
		return
	}
	v.change = storage.PhoneChange{ID: storage.NewID(f.Now()), ExpiresAt: f.Now().Add(changeLife)}
	if err := f.Store.BeginPhoneChange(r.Context(), v.by, v.change); err != nil {
		f.changeFailed(w, r, v, err)
		return
	}
	f.sendChangeCode(w, r, v, string(number), func(status int, problem string, retryAfter time.Duration) {
		f.showChange(w, r, v, status, problem, retryAfter)
	})
}

// changeByLogin begins a login that must be confirmed on the phone, and that the change knows by its request: no other one
// proves anything. Without a number the login is all there is: it binds one.
func (f *Flow) changeByLogin(w http.ResponseWriter, r *http.Request, v changeVisit, bound bool) {
	now := f.Now()
	request := storage.AuthRequest{
		ID: storage.NewID(now), Browser: v.by.Browser, ClientID: storage.PhoneChangeClient, CreatedAt: now, ExpiresAt: now.Add(changeLife),
		Params: storage.AuthParams{
			RedirectURI: f.url(changePath), Scopes: []string{"openid"}, Prompt: []string{"login"}, ACRValues: []string{storage.ACRConfirm},
		},
	}
	if !bound {
		request.ClientID, request.Params.RedirectURI = storage.AccountClient, f.url(accountPath)
	}
	err := f.Store.CreateAuthRequest(r.Context(), request)
	if err == nil && bound {
		err = f.Store.BeginPhoneChange(r.Context(), v.by, storage.PhoneChange{ID: storage.NewID(now), RequestID: request.ID, ExpiresAt: request.ExpiresAt})
	}
	if err != nil {
		f.changeFailed(w, r, v, err)
		return
	}
	redirect(w, r, "/login/"+request.ID.String())
}

// changeFailed answers the error of a transition. What is over is told by the first page, from which one may begin again.
func (f *Flow) changeFailed(w http.ResponseWriter, r *http.Request, v changeVisit, err error) {
	switch {
	case errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrPhoneNeeded):
		redirect(w, r, changePath+"?over=1")
	case errors.Is(err, storage.ErrLocked):
		f.fail(w, r, v.lang, ui.Failure{Status: http.StatusForbidden, Kind: "locked"}, nil)
	default:
		f.unavailable(w, r, v.lang, err)
	}
}

func (f *Flow) showChange(w http.ResponseWriter, r *http.Request, v changeVisit, status int, problem string, retryAfter time.Duration) {
	masked, err := f.masked(v.user.PhoneSealed)
	if err != nil {
		f.unavailable(w, r, v.lang, err)
		return
	}
	f.Pages.Render(w, status, ui.PhoneChange{
		Frame: f.frame(r, v.lang), MaskedPhone: masked, Problem: problem, RetryIn: seconds(retryAfter),
		Action: changePath, FormToken: f.Guard.FormToken(v.secret, v.begins()),
	})
}

// client is the relying party of an id, or the page of ours that it stands for, by the name that a person reads.
func (f *Flow) client(ctx context.Context, id, lang string) (storage.Client, error) {
	c, err := f.Client(ctx, id)
	if err == nil && id == storage.PhoneChangeClient {
		c.Name = f.Pages.Text(lang, "change.client", map[string]any{"Brand": cmp.Or(c.Name, f.Brand)})
	}
	return c, err
}
