package storagetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func bindMove(w world) {
	holder := w.signIn("o1", start)
	issued := w.tokens(holder, true, start)
	l := w.approved("o2", start)
	_, err := w.a.MovePhone(w.Context(), l.bindOf())
	require.ErrorIs(w, err, storage.ErrConflict, "no code was proven")
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+86138o1")))
	_, err = w.a.MovePhone(w.Context(), l.bindOf())
	require.ErrorIs(w, err, storage.ErrConflict, "the code that was sent was not proven")
	_, err = w.a.BindPhone(w.Context(), l.wrongBind())
	require.NoError(w, err)
	_, err = w.a.MovePhone(w.Context(), l.bindOf())
	require.ErrorIs(w, err, storage.ErrConflict, "a wrong code proves nothing")
	result, err := w.a.BindPhone(w.Context(), l.bindOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindHeld, result.Outcome)
	require.Empty(w, result.User.ID)
	kept, err := w.b.User(w.Context(), holder.user.ID)
	require.NoError(w, err)
	require.NotEmpty(w, kept.PhoneIndex, "nothing moved yet")

	b := l.bindOf()
	for range 2 {
		result, err = w.a.MovePhone(w.Context(), b)
		require.NoError(w, err)
		require.Equal(w, storage.BindDone, result.Outcome)
		require.Equal(w, b.NewUser.ID, result.User.ID, "the new holder is somebody else")
		if len(result.MovedFrom) > 0 {
			require.Equal(w, "o1", result.MovedFrom[0].OpenID)
		}
	}
	require.Equal(w, storage.AttemptConfirmed, w.current(l).State)
	lost, err := w.b.User(w.Context(), holder.user.ID)
	require.NoError(w, err)
	require.Empty(w, lost.PhoneIndex)
	require.Empty(w, lost.PhoneSealed)
	require.True(w, lost.PhoneVerifiedAt.IsZero())
	require.True(w, w.alive(issued.Grant.ID), "everything else is kept")
	require.Equal(w, holder.user.ID, w.identity(account, "o1").UserID)
	require.Contains(w, w.actions(holder.user.ID), "phone.move")
}

func bindMoveOnceADay(w world) {
	w.signIn("o1", start)
	move := func(openID string, now time.Time) error {
		l := w.approved(openID, now)
		require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+86138o1")))
		result, err := w.a.BindPhone(w.Context(), l.bindOf())
		require.NoError(w, err)
		require.Equal(w, storage.BindHeld, result.Outcome)
		_, err = w.a.MovePhone(w.Context(), l.bindOf())
		return err
	}
	require.NoError(w, move("o2", start))
	err := move("o3", start.Add(23*time.Hour))
	var limited *storage.LimitedError
	require.ErrorAs(w, err, &limited)
	require.Equal(w, time.Hour, limited.RetryAfter)
	holders, err := w.b.ListUsers(w.Context(), storage.UserFilter{PhoneIndex: []byte("index +86138o1")})
	require.NoError(w, err)
	require.Equal(w, w.identity(account, "o2").UserID, holders[0].ID)
	require.NoError(w, move("o4", start.Add(24*time.Hour)))
}

func bindHolderAgain(w world) {
	p := w.signIn("o1", start)
	l := w.approved("o2", start)
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+86138o1")))
	_, err := w.a.BindPhone(w.Context(), l.bindOf())
	require.NoError(w, err)
	_, err = w.a.MovePhone(w.Context(), l.bindOf())
	require.NoError(w, err)
	back := w.approved("o1", start)
	user := w.bindPhone(&back, "+8613800000009")
	require.Equal(w, p.user.ID, user.ID, "the same person, with another number")
	require.Equal(w, p.user.Username, user.Username)
	// And somebody who is told that a number is held may use another one.
	other := w.approved("o3", start)
	require.NoError(w, w.a.SendPhoneCode(w.Context(), other.codeFor("+8613800000009")))
	result, err := w.a.BindPhone(w.Context(), other.bindOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindHeld, result.Outcome)
	w.bindPhone(&other, "+8613800000010")
}
