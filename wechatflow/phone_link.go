package wechatflow

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"qiao/storage"
	"qiao/ui"
)

// getPhoneLink serves GET /phone/{link}, the link in the chat. It changes nothing: links are fetched ahead, forwarded
// and opened twice. It sends the browser through web authorization, which shows whether this is the phone that scanned.
func (f *Flow) getPhoneLink(w http.ResponseWriter, r *http.Request) {
	lang := f.Guard.Lang(w, r, nil)
	if ok, retryAfter := f.allowPage(r); !ok {
		f.tooMany(w, r, lang, retryAfter)
		return
	}
	attempt, err := f.linkedAttempt(r, chi.URLParam(r, "link"))
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrExpired):
		f.fail(w, r, lang, ui.Failure{Status: http.StatusNotFound, Kind: "not_found"}, nil)
		return
	case err != nil:
		f.unavailable(w, r, lang, err)
		return
	}
	if secret, ok := f.Guard.PhoneSecret(r); ok {
		if !attempt.PhoneHash.IsZero() && attempt.PhoneHash.Equal(secret.Hash()) {
			redirect(w, r, phonePath(attempt.ID, "confirm")) // this browser has proved the openid already
			return
		}
	}
	if kind := endOf(attempt); kind != "" {
		client, _ := f.Client(r.Context(), attempt.ClientID) // only its name is missing where it fails
		f.end(w, r, lang, client, kind)
		return
	}
	f.beginWebAuth(w, r, lang, attempt.Account, storage.WebAuth{Purpose: webAuthPhone, AttemptID: attempt.ID})
}

// linkedAttempt checks a link's token and returns its attempt.
func (f *Flow) linkedAttempt(r *http.Request, link string) (storage.Attempt, error) {
	idText, token, _ := strings.Cut(link, ".")
	id, err := storage.ParseID(idText)
	if err != nil {
		return storage.Attempt{}, storage.ErrNotFound
	}
	attempt, err := f.Store.PeekAttempt(r.Context(), id, f.Now())
	if err != nil {
		return storage.Attempt{}, err
	}
	want := f.linkToken(attempt)
	if attempt.OpenID == "" || subtle.ConstantTimeCompare([]byte(token), []byte(want)) != 1 {
		return storage.Attempt{}, storage.ErrNotFound
	}
	return attempt, nil
}

// phoneLink is the address that the chat is given. It is derived, so that a redelivered event gets the same reply.
func (f *Flow) phoneLink(a storage.Attempt) string {
	return f.url("/phone/" + a.ID.String() + "." + f.linkToken(a))
}

func (f *Flow) linkToken(a storage.Attempt) string {
	mac := f.Box.MAC("phone link", a.ID[:], []byte(a.Account), []byte(a.OpenID))
	return base64.RawURLEncoding.EncodeToString(mac[:16])
}
