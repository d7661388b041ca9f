package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func changeTriesAtOnce(w world) {
	p := w.signIn("o1", start)
	c := w.ready(p, "+86139new")
	ctx, evaluated := context.WithoutCancel(w.Context()), 0
	for _, outcome := range parallel(50, func(n int) storage.BindOutcome {
		result, err := w.store(n).ChangePhone(ctx, c.wrongTry())
		if err != nil {
			w.Errorf("change: %v", err)
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

func changeAtOnce(w world) {
	p := w.signIn("o1", start)
	c := w.ready(p, "+86139new")
	told := 0
	for _, result := range parallel(4, func(n int) storage.ChangeResult {
		result, err := w.store(n).ChangePhone(context.WithoutCancel(w.Context()), c.tryOf())
		if err != nil {
			w.Errorf("change: %v", err)
		}
		return result
	}) {
		require.Equal(w, storage.BindDone, result.Outcome)
		told += len(result.Told)
	}
	require.Equal(w, 1, told)
	require.Equal(w, []string{"phone.bind", "login", "phone.change"}, w.actions(p.user.ID))
}

// changed counts those who changed; the others must have been refused.
func (w world) changed(results []error) (n int) {
	w.Helper()
	for _, err := range results {
		switch {
		case err == nil:
			n++
		case !errors.Is(err, storage.ErrConflict) && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrLocked) && !errors.Is(err, errHeld) && !errors.Is(err, errExpired):
			w.Errorf("change: %v", err)
		}
	}
	return n
}

var (
	errHeld    = errors.New("held")
	errExpired = errors.New("expired") // the winner's commit has just taken this one's code away
)

// changeIt is ChangePhone, with the outcome as an error.
func changeIt(ctx context.Context, s storage.Store, t storage.ChangeTry) error {
	result, err := s.ChangePhone(ctx, t)
	if err == nil && result.Outcome == storage.BindHeld {
		return errHeld
	}
	if err == nil && result.Outcome == storage.BindExpired {
		return errExpired
	}
	if err == nil && result.Outcome != storage.BindDone {
		return fmt.Errorf("outcome %d", result.Outcome)
	}
	return err
}

func changeTwiceAtOnce(w world) {
	ctx := context.WithoutCancel(w.Context())
	for round := range rounds / 3 {
		openID := fmt.Sprint("o", round)
		one, two := w.signIn(openID, start), w.signIn(openID, start)
		changes := []changing{w.ready(one, "+86139a"+openID), w.ready(two, "+86139b"+openID)}
		results := parallel(2, func(n int) error { return changeIt(ctx, w.store(n+round), changes[n].tryOf()) })
		require.Equal(w, 1, w.changed(results))
		want := "index +86139a" + openID
		if results[0] != nil {
			want = "index +86139b" + openID
		}
		require.Equal(w, want, w.phoneOf(one.user.ID))
		sessions, err := w.a.UserSessions(ctx, one.user.ID, start)
		require.NoError(w, err)
		require.Len(w, sessions, 1, "the one that changed it stays")
	}
}

func changeForOneNumber(w world) {
	ctx := context.WithoutCancel(w.Context())
	for round := range rounds / 3 {
		phone := fmt.Sprint("+86139n", round)
		changes := []changing{w.ready(w.signIn(fmt.Sprint("a", round), start), phone), w.ready(w.signIn(fmt.Sprint("b", round), start), phone)}
		results := parallel(2, func(n int) error { return changeIt(ctx, w.store(n+round), changes[n].tryOf()) })
		require.Equal(w, 1, w.changed(results))
		for n, err := range results {
			want := "index " + phone
			if err != nil {
				require.ErrorIs(w, err, errHeld, "the other one is told, and may take it")
				want = "index +86138" + changes[n].openID
			}
			require.Equal(w, want, w.phoneOf(changes[n].user.ID))
		}
	}
}

func changeBesideBinding(w world) {
	ctx := context.WithoutCancel(w.Context())
	for round := range rounds / 3 {
		phone := fmt.Sprint("+86139n", round)
		c := w.ready(w.signIn(fmt.Sprint("a", round), start), phone)
		l := w.approved(fmt.Sprint("b", round), start)
		require.NoError(w, w.a.SendPhoneCode(ctx, l.codeFor(phone)))
		results := parallel(2, func(n int) error {
			if n == 0 {
				return changeIt(ctx, w.store(round), c.tryOf())
			}
			result, err := w.store(round+1).BindPhone(ctx, l.bindOf())
			if err == nil && result.Outcome == storage.BindHeld {
				return errHeld
			}
			return err
		})
		require.Equal(w, 1, w.changed(results))
		users, err := w.a.ListUsers(ctx, storage.UserFilter{PhoneIndex: []byte("index " + phone)})
		require.NoError(w, err)
		require.Len(w, users, 1)
		require.Equal(w, results[0] == nil, users[0].ID == c.user.ID)
	}
}

// changeBesideLock: whoever comes first, the lock ends everything, and a change that was acknowledged is there.
func changeBesideLock(w world) {
	ctx := context.WithoutCancel(w.Context())
	for round := range rounds / 3 {
		openID := fmt.Sprint("o", round)
		c := w.ready(w.signIn(openID, start), "+86139"+openID)
		results := parallel(2, func(n int) error {
			if n == 0 {
				return changeIt(ctx, w.store(round), c.tryOf())
			}
			return w.store(round+1).LockUser(ctx, c.user.ID, "ops", start)
		})
		require.NoError(w, results[1])
		want := "index +86138" + openID
		if w.changed(results[:1]) == 1 {
			want = "index +86139" + openID
		}
		require.Equal(w, want, w.phoneOf(c.user.ID))
		sessions, err := w.a.UserSessions(ctx, c.user.ID, start)
		require.NoError(w, err)
		require.Empty(w, sessions)
	}
}

// changeDisownedBesideChange: once "not me" is acknowledged nobody is signed in; and a number that is there then is one that
// was changed to before it, and not the one that was disowned.
func changeDisownedBesideChange(w world) {
	ctx := context.WithoutCancel(w.Context())
	for round := range rounds / 3 {
		openID, now := fmt.Sprint("o", round), start
		p := w.signIn(openID, now)
		w.told(openID, now)
		first := w.ready(p, "+86139a"+openID)
		_, err := w.a.ChangePhone(ctx, first.tryOf())
		require.NoError(w, err)
		n, phone := w.opened(openID, now)
		p.now = now.Add(time.Minute)
		second := w.beginChange(p, storage.ID{})
		require.NoError(w, w.a.SendChangeCode(ctx, second.codeFor("+86139a"+openID)))
		_, err = w.a.ProvePhoneChange(ctx, second.tryOf())
		require.NoError(w, err)
		require.NoError(w, w.a.SendChangeCode(ctx, second.codeFor("+86139b"+openID)))
		results := parallel(2, func(i int) error {
			if i == 0 {
				return changeIt(ctx, w.store(round), second.tryOf())
			}
			_, err := w.store(round+1).RevokeByNotice(ctx, n.ID, phone, p.now)
			return err
		})
		require.NoError(w, results[1])
		want := ""
		if w.changed(results[:1]) == 1 {
			want = "index +86139b" + openID
		}
		require.Equal(w, want, w.phoneOf(p.user.ID))
		sessions, err := w.a.UserSessions(ctx, p.user.ID, p.now)
		require.NoError(w, err)
		require.Empty(w, sessions)
	}
}

// changeBesideIssue: once the change is acknowledged, no other session of the user has anything alive.
func changeBesideIssue(w world) {
	ctx := context.WithoutCancel(w.Context())
	for round := range rounds / 2 {
		openID := fmt.Sprint("o", round)
		p, other := w.signIn(openID, start), w.signIn(openID, start)
		waiting := w.confirmed(newHash(), openID, start)
		c, code := w.ready(p, "+86139"+openID), other.codeOf(start)
		errs := parallel(3, func(n int) error {
			s := w.store(n + round)
			var err error
			switch n {
			case 0:
				return changeIt(ctx, s, c.tryOf())
			case 1:
				err = s.IssueCode(ctx, code)
			default:
				_, err = s.CompleteLogin(ctx, waiting.completeOf())
			}
			if errors.Is(err, storage.ErrConflict) {
				return nil
			}
			return refused(err)
		})
		require.NoError(w, errors.Join(errs...))
		require.False(w, w.alive(code.Grant.ID), "a grant of another session lives")
		sessions, err := w.a.UserSessions(ctx, p.user.ID, start)
		require.NoError(w, err)
		require.Len(w, sessions, 1)
		require.Equal(w, p.session.ID, sessions[0].ID)
		_, _, err = w.b.Session(ctx, p.session.ID, p.session.Hash, time.Hour, start)
		require.NoError(w, err)
	}
}
