package op_test

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// person is somebody with WeChat on a phone.
type person struct {
	openID string
	e164   string
}

var (
	ann = person{openID: "o-ann", e164: "+8613800001234"}
	bob = person{openID: "o-bob", e164: "+8613900005678"}
)

const (
	account    = "main"
	acrScan    = "urn:qiao:acr:scan"
	acrConfirm = "urn:qiao:acr:confirm"
)

// login plays the person's login for the stored request in this browser: the transitions that the WeChat flow makes, in
// its order. It returns the session.
func (b *tab) login(id storage.ID, who person) storage.Session {
	return b.loginACR(id, who, acrConfirm)
}

func (b *tab) loginACR(id storage.ID, who person, acr string) storage.Session {
	w, t, ctx := b.w, b.w.t, b.w.t.Context()
	t.Helper()
	now := w.clock.Now()
	secret := b.secret()
	attempt := storage.Attempt{
		ID: storage.NewID(now), AuthRequestID: id, Browser: secret.Hash(), Account: account, Via: storage.ViaQR,
		CreatedAt: now, ExpiresAt: now.Add(10 * time.Minute), State: storage.AttemptWaiting,
	}
	request, err := w.store.AuthRequest(ctx, id, secret.Hash(), now)
	require.NoError(t, err)
	attempt.ClientID = request.ClientID
	var replaces storage.ID
	if newest, err := w.store.CurrentAttempt(ctx, id, secret.Hash(), now); err == nil {
		replaces = newest.ID
	}
	require.NoError(t, w.store.BeginAttempt(ctx, attempt, replaces, now))
	scene := storage.Scene{Hash: storage.NewSecret().Hash(), Ticket: rand.Text(), URL: "http://weixin.qq.com/q/" + rand.Text(), ShownUntil: now.Add(2 * time.Minute)}
	require.NoError(t, w.store.AddScene(ctx, attempt.ID, scene, 3, now))
	outcome, _, err := w.store.RecordScan(ctx, storage.Scan{
		Delivery: storage.NewSecret().Hash(), Account: account, OpenID: who.openID, Scene: scene.Hash, Ticket: scene.Ticket,
		At: now.Truncate(time.Second), Number: 42, Choices: [3]int{17, 42, 88}, Now: now,
	})
	require.NoError(t, err)
	require.Equal(t, storage.ScanAccepted, outcome)
	phone := storage.NewSecret().Hash()
	_, err = w.store.OpenPhone(ctx, attempt.ID, who.openID, phone, now)
	require.NoError(t, err)
	confirmed, _, err := w.store.ConfirmLogin(ctx, storage.Confirm{AttemptID: attempt.ID, PhoneHash: phone, Number: 42, Now: now})
	require.NoError(t, err)
	if confirmed == storage.ConfirmPhoneNeeded {
		b.bindPhone(attempt.ID, phone, who)
	}
	return b.complete(id, acr)
}

func (b *tab) bindPhone(attempt storage.ID, phone storage.Hash, who person) {
	w, t, ctx := b.w, b.w.t, b.w.t.Context()
	t.Helper()
	now := w.clock.Now()
	index := w.box.MAC("phone index", []byte(who.e164))
	code := storage.NewSecret().Hash()
	require.NoError(t, w.store.SendPhoneCode(ctx, storage.PhoneCode{
		AttemptID: attempt, PhoneHash: phone, PhoneSealed: w.box.Seal("phone", []byte(who.e164)), PhoneIndex: index[:],
		Code: code, ExpiresAt: now.Add(5 * time.Minute), Now: now,
	}))
	bound, err := w.store.BindPhone(ctx, storage.Bind{
		AttemptID: attempt, PhoneHash: phone, Code: code, Now: now,
		NewUser: storage.User{ID: strings.ToLower(rand.Text()), Username: "u" + strings.ToLower(rand.Text())},
	})
	require.NoError(t, err)
	require.Equal(t, storage.BindDone, bound.Outcome)
}

// complete is the browser's side: the click on "Continue as …", the session cookie and a new browser secret.
func (b *tab) complete(id storage.ID, acr string) storage.Session {
	w, t, ctx := b.w, b.w.t, b.w.t.Context()
	t.Helper()
	now := w.clock.Now()
	handle, fresh := storage.NewHandle(now), storage.NewSecret()
	draft := storage.Session{
		ID: handle.ID, Hash: handle.Secret.Hash(), AMR: []string{"wechat"}, ACR: acr,
		IdleExpiresAt: now.Add(8 * time.Hour), ExpiresAt: now.Add(7 * 24 * time.Hour),
	}
	attempt, err := w.store.CurrentAttempt(ctx, id, b.secret().Hash(), now)
	require.NoError(t, err)
	complete := storage.Complete{
		AuthRequestID: id, Browser: b.secret().Hash(), Account: attempt.Account, OpenID: attempt.OpenID, Approved: attempt.ID, NewBrowser: fresh.Hash(), Session: draft, Now: now,
	}
	if old, ok := b.session(); ok {
		_, _, err := w.store.Session(ctx, old.ID, old.Secret.Hash(), 8*time.Hour, now)
		if err == nil {
			complete.Previous = old.ID
		} else {
			require.True(t, errors.Is(err, storage.ErrNotFound), err)
		}
	}
	session, err := w.store.CompleteLogin(ctx, complete)
	require.NoError(t, err)
	b.keep(func(rw http.ResponseWriter) {
		w.guard.SetSession(rw, storage.Handle{ID: session.ID, Secret: handle.Secret}, 7*24*time.Hour)
		w.guard.SetSecret(rw, fresh)
	})
	return session
}

// signIn opens a session in this browser through a first-party request, up to the code.
func (b *tab) signIn(who person) storage.Session {
	b.w.t.Helper()
	id := b.get(authorizePath(query(firstParty))).loginID(b.w.t)
	session := b.login(id, who)
	b.get("/authorize/continue?request="+id.String()).code(b.w.t, b.w, shopURI)
	return session
}
