package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// newDevice adds a device that waits, and a phone to the code's user, so that they may approve it.
func (w *world) newDevice(c storage.NewCode) storage.DeviceAuthorization {
	w.t.Helper()
	w.execute(`UPDATE users SET phone_index = $2 WHERE id = $1`, c.Grant.UserID, []byte(c.Grant.UserID))
	d := storage.DeviceAuthorization{
		ID: storage.NewID(w.now), ClientID: "client", Scopes: []string{"openid"}, CodeHash: storage.NewSecret().Hash(), UserCode: storage.NewSecret().Hash(),
		CreatedAt: w.now, ExpiresAt: w.now.Add(10 * time.Minute), GrantExpiresAt: w.now.Add(24 * time.Hour),
	}
	require.NoError(w.t, w.a.CreateDevice(w.t.Context(), d))
	return d
}

// approvalOf is the decision of the code's session.
func (w *world) approvalOf(c storage.NewCode, d storage.DeviceAuthorization) storage.DeviceApproval {
	return storage.DeviceApproval{DeviceID: d.ID, SessionID: c.Grant.SessionID, SessionHash: c.SessionHash, Now: w.now}
}

func (w *world) redemption(d storage.DeviceAuthorization) storage.DeviceUse {
	return storage.DeviceUse{DeviceID: d.ID, CodeHash: d.CodeHash, ClientID: d.ClientID, RefreshSeed: storage.NewSecret().Hash(), Access: w.access(), Now: w.now}
}

// blocked counts the connections that wait for a lock.
func (w *world) blocked() (n int) {
	w.t.Helper()
	require.NoError(w.t, w.pool.QueryRow(w.t.Context(),
		`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n))
	return n
}

// An approval that has made its grant and is not committed yet holds whatever could end it: the end waits, and sees the
// grant. The approval is stopped at its last statement, which writes the audit log.
func TestAnEndWaitsForAnApproval(t *testing.T) {
	w := newWorld(t)
	for name, end := range map[string]func(context.Context, storage.NewCode) error{
		"lock": func(ctx context.Context, c storage.NewCode) error {
			return w.b.LockUser(ctx, c.Grant.UserID, "ops", w.now)
		},
		"unbind": func(ctx context.Context, c storage.NewCode) error {
			return w.b.UnbindUser(ctx, c.Grant.UserID, "ops", w.now)
		},
		"delete": func(ctx context.Context, c storage.NewCode) error {
			return w.b.DeleteUser(ctx, c.Grant.UserID, "ops", w.now)
		},
		"remove client": func(ctx context.Context, c storage.NewCode) error {
			return w.b.RemoveClient(ctx, "client", "ops", w.now)
		},
		"unfollow": func(ctx context.Context, c storage.NewCode) error {
			_, err := w.b.RecordFollow(ctx, storage.FollowEvent{
				Delivery: storage.NewSecret().Hash(), Account: "main", OpenID: openIDOf(c), At: w.now.Add(time.Minute), Now: w.now,
			})
			return err
		},
	} {
		for _, typed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, typed %t", name, typed), func(t *testing.T) {
				w.t = t
				ctx := context.WithoutCancel(t.Context())
				w.execute(`INSERT INTO clients VALUES ('client', 'cli', '', '{}', 0, 0) ON CONFLICT DO NOTHING`)
				code := w.login()
				d := w.newDevice(code)
				w.execute(`UPDATE sessions SET openid = $2 WHERE id = $1`, code.Grant.SessionID[:], openIDOf(code))
				w.execute(`INSERT INTO identities VALUES ('main', $2, '', $1, 1, 0, '[]', 0, 0)`, code.Grant.UserID, openIDOf(code))
				a, err := w.a.BeginDeviceAttempt(ctx, d.ID, "main", openIDOf(code), storage.NewSecret().Hash(), w.now)
				require.NoError(t, err)

				barrier, err := w.pool.Begin(ctx)
				require.NoError(t, err)
				_, err = barrier.Exec(ctx, `LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE`)
				require.NoError(t, err)
				approved, ended := make(chan error, 1), make(chan error, 1)
				go func() {
					var err error
					if typed {
						_, err = w.a.ApproveDevice(ctx, w.approvalOf(code, d))
					} else {
						_, _, err = w.a.ConfirmLogin(ctx, storage.Confirm{AttemptID: a.ID, PhoneHash: a.PhoneHash, Now: w.now})
					}
					approved <- err
				}()
				require.Eventually(t, func() bool { return w.blocked() == 1 }, patience, time.Millisecond)
				go func() { ended <- end(ctx, code) }()
				require.Eventually(t, func() bool { return w.blocked() == 2 || len(ended) == 1 }, patience, time.Millisecond)
				require.NoError(t, barrier.Rollback(ctx))
				require.NoError(t, <-approved)
				require.NoError(t, <-ended)
				require.Zero(t, w.live(code.Grant.UserID))
				_, err = w.a.RedeemDevice(ctx, w.redemption(d))
				require.ErrorIs(t, err, storage.ErrNotFound)
			})
		}
	}
}

func openIDOf(c storage.NewCode) string { return "openid of " + c.Grant.UserID }

// Whoever scans while the device is being told of a decline waits, and finds it decided; and who was there first keeps
// the decline from being told.
func TestAScanBesideTheTellingOfADecline(t *testing.T) {
	w := newWorld(t)
	ctx := context.WithoutCancel(t.Context())
	for range 30 {
		code := w.login()
		d := w.newDevice(code)
		w.execute(`UPDATE device_authorizations SET declined_at = 1 WHERE id = $1`, d.ID[:])
		polled := make(chan error, 1)
		go func() {
			_, err := w.a.RedeemDevice(ctx, w.redemption(d))
			polled <- err
		}()
		_, err := w.b.BeginDeviceAttempt(ctx, d.ID, "main", "openid", storage.NewSecret().Hash(), w.now)
		if err == nil {
			require.ErrorIs(t, <-polled, storage.ErrPending)
			_, err = w.b.RedeemDevice(ctx, w.redemption(d))
			require.ErrorIs(t, err, storage.ErrPending)
		} else {
			require.ErrorIs(t, err, storage.ErrConflict)
			require.ErrorIs(t, <-polled, storage.ErrDeclined)
		}
	}
}
