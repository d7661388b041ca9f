package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/relational"
)

// holder is a transaction that holds what a test lets go, at its end at the latest.
func (w *world) holder() pgx.Tx {
	w.t.Helper()
	tx, err := w.pool.Begin(w.t.Context())
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(w.t.Context())) })
	return tx
}

// confirmedIn is a login that was confirmed in a browser which knows the person since an earlier one, of which a notice was
// told and opened on the phone.
func (w *world) confirmedIn() (c storage.Complete, user string, notice storage.ID, phone storage.Hash) {
	w.t.Helper()
	code, a := w.cutAttempt()
	user, notice, phone = code.Grant.UserID, storage.NewID(w.now), storage.NewSecret().Hash()
	openID, id := "o"+user, storage.NewSecret().Hash()
	at, end := relational.Micros(w.now), relational.Micros(w.now.Add(time.Hour))
	w.meet(openID, user)
	w.execute(`UPDATE attempts SET state = 'confirmed', version = 3, openid = $2, scanned_at = $3, approved_at = $3 WHERE id = $1`, a.ID[:], openID, at)
	w.execute(`UPDATE sessions SET browser = $2, browser_id = $3 WHERE id = $1`, code.Grant.SessionID[:], code.Browser[:], id[:])
	w.execute(`INSERT INTO known_browsers (browser, user_id, browser_id, expires_at) VALUES ($1, $2, $3, $4)`, code.Browser[:], user, id[:], end)
	w.execute(`INSERT INTO notices (id, account, openid, user_id, kind, target, browser_id, client_id, device, claim, phone_hash, created_at, sent_at, revoked_at, expires_at)
		VALUES ($1, 'main', $2, $3, 'browser', $4, $5, 'client', '{"name":""}', $6, $7, $8, $8, 0, $9)`,
		notice[:], openID, user, code.Grant.SessionID[:], id[:], make([]byte, 32), phone[:], at, end)
	h := storage.NewHandle(w.now)
	return storage.Complete{
		AuthRequestID: a.AuthRequestID, Browser: code.Browser, Account: "main", OpenID: openID, NewBrowser: storage.NewSecret().Hash(), Now: w.now,
		Session: storage.Session{ID: h.ID, Hash: h.Secret.Hash(), IdleExpiresAt: w.now.Add(time.Hour), ExpiresAt: w.now.Add(time.Hour)},
	}, user, notice, phone
}

// "Not me", to what was told of an earlier login, waits for a login in that browser which goes on without a click, and ends
// it: the other way round that login would not have gone on.
func TestNotMeBesideALoginInThatBrowser(t *testing.T) {
	w := newWorld(t)
	for name, carried := range map[string]bool{"a new session": false, "a renewed session": true} {
		c, user, notice, phone := w.confirmedIn()
		if carried {
			var id []byte
			require.NoError(t, w.pool.QueryRow(t.Context(), `SELECT id FROM sessions WHERE user_id = $1`, user).Scan(&id))
			c.Previous = storage.ID(id)
		} else {
			w.execute(`DELETE FROM sessions WHERE user_id = $1`, user)
		}
		holder := w.holder()
		_, err := holder.Exec(t.Context(), `LOCK TABLE audit IN SHARE MODE`) // a login's last word
		require.NoError(t, err)
		completed, revoked := make(chan error, 1), make(chan error, 1)
		go func() { _, err := w.a.CompleteLogin(context.WithoutCancel(t.Context()), c); completed <- err }()
		w.waitFor(1)
		go func() {
			_, err := w.b.RevokeByNotice(context.WithoutCancel(t.Context()), notice, phone, w.now)
			revoked <- err
		}()
		w.waitFor(2)
		require.NoError(t, holder.Commit(t.Context()))
		require.NoError(t, <-completed, name)
		require.NoError(t, <-revoked, name)
		sessions, err := w.a.UserSessions(t.Context(), user, w.now)
		require.NoError(t, err)
		require.Empty(t, sessions, name)
	}
}

// Whoever ends the sessions of a person lets the browsers forget them before that, in the order in which a login holds both.
func TestWhoEndsSessionsHoldsTheBrowsersBefore(t *testing.T) {
	w := newWorld(t)
	for name, end := range map[string]func(ctx context.Context, user string, notice storage.ID, phone storage.Hash) error{
		"not me": func(ctx context.Context, _ string, notice storage.ID, phone storage.Hash) error {
			_, err := w.b.RevokeByNotice(ctx, notice, phone, w.now)
			return err
		},
		"sign out": func(ctx context.Context, user string, _ storage.ID, _ storage.Hash) error {
			return w.b.SignOutEverywhere(ctx, user, "user", w.now)
		},
		"lock": func(ctx context.Context, user string, _ storage.ID, _ storage.Hash) error {
			return w.b.LockUser(ctx, user, "ops", w.now)
		},
		"unbind": func(ctx context.Context, user string, _ storage.ID, _ storage.Hash) error {
			return w.b.UnbindUser(ctx, user, "ops", w.now)
		},
		"delete": func(ctx context.Context, user string, _ storage.ID, _ storage.Hash) error {
			return w.b.DeleteUser(ctx, user, "ops", w.now)
		},
	} {
		_, user, notice, phone := w.confirmedIn()
		holder := w.holder()
		_, err := holder.Exec(t.Context(), `SELECT FROM sessions WHERE user_id = $1 FOR UPDATE`, user)
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { done <- end(context.WithoutCancel(t.Context()), user, notice, phone) }()
		w.waitFor(1)
		tag, err := w.pool.Exec(t.Context(), `SELECT FROM known_browsers WHERE user_id = $1 FOR UPDATE SKIP LOCKED`, user)
		require.NoError(t, err)
		require.Zero(t, tag.RowsAffected(), name)
		require.NoError(t, holder.Commit(t.Context()))
		require.NoError(t, <-done, name)
	}
}
