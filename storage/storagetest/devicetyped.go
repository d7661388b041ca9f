package storagetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func deviceTypedStories() map[string]story {
	return map[string]story{
		"a signed-in browser approves":                     tvTyped,
		"a browser must be signed in, with a phone":        tvTypedRefused,
		"phone and browser of one person are one approval": tvTypedAndScanned,
		"a browser declines":                               tvTypedDecline,
		"a browser that decides is not locked out":         tvTypedHeld,
	}
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
	require.Equal(w, claimed(p.user), claimed(issued.User))
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

	w.takePhone("o2", "o1")
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

func tvTypedDecline(w world) {
	p := w.signIn("o1", start)
	d := w.tv(start)
	l := w.scanTV(d, "o1") // the same person's phone
	for range 2 {
		require.NoError(w, w.a.DeclineDevice(w.Context(), p.approvalOf(d)))
	}
	a, err := w.b.PhoneAttempt(w.Context(), l.attempt.ID, l.phone, start)
	require.NoError(w, err)
	require.Equal(w, storage.AttemptDeclined, a.State)
	require.ErrorIs(w, w.poll(d, 0), storage.ErrDeclined)
	require.Equal(w, []string{"phone.bind", "login", "device.decline"}, w.actions(p.user.ID))

	held := w.tv(start)
	owner := w.scanTV(held, "o2")
	require.NoError(w, w.a.DeclineDevice(w.Context(), p.approvalOf(held)))
	require.ErrorIs(w, w.poll(held, 0), storage.ErrPending)
	w.decline(owner)
	require.ErrorIs(w, w.poll(held, 0), storage.ErrDeclined)
}

// tvTypedHeld: somebody who sees the screen declines again and again, while its owner reads the page in a browser.
func tvTypedHeld(w world) {
	p := w.signIn("o1", start)
	d := w.tv(start)
	_, err := w.a.OpenDevice(w.Context(), p.approvalOf(d))
	require.NoError(w, err)
	for range 3 {
		w.decline(w.scanTV(d, "stranger"))
		require.ErrorIs(w, w.poll(d, 0), storage.ErrPending)
	}
	_, err = w.a.ApproveDevice(w.Context(), p.approvalOf(d))
	require.NoError(w, err)
	require.NoError(w, w.poll(d, 0))
}
