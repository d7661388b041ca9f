package storagetest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func attemptStories() map[string]story {
	return map[string]story{
		"a request comes back to its browser alone":    requestBelongs,
		"an ended request is gone with its attempts":   requestEnded,
		"an attempt comes back to its browser alone":   attemptBelongs,
		"request and attempt in one look":              loginLooks,
		"an attempt begins with its first scene":       attemptWithScene,
		"progress is that of the newest attempt":       progressOfMany,
		"the newest attempt replaces the one before":   attemptReplaced,
		"one of many replacements wins":                attemptReplacedAtOnce,
		"an attempt has so many scenes and no more":    scenesLimited,
		"an attempt expires with its time":             attemptExpires,
		"the phone side belongs to the proven openid":  phoneSide,
		"a state is taken once, by its browser":        webAuthTakenOnce,
		"an attempt in WeChat's own browser":           weChatLogin,
		"an attempt in WeChat is claimed by one alone": weChatLoginAtOnce,
	}
}

func requestBelongs(w world) {
	browser := newHash()
	r := storage.AuthRequest{
		ID: storage.NewID(start), Browser: browser, ClientID: "grafana", CreatedAt: start.Add(123456 * time.Microsecond), ExpiresAt: start.Add(time.Hour),
		Params: storage.AuthParams{RedirectURI: "https://rp.example/cb?x=1", State: "<s>", Scopes: []string{"openid"}, MaxAge: new(int64), Prompt: []string{"login"}},
	}
	require.NoError(w, w.a.CreateAuthRequest(w.Context(), r))
	got, err := w.b.AuthRequest(w.Context(), r.ID, browser, start)
	require.NoError(w, err)
	require.Equal(w, r, got)
	for name, try := range map[string]struct {
		id      storage.ID
		browser storage.Hash
		now     time.Time
	}{
		"another browser": {r.ID, newHash(), start},
		"no browser":      {r.ID, storage.Hash{}, start},
		"another request": {storage.NewID(start), browser, start},
		"late":            {r.ID, browser, start.Add(time.Hour)},
	} {
		_, err := w.b.AuthRequest(w.Context(), try.id, try.browser, try.now)
		require.ErrorIs(w, err, storage.ErrNotFound, name)
	}
}

func requestEnded(w world) {
	l := w.begin(newHash(), start)
	require.NoError(w, w.a.EndAuthRequest(w.Context(), l.request.ID, newHash(), start), "another browser's word")
	w.current(l)
	for range 2 {
		require.NoError(w, w.a.EndAuthRequest(w.Context(), l.request.ID, l.browser, start))
	}
	_, err := w.b.AuthRequest(w.Context(), l.request.ID, l.browser, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	_, err = w.b.CurrentAttempt(w.Context(), l.request.ID, l.browser, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	outcome, _, err := w.b.RecordScan(w.Context(), l.scanOf("o1"))
	require.NoError(w, err)
	require.Equal(w, storage.ScanUnknown, outcome)
	require.ErrorIs(w, w.a.BeginAttempt(w.Context(), newAttempt(l.request, storage.ViaQR, start), storage.ID{}, start), storage.ErrConflict)
}

func attemptBelongs(w world) {
	l := w.begin(newHash(), start)
	a := w.current(l)
	want := l.attempt
	want.State, want.Version, want.Scenes, want.Scene = storage.AttemptWaiting, a.Version, 1, l.scene
	require.Equal(w, want, a)
	_, err := w.b.CurrentAttempt(w.Context(), l.request.ID, newHash(), start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	_, err = w.b.CurrentAttempt(w.Context(), w.newRequest(l.browser, start).ID, l.browser, start)
	require.ErrorIs(w, err, storage.ErrNotFound, "no attempt was begun")
	peeked, err := w.b.PeekAttempt(w.Context(), a.ID, start)
	require.NoError(w, err)
	require.Equal(w, a, peeked)
	r, both, err := w.b.Login(w.Context(), l.request.ID, l.browser, start)
	require.NoError(w, err)
	require.Equal(w, l.request, r)
	require.Equal(w, a, both)
	_, err = w.b.PeekAttempt(w.Context(), storage.NewID(start), start)
	require.ErrorIs(w, err, storage.ErrNotFound)
}

func attemptReplaced(w world) {
	l := w.begin(newHash(), start)
	second := newAttempt(l.request, storage.ViaQR, start)
	require.ErrorIs(w, w.a.BeginAttempt(w.Context(), second, storage.ID{}, start), storage.ErrConflict)
	require.ErrorIs(w, w.a.BeginAttempt(w.Context(), second, storage.NewID(start), start), storage.ErrConflict)
	foreign := second
	foreign.Browser = newHash()
	require.ErrorIs(w, w.a.BeginAttempt(w.Context(), foreign, l.attempt.ID, start), storage.ErrConflict)
	require.NoError(w, w.a.BeginAttempt(w.Context(), second, l.attempt.ID, start))
	require.Equal(w, second.ID, w.current(l).ID)
	old, err := w.b.PeekAttempt(w.Context(), l.attempt.ID, start)
	require.NoError(w, err)
	require.Equal(w, storage.AttemptExpired, old.State)
	outcome, _, err := w.b.RecordScan(w.Context(), l.scanOf("o1"))
	require.NoError(w, err)
	require.Equal(w, storage.ScanOver, outcome, "its scenes are void")
}

func attemptReplacedAtOnce(w world) {
	l := w.begin(newHash(), start)
	errs := parallel(8, func(n int) error {
		return w.store(n).BeginAttempt(context.WithoutCancel(w.Context()), newAttempt(l.request, storage.ViaQR, start), l.attempt.ID, start)
	})
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		} else {
			require.ErrorIs(w, err, storage.ErrConflict)
		}
	}
	require.Equal(w, 1, done)
}

func scenesLimited(w world) {
	l := w.begin(newHash(), start)
	before := w.current(l).Version
	added := 0
	for _, err := range parallel(8, func(n int) error {
		return w.store(n).AddScene(context.WithoutCancel(w.Context()), l.attempt.ID, newScene(start), 3, start)
	}) {
		if err == nil {
			added++
		} else {
			require.ErrorIs(w, err, storage.ErrConflict)
		}
	}
	require.Equal(w, 2, added, "it had one already")
	require.Equal(w, 3, w.current(l).Scenes)
	require.Greater(w, w.current(l).Version, before)
	require.ErrorIs(w, w.a.AddScene(w.Context(), storage.NewID(start), newScene(start), 3, start), storage.ErrNotFound)
	w.scan(&l, "o1") // the first scene still works
	require.ErrorIs(w, w.a.AddScene(w.Context(), l.attempt.ID, newScene(start), 9, start), storage.ErrConflict, "it waits no more")
}

func attemptExpires(w world) {
	l := w.begin(newHash(), start)
	late := start.Add(10 * time.Minute)
	a, err := w.b.CurrentAttempt(w.Context(), l.request.ID, l.browser, late)
	require.NoError(w, err)
	require.Equal(w, storage.AttemptExpired, a.State)
	require.ErrorIs(w, w.a.AddScene(w.Context(), l.attempt.ID, newScene(late), 9, late), storage.ErrConflict)
	scan := l.scanOf("o1")
	scan.Now = late
	outcome, _, err := w.b.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	require.Equal(w, storage.ScanOver, outcome)
}

func phoneSide(w world) {
	l := w.begin(newHash(), start)
	_, err := w.a.OpenPhone(w.Context(), l.attempt.ID, "", newHash(), start)
	require.ErrorIs(w, err, storage.ErrNotFound, "before the scan nobody has it")
	_, err = w.a.PhoneAttempt(w.Context(), l.attempt.ID, storage.Hash{}, start)
	require.ErrorIs(w, err, storage.ErrNotFound, "the absent secret is no secret")
	w.scan(&l, "o1")
	_, err = w.a.OpenPhone(w.Context(), l.attempt.ID, "o2", newHash(), start)
	require.ErrorIs(w, err, storage.ErrNotFound, "a forwarded link")
	_, err = w.a.PhoneAttempt(w.Context(), l.attempt.ID, newHash(), start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	a, err := w.a.PhoneAttempt(w.Context(), l.attempt.ID, l.phone, start)
	require.NoError(w, err)
	require.Equal(w, l.phone, a.PhoneHash)

	first := l.phone
	l.phone = newHash()
	_, err = w.b.OpenPhone(w.Context(), l.attempt.ID, "o1", l.phone, start)
	require.NoError(w, err)
	_, err = w.a.PhoneAttempt(w.Context(), l.attempt.ID, first, start)
	require.ErrorIs(w, err, storage.ErrNotFound, "the last browser counts")

	for name, try := range map[string]func() error{
		"confirm": func() error {
			_, _, err := w.a.ConfirmLogin(w.Context(), storage.Confirm{AttemptID: l.attempt.ID, PhoneHash: first, Number: 42, Now: start})
			return err
		},
		"decline": func() error { _, err := w.a.DeclineLogin(w.Context(), l.attempt.ID, first, start); return err },
		"send": func() error {
			c := l.codeFor("+8613800000000")
			c.PhoneHash = first
			return w.a.SendPhoneCode(w.Context(), c)
		},
		"bind": func() error {
			b := l.bindOf()
			b.PhoneHash = first
			_, err := w.a.BindPhone(w.Context(), b)
			return err
		},
		"move": func() error {
			b := l.bindOf()
			b.PhoneHash = storage.Hash{}
			_, err := w.a.MovePhone(w.Context(), b)
			return err
		},
	} {
		require.ErrorIs(w, try(), storage.ErrNotFound, name)
	}
	require.Equal(w, storage.AttemptScanned, w.current(l).State)
}

func webAuthTakenOnce(w world) {
	state := storage.WebAuth{
		Hash: newHash(), Purpose: "phone", AttemptID: storage.NewID(start), Scene: newHash(), Browser: newHash(), ExpiresAt: start.Add(5 * time.Minute),
	}
	require.NoError(w, w.a.BeginWebAuth(w.Context(), state))
	_, err := w.b.TakeWebAuth(w.Context(), state.Hash, newHash(), start)
	require.ErrorIs(w, err, storage.ErrNotFound, "another browser's, and it does not spend it")
	_, err = w.b.TakeWebAuth(w.Context(), state.Hash, state.Browser, start.Add(5*time.Minute))
	require.ErrorIs(w, err, storage.ErrNotFound, "late")
	taken := 0
	for _, err := range parallel(8, func(n int) error {
		got, err := w.store(n).TakeWebAuth(context.WithoutCancel(w.Context()), state.Hash, state.Browser, start)
		if err == nil && got != state {
			w.Errorf("took %v, want %v", got, state)
		}
		return err
	}) {
		if err == nil {
			taken++
		} else {
			require.ErrorIs(w, err, storage.ErrNotFound)
		}
	}
	require.Equal(w, 1, taken)
}

// weChat begins an attempt in WeChat's own browser.
func (w world) weChat(now time.Time) login {
	w.Helper()
	browser := newHash()
	l := login{request: w.newRequest(browser, now), browser: browser, phone: newHash(), now: now}
	l.attempt = newAttempt(l.request, storage.ViaWeChat, now)
	require.NoError(w, w.a.BeginAttempt(w.Context(), l.attempt, storage.ID{}, now))
	return l
}

func weChatLogin(w world) {
	l := w.weChat(start)
	l.openID = "o1"
	_, err := w.a.RecordWeChatLogin(w.Context(), l.request.ID, newHash(), "o1", l.phone, start)
	require.ErrorIs(w, err, storage.ErrNotFound, "another browser")
	for range 2 { // the person may come through web authorization again
		a, err := w.a.RecordWeChatLogin(w.Context(), l.request.ID, l.browser, "o1", l.phone, start)
		require.NoError(w, err)
		require.Equal(w, storage.AttemptScanned, a.State)
		require.Zero(w, a.Number)
		require.Equal(w, l.phone, a.PhoneHash)
	}
	_, err = w.a.RecordWeChatLogin(w.Context(), l.request.ID, l.browser, "o2", newHash(), start)
	require.ErrorIs(w, err, storage.ErrConflict)
	require.False(w, w.identity(account, "o1").Followed, "a visit is no follow")

	outcome, _, err := w.a.ConfirmLogin(w.Context(), l.confirmOf(0))
	require.NoError(w, err)
	require.Equal(w, storage.ConfirmPhoneNeeded, outcome)
	w.bindPhone(&l, "+8613800000001")
	c := l.completeOf()
	c.Approved = storage.ID{} // the confirmation was given in this very browser
	_, err = w.b.CompleteLogin(w.Context(), c)
	require.NoError(w, err)

	qr := w.begin(newHash(), start)
	_, err = w.a.RecordWeChatLogin(w.Context(), qr.request.ID, qr.browser, "o1", newHash(), start)
	require.ErrorIs(w, err, storage.ErrConflict, "a browser with a QR code is not the phone")
}

func weChatLoginAtOnce(w world) {
	l := w.weChat(start)
	claimed := 0
	for _, err := range parallel(6, func(n int) error {
		_, err := w.store(n).RecordWeChatLogin(context.WithoutCancel(w.Context()), l.request.ID, l.browser, string(rune('a'+n)), newHash(), start)
		return err
	}) {
		if err == nil {
			claimed++
		} else {
			require.ErrorIs(w, err, storage.ErrConflict)
		}
	}
	require.Equal(w, 1, claimed)
}
