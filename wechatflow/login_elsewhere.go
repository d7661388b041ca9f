package wechatflow

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"qiao/storage"
)

// signedInElsewhere reports whether another tab of this browser has logged in since the request began: then this one need
// not wait, and continues with that session, which the provider assesses.
//
// It does so only for requests in which the provider can find nothing lacking but a session. Those that ask for more
// (another login, a fresh one, a certain class of it or person) it might send back here, and the two would do so for ever.
func (f *Flow) signedInElsewhere(r *http.Request, request storage.AuthRequest) (bool, error) {
	p := request.Params
	if asksForMore(p) {
		return false, nil
	}
	session, user, err := f.usefulSession(r)
	if err != nil || session.ID.IsZero() || session.ID == request.SessionID {
		return false, err
	}
	// auth_time has whole seconds, rounded down.
	since := !session.AuthTime.Before(request.CreatedAt.Truncate(time.Second))
	return since && (p.HintSubject == "" || p.HintSubject == user.ID), nil
}

// usefulSession is the live session, zero where the provider would send it back: whoever has lost the phone to somebody
// else binds one in a new login.
func (f *Flow) usefulSession(r *http.Request) (storage.Session, storage.User, error) {
	session, user, err := f.liveSession(r)
	if err == nil && len(user.PhoneIndex) == 0 {
		return storage.Session{}, storage.User{}, nil
	}
	return session, user, err
}

func asksForMore(p storage.AuthParams) bool {
	return slices.Contains(p.Prompt, "login") || slices.Contains(p.Prompt, "select_account") || p.MaxAge != nil || len(p.ACRValues) > 0 || p.Device != ""
}

// doneElsewhere is signedInElsewhere for a page that waits. It costs nothing where there is no session, as in most
// browsers that wait.
func (f *Flow) doneElsewhere(r *http.Request, id storage.ID, browser storage.Hash) (bool, error) {
	if _, ok := f.Guard.Session(r); !ok {
		return false, nil
	}
	request, err := f.Store.AuthRequest(r.Context(), id, browser, f.Now())
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil // the poll says so
	}
	if err != nil {
		return false, err
	}
	return f.signedInElsewhere(r, request)
}
