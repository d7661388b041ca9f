package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func deviceApprovalStories() map[string]story {
	return map[string]story{
		"an approval makes the grant":                       tvApproved,
		"an approval again is the same, another's is not":   tvApprovedAgain,
		"of many who approve at once one does":              tvApprovedAtOnce,
		"the phone is bound first, and approves":            tvBound,
		"a number that moves approves":                      tvMoved,
		"a binding for a device that is decided is refused": tvBoundLate,
		"a locked user approves nothing":                    tvApprovedLocked,
		"an unfollow of the same second keeps it out":       tvApprovedUnfollowed,
		"a signed-in browser approves":                      tvTyped,
		"a browser must be signed in, with a phone":         tvTypedRefused,
		"phone and browser of one person are one approval":  tvTypedAndScanned,
		"what ends a grant ends it before its redemption":   tvEnded,
		"a logout leaves a device alone":                    tvLogout,
		"a lock beside an approval and its redemption":      tvLockRaces,
		"a removal of its client beside an approval":        tvRemovalRaces,
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
	require.Equal(w, p.user, issued.User)
	require.Equal(w, storage.Grant{
		ID: d.ID, UserID: p.user.ID, ClientID: "tv-app", Offline: true, Scopes: d.Scopes, AuthTime: start.Add(time.Second), AMR: []string{storage.AMRWeChat},
		ACR: storage.ACRConfirm, CreatedAt: l.now, ExpiresAt: d.GrantExpiresAt, ForDevice: true,
		Device:      storage.Device{Name: "客厅", Address: "192.0.2.8", Place: "Shanghai"},
		RefreshSeed: u.RefreshSeed, RefreshExpiresAt: u.RefreshExpiresAt, Access: issued.Grant.Access,
	}, issued.Grant)
	require.Len(w, issued.Grant.Access, 1)
	read, err := w.b.AccessGrant(w.Context(), d.ID)
	require.NoError(w, err)
	require.Equal(w, issued, read)
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
	for round := range rounds(w.T) / 10 {
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

func tvApprovedUnfollowed(w world) {
	w.signIn("o1", start)
	d := w.tv(start)
	l := w.scanTV(d, "o1")
	l.now = start.Add(1500 * time.Millisecond)
	require.Equal(w, storage.FollowRecorded, w.follow(account, "o1", false, start.Add(time.Second)))
	_, _, err := w.a.ConfirmLogin(w.Context(), l.confirmOf(0))
	require.ErrorIs(w, err, storage.ErrConflict)
	l.now = start.Add(2 * time.Second)
	require.Equal(w, storage.ConfirmDone, w.approve(&l), "a person who does not follow may approve")
}

// approvalOf is the decision of the person's browser.
func (p person) approvalOf(d tv) storage.DeviceApproval {
	return storage.DeviceApproval{DeviceID: d.ID, SessionID: p.session.ID, SessionHash: p.session.Hash, Now: d.now}
}

// typed is what a browser is told that opens, declines and approves.
func (w world) typed(p person, d tv) map[string]error {
	w.Helper()
	return w.typedOf(p.approvalOf(d))
}

func (w world) typedOf(a storage.DeviceApproval) map[string]error {
	_, open := w.a.OpenDevice(w.Context(), a)
	decline := w.a.DeclineDevice(w.Context(), a)
	_, approve := w.b.ApproveDevice(w.Context(), a)
	return map[string]error{"open": open, "decline": decline, "approve": approve}
}

func tvTyped(w world) {
	p := w.signIn("o1", start)
	d := w.tv(start)
	for range 2 {
		opened, err := w.a.OpenDevice(w.Context(), p.approvalOf(d))
		require.NoError(w, err)
		require.Equal(w, w.device(d), opened)
	}
	require.ErrorIs(w, w.poll(d, 0), storage.ErrPending, "a page that is opened approves nothing")
	for range 2 {
		approved, err := w.a.ApproveDevice(w.Context(), p.approvalOf(d))
		require.NoError(w, err)
		require.Equal(w, storage.DeviceApproved, approved.State)
		require.Equal(w, p.user.ID, approved.UserID)
	}
	issued := w.grantOf(d)
	require.Equal(w, p.user, issued.User)
	require.Equal(w, p.session.AuthTime, issued.Grant.AuthTime)
	require.Equal(w, p.session.AMR, issued.Grant.AMR)
	require.Equal(w, p.session.ACR, issued.Grant.ACR)
	require.True(w, issued.Grant.SessionID.IsZero())
	_, err := w.a.ApproveDevice(w.Context(), p.approvalOf(d))
	require.NoError(w, err, "also when the device has its tokens")
	require.ErrorIs(w, w.a.DeclineDevice(w.Context(), p.approvalOf(d)), storage.ErrConflict)
	other := w.signIn("o2", start)
	_, err = w.a.ApproveDevice(w.Context(), other.approvalOf(d))
	require.ErrorIs(w, err, storage.ErrConflict)
	require.Equal(w, []string{"phone.bind", "login", "device.approve"}, w.actions(p.user.ID))
}

func tvTypedRefused(w world) {
	p := w.signIn("o1", start)
	d := w.tv(start)
	for name, change := range map[string]func(*storage.DeviceApproval){
		"another secret":  func(a *storage.DeviceApproval) { a.SessionHash = newHash() },
		"another session": func(a *storage.DeviceApproval) { a.SessionID = storage.NewID(start) },
		"another device":  func(a *storage.DeviceApproval) { a.DeviceID = storage.NewID(start) },
		"no session":      func(a *storage.DeviceApproval) { a.SessionID, a.SessionHash = storage.ID{}, storage.Hash{} },
	} {
		a := p.approvalOf(d)
		change(&a)
		for step, err := range w.typedOf(a) {
			require.ErrorIs(w, err, storage.ErrNotFound, "%s: %s", name, step)
		}
	}
	late := p.approvalOf(d)
	late.Now = d.ExpiresAt
	for step, err := range w.typedOf(late) {
		require.ErrorIs(w, err, storage.ErrExpired, step)
	}
	idle := newTV(start.Add(8 * time.Hour))
	require.NoError(w, w.a.CreateDevice(w.Context(), idle.DeviceAuthorization))
	for step, err := range w.typed(p, idle) {
		require.ErrorIs(w, err, storage.ErrNotFound, "an idle session: %s", step)
	}

	taker := w.approved("o2", start) // somebody takes the number
	require.NoError(w, w.a.SendPhoneCode(w.Context(), taker.codeFor("+86138o1")))
	_, err := w.a.BindPhone(w.Context(), taker.bindOf())
	require.NoError(w, err)
	_, err = w.a.MovePhone(w.Context(), taker.bindOf())
	require.NoError(w, err)
	for step, err := range w.typed(p, d) {
		require.ErrorIs(w, err, storage.ErrPhoneNeeded, step)
	}
	require.NoError(w, w.a.EndSession(w.Context(), p.session.ID, start))
	for step, err := range w.typed(p, d) {
		require.ErrorIs(w, err, storage.ErrNotFound, "a logout: %s", step)
	}
	require.ErrorIs(w, w.poll(d, 0), storage.ErrPending)
}

func tvTypedAndScanned(w world) {
	p := w.signIn("o1", start)
	for _, phoneFirst := range []bool{true, false} {
		d := w.tv(start)
		l := w.scanTV(d, "o1")
		_, err := w.a.OpenDevice(w.Context(), p.approvalOf(d))
		require.NoError(w, err)
		a, err := w.a.PhoneAttempt(w.Context(), l.attempt.ID, l.phone, start)
		require.NoError(w, err)
		require.Equal(w, storage.AttemptScanned, a.State, "a page that is opened ends nothing on the phone")
		if phoneFirst {
			w.approve(&l)
			_, err = w.b.ApproveDevice(w.Context(), p.approvalOf(d))
			require.NoError(w, err)
		} else {
			_, err = w.b.ApproveDevice(w.Context(), p.approvalOf(d))
			require.NoError(w, err)
			require.Equal(w, storage.ConfirmDone, w.approve(&l))
		}
		require.Equal(w, p.user.ID, w.grantOf(d).User.ID)
	}
}

func tvEnded(w world) {
	for name, end := range map[string]func(person, tv) error{
		"lock":   func(p person, d tv) error { return w.a.LockUser(w.Context(), p.user.ID, "ops", start) },
		"unbind": func(p person, d tv) error { return w.a.UnbindUser(w.Context(), p.user.ID, "ops", start) },
		"delete": func(p person, d tv) error { return w.a.DeleteUser(w.Context(), p.user.ID, "ops", start) },
		"revoke": func(p person, d tv) error { return w.a.RevokeGrant(w.Context(), d.ID, d.ClientID, start) },
		"unfollow": func(p person, d tv) error {
			w.follow(account, p.openID, false, start.Add(time.Minute))
			return nil
		},
		"remove client": func(p person, d tv) error {
			return errors.Join(w.a.AddClient(w.Context(), newClient(d.ClientID), "ops"), w.a.RemoveClient(w.Context(), d.ClientID, "ops", start))
		},
	} {
		for _, typed := range []bool{false, true} {
			p := w.signIn(fmt.Sprint(name, typed), start)
			d := w.tv(start)
			if typed {
				_, err := w.a.ApproveDevice(w.Context(), p.approvalOf(d))
				require.NoError(w, err)
			} else {
				l := w.scanTV(d, p.openID)
				require.Equal(w, storage.ConfirmDone, w.approve(&l))
			}
			require.NoError(w, end(p, d), name)
			for range 2 {
				require.ErrorIs(w, w.poll(d, 0), storage.ErrNotFound, name)
			}
			require.False(w, w.alive(d.ID), name)
			if name == "delete" {
				_, err := w.b.Device(w.Context(), d.ID, start)
				require.ErrorIs(w, err, storage.ErrNotFound, "it names the user")
			}
		}
	}
}

func tvLogout(w world) {
	p := w.signIn("o1", start)
	d := w.tv(start)
	_, err := w.a.ApproveDevice(w.Context(), p.approvalOf(d))
	require.NoError(w, err)
	require.NoError(w, w.a.EndSession(w.Context(), p.session.ID, start))
	require.Equal(w, p.user.ID, w.grantOf(d).User.ID)
	require.True(w, w.alive(d.ID))
}

// tvLockRaces: once the lock is acknowledged nothing lives, whatever stood between approval and tokens.
func tvLockRaces(w world) {
	ctx := context.WithoutCancel(w.Context())
	for round := range rounds(w.T) / 3 {
		p := w.signIn(fmt.Sprint("o", round), start)
		phone, typed, approved := w.tv(start), w.tv(start), w.tv(start)
		done := w.scanTV(approved, p.openID)
		w.approve(&done)
		l := w.scanTV(phone, p.openID)
		errs := parallel(6, func(n int) error {
			s := w.store(n + round)
			var err error
			switch n {
			case 0:
				return s.LockUser(ctx, p.user.ID, "ops", start)
			case 1:
				_, _, err = s.ConfirmLogin(ctx, l.confirmOf(0))
			case 2:
				_, err = s.ApproveDevice(ctx, p.approvalOf(typed))
			default:
				_, err = s.RedeemDevice(ctx, []tv{phone, typed, approved}[n-3].useOf(start))
			}
			if errors.Is(err, storage.ErrPending) {
				return nil
			}
			return refused(err)
		})
		require.NoError(w, errors.Join(errs...))
		for _, d := range []tv{phone, typed, approved} {
			require.False(w, w.alive(d.ID), "a grant lives after the lock was acknowledged")
			if err := w.poll(d, round); !errors.Is(err, storage.ErrPending) {
				require.ErrorIs(w, err, storage.ErrNotFound)
			}
		}
	}
}

func tvRemovalRaces(w world) {
	ctx := context.WithoutCancel(w.Context())
	p := w.signIn("o1", start)
	for round := range rounds(w.T) / 4 {
		require.NoError(w, w.a.AddClient(ctx, newClient("tv-app"), "ops"))
		phone, typed := w.tv(start), w.tv(start)
		l := w.scanTV(phone, "o1")
		errs := parallel(3, func(n int) error {
			s := w.store(n + round)
			var err error
			switch n {
			case 0:
				return s.RemoveClient(ctx, "tv-app", "ops", start)
			case 1:
				_, _, err = s.ConfirmLogin(ctx, l.confirmOf(0))
			case 2:
				_, err = s.ApproveDevice(ctx, p.approvalOf(typed))
			}
			if errors.Is(err, storage.ErrConflict) {
				return nil
			}
			return refused(err)
		})
		require.NoError(w, errors.Join(errs...))
		for _, d := range []tv{phone, typed} {
			require.False(w, w.alive(d.ID))
			require.ErrorIs(w, w.poll(d, round), storage.ErrNotFound)
		}
	}
}
