package storagetest

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func deviceStories() map[string]story {
	return map[string]story{
		"a device comes back":                  deviceComesBack,
		"a scan is approved and redeemed once": deviceScanned,
	}
}

// tv is a device that waits, as its maker sees it.
type tv struct {
	storage.DeviceAuthorization
	scene storage.Scene
	now   time.Time
}

// newTV is the draft of a device authorization.
func newTV(now time.Time) tv {
	return tv{now: now, DeviceAuthorization: storage.DeviceAuthorization{
		ID: storage.NewID(now), ClientID: "tv-app", Scopes: []string{"openid", "phone", "offline_access"}, CodeHash: newHash(), UserCode: newHash(),
		UserCodeSealed: []byte("sealed WDJB-MJHT"), Name: "客厅", Device: storage.Device{Name: "TV", Address: "192.0.2.8", Place: "Shanghai"},
		Account: account, Picture: newHash(), CreatedAt: now, ExpiresAt: now.Add(10 * time.Minute), GrantExpiresAt: now.Add(180 * 24 * time.Hour),
	}}
}

// tv begins a device authorization, with a picture that WeChat can scan.
func (w world) tv(now time.Time) tv {
	w.Helper()
	d := newTV(now)
	require.NoError(w, w.a.CreateDevice(w.Context(), d.DeviceAuthorization))
	d.scene = newScene(now)
	require.NoError(w, w.b.AddDeviceScene(w.Context(), d.ID, d.scene, now))
	return d
}

// scanOf is the event of an openid that scans the picture.
func (d tv) scanOf(openID string) storage.Scan {
	return storage.Scan{
		Delivery: newHash(), Account: account, OpenID: openID, Scene: d.scene.Hash, Ticket: d.scene.Ticket, At: d.now.Truncate(time.Second),
		Number: 42, Choices: [3]int{17, 42, 93}, Now: d.now,
	}
}

// scanTV scans the picture and opens the phone side.
func (w world) scanTV(d tv, openID string) login {
	w.Helper()
	outcome, a, err := w.a.RecordScan(w.Context(), d.scanOf(openID))
	require.NoError(w, err)
	require.Equal(w, storage.ScanAccepted, outcome)
	l := login{attempt: a, phone: newHash(), openID: openID, now: d.now}
	l.attempt, err = w.b.OpenPhone(w.Context(), a.ID, openID, l.phone, d.now)
	require.NoError(w, err)
	return l
}

// redeemOf is a poll of the device.
func (d tv) redeemOf(now time.Time) storage.DeviceUse {
	return storage.DeviceUse{
		DeviceID: d.ID, CodeHash: d.CodeHash, ClientID: d.ClientID, RefreshSeed: newHash(), RefreshExpiresAt: now.Add(90 * 24 * time.Hour),
		Access: newAccess(now), Now: now,
	}
}

// poll polls the device.
func (w world) poll(d tv) error {
	_, err := w.b.RedeemDevice(context.WithoutCancel(w.Context()), d.redeemOf(d.now))
	return err
}

func deviceComesBack(w world) {
	d := newTV(start)
	require.NoError(w, w.a.CreateDevice(w.Context(), d.DeviceAuthorization))
	want := d.DeviceAuthorization
	want.State = storage.DevicePending
	got, err := w.b.Device(w.Context(), d.ID, start)
	require.NoError(w, err)
	require.Equal(w, want, got)
}

func deviceScanned(w world) {
	w.signIn("o1", start)
	d := w.tv(start)
	require.ErrorIs(w, w.poll(d), storage.ErrPending)
	l := w.scanTV(d, "o1")
	require.ErrorIs(w, w.poll(d), storage.ErrPending)
	require.Equal(w, storage.ConfirmDone, w.approve(&l))
	require.Equal(w, storage.AttemptDone, l.attempt.State)
	won := 0
	for _, err := range parallel(100, func(int) error { return w.poll(d) }) {
		if err == nil {
			won++
		} else if !errors.Is(err, storage.ErrNotFound) {
			require.NoError(w, err)
		}
	}
	require.Equal(w, 1, won)
}
