package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/relational"
)

// A login whose scan and completion are cut anywhere is whole or was never: whoever asks again is told the same, and there is
// one of everything.
func TestALoginThatIsCut(t *testing.T) {
	w := newWorld(t)
	c, s := w.cutter()
	// Whether the openid has a user, and whether the browser has a session, takes another way through the transitions.
	c.everywhere(false, func(ctx context.Context) { w.scanThrough(ctx, s, true) })
	c.everywhere(true, func(ctx context.Context) { w.scanThrough(ctx, s, false) })
	c.everywhere(false, func(ctx context.Context) { w.completeThrough(ctx, s, true) })
	c.everywhere(true, func(ctx context.Context) { w.completeThrough(ctx, s, false) })
}

// cutAttempt begins a login, of a new person.
func (w *world) cutAttempt() (code storage.NewCode, a storage.Attempt) {
	code = w.request(w.login())
	a = storage.Attempt{
		ID: storage.NewID(w.now), AuthRequestID: code.AuthRequestID, ClientID: "client", Browser: code.Browser, Account: "main", Via: storage.ViaQR,
		CreatedAt: w.now, ExpiresAt: w.now.Add(time.Minute),
		Scene: storage.Scene{Hash: storage.NewSecret().Hash(), Ticket: "t", URL: "u", ShownUntil: w.now.Add(time.Minute)},
	}
	require.NoError(w.t, w.a.BeginAttempt(context.WithoutCancel(w.t.Context()), a, storage.ID{}, w.now))
	return code, a
}

func (w *world) meet(openID, user string) {
	w.execute(`INSERT INTO identities (account, openid, unionid, user_id, followed, followed_at, wrong_numbers, blocked_until, created_at)
		VALUES ('main', $1, '', $2, 1, 1, '[]', 0, 0)`, openID, user)
}

func (w *world) scanThrough(ctx context.Context, s storage.Store, known bool) {
	code, a := w.cutAttempt()
	scan := storage.Scan{
		Delivery: storage.NewSecret().Hash(), Account: "main", OpenID: "o" + code.Grant.UserID, Scene: a.Scene.Hash, Ticket: "t", At: w.now,
		Number: 10, Choices: [3]int{10, 11, 12}, Now: w.now,
	}
	if known {
		w.meet(scan.OpenID, code.Grant.UserID)
	}
	outcome, _, err := s.RecordScan(ctx, scan)
	again, now, repeat := w.a.RecordScan(w.t.Context(), scan)
	require.NoError(w.t, repeat)
	if err == nil {
		require.Equal(w.t, storage.ScanAccepted, outcome)
		require.Equal(w.t, storage.ScanRepeated, again, "it was acknowledged")
	}
	require.Contains(w.t, []storage.ScanOutcome{storage.ScanAccepted, storage.ScanRepeated}, again)
	require.Equal(w.t, storage.AttemptScanned, now.State)
	require.EqualValues(w.t, 2, now.Version, "one scan")
}

func (w *world) completeThrough(ctx context.Context, s storage.Store, previous bool) {
	code, a := w.cutAttempt()
	user, openID := code.Grant.UserID, "o"+code.Grant.UserID
	w.meet(openID, user)
	w.execute(`UPDATE attempts SET state = 'confirmed', version = 3, openid = $2, scanned_at = $3, approved_at = $3 WHERE id = $1`,
		a.ID[:], openID, relational.Micros(w.now))
	h := storage.NewHandle(w.now)
	complete := storage.Complete{
		AuthRequestID: a.AuthRequestID, Browser: code.Browser, Account: "main", OpenID: openID, Approved: a.ID, NewBrowser: storage.NewSecret().Hash(), Now: w.now,
		Session: storage.Session{ID: h.ID, Hash: h.Secret.Hash(), IdleExpiresAt: w.now.Add(time.Hour), ExpiresAt: w.now.Add(time.Hour)},
	}
	if previous {
		complete.Previous = code.Grant.SessionID
	} else {
		w.execute(`DELETE FROM sessions WHERE user_id = $1`, user)
	}
	session, err := s.CompleteLogin(ctx, complete)
	_, repeat := w.a.CompleteLogin(w.t.Context(), complete)
	if err == nil {
		require.Equal(w.t, previous, session.ID == complete.Previous)
		require.ErrorIs(w.t, repeat, storage.ErrConflict, "it was acknowledged")
	} else if repeat != nil {
		require.ErrorIs(w.t, repeat, storage.ErrConflict)
	}
	for what, query := range map[string]string{
		"session": `SELECT count(*) FROM sessions WHERE user_id = $1 AND ended_at = 0 AND hash = $2 AND browser = $3`,
		"known":   `SELECT count(*) FROM known_browsers WHERE user_id = $1 AND $2::bytea IS NOT NULL AND browser = $3`,
		"notice":  `SELECT count(*) FROM notices WHERE user_id = $1 AND $2::bytea IS NOT NULL AND $3::bytea IS NOT NULL`,
		"entry":   `SELECT count(*) FROM audit WHERE user_id = $1 AND action = 'login' AND $2::bytea IS NOT NULL AND $3::bytea IS NOT NULL`,
	} {
		var n int
		require.NoError(w.t, w.pool.QueryRow(w.t.Context(), query, user, complete.Session.Hash[:], complete.NewBrowser[:]).Scan(&n), what)
		require.Equal(w.t, 1, n, what)
	}
	_, done, err := w.a.Login(w.t.Context(), a.AuthRequestID, complete.NewBrowser, w.now)
	require.NoError(w.t, err)
	require.Equal(w.t, storage.AttemptDone, done.State)
	require.EqualValues(w.t, 4, done.Version, "one completion")
}
