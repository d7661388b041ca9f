package storagetest

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

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
	require.Equal(w, []byte("sealed +86139new"), issued.User.PhoneSealed)
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
