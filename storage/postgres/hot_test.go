package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/postgres"
	"qiao/storage/relational"
)

// world is a database with two replicas, written to below the transitions.
type world struct {
	t    *testing.T
	pool *pgxpool.Pool
	a, b *postgres.Store
	now  time.Time
}

func newWorld(t *testing.T) *world {
	dsn := migrated(t)
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return &world{t: t, pool: pool, a: open(t, dsn), b: open(t, dsn), now: time.Unix(1_700_000_000, 0).UTC()}
}

func (w *world) execute(statement string, args ...any) {
	w.t.Helper()
	_, err := w.pool.Exec(context.WithoutCancel(w.t.Context()), statement, args...)
	require.NoError(w.t, err)
}

// login adds a user with a session, and returns a code of theirs that is still to be issued.
func (w *world) login() storage.NewCode {
	w.t.Helper()
	session, user := storage.NewHandle(w.now), "u"+fmt.Sprintf("%x", [16]byte(storage.NewID(w.now)))
	at, end := relational.Micros(w.now), relational.Micros(w.now.Add(24*time.Hour))
	w.execute(`INSERT INTO users (id, username, name, phone_sealed, phone_index, phone_verified_at, group_names, locked_at, created_at, updated_at)
		VALUES ($1, $1, '', '\x01', decode(md5($1), 'hex'), $2, '[]', 0, $2, $2)`, user, at)
	hash := session.Secret.Hash()
	w.execute(`INSERT INTO sessions (id, hash, user_id, account, openid, browser, auth_time, facts, created_at, last_seen_at, idle_expires_at, expires_at, ended_at)
		VALUES ($1, $2, $3, 'main', 'openid', $4, $5, '{"device":{"name":""}}', $5, $5, $6, $6, 0)`,
		session.ID[:], hash[:], user, make([]byte, 32), at, end)
	code := storage.NewHandle(w.now)
	return storage.NewCode{
		Grant: storage.Grant{
			ID: code.ID, UserID: user, ClientID: "client", SessionID: session.ID, Scopes: []string{"openid"}, RedirectURI: "https://rp/cb",
			CodeChallenge: "challenge", AuthTime: w.now, AMR: []string{"wechat"}, CreatedAt: w.now, ExpiresAt: w.now.Add(24 * time.Hour),
		},
		CodeHash: code.Secret.Hash(), CodeExpiresAt: w.now.Add(time.Minute), SessionHash: hash, Now: w.now,
	}
}

// request adds an authorization request that the code answers.
func (w *world) request(c storage.NewCode) storage.NewCode {
	w.t.Helper()
	c.AuthRequestID, c.Browser = storage.NewID(w.now), storage.NewSecret().Hash()
	w.execute(`INSERT INTO auth_requests (id, browser, client_id, params, session_id, attempt_id, created_at, expires_at, finished_at)
		VALUES ($1, $2, 'client', '{}', $3, $3, 0, $4, 0)`,
		c.AuthRequestID[:], c.Browser[:], make([]byte, 16), relational.Micros(w.now.Add(time.Minute)))
	return c
}

func (w *world) use(c storage.NewCode) storage.CodeUse {
	return storage.CodeUse{
		GrantID: c.Grant.ID, CodeHash: c.CodeHash, ClientID: "client", RedirectURI: "https://rp/cb", CodeChallenge: "challenge",
		RefreshSeed: storage.NewSecret().Hash(), RefreshExpiresAt: w.now.Add(time.Hour), Access: w.access(), Now: w.now,
	}
}

func (w *world) access() storage.AccessToken {
	return storage.AccessToken{Hash: storage.NewSecret().Hash(), ExpiresAt: w.now.Add(time.Minute), Mask: storage.AllScopes}
}

func (w *world) rotation(u storage.CodeUse, generation uint32) storage.Rotation {
	return storage.Rotation{
		GrantID: u.GrantID, Seed: u.RefreshSeed, Generation: generation, ClientID: "client",
		RefreshExpiresAt: w.now.Add(time.Hour), Access: w.access(), Now: w.now,
	}
}

// live counts the grants of a user that are not revoked.
func (w *world) live(user string) (n int) {
	w.t.Helper()
	require.NoError(w.t, w.pool.QueryRow(w.t.Context(), `SELECT count(*) FROM grants WHERE user_id = $1 AND revoked_at = 0`, user).Scan(&n))
	return n
}

func TestHotTransitionsAreOneRoundTrip(t *testing.T) {
	w := newWorld(t)
	code := w.login()
	use := w.use(code)
	session := func() error {
		_, _, err := w.a.Session(t.Context(), code.Grant.SessionID, code.SessionHash, time.Hour, w.now)
		return err
	}
	device := w.newDevice(code)
	_, err := w.a.ApproveDevice(t.Context(), w.approvalOf(code, device))
	require.NoError(t, err)
	for _, step := range []struct {
		name string
		call func() error
	}{
		{"issue code", func() error { return w.a.IssueCode(t.Context(), code) }},
		{"consume code", func() error { _, err := w.a.ConsumeCode(t.Context(), use); return err }},
		{"rotate refresh token", func() error { _, err := w.a.RotateRefreshToken(t.Context(), w.rotation(use, 0)); return err }},
		{"access scopes", func() error { _, err := w.a.AccessScopes(t.Context(), code.Grant.ID); return err }},
		{"access person", func() error { _, err := w.a.AccessPerson(t.Context(), code.Grant.ID); return err }},
		{"session", session},
		{"redeem device", func() error { _, err := w.b.RedeemDevice(t.Context(), w.redemption(device)); return err }},
		{"current attempt, which pages poll", func() error {
			_, err := w.a.CurrentAttempt(t.Context(), storage.NewID(w.now), storage.Hash{}, w.now)
			require.ErrorIs(t, err, storage.ErrNotFound)
			return nil
		}},
		{"version, which servers poll", func() error { _, err := w.a.Version(t.Context()); return err }},
	} {
		before := w.a.RoundTrips() + w.b.RoundTrips()
		require.NoError(t, step.call(), step.name)
		require.EqualValues(t, 1, w.a.RoundTrips()+w.b.RoundTrips()-before, step.name)
	}
}

// waits returns once a statement waits for a row.
func (w *world) waits() {
	w.t.Helper()
	w.waitFor(1)
}

// waitFor returns once so many statements wait for a lock.
func (w *world) waitFor(n int) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		var waiting int
		require.NoError(w.t, w.pool.QueryRow(w.t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting))
		return waiting == n
	}, patience, 5*time.Millisecond)
}
