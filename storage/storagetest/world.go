package storagetest

import (
	"cmp"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// start is when every story begins: the stores read no clock.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// account is the Official Account of most stories.
const account = "main"

// world is two handles of one fresh store, as two replicas hold them, and what a story needs again and again.
type world struct {
	*testing.T
	a, b storage.Store
}

// store gives one of the two handles.
func (w world) store(n int) storage.Store {
	if n%2 == 0 {
		return w.a
	}
	return w.b
}

// parallel runs fn n times at once and returns the results in order.
func parallel[T any](n int, fn func(n int) T) []T {
	results := make([]T, n)
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			ready.Wait() // all at once
			results[i] = fn(i)
		})
	}
	done.Wait()
	return results
}

// newHash is the hash of a secret that nobody else has.
func newHash() storage.Hash { return storage.NewSecret().Hash() }

// login is an attempt on its way, with the secrets of both sides.
type login struct {
	request storage.AuthRequest
	attempt storage.Attempt
	browser storage.Hash
	phone   storage.Hash
	scene   storage.Scene
	openID  string
	now     time.Time
}

// newRequest stores an authorization request of a browser.
func (w world) newRequest(browser storage.Hash, now time.Time) storage.AuthRequest {
	w.Helper()
	r := storage.AuthRequest{
		ID: storage.NewID(now), Browser: browser, ClientID: "grafana", CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		Params: storage.AuthParams{RedirectURI: "https://rp.example/cb", State: "s", Nonce: "n", Scopes: []string{"openid", "phone"}},
	}
	require.NoError(w, w.a.CreateAuthRequest(w.Context(), r))
	return r
}

// newAttempt is the draft of an attempt.
func newAttempt(r storage.AuthRequest, via string, now time.Time) storage.Attempt {
	return storage.Attempt{
		ID: storage.NewID(now), AuthRequestID: r.ID, ClientID: r.ClientID, Browser: r.Browser, Account: account, Via: via,
		Device: storage.Device{Name: "Chrome · Windows", Address: "192.0.2.7", Place: "Shanghai"}, CreatedAt: now, ExpiresAt: now.Add(10 * time.Minute),
	}
}

func newScene(now time.Time) storage.Scene {
	h := newHash()
	return storage.Scene{Hash: h, Ticket: fmt.Sprintf("ticket-%x", h[:4]), URL: fmt.Sprintf("http://weixin.qq.com/q/%x", h[4:8]), ShownUntil: now.Add(2 * time.Minute)}
}

// begin starts an attempt in a browser, with a scene.
func (w world) begin(browser storage.Hash, now time.Time) login {
	w.Helper()
	l := login{request: w.newRequest(browser, now), browser: browser, now: now}
	l.attempt = newAttempt(l.request, storage.ViaQR, now)
	require.NoError(w, w.a.BeginAttempt(w.Context(), l.attempt, storage.ID{}, now))
	l.scene = newScene(now)
	require.NoError(w, w.b.AddScene(w.Context(), l.attempt.ID, l.scene, 3, now))
	return l
}

// scanOf is the event of an openid that scans the login's code.
func (l login) scanOf(openID string) storage.Scan {
	return storage.Scan{
		Delivery: newHash(), Account: account, OpenID: openID, Scene: l.scene.Hash, Ticket: l.scene.Ticket, At: l.now.Truncate(time.Second),
		Number: 42, Choices: [3]int{17, 42, 93}, Now: l.now,
	}
}

// scan claims the attempt for the openid and opens the phone side.
func (w world) scan(l *login, openID string) {
	w.Helper()
	outcome, told, err := w.a.RecordScan(w.Context(), l.scanOf(openID))
	require.NoError(w, err)
	require.Equal(w, storage.ScanAccepted, outcome)
	w.isStored(told, l.now)
	l.openID, l.phone = openID, newHash()
	l.attempt, err = w.b.OpenPhone(w.Context(), l.attempt.ID, openID, l.phone, l.now)
	require.NoError(w, err)
}

// isStored asserts that a transition has told what it has stored.
func (w world) isStored(told storage.Attempt, now time.Time) {
	w.Helper()
	told.Told = false // which is not stored
	stored, err := w.b.PeekAttempt(w.Context(), told.ID, now)
	require.NoError(w, err)
	require.Equal(w, stored, told)
}

func (l login) confirmOf(number int) storage.Confirm {
	return storage.Confirm{AttemptID: l.attempt.ID, PhoneHash: l.phone, Number: number, Now: l.now}
}

// approve chooses the right number.
func (w world) approve(l *login) storage.ConfirmOutcome {
	w.Helper()
	outcome, a, err := w.a.ConfirmLogin(w.Context(), l.confirmOf(42))
	require.NoError(w, err)
	l.attempt = a
	return outcome
}

// codeFor is a text-message code for a number.
func (l login) codeFor(phone string) storage.PhoneCode {
	return storage.PhoneCode{
		AttemptID: l.attempt.ID, PhoneHash: l.phone, PhoneSealed: []byte("sealed " + phone), PhoneIndex: []byte("index " + phone),
		Code: rightCode(), ExpiresAt: l.now.Add(5 * time.Minute), Now: l.now,
	}
}

func rightCode() storage.Hash { return storage.HashOf([]byte("123456")) }

// bindOf is a try of the right code, for a new user.
func (l login) bindOf() storage.Bind {
	id := storage.NewID(l.now)
	name := fmt.Sprintf("u%x", id[6:])
	return storage.Bind{AttemptID: l.attempt.ID, PhoneHash: l.phone, Code: rightCode(), NewUser: storage.User{ID: name, Username: name, Name: "小桥"}, Now: l.now}
}

// bindPhone sends a code for the number and binds it.
func (w world) bindPhone(l *login, phone string) storage.User {
	w.Helper()
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor(phone)))
	result, err := w.b.BindPhone(w.Context(), l.bindOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindDone, result.Outcome)
	return result.User
}

// completeOf is the draft of the login's session.
func (l login) completeOf() storage.Complete {
	return storage.Complete{
		AuthRequestID: l.request.ID, Browser: l.browser, Account: account, OpenID: cmp.Or(l.openID, l.attempt.OpenID), Approved: l.attempt.ID, NewBrowser: newHash(), Now: l.now,
		Session: storage.Session{
			ID: storage.NewID(l.now), Hash: newHash(), AMR: []string{"wechat"}, ACR: "urn:qiao:acr:confirm", Device: storage.Device{Name: "Chrome"},
			ExpiresAt: l.now.Add(7 * 24 * time.Hour), IdleExpiresAt: l.now.Add(8 * time.Hour),
		},
	}
}

// person is somebody who is signed in.
type person struct {
	user    storage.User
	session storage.Session
	browser storage.Hash
	openID  string
	request storage.AuthRequest // whose login opened the session, not yet answered
	now     time.Time
}

// confirmed brings a login up to the browser's turn: scanned, approved, and with a phone.
func (w world) confirmed(browser storage.Hash, openID string, now time.Time) login {
	w.Helper()
	l := w.begin(browser, now)
	w.scan(&l, openID)
	if w.approve(&l) == storage.ConfirmPhoneNeeded {
		w.bindPhone(&l, "+86138"+openID)
	}
	return l
}

// complete ends the login in its browser.
func (w world) complete(l login) person {
	w.Helper()
	c := l.completeOf()
	session, err := w.a.CompleteLogin(w.Context(), c)
	require.NoError(w, err)
	user, err := w.b.User(w.Context(), session.UserID)
	require.NoError(w, err)
	l.request.Browser = c.NewBrowser
	return person{user: user, session: session, browser: c.NewBrowser, openID: l.openID, request: l.request, now: l.now}
}

// signIn is a whole login in a fresh browser.
func (w world) signIn(openID string, now time.Time) person {
	w.Helper()
	return w.complete(w.confirmed(newHash(), openID, now))
}

// codeOf is the draft of a code for the person.
func (p person) codeOf(now time.Time) storage.NewCode {
	return storage.NewCode{
		Grant: storage.Grant{
			ID: storage.NewID(now), UserID: p.user.ID, ClientID: "grafana", SessionID: p.session.ID, Scopes: []string{"openid", "phone"}, Nonce: "n",
			RedirectURI: "https://rp.example/cb", CodeChallenge: "challenge", AuthTime: p.session.AuthTime, AMR: []string{"wechat"}, ACR: "urn:qiao:acr:confirm",
			CreatedAt: now, ExpiresAt: now.Add(90 * 24 * time.Hour),
		},
		CodeHash: newHash(), CodeExpiresAt: now.Add(time.Minute), SessionHash: p.session.Hash, Now: now,
	}
}

// useOf is the exchange of a code.
func useOf(c storage.NewCode, now time.Time) storage.CodeUse {
	return storage.CodeUse{
		GrantID: c.Grant.ID, CodeHash: c.CodeHash, ClientID: c.Grant.ClientID, RedirectURI: c.Grant.RedirectURI, CodeChallenge: c.Grant.CodeChallenge,
		RefreshSeed: newHash(), RefreshExpiresAt: now.Add(30 * 24 * time.Hour), Access: newAccess(now), Now: now,
	}
}

func newAccess(now time.Time) storage.AccessToken {
	return storage.AccessToken{Hash: newHash(), ExpiresAt: now.Add(10 * time.Minute).Truncate(time.Second), Mask: storage.AllScopes}
}

// actions lists the audit log's actions about a user, oldest first; about all with an empty id.
func (w world) actions(userID string) []string {
	w.Helper()
	list, err := w.b.ListAudit(w.Context(), userID, 1000)
	require.NoError(w, err)
	actions := make([]string, len(list))
	for n, e := range list {
		actions[len(list)-1-n] = e.Action
	}
	return actions
}

// current is the attempt as its browser sees it.
func (w world) current(l login) storage.Attempt {
	w.Helper()
	a, err := w.b.CurrentAttempt(w.Context(), l.request.ID, l.browser, l.now)
	require.NoError(w, err)
	return a
}
