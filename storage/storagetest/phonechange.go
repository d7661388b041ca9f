package storagetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func phoneChangeStories() map[string]story {
	return map[string]story{
		"a number is changed by a code to the old one":           changeBySMS,
		"a number is changed by a login in WeChat":               changeByWeChat,
		"a login that proves less proves no change":              changeByLess,
		"only the session's own browser changes":                 changeByOthers,
		"a step that is not due is a conflict":                   changeOutOfStep,
		"a change's codes are tried five times and no more (I8)": changeTries,
		"a change, and its codes, are late":                      changeLate,
		"a change's limits count all or none":                    changeLimits,
		"a change ends what rests on the old number":             changeEnds,
		"every identity that follows is told of a change":        changeTellsAll,
		"not me beside the next change (I7)":                     changeDisownedBesideChange,
		"a held number changes hands only by consent":            changeMoves,
		"a number changes hands once a day":                      changeMovesOnceADay,
		"a number that was lost meanwhile is a conflict":         changeAfterLoss,
		"a locked user changes nothing":                          changeLocked,
		"not me takes a change back":                             changeDisowned,
		"not me leaves a later number alone":                     changeDisownedLate,
		"a change goes with its user":                            changeGone,
		"fifty tries of a change at once are five (I8)":          changeTriesAtOnce,
		"one change at once is one":                              changeAtOnce,
		"two changes of one user at once are one":                changeTwiceAtOnce,
		"two users want one number at once (I5)":                 changeForOneNumber,
		"a change beside a binding of the number (I5)":           changeBesideBinding,
		"a change beside a lock (I7)":                            changeBesideLock,
		"a change beside what its end ends":                      changeBesideIssue,
	}
}

// changing is a person who changes their number.
type changing struct {
	person
	id storage.ID
}

func (p person) changeBy() storage.ChangeBy {
	return storage.ChangeBy{SessionID: p.session.ID, SessionHash: p.session.Hash, Browser: p.browser, Now: p.now}
}

func (w world) beginChange(p person, request storage.ID) changing {
	w.Helper()
	c := changing{p, storage.NewID(p.now)}
	require.NoError(w, w.a.BeginPhoneChange(w.Context(), p.changeBy(), storage.PhoneChange{ID: c.id, RequestID: request, ExpiresAt: p.now.Add(20 * time.Minute)}))
	return c
}

func (c changing) codeFor(phone string) storage.ChangeCode {
	return storage.ChangeCode{
		ChangeBy: c.changeBy(), ID: c.id, PhoneSealed: []byte("sealed " + phone), PhoneIndex: []byte("index " + phone),
		Code: rightCode(), ExpiresAt: c.now.Add(5 * time.Minute),
	}
}

func (c changing) tryOf() storage.ChangeTry {
	return storage.ChangeTry{ChangeBy: c.changeBy(), ID: c.id, Code: rightCode()}
}

func (c changing) wrongTry() storage.ChangeTry {
	t := c.tryOf()
	t.Code = newHash()
	return t
}

// proven begins a change and proves the person by their old number.
func (w world) proven(p person) changing {
	w.Helper()
	c := w.beginChange(p, storage.ID{})
	require.NoError(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86138"+p.openID)))
	result, err := w.b.ProvePhoneChange(w.Context(), c.tryOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindDone, result.Outcome)
	return c
}

// ready is a change that lacks the new number's code alone.
func (w world) ready(p person, phone string) changing {
	w.Helper()
	c := w.proven(p)
	require.NoError(w, w.a.SendChangeCode(w.Context(), c.codeFor(phone)))
	return c
}

// phoneOf is the index of the user's number.
func (w world) phoneOf(userID string) string {
	w.Helper()
	user, err := w.b.User(w.Context(), userID)
	require.NoError(w, err)
	return string(user.PhoneIndex)
}

func (w world) change(p person) storage.PhoneChange {
	w.Helper()
	c, err := w.b.PhoneChange(w.Context(), p.changeBy())
	require.NoError(w, err)
	return c
}

func changeBySMS(w world) {
	p := w.signIn("o1", start)
	w.told("o1", start)
	_, err := w.a.PhoneChange(w.Context(), p.changeBy())
	require.ErrorIs(w, err, storage.ErrNotFound)
	c := w.beginChange(p, storage.ID{})
	require.Equal(w, storage.PhoneChange{ID: c.id, UserID: p.user.ID, CreatedAt: start, ExpiresAt: start.Add(20 * time.Minute)}, w.change(p))
	require.NoError(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86138o1")))
	seen := w.change(p)
	require.Equal(w, start, seen.SentAt)
	require.Equal(w, []byte("sealed +86138o1"), seen.PhoneSealed)
	for range 2 { // the answer was lost
		result, err := w.b.ProvePhoneChange(w.Context(), c.tryOf())
		require.NoError(w, err)
		require.Equal(w, storage.BindDone, result.Outcome)
	}
	seen = w.change(p)
	require.Equal(w, storage.ProvenBySMS, seen.ProvenBy)
	require.Zero(w, seen.SentAt)
	require.Empty(w, seen.PhoneSealed, "the next code is for another number")

	require.NoError(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86139new")))
	require.Equal(w, "index +86138o1", w.phoneOf(p.user.ID), "nothing has changed yet")
	c.now = start.Add(time.Minute)
	result, err := w.b.ChangePhone(w.Context(), c.tryOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindDone, result.Outcome)
	require.Len(w, result.Told, 1)
	require.Equal(w, "o1", result.Told[0].OpenID)
	user, err := w.b.User(w.Context(), p.user.ID)
	require.NoError(w, err)
	require.Equal(w, []byte("index +86139new"), user.PhoneIndex)
	require.Equal(w, []byte("sealed +86139new"), user.PhoneSealed)
	require.Equal(w, c.now, user.PhoneVerifiedAt)
	require.Equal(w, c.now, w.change(p).DoneAt)
	result, err = w.a.ChangePhone(w.Context(), c.tryOf())
	require.NoError(w, err)
	require.Equal(w, storage.ChangeResult{Outcome: storage.BindDone}, result, "once, and told once")
	require.ErrorIs(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86139other")), storage.ErrConflict)

	n := w.told("o1", start.Add(time.Minute))
	require.Equal(w, storage.NoticePhone, n.Kind)
	require.Equal(w, c.id, n.Target)
	require.Equal(w, storage.Device{Name: "Chrome"}, n.Device)
	require.Equal(w, []string{"phone.bind", "login", "phone.change"}, w.actions(p.user.ID))
	list, err := w.a.ListAudit(w.Context(), p.user.ID, 1)
	require.NoError(w, err)
	require.Equal(w, "proven by sms", list[0].Detail)
	notices, err := w.a.UserNotices(w.Context(), p.user.ID)
	require.NoError(w, err)
	require.Len(w, notices, 2)
	require.Equal(w, storage.NoticePhone, notices[0].Kind, "the newest first")
}

// loggedInFor completes a login of the openid for the change's request, in its browser.
func (w world) loggedInFor(p person, r storage.AuthRequest, openID, acr string) person {
	w.Helper()
	l := login{request: r, browser: p.browser, now: p.now}
	l.attempt = newAttempt(r, storage.ViaQR, p.now)
	require.NoError(w, w.a.BeginAttempt(w.Context(), l.attempt, storage.ID{}, p.now))
	l.scene = newScene(p.now)
	require.NoError(w, w.a.AddScene(w.Context(), l.attempt.ID, l.scene, 3, p.now))
	w.scan(&l, openID)
	if w.approve(&l) == storage.ConfirmPhoneNeeded {
		w.bindPhone(&l, "+86138"+openID)
	}
	c := l.completeOf()
	c.Previous, c.Session.ACR = p.session.ID, acr
	session, err := w.a.CompleteLogin(w.Context(), c)
	require.NoError(w, err)
	p.session, p.browser = session, c.NewBrowser
	return p
}

func changeByWeChat(w world) {
	p := w.signIn("o1", start)
	r := w.newRequest(p.browser, start)
	c := w.beginChange(p, r.ID)
	require.ErrorIs(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86138o1")), storage.ErrConflict, "it is proven otherwise")
	require.ErrorIs(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86139new")), storage.ErrConflict)
	w.complete(w.confirmed(newHash(), "o1", start)) // another login of the same person, elsewhere
	require.Empty(w, w.change(p).ProvenBy)

	stale := c
	c.person = w.loggedInFor(p, r, "o1", storage.ACRConfirm)
	_, err := w.a.PhoneChange(w.Context(), stale.changeBy())
	require.ErrorIs(w, err, storage.ErrNotFound, "the cookies from before the login are worth nothing")
	require.Equal(w, storage.ProvenByWeChat, w.change(c.person).ProvenBy)
	require.NoError(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86139new")))
	_, err = w.a.ChangePhone(w.Context(), stale.tryOf())
	require.ErrorIs(w, err, storage.ErrNotFound)
	result, err := w.b.ChangePhone(w.Context(), c.tryOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindDone, result.Outcome)
	require.Equal(w, "index +86139new", w.phoneOf(p.user.ID))
	list, err := w.a.ListAudit(w.Context(), p.user.ID, 1)
	require.NoError(w, err)
	require.Equal(w, "proven by wechat", list[0].Detail)
}

func changeByLess(w world) {
	p := w.signIn("o1", start)
	for name, acr := range map[string]string{"without a class": "", "a scan alone": "urn:qiao:acr:scan"} {
		r := w.newRequest(p.browser, start)
		c := w.beginChange(p, r.ID)
		p = w.loggedInFor(p, r, "o1", acr)
		c.person = p
		require.Empty(w, w.change(p).ProvenBy, name)
		require.ErrorIs(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86139new")), storage.ErrConflict, name)
		_, err := w.a.ChangePhone(w.Context(), c.tryOf())
		require.ErrorIs(w, err, storage.ErrConflict, name)
	}
	r, other := w.newRequest(p.browser, start), w.newRequest(p.browser, start)
	w.beginChange(p, r.ID)
	p = w.loggedInFor(p, other, "o1", storage.ACRConfirm)
	require.Empty(w, w.change(p).ProvenBy, "a login for something else")
	r = w.newRequest(p.browser, start)
	w.beginChange(p, r.ID)
	stranger := w.loggedInFor(p, r, "o2", storage.ACRConfirm)
	require.NotEqual(w, p.session.ID, stranger.session.ID)
	for _, who := range []person{p, stranger} {
		_, err := w.a.PhoneChange(w.Context(), who.changeBy())
		require.ErrorIs(w, err, storage.ErrNotFound, "somebody else's login")
	}
}
