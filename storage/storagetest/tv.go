package storagetest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

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
	l := login{scene: d.scene, now: d.now}
	scan := l.scanOf(openID)
	scan.ForDevice = true
	return scan
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

// useOf is a poll of the device.
func (d tv) useOf(now time.Time) storage.DeviceUse {
	return storage.DeviceUse{
		DeviceID: d.ID, CodeHash: d.CodeHash, ClientID: d.ClientID, RefreshSeed: newHash(), RefreshExpiresAt: now.Add(90 * 24 * time.Hour),
		Access: newAccess(now), Now: now,
	}
}

// poll polls for the device in one of the replicas.
func (w world) poll(d tv, n int) error {
	_, err := w.store(n).RedeemDevice(context.WithoutCancel(w.Context()), d.useOf(d.now))
	return err
}

// device is the authorization as it is.
func (w world) device(d tv) storage.DeviceAuthorization {
	w.Helper()
	got, err := w.b.Device(w.Context(), d.ID, d.now)
	require.NoError(w, err)
	return got
}
