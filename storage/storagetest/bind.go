package storagetest

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func bindStories() map[string]story {
	return map[string]story{
		"a binding that was answered exists (I3)":        bindExists,
		"a code is tried five times and no more (I8)":    bindTries,
		"fifty tries at once are five (I8)":              bindTriesAtOnce,
		"the right code at once binds once":              bindAtOnce,
		"a code is late, replaced or never sent":         bindExpired,
		"a code before the approval is a conflict":       bindBeforeApproval,
		"a taken username is a conflict":                 bindUsernameTaken,
		"a number belongs to one user (I5)":              bindRace,
		"a held number moves only by consent":            bindMove,
		"a number moves once a day":                      bindMoveOnceADay,
		"limits count all or none":                       bindLimits,
		"limits hold in parallel (I8)":                   bindLimitsAtOnce,
		"two logins of one openid make one user":         bindOneUser,
		"a locked user binds nothing":                    bindLocked,
		"the holder who comes back binds another number": bindHolderAgain,
	}
}

// approved is a login of a new openid that needs a phone.
func (w world) approved(openID string, now time.Time) login {
	w.Helper()
	l := w.begin(newHash(), now)
	w.scan(&l, openID)
	require.Equal(w, storage.ConfirmPhoneNeeded, w.approve(&l))
	return l
}

func bindExists(w world) {
	l := w.approved("o1", start)
	before := w.current(l).Version
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+8613800000001")))
	b := l.bindOf()
	result, err := w.a.BindPhone(w.Context(), b)
	require.NoError(w, err)
	require.Equal(w, storage.BindDone, result.Outcome)
	user, err := w.b.User(w.Context(), b.NewUser.ID)
	require.NoError(w, err)
	require.Equal(w, user, result.User)
	require.Equal(w, []byte("index +8613800000001"), user.PhoneIndex)
	a := w.current(l)
	require.Equal(w, storage.AttemptConfirmed, a.State)
	require.True(w, a.PhoneProven)
	require.Equal(w, user.ID, a.UserID)
	require.Greater(w, a.Version, before)
	// The answer was lost and the person sends the form again.
	result, err = w.b.BindPhone(w.Context(), l.bindOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindDone, result.Outcome)
	require.Equal(w, user.ID, result.User.ID)
	require.Equal(w, []string{"phone.bind"}, w.actions(user.ID))
}

func (l login) wrongBind() storage.Bind {
	b := l.bindOf()
	b.Code = newHash()
	return b
}

func bindTries(w world) {
	l := w.approved("o1", start)
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+8613800000001")))
	for n := range storage.PhoneCodeTries {
		result, err := w.store(n).BindPhone(w.Context(), l.wrongBind())
		require.NoError(w, err)
		require.Equal(w, storage.BindResult{Outcome: storage.BindWrongCode, TriesLeft: storage.PhoneCodeTries - 1 - n}, result)
	}
	result, err := w.a.BindPhone(w.Context(), l.bindOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindExpired, result.Outcome, "the right one comes too late")
	w.bindPhone(&l, "+8613800000001") // a new code has tries of its own
}

func bindTriesAtOnce(w world) {
	l := w.approved("o1", start)
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+8613800000001")))
	evaluated := 0
	for _, outcome := range parallel(50, func(n int) storage.BindOutcome {
		result, err := w.store(n).BindPhone(context.WithoutCancel(w.Context()), l.wrongBind())
		if err != nil {
			w.Errorf("bind: %v", err)
		}
		return result.Outcome
	}) {
		if outcome == storage.BindWrongCode {
			evaluated++
		} else {
			require.Equal(w, storage.BindExpired, outcome)
		}
	}
	require.Equal(w, storage.PhoneCodeTries, evaluated)
}

func bindAtOnce(w world) {
	l := w.approved("o1", start)
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+8613800000001")))
	users := map[string]bool{}
	for _, result := range parallel(4, func(n int) storage.BindResult {
		result, err := w.store(n).BindPhone(context.WithoutCancel(w.Context()), l.bindOf())
		if err != nil {
			w.Errorf("bind: %v", err)
		}
		return result
	}) {
		require.Equal(w, storage.BindDone, result.Outcome)
		users[result.User.ID] = true
	}
	require.Len(w, users, 1)
	all, err := w.a.ListUsers(w.Context(), storage.UserFilter{})
	require.NoError(w, err)
	require.Len(w, all, 1)
}

func bindExpired(w world) {
	l := w.approved("o1", start)
	result, err := w.a.BindPhone(w.Context(), l.bindOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindExpired, result.Outcome, "none was sent")
	first := l.codeFor("+8613800000001")
	first.Code = newHash()
	require.NoError(w, w.a.SendPhoneCode(w.Context(), first))
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+8613800000002")))
	b := l.bindOf()
	b.Code = first.Code
	result, err = w.a.BindPhone(w.Context(), b)
	require.NoError(w, err)
	require.Equal(w, storage.BindWrongCode, result.Outcome, "the first code was replaced")
	b = l.bindOf()
	b.Now = start.Add(5 * time.Minute)
	result, err = w.a.BindPhone(w.Context(), b)
	require.NoError(w, err)
	require.Equal(w, storage.BindExpired, result.Outcome)
	users, err := w.a.ListUsers(w.Context(), storage.UserFilter{})
	require.NoError(w, err)
	require.Empty(w, users)
}

func bindBeforeApproval(w world) {
	l := w.begin(newHash(), start)
	w.scan(&l, "o1")
	require.ErrorIs(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+8613800000001")), storage.ErrConflict)
	_, err := w.a.BindPhone(w.Context(), l.bindOf())
	require.ErrorIs(w, err, storage.ErrConflict)
	_, err = w.a.MovePhone(w.Context(), l.bindOf())
	require.ErrorIs(w, err, storage.ErrConflict)
}

func bindUsernameTaken(w world) {
	p := w.signIn("o1", start)
	l := w.approved("o2", start)
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+8613800000002")))
	b := l.bindOf()
	b.NewUser.Username = p.user.Username
	_, err := w.a.BindPhone(w.Context(), b)
	require.ErrorIs(w, err, storage.ErrConflict)
	result, err := w.a.BindPhone(w.Context(), l.bindOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindDone, result.Outcome)
}

// bindRace: several openids prove the same number at once.
func bindRace(w world) {
	for round := range 5 {
		phone := fmt.Sprintf("+86138%08d", round)
		logins := make([]login, 4)
		for n := range logins {
			logins[n] = w.approved(fmt.Sprintf("o%d-%d", round, n), start)
			require.NoError(w, w.a.SendPhoneCode(w.Context(), logins[n].codeFor(phone)))
		}
		outcomes := map[storage.BindOutcome]int{}
		for _, result := range parallel(len(logins), func(n int) storage.BindResult {
			result, err := w.store(n).BindPhone(context.WithoutCancel(w.Context()), logins[n].bindOf())
			if err != nil {
				w.Errorf("bind: %v", err)
			}
			return result
		}) {
			outcomes[result.Outcome]++
		}
		require.Equal(w, map[storage.BindOutcome]int{storage.BindDone: 1, storage.BindHeld: 3}, outcomes)
		holders, err := w.b.ListUsers(w.Context(), storage.UserFilter{PhoneIndex: []byte("index " + phone)})
		require.NoError(w, err)
		require.Len(w, holders, 1)
	}
}

// bindOneUser: one person with two screens, of which one was confirmed in WeChat's own browser meanwhile.
func bindOneUser(w world) {
	first := w.approved("o1", start)
	user := w.bindPhone(&first, "+8613800000001")
	second := w.begin(newHash(), start)
	w.scan(&second, "o1")
	require.Equal(w, storage.ConfirmDone, w.approve(&second))
	require.Equal(w, user.ID, second.attempt.UserID)
	require.ErrorIs(w, w.a.SendPhoneCode(w.Context(), second.codeFor("+8613800000002")), storage.ErrConflict, "it is confirmed: nothing to bind")
}

func bindLocked(w world) {
	p := w.signIn("o1", start)
	thief := w.approved("o2", start)
	require.NoError(w, w.a.SendPhoneCode(w.Context(), thief.codeFor("+86138o1")))
	_, err := w.a.BindPhone(w.Context(), thief.bindOf())
	require.NoError(w, err)
	_, err = w.a.MovePhone(w.Context(), thief.bindOf())
	require.NoError(w, err)
	// The earlier holder logs in again, needs a phone, and is locked meanwhile.
	l := w.approved("o1", start)
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+8613800000009")))
	require.NoError(w, w.a.LockUser(w.Context(), p.user.ID, "ops", start))
	_, err = w.a.BindPhone(w.Context(), l.bindOf())
	require.ErrorIs(w, err, storage.ErrLocked)
	require.ErrorIs(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+8613800000009")), storage.ErrLocked)
}
