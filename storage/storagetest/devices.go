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
		"a device comes back":                                deviceComesBack,
		"a user code belongs to one live device":             deviceCodeTaken,
		"devices with one user code at once are one":         deviceCodeTakenAtOnce,
		"a user code is found while its device is pending":   deviceCodeFound,
		"a wrong user code is counted, a right one is not":   deviceCodeCounted,
		"five hundred guesses at once are ten (I8)":          deviceCodeGuessed,
		"a picture has one code":                             deviceSceneOnce,
		"a decided or late device gets no code":              deviceSceneOver,
		"what has expired is swept, and the record is small": deviceSwept,
	}
}

func deviceComesBack(w world) {
	p := w.signIn("o1", start)
	d := newTV(start)
	require.NoError(w, w.a.CreateDevice(w.Context(), d.DeviceAuthorization))
	want := d.DeviceAuthorization
	want.State = storage.DevicePending
	require.Equal(w, want, w.device(d))
	d.scene = newScene(start)
	want.Scene = d.scene
	require.NoError(w, w.a.AddDeviceScene(w.Context(), d.ID, d.scene, start))
	require.Equal(w, want, w.device(d))

	l := w.scanTV(d, "o1")
	require.Equal(w, want, w.device(d), "a scan claims nothing")
	w.approve(&l)
	want.State, want.UserID = storage.DeviceApproved, p.user.ID
	require.Equal(w, want, w.device(d))
	require.NoError(w, w.poll(d, 0))
	want.State = storage.DeviceRedeemed
	require.Equal(w, want, w.device(d))

	_, err := w.b.Device(w.Context(), d.ID, start.Add(10*time.Minute))
	require.ErrorIs(w, err, storage.ErrExpired)
	_, err = w.b.Device(w.Context(), storage.NewID(start), start)
	require.ErrorIs(w, err, storage.ErrNotFound)
}

func deviceCodeTaken(w world) {
	first, second := newTV(start), newTV(start)
	second.UserCode = first.UserCode
	require.NoError(w, w.a.CreateDevice(w.Context(), first.DeviceAuthorization))
	require.ErrorIs(w, w.b.CreateDevice(w.Context(), second.DeviceAuthorization), storage.ErrConflict)
	_, err := w.b.Device(w.Context(), second.ID, start)
	require.ErrorIs(w, err, storage.ErrNotFound)

	late := first.ExpiresAt // and no janitor has come by
	second.CreatedAt, second.ExpiresAt, second.now = late, late.Add(10*time.Minute), late
	require.NoError(w, w.b.CreateDevice(w.Context(), second.DeviceAuthorization))
	got, err := w.a.DeviceByUserCode(w.Context(), first.UserCode, nil, late)
	require.NoError(w, err)
	require.Equal(w, second.ID, got.ID)
	_, err = w.a.RedeemDevice(w.Context(), first.useOf(late))
	require.ErrorIs(w, err, storage.ErrExpired, "the earlier one is still told that it is late")
}

func deviceCodeTakenAtOnce(w world) {
	code, created := newHash(), 0
	for _, err := range parallel(8, func(n int) error {
		d := newTV(start)
		d.UserCode = code
		return w.store(n).CreateDevice(context.WithoutCancel(w.Context()), d.DeviceAuthorization)
	}) {
		if err == nil {
			created++
		} else {
			require.ErrorIs(w, err, storage.ErrConflict)
		}
	}
	require.Equal(w, 1, created)
}

// guesses is a limit of ten user codes an hour.
func guesses() []storage.Limit {
	return []storage.Limit{
		{Name: "address", Key: newHash(), Max: 10, Window: time.Hour},
		{Name: "all", Key: newHash(), Max: 1000, Window: time.Hour},
	}
}

func deviceCodeFound(w world) {
	w.signIn("o1", start)
	d := w.tv(start)
	got, err := w.b.DeviceByUserCode(w.Context(), d.UserCode, guesses(), start)
	require.NoError(w, err)
	require.Equal(w, w.device(d), got)
	for name, try := range map[string]struct {
		code storage.Hash
		now  time.Time
	}{
		"another code": {newHash(), start},
		"no code":      {storage.Hash{}, start},
		"late":         {d.UserCode, d.ExpiresAt},
	} {
		_, err := w.b.DeviceByUserCode(w.Context(), try.code, guesses(), try.now)
		require.ErrorIs(w, err, storage.ErrNotFound, name)
	}
	l := w.scanTV(d, "o1")
	_, err = w.b.DeviceByUserCode(w.Context(), d.UserCode, guesses(), start)
	require.NoError(w, err, "somebody has scanned, and nobody has decided")
	w.approve(&l)
	_, err = w.b.DeviceByUserCode(w.Context(), d.UserCode, guesses(), start)
	require.ErrorIs(w, err, storage.ErrNotFound, "decided")
}

func deviceCodeCounted(w world) {
	d, limits := w.tv(start), guesses()
	for n := range 9 {
		_, err := w.store(n).DeviceByUserCode(w.Context(), newHash(), limits, start)
		require.ErrorIs(w, err, storage.ErrNotFound)
	}
	for n := range 5 {
		_, err := w.store(n).DeviceByUserCode(w.Context(), d.UserCode, limits, start)
		require.NoError(w, err, "a hit is given back")
	}
	_, err := w.a.DeviceByUserCode(w.Context(), newHash(), limits, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	now := start.Add(time.Minute)
	for _, code := range []storage.Hash{newHash(), d.UserCode} {
		_, err = w.b.DeviceByUserCode(w.Context(), code, limits, now)
		var limited *storage.LimitedError
		require.ErrorAs(w, err, &limited, "the right code, too, is not looked at")
		require.Equal(w, "address", limited.Key)
		require.Equal(w, 59*time.Minute, limited.RetryAfter)
	}
	elsewhere := guesses()
	elsewhere[1] = limits[1]
	_, err = w.b.DeviceByUserCode(w.Context(), d.UserCode, elsewhere, now)
	require.NoError(w, err, "another address is not kept out")
	late := newTV(start.Add(time.Hour))
	require.NoError(w, w.a.CreateDevice(w.Context(), late.DeviceAuthorization))
	_, err = w.b.DeviceByUserCode(w.Context(), late.UserCode, limits, late.now)
	require.NoError(w, err, "an hour later the tries are forgotten")
}

func deviceCodeGuessed(w world) {
	w.tv(start)
	limits, evaluated := guesses(), 0
	for _, err := range parallel(500, func(n int) error {
		_, err := w.store(n).DeviceByUserCode(context.WithoutCancel(w.Context()), newHash(), limits, start)
		return err
	}) {
		var limited *storage.LimitedError
		switch {
		case errors.Is(err, storage.ErrNotFound):
			evaluated++
		case !errors.As(err, &limited):
			w.Errorf("guess: %v", err)
		}
	}
	require.Equal(w, 10, evaluated)
}

func deviceSceneOnce(w world) {
	d := newTV(start)
	require.NoError(w, w.a.CreateDevice(w.Context(), d.DeviceAuthorization))
	scenes := make([]storage.Scene, 8)
	for n := range scenes {
		scenes[n] = newScene(start)
	}
	added := -1
	for n, err := range parallel(len(scenes), func(n int) error {
		return w.store(n).AddDeviceScene(context.WithoutCancel(w.Context()), d.ID, scenes[n], start)
	}) {
		if err != nil {
			require.ErrorIs(w, err, storage.ErrConflict)
			continue
		}
		require.Negative(w, added, "two were added")
		added = n
	}
	require.Equal(w, scenes[added], w.device(d).Scene)
	for n := range scenes {
		d.scene = scenes[n]
		outcome, _, err := w.a.RecordScan(w.Context(), d.scanOf("o1"))
		require.NoError(w, err)
		require.Equal(w, n == added, outcome != storage.ScanUnknown)
	}
}

func deviceSceneOver(w world) {
	w.signIn("o1", start)
	d := newTV(start)
	require.NoError(w, w.a.CreateDevice(w.Context(), d.DeviceAuthorization))
	require.ErrorIs(w, w.a.AddDeviceScene(w.Context(), d.ID, newScene(start), d.ExpiresAt), storage.ErrExpired)
	require.ErrorIs(w, w.a.AddDeviceScene(w.Context(), storage.NewID(start), newScene(start), start), storage.ErrNotFound)
	a, err := w.a.BeginDeviceAttempt(w.Context(), d.ID, account, "o1", newHash(), start)
	require.NoError(w, err)
	l := login{attempt: a, phone: a.PhoneHash, now: start}
	w.approve(&l)
	require.ErrorIs(w, w.a.AddDeviceScene(w.Context(), d.ID, newScene(start), start), storage.ErrConflict)
}

func deviceSwept(w world) {
	p := w.signIn("o1", start)
	require.NoError(w, w.a.EndSession(w.Context(), p.session.ID, start))
	waiting, unfetched, redeemed := w.tv(start), w.tv(start), w.tv(start)
	for _, d := range []tv{waiting, unfetched, redeemed} {
		l := w.scanTV(d, "o1")
		if d.ID != waiting.ID {
			w.approve(&l)
		}
	}
	require.NoError(w, w.poll(redeemed, 0))
	w.sweep(start.Add(30*time.Minute), 100)
	for _, d := range []tv{waiting, unfetched} {
		_, err := w.b.RedeemDevice(w.Context(), d.useOf(start.Add(30*time.Minute)))
		require.ErrorIs(w, err, storage.ErrExpired, "a late poll is told that it is late")
	}
	w.sweep(start.AddDate(0, 0, 1), 100)
	for _, d := range []tv{waiting, unfetched, redeemed} {
		_, err := w.b.RedeemDevice(w.Context(), d.useOf(start.AddDate(0, 0, 1)))
		require.ErrorIs(w, err, storage.ErrNotFound)
		_, err = w.b.Device(w.Context(), d.ID, start)
		require.ErrorIs(w, err, storage.ErrNotFound)
	}
	require.False(w, w.alive(unfetched.ID), "a grant that nobody came for goes with its device")
	require.True(w, w.alive(redeemed.ID))
	w.sweep(start.AddDate(0, 0, 181), 100)
	require.False(w, w.alive(redeemed.ID))
}
