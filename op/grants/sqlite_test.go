package grants_test

import (
	"crypto/rand"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/sqlite"
	"qiao/storage/sqlite/sqlitetest"
)

// realStore is SQLite with a person signed in by the transitions that the WeChat flow makes.
type realStore struct{ *sqlite.Store }

func openSQLite(t *testing.T) realStore {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{
		Path: sqlitetest.File(t), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return realStore{store}
}

func (s realStore) signIn(w *world, sealed []byte, now time.Time) (string, storage.Handle) {
	t, ctx := w.t, w.t.Context()
	t.Helper()
	browser, phoneSide := storage.NewSecret().Hash(), storage.NewSecret().Hash()
	request := storage.AuthRequest{
		ID: storage.NewID(now), Browser: browser, ClientID: web, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		Params: storage.AuthParams{RedirectURI: callback, Scopes: []string{"openid"}},
	}
	require.NoError(t, s.CreateAuthRequest(ctx, request))
	attempt := storage.Attempt{
		ID: storage.NewID(now), AuthRequestID: request.ID, ClientID: web, Browser: browser, Account: "main", Via: storage.ViaQR,
		CreatedAt: now, ExpiresAt: now.Add(10 * time.Minute), State: storage.AttemptWaiting,
	}
	require.NoError(t, s.BeginAttempt(ctx, attempt, storage.ID{}, now))
	scene := storage.Scene{Hash: storage.NewSecret().Hash(), Ticket: rand.Text(), URL: "http://weixin.qq.com/q/x", ShownUntil: now.Add(time.Minute)}
	require.NoError(t, s.AddScene(ctx, attempt.ID, scene, 3, now))
	_, _, err := s.RecordScan(ctx, storage.Scan{
		Delivery: storage.NewSecret().Hash(), Account: "main", OpenID: "o-anna", Scene: scene.Hash, Ticket: scene.Ticket,
		At: now.Truncate(time.Second), Number: 42, Choices: [3]int{17, 42, 88}, Now: now,
	})
	require.NoError(t, err)
	_, err = s.OpenPhone(ctx, attempt.ID, "o-anna", phoneSide, now)
	require.NoError(t, err)
	_, _, err = s.ConfirmLogin(ctx, storage.Confirm{AttemptID: attempt.ID, PhoneHash: phoneSide, Number: 42, Now: now})
	require.NoError(t, err)
	index := w.box.MAC("phone index", []byte(phone))
	code := storage.NewSecret().Hash()
	require.NoError(t, s.SendPhoneCode(ctx, storage.PhoneCode{
		AttemptID: attempt.ID, PhoneHash: phoneSide, PhoneSealed: sealed, PhoneIndex: index[:], Code: code, ExpiresAt: now.Add(time.Minute), Now: now,
	}))
	bound, err := s.BindPhone(ctx, storage.Bind{
		AttemptID: attempt.ID, PhoneHash: phoneSide, Code: code, Now: now,
		NewUser: storage.User{ID: strings.ToLower(rand.Text()), Username: "quiet-river-17", Name: "安娜"},
	})
	require.NoError(t, err)
	require.Equal(t, storage.BindDone, bound.Outcome)
	h := storage.NewHandle(now)
	session, err := s.CompleteLogin(ctx, storage.Complete{
		AuthRequestID: request.ID, Browser: browser, Account: "main", OpenID: "o-anna", Approved: attempt.ID, NewBrowser: storage.NewSecret().Hash(), Now: now,
		Session: storage.Session{
			ID: h.ID, Hash: h.Secret.Hash(), AMR: []string{"wechat"}, ACR: "urn:qiao:acr:confirm",
			IdleExpiresAt: now.Add(8 * time.Hour), ExpiresAt: now.Add(7 * 24 * time.Hour),
		},
	})
	require.NoError(t, err)
	return session.UserID, storage.Handle{ID: session.ID, Secret: h.Secret}
}
