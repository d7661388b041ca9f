package storagetest

import (
	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func deviceBindStories() map[string]story {
	return map[string]story{
		"the phone is bound first, and approves":            tvBound,
		"a number that moves approves":                      tvMoved,
		"a binding for a device that is decided is refused": tvBoundLate,
	}
}

func tvBound(w world) {
	d := w.tv(start)
	l := w.scanTV(d, "o1")
	require.ErrorIs(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+8613800000001")), storage.ErrConflict, "before the approval")
	for range 2 {
		require.Equal(w, storage.ConfirmPhoneNeeded, w.approve(&l))
	}
	require.ErrorIs(w, w.poll(d, 0), storage.ErrPending)
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+8613800000001")))
	result, err := w.a.BindPhone(w.Context(), l.wrongBind())
	require.NoError(w, err)
	require.Equal(w, storage.BindWrongCode, result.Outcome)
	require.ErrorIs(w, w.poll(d, 0), storage.ErrPending)

	b := l.bindOf()
	for range 2 { // the answer was lost
		result, err = w.b.BindPhone(w.Context(), b)
		require.NoError(w, err)
		require.Equal(w, storage.BindDone, result.Outcome)
		require.Equal(w, b.NewUser.ID, result.User.ID)
	}
	a, err := w.a.PhoneAttempt(w.Context(), l.attempt.ID, l.phone, start)
	require.NoError(w, err)
	require.Equal(w, storage.AttemptDone, a.State)
	require.True(w, a.PhoneProven)
	require.Equal(w, b.NewUser.ID, a.UserID)
	require.Equal(w, storage.ConfirmDone, w.approve(&l))
	issued := w.grantOf(d)
	require.Equal(w, b.NewUser.ID, issued.User.ID)
	require.Equal(w, []string{storage.AMRWeChat, storage.AMRSMS}, issued.Grant.AMR)
	require.Equal(w, []string{"phone.bind", "device.approve"}, w.actions(b.NewUser.ID))
}

func tvMoved(w world) {
	holder := w.signIn("o1", start)
	d := w.tv(start)
	l := w.scanTV(d, "o2")
	w.approve(&l)
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+86138o1")))
	result, err := w.a.BindPhone(w.Context(), l.bindOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindHeld, result.Outcome)
	require.ErrorIs(w, w.poll(d, 0), storage.ErrPending)
	b := l.bindOf()
	for n := range 2 {
		result, err = w.a.MovePhone(w.Context(), b)
		require.NoError(w, err)
		require.Equal(w, storage.BindDone, result.Outcome)
		require.Equal(w, b.NewUser.ID, result.User.ID)
		require.Len(w, result.MovedFrom, 1-n)
	}
	require.NotEqual(w, holder.user.ID, w.grantOf(d).User.ID)
}

func tvBoundLate(w world) {
	w.signIn("o1", start)
	d := w.tv(start)
	owner, l := w.scanTV(d, "o1"), w.scanTV(d, "o2")
	w.approve(&l)
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+8613800000002")))
	w.approve(&owner)
	_, err := w.b.BindPhone(w.Context(), l.bindOf())
	require.ErrorIs(w, err, storage.ErrConflict)
	require.ErrorIs(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+8613800000002")), storage.ErrConflict, "nobody pays for a message that leads nowhere")
	late := w.tv(start)
	l = w.scanTV(late, "o2")
	w.approve(&l)
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+8613800000002")))
	l.now = late.ExpiresAt
	_, err = w.b.BindPhone(w.Context(), l.bindOf())
	require.ErrorIs(w, err, storage.ErrConflict)

	require.NoError(w, w.a.AddClient(w.Context(), newClient("tv-app"), "ops"))
	gone := w.tv(start)
	l = w.scanTV(gone, "o3")
	w.approve(&l)
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+8613800000003")))
	require.NoError(w, w.a.RemoveClient(w.Context(), "tv-app", "ops", start))
	_, err = w.b.BindPhone(w.Context(), l.bindOf())
	require.ErrorIs(w, err, storage.ErrConflict)
	_, _, err = w.b.ConfirmLogin(w.Context(), l.confirmOf(0))
	require.ErrorIs(w, err, storage.ErrConflict)
}
