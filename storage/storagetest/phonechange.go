package storagetest

import (
	"slices"
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

func changeByOthers(w world) {
	p, other := w.signIn("o1", start), w.signIn("o1", start)
	c := w.ready(p, "+86139new")
	foreign := map[string]storage.ChangeTry{}
	add := func(name string, fn func(*storage.ChangeTry)) {
		t := c.tryOf()
		fn(&t)
		foreign[name] = t
	}
	add("the session's cookie alone", func(t *storage.ChangeTry) { t.Browser = newHash() })
	add("no browser", func(t *storage.ChangeTry) { t.Browser = storage.Hash{} })
	add("another secret", func(t *storage.ChangeTry) { t.SessionHash = newHash() })
	add("another session of the same person", func(t *storage.ChangeTry) { t.ChangeBy = other.changeBy() })
	add("another change", func(t *storage.ChangeTry) { t.ID = storage.NewID(start) })
	add("an idle session", func(t *storage.ChangeTry) { t.Now = p.session.IdleExpiresAt })
	for name, t := range foreign {
		_, err := w.a.ChangePhone(w.Context(), t)
		require.ErrorIs(w, err, storage.ErrNotFound, name)
		_, err = w.a.ProvePhoneChange(w.Context(), t)
		require.ErrorIs(w, err, storage.ErrNotFound, name)
		code := c.codeFor("+86139new")
		code.ChangeBy, code.ID = t.ChangeBy, t.ID
		require.ErrorIs(w, w.a.SendChangeCode(w.Context(), code), storage.ErrNotFound, name)
		if t.ID == c.id {
			_, err = w.a.PhoneChange(w.Context(), t.ChangeBy)
			require.ErrorIs(w, err, storage.ErrNotFound, name)
		}
	}
	thief := p.changeBy()
	thief.Browser = newHash()
	require.ErrorIs(w, w.a.BeginPhoneChange(w.Context(), thief, storage.PhoneChange{ID: storage.NewID(start), ExpiresAt: start.Add(time.Hour)}), storage.ErrNotFound)
	require.NoError(w, w.a.EndUserSession(w.Context(), p.user.ID, p.session.ID, start))
	_, err := w.a.ChangePhone(w.Context(), c.tryOf())
	require.ErrorIs(w, err, storage.ErrNotFound, "signed out meanwhile")
	require.Equal(w, "index +86138o1", w.phoneOf(p.user.ID))
}

func changeOutOfStep(w world) {
	p := w.signIn("o1", start)
	c := w.beginChange(p, storage.ID{})
	require.ErrorIs(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86139new")), storage.ErrConflict, "nobody is proven")
	_, err := w.a.ChangePhone(w.Context(), c.tryOf())
	require.ErrorIs(w, err, storage.ErrConflict)
	require.NoError(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86138o1")))
	_, err = w.a.ChangePhone(w.Context(), c.tryOf())
	require.ErrorIs(w, err, storage.ErrConflict, "the old number's code changes nothing")
	c = w.proven(p)
	result, err := w.a.ChangePhone(w.Context(), c.tryOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindExpired, result.Outcome, "nor does it after the proof")
	require.ErrorIs(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86138o1")), storage.ErrConflict, "it is the same number")
	again := w.beginChange(p, storage.ID{})
	require.Empty(w, w.change(p).ProvenBy, "each change is proven by itself")
	_, err = w.a.ChangePhone(w.Context(), c.tryOf())
	require.ErrorIs(w, err, storage.ErrNotFound, "replaced")
	require.Equal(w, again.id, w.change(p).ID)
}

func changeTries(w world) {
	p := w.signIn("o1", start)
	c := w.beginChange(p, storage.ID{})
	require.NoError(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86138o1")))
	for n := range storage.PhoneCodeTries {
		result, err := w.store(n).ProvePhoneChange(w.Context(), c.wrongTry())
		require.NoError(w, err)
		require.Equal(w, storage.ChangeResult{Outcome: storage.BindWrongCode, TriesLeft: storage.PhoneCodeTries - 1 - n}, result)
	}
	result, err := w.a.ProvePhoneChange(w.Context(), c.tryOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindExpired, result.Outcome)

	c = w.ready(p, "+86139new")
	for n := range storage.PhoneCodeTries {
		result, err := w.store(n).ChangePhone(w.Context(), c.wrongTry())
		require.NoError(w, err)
		require.Equal(w, storage.ChangeResult{Outcome: storage.BindWrongCode, TriesLeft: storage.PhoneCodeTries - 1 - n}, result)
	}
	result, err = w.a.ChangePhone(w.Context(), c.tryOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindExpired, result.Outcome)
	require.Equal(w, "index +86138o1", w.phoneOf(p.user.ID))
	require.NoError(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86139new")))
	result, err = w.a.ChangePhone(w.Context(), c.tryOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindDone, result.Outcome, "a new code has tries of its own")
}

func changeLate(w world) {
	p := w.signIn("o1", start)
	c := w.ready(p, "+86139new")
	late := c
	late.now = start.Add(5 * time.Minute)
	result, err := w.a.ChangePhone(w.Context(), late.tryOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindExpired, result.Outcome)
	require.NoError(w, w.a.SendChangeCode(w.Context(), late.codeFor("+86139new")))
	late.now = start.Add(20 * time.Minute)
	_, err = w.a.ChangePhone(w.Context(), late.tryOf())
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.ErrorIs(w, w.a.SendChangeCode(w.Context(), late.codeFor("+86139new")), storage.ErrNotFound)
	_, err = w.a.PhoneChange(w.Context(), late.changeBy())
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.Positive(w, w.sweep(start.Add(20*time.Minute), 100))
}

func changeLimits(w world) {
	p := w.signIn("o1", start)
	c := w.beginChange(p, storage.ID{})
	code, one := c.codeFor("+86138o1"), storage.Limit{Name: "phone", Key: newHash(), Max: 1, Window: time.Hour}
	two := storage.Limit{Name: "day", Key: newHash(), Max: 2, Window: time.Hour}
	code.Limits = []storage.Limit{one, two}
	require.NoError(w, w.a.SendChangeCode(w.Context(), code))
	var limited *storage.LimitedError
	require.ErrorAs(w, w.b.SendChangeCode(w.Context(), code), &limited)
	require.Equal(w, "phone", limited.Key)
	code.Limits = []storage.Limit{two}
	require.NoError(w, w.a.SendChangeCode(w.Context(), code), "the refused one did not count")
	require.ErrorAs(w, w.b.SendChangeCode(w.Context(), code), &limited)
}

func changeEnds(w world) {
	p, other := w.signIn("o1", start), w.signIn("o1", start)
	kept, theirs, offline := w.tokens(p, false, start), w.tokens(other, false, start), w.tokens(other, true, start)
	d := w.tv(start)
	l := w.scanTV(d, "o1")
	w.approve(&l)
	waiting := w.confirmed(newHash(), "o1", start)
	c := w.ready(p, "+86139new")
	_, err := w.a.ChangePhone(w.Context(), c.tryOf())
	require.NoError(w, err)

	_, _, err = w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
	require.NoError(w, err, "who has changed it stays signed in")
	require.True(w, w.alive(kept.Grant.ID))
	_, _, err = w.b.Session(w.Context(), other.session.ID, other.session.Hash, time.Hour, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.False(w, w.alive(theirs.Grant.ID))
	require.True(w, w.alive(offline.Grant.ID), "offline_access stays")
	require.True(w, w.alive(d.ID), "and so do TVs")
	_, err = w.b.CompleteLogin(w.Context(), waiting.completeOf())
	require.ErrorIs(w, err, storage.ErrConflict, "a login that was confirmed before opens nothing")
	for _, browser := range []storage.Hash{p.browser, other.browser} {
		c := w.confirmed(browser, "o1", start).completeOf()
		c.Browser, c.Approved = browser, storage.ID{}
		_, err = w.a.CompleteLogin(w.Context(), c)
		require.ErrorIs(w, err, storage.ErrApprovalNeeded, "no browser knows the person")
	}
	issued, err := w.a.RotateRefreshToken(w.Context(), rotationOf(offline, start))
	require.NoError(w, err)
	require.Equal(w, []byte("index +86139new"), issued.User.PhoneIndex)
}

func changeTellsAll(w world) {
	p := w.signIn("o1", start)
	require.NoError(w, w.a.RecordUnionID(w.Context(), account, "o1", "u1", start))
	for _, other := range []string{"second", "third"} {
		w.follow(other, "x1", true, start)
		require.NoError(w, w.a.RecordUnionID(w.Context(), other, "x1", "u1", start))
	}
	w.follow("third", "x1", false, start.Add(time.Second))
	p.now = start.Add(time.Minute)
	c := w.ready(p, "+86139new")
	result, err := w.a.ChangePhone(w.Context(), c.tryOf())
	require.NoError(w, err)
	require.Len(w, result.Told, 2)
	for _, i := range result.Told {
		require.True(w, i.Followed)
		list, err := w.b.ClaimNotices(w.Context(), i.Account, i.OpenID, newHash(), 9, p.now)
		require.NoError(w, err)
		require.True(w, slices.ContainsFunc(list, func(n storage.Notice) bool { return n.Kind == storage.NoticePhone && n.Target == c.id }), i.Account)
	}
	list, err := w.b.ClaimNotices(w.Context(), "third", "x1", newHash(), 9, p.now)
	require.NoError(w, err)
	require.Empty(w, list, "nobody reads it there")
}

func changeMoves(w world) {
	holder, p := w.signIn("o1", start), w.signIn("o2", start)
	other := w.signIn("o2", start)
	kept := w.tokens(holder, true, start)
	c := w.ready(p, "+86138o1")
	move := c.tryOf()
	move.Move, move.Code = true, storage.Hash{}
	_, err := w.a.ChangePhone(w.Context(), move)
	require.ErrorIs(w, err, storage.ErrConflict, "no code was proven")
	result, err := w.a.ChangePhone(w.Context(), c.wrongTry())
	require.NoError(w, err)
	require.Equal(w, storage.BindWrongCode, result.Outcome, "a conflict shows only after a right code")
	_, err = w.a.ChangePhone(w.Context(), move)
	require.ErrorIs(w, err, storage.ErrConflict)
	result, err = w.a.ChangePhone(w.Context(), c.tryOf())
	require.NoError(w, err)
	require.Equal(w, storage.ChangeResult{Outcome: storage.BindHeld, TriesLeft: 3}, result)
	require.True(w, w.change(p).Held)
	require.Equal(w, "index +86138o1", w.phoneOf(holder.user.ID), "nothing moved yet")
	_, _, err = w.b.Session(w.Context(), other.session.ID, other.session.Hash, time.Hour, start)
	require.NoError(w, err, "and nothing ended")

	result, err = w.a.ChangePhone(w.Context(), move)
	require.NoError(w, err)
	require.Equal(w, "o1", result.MovedFrom[0].OpenID)
	require.Equal(w, "o2", result.Told[0].OpenID)
	require.Equal(w, "index +86138o1", w.phoneOf(p.user.ID))
	require.Empty(w, w.phoneOf(holder.user.ID))
	require.True(w, w.alive(kept.Grant.ID), "the earlier holder keeps everything else")
	require.Contains(w, w.actions(holder.user.ID), "phone.move")
	require.Equal(w, holder.user.ID, w.identity(account, "o1").UserID)
}

func changeMovesOnceADay(w world) {
	w.signIn("o1", start)
	take := func(openID string, now time.Time) error {
		p := w.signIn(openID, now)
		c := w.ready(p, "+86138o1")
		result, err := w.a.ChangePhone(w.Context(), c.tryOf())
		require.NoError(w, err)
		require.Equal(w, storage.BindHeld, result.Outcome)
		move := c.tryOf()
		move.Move = true
		_, err = w.a.ChangePhone(w.Context(), move)
		return err
	}
	require.NoError(w, take("o2", start))
	var limited *storage.LimitedError
	require.ErrorAs(w, take("o3", start.Add(23*time.Hour)), &limited)
	require.Equal(w, "index +86138o3", w.phoneOf(w.identity(account, "o3").UserID), "nothing changed")
	require.NoError(w, take("o4", start.Add(24*time.Hour)))
}

func changeAfterLoss(w world) {
	p := w.signIn("o1", start)
	c := w.ready(p, "+86139new")
	l := w.approved("o2", start) // the number's new holder, while p changes it
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+86138o1")))
	_, err := w.a.BindPhone(w.Context(), l.bindOf())
	require.NoError(w, err)
	_, err = w.a.MovePhone(w.Context(), l.bindOf())
	require.NoError(w, err)
	_, err = w.a.ChangePhone(w.Context(), c.tryOf())
	require.ErrorIs(w, err, storage.ErrConflict)
	require.ErrorIs(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86139new")), storage.ErrConflict)
	require.Empty(w, w.phoneOf(p.user.ID))
	err = w.a.BeginPhoneChange(w.Context(), p.changeBy(), storage.PhoneChange{ID: storage.NewID(start), ExpiresAt: start.Add(time.Hour)})
	require.ErrorIs(w, err, storage.ErrPhoneNeeded)
	require.Equal(w, c.id, w.change(p).ID, "nothing was done")
}

func changeLocked(w world) {
	p := w.signIn("o1", start)
	c := w.ready(p, "+86139new")
	require.NoError(w, w.a.LockUser(w.Context(), p.user.ID, "ops", start))
	_, err := w.a.ChangePhone(w.Context(), c.tryOf())
	require.ErrorIs(w, err, storage.ErrNotFound, "its session has ended")
	require.NoError(w, w.a.UnlockUser(w.Context(), p.user.ID, "ops", start))
	_, err = w.a.ChangePhone(w.Context(), c.tryOf())
	require.ErrorIs(w, err, storage.ErrNotFound, "and stays so")
	require.Equal(w, "index +86138o1", w.phoneOf(p.user.ID))
}

func changeDisowned(w world) {
	p := w.signIn("o1", start)
	w.told("o1", start)
	offline := w.tokens(p, true, start)
	c := w.ready(p, "+86139new")
	_, err := w.a.ChangePhone(w.Context(), c.tryOf())
	require.NoError(w, err)
	waiting := w.confirmed(newHash(), "o1", start)
	n, phone := w.opened("o1", start)
	for range 2 {
		_, err = w.b.RevokeByNotice(w.Context(), n.ID, phone, start.Add(time.Minute))
		require.NoError(w, err)
	}
	require.Empty(w, w.phoneOf(p.user.ID))
	require.False(w, w.alive(offline.Grant.ID))
	_, _, err = w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	_, err = w.b.CompleteLogin(w.Context(), waiting.completeOf())
	require.ErrorIs(w, err, storage.ErrConflict)
	require.Equal(w, []string{"phone.bind", "login", "phone.change", "phone.disowned"}, w.actions(p.user.ID))
	back := w.approved("o1", start)
	require.Equal(w, p.user.ID, w.bindPhone(&back, "+86138o1").ID, "the person binds the number that is theirs")
}

func changeDisownedLate(w world) {
	p := w.signIn("o1", start)
	w.told("o1", start)
	c := w.ready(p, "+86139new")
	_, err := w.a.ChangePhone(w.Context(), c.tryOf())
	require.NoError(w, err)
	n, phone := w.opened("o1", start)
	p.now = start.Add(time.Minute)
	c = w.beginChange(p, storage.ID{})
	require.NoError(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86139new")))
	_, err = w.a.ProvePhoneChange(w.Context(), c.tryOf())
	require.NoError(w, err)
	require.NoError(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86139later")))
	_, err = w.a.ChangePhone(w.Context(), c.tryOf())
	require.NoError(w, err)
	_, err = w.b.RevokeByNotice(w.Context(), n.ID, phone, p.now)
	require.NoError(w, err)
	require.Equal(w, "index +86139later", w.phoneOf(p.user.ID))
	_, _, err = w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, p.now)
	require.ErrorIs(w, err, storage.ErrNotFound, "but everything ends")
}

func changeGone(w world) {
	p := w.signIn("o1", start)
	c := w.ready(p, "+86139new")
	require.NoError(w, w.a.DeleteUser(w.Context(), p.user.ID, "ops", start))
	_, err := w.a.ChangePhone(w.Context(), c.tryOf())
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.False(w, slices.Contains(w.actions(p.user.ID), "phone.change"))
}
