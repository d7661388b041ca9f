package storagetest

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func deviceScanStories() map[string]story {
	return map[string]story{
		"a scan gives an attempt and claims nothing":         tvScanned,
		"everybody who scans has an attempt of their own":    tvScannedByMany,
		"scans of one openid at once are one attempt":        tvScannedAtOnce,
		"a redelivery changes nothing":                       tvScanRedelivered,
		"a scan that is not ours is unknown":                 tvScanUnknown,
		"a locked user scans nothing, a blocked openid does": tvScanLocked,
		"a scan voids the openid's earlier attempts":         tvScanVoids,
		"a decided or late device is over":                   tvScanOver,
		"an attempt begins inside WeChat":                    tvInWeChat,
		"an attempt in WeChat is refused where a scan is":    tvInWeChatRefused,
		"a state leads to a device":                          tvWebAuth,
	}
}

func tvScanned(w world) {
	p := w.signIn("o1", start)
	d := w.tv(start)
	scan := d.scanOf("o1")
	outcome, a, err := w.a.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	require.Equal(w, storage.ScanAccepted, outcome)
	require.Equal(w, storage.Attempt{
		ID: a.ID, DeviceID: d.ID, ClientID: "tv-app", Account: account, Via: storage.ViaDevice, Device: d.Device, CreatedAt: start, ExpiresAt: d.ExpiresAt,
		State: storage.AttemptScanned, Version: 1, OpenID: "o1", UserID: p.user.ID, ScannedAt: start,
	}, a)
	peeked, err := w.b.PeekAttempt(w.Context(), a.ID, start)
	require.NoError(w, err)
	require.Equal(w, a, peeked)
	require.True(w, w.identity(account, "o1").Followed)
	require.ErrorIs(w, w.poll(d, 0), storage.ErrPending)
	_, err = w.a.OpenPhone(w.Context(), a.ID, "o2", newHash(), start)
	require.ErrorIs(w, err, storage.ErrNotFound, "a forwarded link")
	late, err := w.b.PeekAttempt(w.Context(), a.ID, d.ExpiresAt)
	require.NoError(w, err)
	require.Equal(w, storage.AttemptExpired, late.State)
}

func tvScannedByMany(w world) {
	d := w.tv(start)
	attempts := map[storage.ID]bool{}
	for n, a := range parallel(8, func(n int) storage.Attempt {
		outcome, a, err := w.store(n).RecordScan(context.WithoutCancel(w.Context()), d.scanOf(fmt.Sprint("o", n)))
		if err != nil || outcome != storage.ScanAccepted {
			w.Errorf("record scan: %d, %v", outcome, err)
		}
		return a
	}) {
		attempts[a.ID] = true
		require.Equal(w, fmt.Sprint("o", n), a.OpenID)
	}
	require.Len(w, attempts, 8)
}

func tvScannedAtOnce(w world) {
	for round := range 5 {
		d := w.tv(start)
		outcomes, attempts := map[storage.ScanOutcome]int{}, map[storage.ID]bool{}
		type result struct {
			outcome storage.ScanOutcome
			attempt storage.Attempt
		}
		for _, r := range parallel(8, func(n int) result {
			outcome, a, err := w.store(n).RecordScan(context.WithoutCancel(w.Context()), d.scanOf(fmt.Sprint("o", round)))
			if err != nil {
				w.Errorf("record scan: %v", err)
			}
			return result{outcome, a}
		}) {
			outcomes[r.outcome]++
			attempts[r.attempt.ID] = true
		}
		require.Equal(w, map[storage.ScanOutcome]int{storage.ScanAccepted: 1, storage.ScanRepeated: 7}, outcomes)
		require.Len(w, attempts, 1)
	}
}

func tvScanRedelivered(w world) {
	d := w.tv(start)
	scan := d.scanOf("o1")
	_, first, err := w.a.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	for range 2 {
		outcome, again, err := w.b.RecordScan(w.Context(), scan)
		require.NoError(w, err)
		require.Equal(w, storage.ScanRepeated, outcome)
		require.Equal(w, first, again)
	}
	// Also after a decline: an event that comes again is no new scan.
	l := login{attempt: first, phone: newHash(), now: start}
	_, err = w.a.OpenPhone(w.Context(), first.ID, "o1", l.phone, start)
	require.NoError(w, err)
	_, err = w.a.DeclineLogin(w.Context(), first.ID, l.phone, start)
	require.NoError(w, err)
	_, again, err := w.b.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	require.Equal(w, first.ID, again.ID)
	require.Equal(w, storage.AttemptDeclined, again.State)
	require.ErrorIs(w, w.poll(d, 0), storage.ErrDeclined)
}

func tvScanUnknown(w world) {
	d := w.tv(start)
	for name, change := range map[string]func(*storage.Scan){
		"another scene":   func(s *storage.Scan) { s.Scene = newHash() },
		"another account": func(s *storage.Scan) { s.Account = "second" },
		"another ticket":  func(s *storage.Scan) { s.Ticket = "forged" },
	} {
		scan := d.scanOf("o1")
		change(&scan)
		outcome, a, err := w.a.RecordScan(w.Context(), scan)
		require.NoError(w, err, name)
		require.Equal(w, storage.ScanUnknown, outcome, name)
		require.Zero(w, a, name)
	}
	require.NoError(w, w.a.AddClient(w.Context(), newClient("tv-app"), "ops"))
	require.NoError(w, w.a.RemoveClient(w.Context(), "tv-app", "ops", start))
	outcome, _, err := w.a.RecordScan(w.Context(), d.scanOf("o1"))
	require.NoError(w, err)
	require.Equal(w, storage.ScanUnknown, outcome, "its client is gone")
}

func tvScanLocked(w world) {
	p := w.signIn("o1", start)
	require.NoError(w, w.a.LockUser(w.Context(), p.user.ID, "ops", start))
	d := w.tv(start)
	outcome, a, err := w.a.RecordScan(w.Context(), d.scanOf("o1"))
	require.NoError(w, err)
	require.Equal(w, storage.ScanLocked, outcome)
	require.Zero(w, a)
	w.wrong("o2", start)
	w.wrong("o2", start)
	w.scanTV(d, "o2") // there is no number to guess
}

func tvScanVoids(w world) {
	l := w.begin(newHash(), start)
	w.scan(&l, "o1")
	first, second := w.tv(start), w.tv(start)
	one := w.scanTV(first, "o1")
	require.Equal(w, storage.AttemptExpired, w.current(l).State)
	stranger := w.scanTV(first, "o2")
	w.scanTV(second, "o1")
	_, _, err := w.a.ConfirmLogin(w.Context(), one.confirmOf(0))
	require.ErrorIs(w, err, storage.ErrConflict, "one person approves one screen at a time")
	require.Equal(w, storage.ConfirmPhoneNeeded, w.approve(&stranger), "another openid's stays")
	again := w.scanTV(first, "o1")
	require.NotEqual(w, one.attempt.ID, again.attempt.ID)
	login := w.begin(newHash(), start)
	w.scan(&login, "o1")
	_, _, err = w.a.ConfirmLogin(w.Context(), again.confirmOf(0))
	require.ErrorIs(w, err, storage.ErrConflict)
}

func tvScanOver(w world) {
	w.signIn("o1", start)
	d := w.tv(start)
	l := w.scanTV(d, "o1")
	w.approve(&l)
	outcome, a, err := w.a.RecordScan(w.Context(), d.scanOf("o2"))
	require.NoError(w, err)
	require.Equal(w, storage.ScanOver, outcome)
	require.Zero(w, a)
	outcome, a, err = w.a.RecordScan(w.Context(), d.scanOf("o1"))
	require.NoError(w, err)
	require.Equal(w, storage.ScanOver, outcome)
	require.Equal(w, storage.AttemptDone, a.State)

	late := w.tv(start)
	scan := late.scanOf("o1")
	scan.Now = late.ExpiresAt
	for range 2 { // delivered again, it is told the same
		outcome, a, err = w.b.RecordScan(w.Context(), scan)
		require.NoError(w, err)
		require.Equal(w, storage.ScanOver, outcome)
		require.Zero(w, a)
	}
}

func tvInWeChat(w world) {
	w.signIn("o1", start)
	d := w.tv(start)
	l := login{phone: newHash(), now: start}
	var err error
	l.attempt, err = w.a.BeginDeviceAttempt(w.Context(), d.ID, account, "o1", newHash(), start)
	require.NoError(w, err)
	again, err := w.b.BeginDeviceAttempt(w.Context(), d.ID, account, "o1", l.phone, start)
	require.NoError(w, err)
	require.Equal(w, l.attempt.ID, again.ID)
	_, err = w.a.PhoneAttempt(w.Context(), l.attempt.ID, l.attempt.PhoneHash, start)
	require.ErrorIs(w, err, storage.ErrNotFound, "the last browser counts")
	seen, err := w.a.PhoneAttempt(w.Context(), l.attempt.ID, l.phone, start)
	require.NoError(w, err)
	require.Equal(w, again, seen)
	outcome, scanned, err := w.a.RecordScan(w.Context(), d.scanOf("o1"))
	require.NoError(w, err)
	require.Equal(w, storage.ScanRepeated, outcome, "a scan of the same person is the same attempt")
	require.Equal(w, again, scanned)
	require.Equal(w, storage.ConfirmDone, w.approve(&l))
	done, err := w.a.BeginDeviceAttempt(w.Context(), d.ID, account, "o1", newHash(), start)
	require.NoError(w, err, "who has approved may come to see it")
	require.Equal(w, storage.AttemptDone, done.State)
	_, err = w.a.BeginDeviceAttempt(w.Context(), d.ID, account, "o2", newHash(), start)
	require.ErrorIs(w, err, storage.ErrConflict)

	visitor := w.tv(start)
	_, err = w.a.BeginDeviceAttempt(w.Context(), visitor.ID, account, "o3", newHash(), start)
	require.NoError(w, err)
	require.False(w, w.identity(account, "o3").Followed, "a visit is no follow")
}

func tvInWeChatRefused(w world) {
	p := w.signIn("o1", start)
	d := w.tv(start)
	begin := func(id storage.ID, openID string, now time.Time) error {
		_, err := w.a.BeginDeviceAttempt(w.Context(), id, account, openID, newHash(), now)
		return err
	}
	require.ErrorIs(w, begin(storage.NewID(start), "o1", start), storage.ErrNotFound)
	require.ErrorIs(w, begin(d.ID, "", start), storage.ErrNotFound)
	require.ErrorIs(w, begin(d.ID, "o1", d.ExpiresAt), storage.ErrExpired)
	require.NoError(w, w.a.LockUser(w.Context(), p.user.ID, "ops", start))
	require.ErrorIs(w, begin(d.ID, "o1", start), storage.ErrLocked)
}

func tvWebAuth(w world) {
	state := storage.WebAuth{Hash: newHash(), Purpose: "device", DeviceID: storage.NewID(start), Browser: newHash(), ExpiresAt: start.Add(5 * time.Minute)}
	require.NoError(w, w.a.BeginWebAuth(w.Context(), state))
	got, err := w.b.TakeWebAuth(w.Context(), state.Hash, state.Browser, start)
	require.NoError(w, err)
	require.Equal(w, state, got)
}
