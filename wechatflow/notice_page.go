package wechatflow

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"qiao/storage"
	"qiao/ui"
	"qiao/wechatflow/wechat"
)

// getNotice serves GET /phone/notice/{notice}, the link of a notice. It changes nothing, and shows what it is about only
// in the WeChat browser that has proved the openid that was told: a forwarded link is worth nothing.
func (f *Flow) getNotice(w http.ResponseWriter, r *http.Request) {
	lang := f.Guard.Lang(w, r, nil)
	if ok, retryAfter := f.allowPage(r); !ok {
		f.tooMany(w, r, lang, retryAfter)
		return
	}
	n, ok := f.linkedNotice(w, r, lang)
	if !ok {
		return
	}
	secret, ok := f.Guard.PhoneSecret(r)
	if !ok || n.PhoneHash.IsZero() || !n.PhoneHash.Equal(secret.Hash()) {
		f.beginWebAuth(w, r, lang, n.Account, storage.WebAuth{Purpose: webAuthNotice + n.ID.String()})
		return
	}
	client := f.noticeClient(r.Context(), n)
	if !n.RevokedAt.IsZero() {
		f.end(w, r, lang, client, noticeEnd(n, "disowned"))
		return
	}
	f.Pages.Render(w, http.StatusOK, ui.NotMe{
		Frame: f.frame(r, lang), Client: clientView(client, ""), TV: n.Kind == storage.NoticeTV, Phone: n.Kind == storage.NoticePhone, Device: n.Device.Name, Place: n.Device.Place,
		At: n.CreatedAt, Now: f.Now(), Action: f.noticePath(n), FormToken: f.Guard.FormToken(secret, noticePurpose(n)),
	})
}

// postNotice serves POST /phone/notice/{notice}: "not me" ends what the notice tells of, "it was me" changes nothing.
func (f *Flow) postNotice(w http.ResponseWriter, r *http.Request) {
	lang := f.Guard.Lang(w, r, nil)
	n, ok := f.linkedNotice(w, r, lang)
	if !ok {
		return
	}
	secret, ok := f.Guard.PhoneSecret(r)
	if !ok || n.PhoneHash.IsZero() || !n.PhoneHash.Equal(secret.Hash()) {
		f.fail(w, r, lang, ui.Failure{Status: http.StatusNotFound, Kind: "wrong_browser"}, nil)
		return
	}
	if !f.postedForm(w, r, lang, secret, noticePurpose(n)) {
		return
	}
	client := f.noticeClient(r.Context(), n)
	switch {
	case pressed(r, "revoke") && !pressed(r, "keep"):
	case pressed(r, "keep") && !pressed(r, "revoke"):
		f.end(w, r, lang, client, noticeEnd(n, "kept"))
		return
	default:
		f.fail(w, r, lang, ui.Failure{Status: http.StatusBadRequest, Kind: "bad_request", Detail: "one of revoke and keep is needed"}, nil)
		return
	}
	if _, err := f.Store.RevokeByNotice(r.Context(), n.ID, secret.Hash(), f.Now()); err != nil {
		f.noticeAnswer(w, r, lang, err)
		return
	}
	f.Log.WarnContext(r.Context(), "disowned by a notice", "user", n.UserID, "client", n.ClientID, "kind", n.Kind)
	f.end(w, r, lang, client, noticeEnd(n, "disowned"))
}

// noticeEnd is the kind of the last page: what was told decides its words.
func noticeEnd(n storage.Notice, kind string) string {
	if n.Kind == storage.NoticePhone {
		return kind + "_phone"
	}
	return kind
}

func noticePurpose(n storage.Notice) string { return "notice " + n.ID.String() }

// linkedNotice checks a link's token and returns its notice, or answers by itself.
func (f *Flow) linkedNotice(w http.ResponseWriter, r *http.Request, lang string) (storage.Notice, bool) {
	idText, token, _ := strings.Cut(chi.URLParam(r, "notice"), ".")
	id, err := storage.ParseID(idText)
	var n storage.Notice
	if err == nil {
		n, err = f.Store.Notice(r.Context(), id, f.Now())
	}
	if err == nil && subtle.ConstantTimeCompare([]byte(token), []byte(f.noticeToken(n))) != 1 {
		err = storage.ErrNotFound
	}
	if err != nil {
		f.noticeAnswer(w, r, lang, err)
		return storage.Notice{}, false
	}
	return n, true
}

// provenForNotice goes on with the openid that web authorization has just returned. The phone secret is renewed, as
// everywhere: one that was planted before the proof is worth nothing after it.
func (f *Flow) provenForNotice(w http.ResponseWriter, r *http.Request, lang string, acc *account, idText string, who wechat.WebAuth) {
	id, err := storage.ParseID(idText)
	if err != nil {
		f.noticeAnswer(w, r, lang, err)
		return
	}
	phone := storage.NewSecret()
	n, err := f.Store.OpenNotice(r.Context(), id, acc.name, who.OpenID, phone.Hash(), f.Now())
	if errors.Is(err, storage.ErrNotFound) {
		err = endError("notice_other") // the link was forwarded: this is not the WeChat that was told
	}
	if err != nil {
		f.noticeAnswer(w, r, lang, err)
		return
	}
	f.noteUnionID(r.Context(), acc, who.OpenID, who.UnionID)
	f.Guard.SetPhoneSecret(w, phone)
	redirect(w, r, f.noticePath(n))
}

// noticeAnswer answers the error of a transition. A link that is late says so: there is still somebody to turn to.
func (f *Flow) noticeAnswer(w http.ResponseWriter, r *http.Request, lang string, err error) {
	var end endError
	switch {
	case errors.As(err, &end):
		f.end(w, r, lang, storage.Client{}, string(end))
	case errors.Is(err, storage.ErrExpired):
		f.end(w, r, lang, storage.Client{}, "notice_over")
	case errors.Is(err, storage.ErrNotFound):
		f.fail(w, r, lang, ui.Failure{Status: http.StatusNotFound, Kind: "not_found"}, nil)
	default:
		f.unavailable(w, r, lang, err)
	}
}
