package wechatflow

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"qiao/storage"
	"qiao/wechatflow/wechat"
)

// maxScenes is how many pictures an attempt may show: the first, and two silent renewals.
const maxScenes = 3

// A scene begins with its purpose, so that scenes of others at the same account are told apart. scenePage is never sent
// to the platform; it keeps a page's secret from being used as a scene, and the other way round.
const (
	sceneLogin  = "q1."
	sceneDevice = "d1."
	scenePage   = "p1."
	followScene = "f1.follow" // a code to follow by, without a login
)

// mintDeadline is how long the login page waits for the platform before it falls back to our own page.
const mintDeadline = 3 * time.Second

// withPicture returns the attempt with a picture that may be shown, as long as it may have another one. The scene is
// committed before its code is shown: a scan that arrives at once finds it.
func (f *Flow) withPicture(ctx context.Context, a storage.Attempt, address netip.Addr) (storage.Attempt, error) {
	for range maxScenes {
		now := f.Now()
		if a.State != storage.AttemptWaiting || now.Before(a.Scene.ShownUntil) || a.Scenes >= maxScenes {
			return a, nil
		}
		scene, err := f.mint(ctx, a, address)
		if err != nil {
			return a, err
		}
		// One more than this tab has seen: where another tab added a picture meanwhile, that one is shown in both.
		err = f.Store.AddScene(ctx, a.ID, scene, a.Scenes+1, now)
		if err == nil {
			a.Scene, a.Scenes, a.Version = scene, a.Scenes+1, a.Version+1
			return a, nil
		}
		if !errors.Is(err, storage.ErrConflict) {
			return a, err
		}
		if a, err = f.Store.CurrentAttempt(ctx, a.AuthRequestID, a.Browser, now); err != nil {
			return a, err
		}
	}
	return a, nil
}

// mint asks the platform for a code that lives as long as the attempt. Where it does not give one, or this address or
// client has had its share, the code is our own page.
func (f *Flow) mint(ctx context.Context, a storage.Attempt, address netip.Addr) (storage.Scene, error) {
	acc, err := f.account(a.Account)
	if err != nil {
		return storage.Scene{}, err
	}
	now := f.Now()
	shownUntil := now.Add(f.Lifetimes.Picture)
	if shownUntil.After(a.ExpiresAt) {
		shownUntil = a.ExpiresAt
	}
	scene := f.platformScene(ctx, acc, sceneLogin, a.ClientID, address, a.ExpiresAt)
	if scene.URL != "" {
		f.metrics.codes.WithLabelValues(acc.name, "platform").Inc()
		scene.ShownUntil = shownUntil
		return scene, nil
	}
	secret := randomText()
	f.metrics.codes.WithLabelValues(acc.name, "page").Inc()
	return storage.Scene{
		Hash: storage.HashOf([]byte(scenePage + secret)), URL: f.url("/scan/" + acc.name + "/" + secret), ShownUntil: shownUntil,
	}, nil
}

// platformScene asks the platform for a code that lives until then; zero where it gives none, or where this address or
// client has had its share. Where Signals do not answer nobody knows of shares: the quota is left alone, and the pages that
// wait get their next picture all the same.
func (f *Flow) platformScene(ctx context.Context, acc *account, purpose, clientID string, address netip.Addr, until time.Time) storage.Scene {
	now := f.Now()
	left := until.Sub(now)
	if left < time.Second { // the platform makes none: not worth asking, nor to hold against it
		return storage.Scene{}
	}
	if acc.breaker.open(now) || !f.allowMint(ctx, clientID, address) {
		return storage.Scene{}
	}
	text := purpose + randomText()
	qr, err := f.createQR(ctx, acc, text, left)
	if err != nil {
		return storage.Scene{} // createQR has logged it; the caller has another way
	}
	return storage.Scene{Hash: storage.HashOf([]byte(text)), Ticket: qr.Ticket, URL: qr.URL, ShownUntil: until}
}

// allowMint keeps strangers from burning the platform's daily quota.
func (f *Flow) allowMint(ctx context.Context, clientID string, address netip.Addr) bool {
	ok, _, err := f.allowAll(ctx,
		f.use("mint address", f.Limits.MintsPerAddress, addressBytes(address)),
		f.use("mint client", f.Limits.MintsPerClient, []byte(clientID)))
	if err != nil {
		f.Log.WarnContext(ctx, "limits of QR codes unknown, showing one of our own", "error", err)
	}
	return err == nil && ok
}

// createQR calls the platform, and opens the account's breaker when it fails: the next pages do not wait for it again.
// A visitor who hangs up meanwhile says nothing of the platform: closed tabs must not open it for everybody.
func (f *Flow) createQR(visit context.Context, acc *account, scene string, ttl time.Duration) (wechat.QR, error) {
	ctx, cancel := context.WithTimeout(visit, mintDeadline)
	defer cancel()
	qr, err := acc.Client.CreateQR(ctx, scene, ttl)
	if err == nil && (qr.URL == "" || len(qr.URL) > 512) {
		err = fmt.Errorf("create a QR code: the platform's answer has no usable url")
	}
	if err != nil && visit.Err() == nil {
		pause := 5 * time.Second
		if wechat.QuotaSpent(err) {
			pause = time.Minute
		}
		acc.breaker.trip(f.Now().Add(pause))
		f.metrics.platform.WithLabelValues("qrcode/create").Inc()
		f.Log.WarnContext(ctx, "no QR code from the platform, showing one of our own",
			"account", acc.name, "error", err, "hint", hint(err))
	}
	return qr, err
}

// hint is what the operator must change at the platform, if that is known.
func hint(err error) string {
	if refused := (*wechat.APIError)(nil); errors.As(err, &refused) {
		return refused.Hint()
	}
	return ""
}

// ourScene returns the scene text of an event key, if it is a login's or a device's. Others' scenes are not ours to judge.
func ourScene(eventKey string) (scene string, ok bool) {
	scene = strings.TrimPrefix(eventKey, "qrscene_")
	return scene, strings.HasPrefix(scene, sceneLogin) || strings.HasPrefix(scene, sceneDevice)
}

// randomText is 128 random bits in 22 characters.
func randomText() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// breaker spares the platform, and the person's time, for a while after a failure. Each replica learns for itself.
type breaker struct{ until atomic.Int64 }

func (b *breaker) open(now time.Time) bool { return now.UnixNano() < b.until.Load() }
func (b *breaker) trip(until time.Time)    { b.until.Store(until.UnixNano()) }
