package storagetest

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func followStories() map[string]story {
	return map[string]story{
		"every order of the events ends alike":              followPermutations,
		"a repeated delivery changes nothing":               followRepeated,
		"a tie asks the platform":                           followTied,
		"an unfollow ends what was opened before it":        unfollowEnds,
		"an unfollow ends nothing of another account":       unfollowOtherAccount,
		"a late unfollow still ends the older session":      unfollowLate,
		"a login beside its unfollow does not outlive it":   unfollowRacesLogin,
		"an unfollow of this second keeps the login out":    unfollowBeforeLogin,
		"an unfollow voids what is not finished":            unfollowVoids,
		"an unfollow beside a confirmation":                 unfollowRacesConfirm,
		"a scan is a follow":                                scanFollows,
		"deliveries of one event at once are recorded once": followAtOnce,
	}
}

// followPermutations delivers the same four events in every order, to an openid of its own for each.
func followPermutations(w world) {
	events := []storage.FollowEvent{
		{Followed: true, At: start}, {Followed: false, At: start.Add(time.Second)},
		{Followed: true, At: start.Add(2 * time.Second)}, {Followed: false, At: start.Add(3 * time.Second)},
	}
	for n, order := range permutations(len(events)) {
		openID := fmt.Sprintf("o%d", n)
		for i, e := range order {
			event := events[e]
			event.Delivery, event.Account, event.OpenID, event.Now = newHash(), account, openID, start.Add(time.Minute)
			_, err := w.store(i).RecordFollow(w.Context(), event)
			require.NoError(w, err)
		}
		i := w.identity(account, openID)
		require.False(w, i.Followed, "order %v", order)
		require.Equal(w, start.Add(3*time.Second), i.FollowedAt, "order %v", order)
	}
}

// permutations lists every order of n things.
func permutations(n int) (all [][]int) {
	if n == 0 {
		return [][]int{nil}
	}
	for _, p := range permutations(n - 1) {
		for at := range n {
			order := append(append(append([]int{}, p[:at]...), n-1), p[at:]...)
			all = append(all, order)
		}
	}
	return all
}

func followRepeated(w world) {
	e := storage.FollowEvent{Delivery: newHash(), Account: account, OpenID: "o1", Followed: true, At: start, Now: start}
	outcome, err := w.a.RecordFollow(w.Context(), e)
	require.NoError(w, err)
	require.Equal(w, storage.FollowRecorded, outcome)
	w.follow(account, "o1", false, start.Add(time.Second))
	outcome, err = w.b.RecordFollow(w.Context(), e)
	require.NoError(w, err)
	require.Equal(w, storage.FollowRepeated, outcome)
	require.False(w, w.identity(account, "o1").Followed)
	require.Equal(w, storage.FollowStale, w.follow(account, "o1", true, start), "older, and never delivered before")
	require.False(w, w.identity(account, "o1").Followed)
}

func followTied(w world) {
	for n, answer := range []bool{true, false} {
		for m, first := range []bool{true, false} {
			openID := fmt.Sprintf("o%d%d", n, m)
			w.follow(account, openID, first, start)
			e := storage.FollowEvent{Delivery: newHash(), Account: account, OpenID: openID, Followed: !first, At: start, Now: start}
			outcome, err := w.a.RecordFollow(w.Context(), e)
			require.NoError(w, err)
			require.Equal(w, storage.FollowTied, outcome)
			require.Equal(w, first, w.identity(account, openID).Followed, "nothing is decided yet")
			e.Asked, e.Followed = true, answer
			outcome, err = w.b.RecordFollow(w.Context(), e)
			require.NoError(w, err)
			require.Equal(w, storage.FollowRecorded, outcome)
			require.Equal(w, answer, w.identity(account, openID).Followed)
			outcome, err = w.b.RecordFollow(w.Context(), e)
			require.NoError(w, err)
			require.Equal(w, storage.FollowRepeated, outcome)
		}
	}
	require.Equal(w, storage.FollowRecorded, w.follow(account, "o00", true, start), "the same direction is no tie")
}

func unfollowEnds(w world) {
	p := w.signIn("o1", start)
	online, offline := w.tokens(p, false, start), w.tokens(p, true, start)
	later := w.signIn("o1", start.Add(time.Minute))
	laterTokens := w.tokens(later, false, start.Add(time.Minute))
	// The scan of the later login is newer, so the unfollow between the two comes late, and yet ends the first.
	require.Equal(w, storage.FollowStale, w.follow(account, "o1", false, start.Add(30*time.Second)))
	require.False(w, w.alive(online.Grant.ID))
	require.False(w, w.alive(offline.Grant.ID), "its refresh token too")
	require.True(w, w.alive(laterTokens.Grant.ID))
	_, _, err := w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
	require.ErrorIs(w, err, storage.ErrNotFound)

	require.Equal(w, storage.FollowRecorded, w.follow(account, "o1", false, start.Add(2*time.Minute)))
	require.False(w, w.identity(account, "o1").Followed)
	require.False(w, w.alive(laterTokens.Grant.ID))
	_, err = w.b.RotateRefreshToken(w.Context(), rotationOf(offline, start))
	require.ErrorIs(w, err, storage.ErrNotFound)
}

func unfollowOtherAccount(w world) {
	p := w.signIn("o1", start)
	issued := w.tokens(p, false, start)
	require.NoError(w, w.a.RecordUnionID(w.Context(), account, "o1", "u1", start))
	w.follow("second", "x1", true, start)
	require.NoError(w, w.a.RecordUnionID(w.Context(), "second", "x1", "u1", start))
	require.Equal(w, p.user.ID, w.identity("second", "x1").UserID)
	w.follow("second", "x1", false, start.Add(time.Minute))
	require.True(w, w.alive(issued.Grant.ID))
	_, _, err := w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
	require.NoError(w, err)
}

// unfollowLate: unfollow and follow again, delivered the wrong way round.
func unfollowLate(w world) {
	p := w.signIn("o1", start)
	issued := w.tokens(p, true, start)
	w.follow(account, "o1", true, start.Add(2*time.Minute))
	require.Equal(w, storage.FollowStale, w.follow(account, "o1", false, start.Add(time.Minute)))
	require.True(w, w.identity(account, "o1").Followed)
	require.False(w, w.alive(issued.Grant.ID), "in the other order it would have ended too")
}

// unfollowRacesLogin: whichever comes first, no session with an auth_time up to the unfollow stays.
func unfollowRacesLogin(w world) {
	for n := range 20 {
		now := start.Add(time.Duration(n) * time.Minute)
		l := w.confirmed(newHash(), fmt.Sprintf("o%d", n), now)
		c := l.completeOf()
		results := parallel(2, func(i int) error {
			if i == 0 {
				_, err := w.a.CompleteLogin(context.WithoutCancel(w.Context()), c)
				return err
			}
			// Asked, for the scan of this login is of the same second.
			_, err := w.b.RecordFollow(context.WithoutCancel(w.Context()), storage.FollowEvent{Delivery: newHash(), Account: account, OpenID: l.openID, At: now, Asked: true, Now: now})
			return err
		})
		require.NoError(w, results[1])
		if results[0] != nil {
			require.ErrorIs(w, results[0], storage.ErrConflict)
		}
		_, _, err := w.a.Session(w.Context(), c.Session.ID, c.Session.Hash, time.Hour, now)
		require.ErrorIs(w, err, storage.ErrNotFound)
	}
}

// unfollowBeforeLogin: the unfollow is recorded, and the login that it would have ended comes after it. It is one inside
// WeChat, for only there nothing has to be scanned, which would be a follow.
func unfollowBeforeLogin(w world) {
	w.signIn("o1", start.Add(-time.Hour))
	w.follow(account, "o1", false, start.Add(time.Second))
	l := w.weChat(start.Add(1500 * time.Millisecond))
	l.openID = "o1"
	_, err := w.a.RecordWeChatLogin(w.Context(), l.request.ID, l.browser, "o1", l.phone, l.now)
	require.NoError(w, err)
	_, _, err = w.a.ConfirmLogin(w.Context(), l.confirmOf(0))
	require.NoError(w, err)
	c := l.completeOf()
	c.Now = start.Add(1900 * time.Millisecond) // auth_time is the second of the unfollow
	_, err = w.a.CompleteLogin(w.Context(), c)
	require.ErrorIs(w, err, storage.ErrConflict)
	c.Now = start.Add(2 * time.Second)
	_, err = w.a.CompleteLogin(w.Context(), c)
	require.NoError(w, err, "a person who does not follow may go on")
}

// unfollowVoids: whatever the openid has scanned and not finished is over, so that a confirmation which somebody was
// talked into does not wait in a stranger's browser for as long as its attempt lives. It was worth nothing only until
// the next follow before.
func unfollowVoids(w world) {
	at := start.Add(time.Minute)
	for name, late := range map[string]bool{"in time": false, "after a newer follow": true} {
		scanned, unbound := w.begin(newHash(), start), w.approved("unbound "+name, start)
		w.scan(&scanned, "scanned "+name)
		confirmed := w.confirmed(newHash(), "confirmed "+name, start)
		device := w.scanTV(w.tv(start), "device "+name)
		done := w.confirmed(newHash(), "done "+name, start)
		done.browser = w.complete(done).browser
		for _, l := range []login{scanned, unbound, confirmed, device, done} {
			want := storage.FollowRecorded
			if late {
				w.follow(account, l.openID, true, at.Add(2*time.Second))
				want = storage.FollowStale
			}
			require.Equal(w, want, w.follow(account, l.openID, false, at), "%s: %s", name, l.openID)
		}
		for _, l := range []login{scanned, unbound, confirmed} {
			require.Equal(w, storage.AttemptExpired, w.current(l).State, l.openID)
		}
		a, err := w.b.PhoneAttempt(w.Context(), device.attempt.ID, device.phone, start)
		require.NoError(w, err)
		require.Equal(w, storage.AttemptExpired, a.State, device.openID)
		require.Equal(w, storage.AttemptDone, w.current(done).State)
		w.follow(account, confirmed.openID, true, at.Add(3*time.Second))
		_, err = w.a.CompleteLogin(w.Context(), confirmed.completeOf())
		require.ErrorIs(w, err, storage.ErrConflict, "who follows again confirms again")
	}

	stays, stranger := w.begin(newHash(), at.Add(time.Second)), w.begin(newHash(), start)
	w.scan(&stays, "o1")
	w.scan(&stranger, "o2")
	require.Equal(w, storage.FollowStale, w.follow(account, "o1", false, at))
	require.Equal(w, storage.AttemptScanned, w.current(stays).State, "it was scanned after the unfollow")
	require.Equal(w, storage.AttemptScanned, w.current(stranger).State, "another openid's")
}

// unfollowRacesConfirm: whichever comes first, nothing is confirmed afterwards. The two hold the attempt and the identity.
func unfollowRacesConfirm(w world) {
	w.signIn("o1", start.Add(-time.Hour))
	for n := range rounds / 2 {
		now := start.Add(time.Duration(n) * time.Minute)
		l := w.begin(newHash(), now)
		w.scan(&l, "o1")
		errs := parallel(2, func(i int) error {
			ctx := context.WithoutCancel(w.Context())
			if i == 0 {
				_, _, err := w.a.ConfirmLogin(ctx, l.confirmOf(42))
				return err
			}
			_, err := w.b.RecordFollow(ctx, storage.FollowEvent{Delivery: newHash(), Account: account, OpenID: "o1", At: now, Asked: true, Now: now})
			return err
		})
		require.NoError(w, errs[1])
		if errs[0] != nil {
			require.ErrorIs(w, errs[0], storage.ErrConflict)
		}
		require.Equal(w, storage.AttemptExpired, w.current(l).State)
	}
}

func scanFollows(w world) {
	l := w.begin(newHash(), start)
	w.follow(account, "o1", false, start.Add(-time.Minute))
	w.scan(&l, "o1")
	require.True(w, w.identity(account, "o1").Followed)
	require.Equal(w, start, w.identity(account, "o1").FollowedAt)
	require.Equal(w, storage.FollowStale, w.follow(account, "o1", false, start.Add(-time.Second)))
}

func followAtOnce(w world) {
	e := storage.FollowEvent{Delivery: newHash(), Account: account, OpenID: "o1", Followed: true, At: start, Now: start}
	outcomes := parallel(16, func(n int) storage.FollowOutcome {
		outcome, err := w.store(n).RecordFollow(context.WithoutCancel(w.Context()), e)
		if err != nil {
			w.Errorf("record follow: %v", err)
		}
		return outcome
	})
	recorded := 0
	for _, o := range outcomes {
		if o == storage.FollowRecorded {
			recorded++
		} else {
			require.Equal(w, storage.FollowRepeated, o)
		}
	}
	require.Equal(w, 1, recorded)
}
