package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func userStories() map[string]story {
	return map[string]story{
		"a user comes back as bound":                 userComesBack,
		"users are listed by id, phone and identity": usersListed,
		"a unionid joins an identity to its user":    unionIDJoins,
		"a contradicting unionid changes nothing":    unionIDContradicts,
		"an ambiguous unionid joins nobody":          unionIDAmbiguous,
		"equal openids at two accounts are two":      openIDsArePerAccount,
		"a deleted user leaves only the audit log":   userDeleted,
		"an unbound user has nothing to log in with": userUnbound,
		"a lost WeChat is replaced by another one":   userRecovered,
		"what cannot be recovered stays as it is":    userNotRecovered,
		"a recovery beside what it ends (I7)":        userRecoveredBesideIssue,
	}
}

func userComesBack(w world) {
	p := w.signIn("o1", start)
	require.Equal(w, "小桥", p.user.Name)
	require.Equal(w, p.user.ID, p.user.Username)
	require.Equal(w, []byte("sealed +86138o1"), p.user.PhoneSealed)
	require.Equal(w, []byte("index +86138o1"), p.user.PhoneIndex)
	require.Equal(w, start, p.user.PhoneVerifiedAt)
	require.Equal(w, start, p.user.CreatedAt)
	require.True(w, p.user.LockedAt.IsZero())
	_, err := w.a.User(w.Context(), "nobody")
	require.ErrorIs(w, err, storage.ErrNotFound)
	_, err = w.a.User(w.Context(), "")
	require.ErrorIs(w, err, storage.ErrNotFound)
	list, err := w.a.Identities(w.Context(), p.user.ID)
	require.NoError(w, err)
	require.Equal(w, []storage.Identity{{Account: account, OpenID: "o1", UserID: p.user.ID, Followed: true, FollowedAt: start, CreatedAt: start}}, list)
	_, err = w.a.Identity(w.Context(), account, "never seen")
	require.ErrorIs(w, err, storage.ErrNotFound)
}

func usersListed(w world) {
	ids := map[string]person{}
	for _, openID := range []string{"o1", "o2", "o3"} {
		p := w.signIn(openID, start)
		ids[p.user.ID] = p
	}
	first, err := w.a.ListUsers(w.Context(), storage.UserFilter{Limit: 2})
	require.NoError(w, err)
	require.Len(w, first, 2)
	require.Less(w, first[0].ID, first[1].ID)
	rest, err := w.a.ListUsers(w.Context(), storage.UserFilter{After: first[1].ID})
	require.NoError(w, err)
	require.Len(w, rest, 1)
	byPhone, err := w.a.ListUsers(w.Context(), storage.UserFilter{PhoneIndex: first[0].PhoneIndex})
	require.NoError(w, err)
	require.Equal(w, first[:1], byPhone)
	byIdentity, err := w.a.ListUsers(w.Context(), storage.UserFilter{Account: account, OpenID: ids[rest[0].ID].openID})
	require.NoError(w, err)
	require.Equal(w, rest, byIdentity)
	none, err := w.a.ListUsers(w.Context(), storage.UserFilter{Account: "other", OpenID: "o1"})
	require.NoError(w, err)
	require.Empty(w, none)
}

// follow records that an openid follows an account, in a call of its own.
func (w world) follow(account, openID string, followed bool, at time.Time) storage.FollowOutcome {
	w.Helper()
	outcome, err := w.a.RecordFollow(w.Context(), storage.FollowEvent{Delivery: newHash(), Account: account, OpenID: openID, Followed: followed, At: at, Now: at})
	require.NoError(w, err)
	return outcome
}

func (w world) identity(account, openID string) storage.Identity {
	w.Helper()
	i, err := w.b.Identity(w.Context(), account, openID)
	require.NoError(w, err)
	return i
}

func unionIDJoins(w world) {
	p := w.signIn("o1", start)
	require.ErrorIs(w, w.a.RecordUnionID(w.Context(), "second", "x1", "u1", start), storage.ErrNotFound, "an openid that was never seen")
	w.follow("second", "x1", true, start)
	require.NoError(w, w.a.RecordUnionID(w.Context(), "second", "x1", "u1", start))
	require.Empty(w, w.identity("second", "x1").UserID, "nobody has this unionid yet")
	require.NoError(w, w.a.RecordUnionID(w.Context(), account, "o1", "u1", start))
	require.NoError(w, w.a.RecordUnionID(w.Context(), "second", "x1", "u1", start))
	i := w.identity("second", "x1")
	require.Equal(w, p.user.ID, i.UserID)
	require.Equal(w, "u1", i.UnionID)
	require.NoError(w, w.a.RecordUnionID(w.Context(), "second", "x1", "", start), "told nothing")
	require.Equal(w, "u1", w.identity("second", "x1").UnionID)
}

func unionIDContradicts(w world) {
	p := w.signIn("o1", start)
	require.NoError(w, w.a.RecordUnionID(w.Context(), account, "o1", "u1", start))
	require.ErrorIs(w, w.a.RecordUnionID(w.Context(), account, "o1", "u2", start), storage.ErrConflict)
	i := w.identity(account, "o1")
	require.Equal(w, "u1", i.UnionID)
	require.Equal(w, p.user.ID, i.UserID)

	l := w.confirmed(newHash(), "o1", start)
	require.ErrorIs(w, w.a.RecordUnionID(w.Context(), account, "o1", "u2", start), storage.ErrConflict)
	require.Equal(w, storage.AttemptExpired, w.current(l).State, "what the openid was at goes on no further")
	require.NoError(w, w.a.UnbindUser(w.Context(), p.user.ID, "operator", start))
	require.NoError(w, w.a.RecordUnionID(w.Context(), account, "o1", "u2", start), "the operator has sorted it out")
}

func unionIDAmbiguous(w world) {
	w.signIn("o1", start)
	w.signIn("o2", start)
	require.NoError(w, w.a.RecordUnionID(w.Context(), account, "o1", "u1", start))
	require.NoError(w, w.a.RecordUnionID(w.Context(), account, "o2", "u1", start))
	w.follow("second", "x1", true, start)
	require.NoError(w, w.a.RecordUnionID(w.Context(), "second", "x1", "u1", start))
	require.Empty(w, w.identity("second", "x1").UserID)
}

func openIDsArePerAccount(w world) {
	p := w.signIn("same", start)
	w.follow("second", "same", true, start)
	require.Equal(w, p.user.ID, w.identity(account, "same").UserID)
	require.Empty(w, w.identity("second", "same").UserID)
}

func userDeleted(w world) {
	p, other := w.signIn("o1", start), w.signIn("o2", start)
	issued := w.tokens(p, true, start)
	require.NoError(w, w.a.GrantConsent(w.Context(), p.user.ID, "grafana", []string{"openid"}, start))
	pending := w.begin(newHash(), start)
	w.scan(&pending, "o1")
	before := w.version()
	require.NoError(w, w.a.DeleteUser(w.Context(), p.user.ID, "ops", start))
	require.Greater(w, w.version(), before)

	_, err := w.b.User(w.Context(), p.user.ID)
	require.ErrorIs(w, err, storage.ErrNotFound)
	_, err = w.b.Identity(w.Context(), account, "o1")
	require.ErrorIs(w, err, storage.ErrNotFound)
	_, err = w.b.PeekAttempt(w.Context(), pending.attempt.ID, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	_, _, err = w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.False(w, w.alive(issued.Grant.ID))
	require.ErrorIs(w, w.a.IssueCode(w.Context(), p.codeOf(start)), storage.ErrNotFound)
	require.Equal(w, []string{"phone.bind", "login", "user.delete"}, w.actions(p.user.ID))
	require.ErrorIs(w, w.a.DeleteUser(w.Context(), p.user.ID, "ops", start), storage.ErrNotFound)
	require.ErrorIs(w, w.a.DeleteUser(w.Context(), "", "ops", start), storage.ErrNotFound)

	_, _, err = w.b.Session(w.Context(), other.session.ID, other.session.Hash, time.Hour, start)
	require.NoError(w, err, "somebody else's session stays")
	again := w.signIn("o1", start.Add(time.Minute))
	require.NotEqual(w, p.user.ID, again.user.ID, "a sub is never used again")
}

func userRecovered(w world) {
	old := w.signIn("o1", start)
	kept := w.tokens(old, true, start)
	require.NoError(w, w.a.GrantConsent(w.Context(), old.user.ID, "grafana", []string{"openid"}, start))
	waiting := w.confirmed(newHash(), "o1", start)
	later := start.Add(time.Hour)
	newer := w.signIn("o2", later) // the same person with another WeChat, and another number
	theirs := w.tokens(newer, true, later)
	before := w.version()
	require.NoError(w, w.a.RecoverUser(w.Context(), old.user.ID, newer.user.ID, "ops", later))
	require.Greater(w, w.version(), before)

	user, err := w.b.User(w.Context(), old.user.ID)
	require.NoError(w, err)
	require.Equal(w, []byte("index +86138o2"), user.PhoneIndex)
	require.Equal(w, later, user.PhoneVerifiedAt)
	require.Equal(w, old.user.Username, user.Username)
	require.Equal(w, old.user.ID, w.identity(account, "o2").UserID)
	require.Empty(w, w.identity(account, "o1").UserID, "the lost WeChat leads nowhere")
	_, err = w.b.User(w.Context(), newer.user.ID)
	require.ErrorIs(w, err, storage.ErrNotFound)
	for _, p := range []person{old, newer} {
		_, _, err = w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
		require.ErrorIs(w, err, storage.ErrNotFound)
	}
	require.False(w, w.alive(kept.Grant.ID) || w.alive(theirs.Grant.ID))
	_, err = w.b.CompleteLogin(w.Context(), waiting.completeOf())
	require.ErrorIs(w, err, storage.ErrConflict, "a login of the lost WeChat that was confirmed before")
	scopes, err := w.b.Consent(w.Context(), old.user.ID, "grafana")
	require.NoError(w, err)
	require.Equal(w, []string{"openid"}, scopes)
	require.Contains(w, w.actions(old.user.ID), "user.recover")
	require.Contains(w, w.actions(newer.user.ID), "user.delete")
	again := w.signIn("o2", later.Add(time.Minute))
	require.Equal(w, old.user.ID, again.user.ID, "the account is theirs again")
	stranger := w.approved("o1", later)
	require.NotEqual(w, old.user.ID, w.bindPhone(&stranger, "+86138o1").ID, "whoever has the lost WeChat is somebody else")
	require.ErrorIs(w, w.a.RecoverUser(w.Context(), old.user.ID, newer.user.ID, "ops", later), storage.ErrNotFound, "once")
	byName, err := w.a.ListUsers(w.Context(), storage.UserFilter{Username: old.user.Username})
	require.NoError(w, err)
	require.Len(w, byName, 1)
	require.Equal(w, old.user.ID, byName[0].ID)
}

func userNotRecovered(w world) {
	p, other, unbound := w.signIn("o1", start), w.signIn("o2", start), w.signIn("o3", start)
	require.NoError(w, w.a.UnbindUser(w.Context(), unbound.user.ID, "ops", start))
	for name, c := range map[string]struct {
		from string
		want error
	}{
		"itself": {p.user.ID, storage.ErrConflict}, "nobody": {"nobody", storage.ErrNotFound}, "no one": {"", storage.ErrNotFound},
		"one without WeChat": {unbound.user.ID, storage.ErrConflict},
	} {
		require.ErrorIs(w, w.a.RecoverUser(w.Context(), p.user.ID, c.from, "ops", start), c.want, name)
	}
	require.ErrorIs(w, w.a.RecoverUser(w.Context(), "nobody", other.user.ID, "ops", start), storage.ErrNotFound)
	require.NoError(w, w.a.LockUser(w.Context(), other.user.ID, "ops", start))
	require.ErrorIs(w, w.a.RecoverUser(w.Context(), p.user.ID, other.user.ID, "ops", start), storage.ErrLocked)
	require.ErrorIs(w, w.a.RecoverUser(w.Context(), other.user.ID, p.user.ID, "ops", start), storage.ErrLocked, "a recovery is no way out of a lock")
	_, _, err := w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
	require.NoError(w, err, "nothing was done")
	require.NotContains(w, w.actions(p.user.ID), "user.recover")
	// An account that has lost its number already keeps what the new one has; a new one without a number leaves it alone.
	numberless := w.signIn("o4", start)
	l := w.approved("o5", start)
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+86138o4")))
	_, err = w.a.BindPhone(w.Context(), l.bindOf())
	require.NoError(w, err)
	moved, err := w.a.MovePhone(w.Context(), l.bindOf())
	require.NoError(w, err)
	require.NoError(w, w.a.RecoverUser(w.Context(), p.user.ID, numberless.user.ID, "ops", start))
	require.Equal(w, "index +86138o1", w.phoneOf(p.user.ID))
	require.NoError(w, w.a.RecoverUser(w.Context(), unbound.user.ID, moved.User.ID, "ops", start))
	require.Equal(w, "index +86138o4", w.phoneOf(unbound.user.ID))
}

func userRecoveredBesideIssue(w world) {
	ctx := context.WithoutCancel(w.Context())
	for round := range rounds / 3 {
		old, newer := w.signIn(fmt.Sprint("a", round), start), w.signIn(fmt.Sprint("b", round), start)
		waiting := w.confirmed(newHash(), newer.openID, start)
		codes := []storage.NewCode{old.codeOf(start), newer.codeOf(start)}
		errs := parallel(4, func(n int) error {
			s := w.store(n + round)
			var err error
			switch n {
			case 0:
				return s.RecoverUser(ctx, old.user.ID, newer.user.ID, "ops", start)
			case 3:
				_, err = s.CompleteLogin(ctx, waiting.completeOf())
			default:
				err = s.IssueCode(ctx, codes[n-1])
			}
			if errors.Is(err, storage.ErrConflict) {
				return nil
			}
			return refused(err)
		})
		require.NoError(w, errors.Join(errs...))
		for _, c := range codes {
			require.False(w, w.alive(c.Grant.ID), "a grant lives after the end was acknowledged")
		}
		sessions, err := w.a.UserSessions(ctx, old.user.ID, start)
		require.NoError(w, err)
		require.Empty(w, sessions)
		require.Equal(w, old.user.ID, w.identity(account, newer.openID).UserID)
	}
}

func userUnbound(w world) {
	p := w.signIn("o1", start)
	issued := w.tokens(p, true, start)
	l := w.confirmed(newHash(), "o1", start)
	require.NoError(w, w.a.UnbindUser(w.Context(), p.user.ID, "ops", start))
	user, err := w.b.User(w.Context(), p.user.ID)
	require.NoError(w, err)
	require.Empty(w, user.PhoneIndex)
	require.Empty(w, user.PhoneSealed)
	require.True(w, user.PhoneVerifiedAt.IsZero())
	require.Empty(w, w.identity(account, "o1").UserID)
	require.True(w, w.identity(account, "o1").Followed)
	require.False(w, w.alive(issued.Grant.ID))
	_, _, err = w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	_, err = w.a.CompleteLogin(w.Context(), l.completeOf())
	require.ErrorIs(w, err, storage.ErrPhoneNeeded, "a login that was confirmed before")
	require.ErrorIs(w, w.a.UnbindUser(w.Context(), "nobody", "ops", start), storage.ErrNotFound)
	again := w.signIn("o1", start.Add(time.Minute))
	require.NotEqual(w, p.user.ID, again.user.ID, "the phone alone does not lead back to the old user")
	require.Contains(w, w.actions(p.user.ID), "user.unbind")
}
