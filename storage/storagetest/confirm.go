package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func confirmStories() map[string]story {
	return map[string]story{
		"the right number confirms, also again":        confirmRight,
		"a wrong number ends the attempt":              confirmWrong,
		"two wrong numbers block the openid":           confirmBlocked,
		"wrong numbers at once are all counted (I8)":   confirmWrongAtOnce,
		"one attempt takes one wrong number":           confirmOneAttempt,
		"a locked user confirms nothing":               confirmLocked,
		"a decline ends the attempt, also confirmed":   declineEnds,
		"what is over can be neither":                  confirmOver,
		"decline and confirm at once end in one state": declineRacesConfirm,
	}
}

func confirmRight(w world) {
	l := w.begin(newHash(), start)
	w.scan(&l, "o1")
	before := w.current(l).Version
	for range 2 {
		require.Equal(w, storage.ConfirmPhoneNeeded, w.approve(&l))
		require.Equal(w, storage.AttemptScanned, l.attempt.State)
		require.Equal(w, start, l.attempt.ApprovedAt)
		require.Equal(w, before+1, l.attempt.Version)
	}
	w.bindPhone(&l, "+8613800000001")
	second := w.begin(newHash(), start)
	w.scan(&second, "o1")
	for range 2 {
		require.Equal(w, storage.ConfirmDone, w.approve(&second))
		require.Equal(w, storage.AttemptConfirmed, second.attempt.State)
		require.False(w, second.attempt.PhoneProven, "the phone was bound in another login")
	}
}

func confirmWrong(w world) {
	l := w.begin(newHash(), start)
	w.scan(&l, "o1")
	outcome, a, err := w.a.ConfirmLogin(w.Context(), l.confirmOf(17))
	require.NoError(w, err)
	require.Equal(w, storage.ConfirmWrong, outcome)
	require.Equal(w, storage.AttemptDeclined, a.State)
	require.True(w, a.WrongNumber)
	_, _, err = w.a.ConfirmLogin(w.Context(), l.confirmOf(42))
	require.ErrorIs(w, err, storage.ErrConflict, "there is no second choice")
	scanned, _, err := w.a.RecordScan(w.Context(), l.scanOf("o1"))
	require.NoError(w, err)
	require.Equal(w, storage.ScanOver, scanned)
	require.Equal(w, []string{"login.wrong_number"}, w.actions(""))
}

// wrong chooses a wrong number in an attempt of its own.
func (w world) wrong(openID string, now time.Time) {
	w.Helper()
	l := w.begin(newHash(), now)
	w.scan(&l, openID)
	outcome, _, err := w.a.ConfirmLogin(w.Context(), l.confirmOf(17))
	require.NoError(w, err)
	require.Equal(w, storage.ConfirmWrong, outcome)
}

func confirmBlocked(w world) {
	w.wrong("o1", start)
	// More than the window later the first one is forgotten.
	later := start.Add(storage.WrongNumberWindow + time.Second)
	w.wrong("o1", later)
	open := w.begin(newHash(), later)
	w.scan(&open, "o1") // scanned before the block
	now := later.Add(time.Minute)
	third := w.begin(newHash(), now)
	w.scan(&third, "o1")
	fresh := w.begin(newHash(), now)
	w.scan(&fresh, "o2")
	outcome, _, err := w.a.ConfirmLogin(w.Context(), third.confirmOf(17))
	require.NoError(w, err)
	require.Equal(w, storage.ConfirmWrong, outcome)

	blocked := w.begin(newHash(), now)
	scanned, _, err := w.a.RecordScan(w.Context(), blocked.scanOf("o1"))
	require.NoError(w, err)
	require.Equal(w, storage.ScanBlocked, scanned)
	require.Equal(w, storage.AttemptWaiting, w.current(blocked).State)
	require.Equal(w, storage.ConfirmPhoneNeeded, w.approve(&fresh), "another openid is not blocked")

	end := now.Add(storage.WrongNumberPause)
	after := w.begin(newHash(), end)
	w.scan(&after, "o1")
	require.Equal(w, storage.ConfirmPhoneNeeded, w.approve(&after))
}

// confirmWrongAtOnce: attempts that were scanned before the block must not give more choices than the limit. A scan
// voids the openid's earlier attempts, so the only way to have two is to confirm one first.
func confirmWrongAtOnce(w world) {
	w.signIn("o1", start)
	var logins []login
	for range 6 {
		l := w.begin(newHash(), start)
		w.scan(&l, "o1")
		require.Equal(w, storage.ConfirmDone, w.approve(&l))
		logins = append(logins, l)
	}
	wrong := 0
	for _, err := range parallel(len(logins), func(n int) error {
		outcome, _, err := w.store(n).ConfirmLogin(context.WithoutCancel(w.Context()), logins[n].confirmOf(17))
		if err == nil && outcome != storage.ConfirmWrong {
			err = fmt.Errorf("outcome %d", outcome)
		}
		return err
	}) {
		var limited *storage.LimitedError
		switch {
		case err == nil:
			wrong++
		case !errors.As(err, &limited):
			w.Errorf("confirm: %v", err)
		default:
			require.Equal(w, storage.WrongNumberPause, limited.RetryAfter)
		}
	}
	require.Equal(w, storage.WrongNumberMax, wrong)
}

func confirmOneAttempt(w world) {
	l := w.begin(newHash(), start)
	w.scan(&l, "o1")
	wrong := 0
	for _, outcome := range parallel(8, func(n int) storage.ConfirmOutcome {
		outcome, _, err := w.store(n).ConfirmLogin(context.WithoutCancel(w.Context()), l.confirmOf(10+n))
		if err != nil && !errors.Is(err, storage.ErrConflict) {
			w.Errorf("confirm: %v", err)
		}
		return outcome
	}) {
		if outcome == storage.ConfirmWrong {
			wrong++
		}
	}
	require.Equal(w, 1, wrong)
	require.Equal(w, storage.AttemptDeclined, w.current(l).State)
}

func confirmLocked(w world) {
	p := w.signIn("o1", start)
	l := w.begin(newHash(), start)
	w.scan(&l, "o1")
	require.NoError(w, w.a.LockUser(w.Context(), p.user.ID, "ops", start))
	_, _, err := w.b.ConfirmLogin(w.Context(), l.confirmOf(42))
	require.ErrorIs(w, err, storage.ErrLocked)
	require.Equal(w, storage.AttemptExpired, w.current(l).State, "the lock has voided it")
	require.NoError(w, w.a.UnlockUser(w.Context(), p.user.ID, "ops", start))
	_, _, err = w.b.ConfirmLogin(w.Context(), l.confirmOf(42))
	require.ErrorIs(w, err, storage.ErrConflict)
}

func declineEnds(w world) {
	for n, prepare := range []func(*login){
		func(l *login) { w.scan(l, "o1") },
		func(l *login) { w.scan(l, "o1"); w.approve(l) },
		func(l *login) { w.scan(l, "o1"); w.approve(l); w.bindPhone(l, "+8613800000001") },
	} {
		l := w.begin(newHash(), start)
		prepare(&l)
		for range 2 {
			a, err := w.a.DeclineLogin(w.Context(), l.attempt.ID, l.phone, start)
			require.NoError(w, err)
			require.Equal(w, storage.AttemptDeclined, a.State)
			require.False(w, a.WrongNumber)
		}
		scanned, _, err := w.a.RecordScan(w.Context(), l.scanOf("o1"))
		require.NoError(w, err)
		require.Equal(w, storage.ScanOver, scanned, "its scenes are void")
		_, err = w.a.CompleteLogin(w.Context(), l.completeOf())
		require.ErrorIs(w, err, storage.ErrConflict)
		declined := 0
		for _, action := range w.actions("") {
			if action == "login.decline" {
				declined++
			}
		}
		require.Equal(w, n+1, declined, "each once")
	}
}

func confirmOver(w world) {
	expired := w.begin(newHash(), start)
	w.scan(&expired, "o1")
	expired.now = start.Add(10 * time.Minute)
	done := w.confirmed(newHash(), "o2", start)
	w.complete(done)
	for name, l := range map[string]login{"expired": expired, "done": done} {
		_, _, err := w.a.ConfirmLogin(w.Context(), l.confirmOf(42))
		require.ErrorIs(w, err, storage.ErrConflict, name)
		_, err = w.a.DeclineLogin(w.Context(), l.attempt.ID, l.phone, l.now)
		require.ErrorIs(w, err, storage.ErrConflict, name)
		require.ErrorIs(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+8613800000009")), storage.ErrConflict, name)
		_, err = w.a.BindPhone(w.Context(), l.bindOf())
		require.ErrorIs(w, err, storage.ErrConflict, name)
		_, err = w.a.MovePhone(w.Context(), l.bindOf())
		require.ErrorIs(w, err, storage.ErrConflict, name)
	}
}

func declineRacesConfirm(w world) {
	w.signIn("o1", start)
	for range 10 {
		l := w.begin(newHash(), start)
		w.scan(&l, "o1")
		errs := parallel(3, func(n int) error {
			var err error
			switch ctx := context.WithoutCancel(w.Context()); n {
			case 0:
				_, _, err = w.a.ConfirmLogin(ctx, l.confirmOf(42))
			case 1:
				_, err = w.b.DeclineLogin(ctx, l.attempt.ID, l.phone, start)
			case 2:
				_, err = w.b.CompleteLogin(ctx, l.completeOf())
			}
			return err
		})
		a, err := w.a.PeekAttempt(w.Context(), l.attempt.ID, start)
		require.NoError(w, err)
		if errs[2] == nil {
			require.Equal(w, storage.AttemptDone, a.State)
			require.ErrorIs(w, errs[1], storage.ErrConflict, "a decline that was acknowledged holds")
		} else {
			require.NoError(w, errs[1])
			require.Equal(w, storage.AttemptDeclined, a.State)
		}
	}
}
