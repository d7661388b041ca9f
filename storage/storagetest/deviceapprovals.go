package storagetest

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func deviceApprovalStories() map[string]story {
	return map[string]story{
		"an approval makes the grant":                     tvApproved,
		"an approval again is the same, another's is not": tvApprovedAgain,
		"of many who approve at once one does":            tvApprovedAtOnce,
		"a locked user approves nothing":                  tvApprovedLocked,
		"an unfollow of the same second keeps it out":     tvApprovedUnfollowed,
	}
}

// grantOf is what the device is given.
func (w world) grantOf(d tv) storage.Issued {
	w.Helper()
	issued, err := w.b.RedeemDevice(w.Context(), d.useOf(d.now))
	require.NoError(w, err)
	return issued
}

func tvApproved(w world) {
	p := w.signIn("o1", start)
	d := w.tv(start)
	l := w.scanTV(d, "o1")
	stranger := w.scanTV(d, "o2")
	l.now = start.Add(1500 * time.Millisecond)
	require.Equal(w, storage.ConfirmDone, w.approve(&l))
	require.Equal(w, storage.AttemptDone, l.attempt.State)
	require.Equal(w, l.now, l.attempt.ApprovedAt)
	require.Equal(w, int64(2), l.attempt.Version)
	over, err := w.b.PhoneAttempt(w.Context(), stranger.attempt.ID, stranger.phone, start)
	require.NoError(w, err)
	require.Equal(w, storage.AttemptExpired, over.State, "the others are told that it is over")

	u := d.useOf(l.now)
	issued, err := w.a.RedeemDevice(w.Context(), u)
	require.NoError(w, err)
	read := w.grant(d.ID)
	require.Equal(w, p.user, read.User)
	require.Equal(w, storage.Grant{
		ID: d.ID, UserID: p.user.ID, ClientID: "tv-app", Offline: true, Scopes: d.Scopes, AuthTime: start.Add(time.Second), AMR: []string{storage.AMRWeChat},
		ACR: storage.ACRConfirm, CreatedAt: l.now, ExpiresAt: d.GrantExpiresAt, ForDevice: true,
		Device:      storage.Device{Name: "客厅", Address: "192.0.2.8", Place: "Shanghai"},
		RefreshSeed: u.RefreshSeed, RefreshExpiresAt: u.RefreshExpiresAt, Access: read.Grant.Access,
	}, read.Grant)
	require.Len(w, read.Grant.Access, 1)
	require.Equal(w, minted(read), minted(issued))
	require.Equal(w, []string{"phone.bind", "login", "device.approve"}, w.actions(p.user.ID))
}

func tvApprovedAgain(w world) {
	p, other := w.signIn("o1", start), w.signIn("o2", start)
	d := w.tv(start)
	mine, theirs := w.scanTV(d, "o1"), w.scanTV(d, "o2")
	for range 3 {
		require.Equal(w, storage.ConfirmDone, w.approve(&mine))
	}
	_, _, err := w.a.ConfirmLogin(w.Context(), theirs.confirmOf(0))
	require.ErrorIs(w, err, storage.ErrConflict)
	_, err = w.a.DeclineLogin(w.Context(), mine.attempt.ID, mine.phone, start)
	require.ErrorIs(w, err, storage.ErrConflict, "it is done")
	require.Equal(w, p.user.ID, w.grantOf(d).User.ID)
	require.Equal(w, storage.ConfirmDone, w.approve(&mine), "also when the device has its tokens")
	require.ErrorIs(w, w.poll(d, 0), storage.ErrNotFound)
	require.Equal(w, []string{"phone.bind", "login"}, w.actions(other.user.ID))
}

func tvApprovedAtOnce(w world) {
	const people = 4
	persons := make([]person, people)
	for n := range persons {
		persons[n] = w.signIn(fmt.Sprint("o", n), start)
	}
	for round := range rounds / 10 {
		d := w.tv(start)
		logins := make([]login, people)
		for n := range logins {
			logins[n] = w.scanTV(d, fmt.Sprint("o", n))
		}
		winner := -1
		for n, err := range parallel(people, func(n int) error {
			ctx := context.WithoutCancel(w.Context())
			if n%2 == round%2 { // half of them in a browser
				_, err := w.store(n).ApproveDevice(ctx, persons[n].approvalOf(d))
				return err
			}
			_, _, err := w.store(n).ConfirmLogin(ctx, logins[n].confirmOf(0))
			return err
		}) {
			if err != nil {
				require.ErrorIs(w, err, storage.ErrConflict)
				continue
			}
			require.Negative(w, winner, "two have approved")
			winner = n
		}
		require.Equal(w, persons[winner].user.ID, w.grantOf(d).User.ID)
	}
}

func tvApprovedLocked(w world) {
	p := w.signIn("o1", start)
	d := w.tv(start)
	l := w.scanTV(d, "o1")
	require.NoError(w, w.a.LockUser(w.Context(), p.user.ID, "ops", start))
	_, _, err := w.b.ConfirmLogin(w.Context(), l.confirmOf(0))
	require.ErrorIs(w, err, storage.ErrLocked)
	for name, err := range w.typed(p, d) {
		require.ErrorIs(w, err, storage.ErrLocked, name)
	}
	require.ErrorIs(w, w.poll(d, 0), storage.ErrPending)
}

// tvApprovedUnfollowed: what was scanned before the unfollow is void, and what is begun in its second has to wait.
func tvApprovedUnfollowed(w world) {
	w.signIn("o1", start)
	d := w.tv(start)
	before := w.scanTV(d, "o1")
	require.Equal(w, storage.FollowRecorded, w.follow(account, "o1", false, start.Add(time.Second)))
	before.now = start.Add(2 * time.Second)
	_, _, err := w.a.ConfirmLogin(w.Context(), before.confirmOf(0))
	require.ErrorIs(w, err, storage.ErrConflict)
	l := login{openID: "o1", phone: newHash(), now: start.Add(1500 * time.Millisecond)}
	l.attempt, err = w.a.BeginDeviceAttempt(w.Context(), d.ID, account, "o1", l.phone, l.now)
	require.NoError(w, err)
	_, _, err = w.a.ConfirmLogin(w.Context(), l.confirmOf(0))
	require.ErrorIs(w, err, storage.ErrConflict)
	l.now = start.Add(2 * time.Second)
	require.Equal(w, storage.ConfirmDone, w.approve(&l), "a person who does not follow may approve")
}
