package relational_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/postgres"
	"qiao/storage/relational"
	"qiao/storage/sqlite"
	"qiao/storage/sqlite/sqlitetest"
	"qiao/storage/storagetest/servers"
)

// database is a store with a way below its transitions.
type database struct {
	t *testing.T
	storage.Store
	relational.DB
}

func databases(t *testing.T) map[string]database {
	t.Helper()
	lite, err := sqlite.Open(t.Context(), sqlite.Config{Path: sqlitetest.File(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lite.Close()) })
	dsn := servers.Postgres(t)
	require.NoError(t, postgres.Migrate(t.Context(), dsn))
	server, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, Timeout: 30 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return map[string]database{"sqlite": {t, lite, lite.DB}, "postgres": {t, server, server.DB}}
}

func (d database) execute(query string, args ...any) {
	d.t.Helper()
	require.NoError(d.t, d.Write(d.t.Context(), func(tx relational.Tx) error {
		_, err := tx.Exec(d.t.Context(), query, args...)
		return err
	}))
}

// plan is how the database would run a statement.
func (d database) plan(explain, query string, args []any) string {
	d.t.Helper()
	var plan strings.Builder
	require.NoError(d.t, d.Read(d.t.Context(), func(tx relational.Tx) error {
		rows := tx.Query(d.t.Context(), explain+query, args...)
		for rows.Next() {
			var line string
			dest := []any{new(int64), new(int64), new(int64), &line}
			if explain == "EXPLAIN " { // PostgreSQL's has one column
				dest = dest[3:]
			}
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			plan.WriteString(line + "\n")
		}
		return errors.Join(rows.Err(), rows.Close())
	}))
	return plan.String()
}

// The end of a user, a session or a client costs what there is of its grants, and not what there is of everybody's.
func TestEndsGoByAnIndex(t *testing.T) {
	explain := map[string]string{"sqlite": "EXPLAIN QUERY PLAN ", "postgres": "EXPLAIN "}
	for name, d := range databases(t) {
		if name == "postgres" { // which reads a table of a few rows as a whole
			d.execute(`INSERT INTO grants (id, user_id, client_id, session_id, account, openid, offline, auth_time, redirect_uri, code_challenge, scopes, nonce, amr, acr,
					created_at, expires_at, ends_at, revoked_at, code_hash, code_expires_at, code_uses,
					refresh_seed, refresh_generation, refresh_params, refresh_rotated_at, refresh_repeats, refresh_expires_at, access)
				SELECT uuid_send(gen_random_uuid()), 'u' || n % 5000, 'c' || n % 50, uuid_send(gen_random_uuid()), '', '', 0, 0, '', '', '', '', '', '',
					0, 0, 0, 0, '', 0, 1, '', 0, '', 0, 0, 0, '' FROM generate_series(1, 20000) n`)
			d.execute(`ANALYZE grants`)
		}
		for _, end := range relational.EndStatements() {
			plan := d.plan(explain[name], end.Query, end.Args)
			require.Contains(t, plan, end.Index, "%s: %s", name, end.Query)
			require.NotContains(t, plan, "Seq Scan on grants", end.Query)
			require.NotContains(t, plan, "SCAN grants", end.Query)
		}
	}
}

// person adds a user with a phone and a live session, and returns a code of theirs that is still to be issued.
func (d database) person(now time.Time) storage.NewCode {
	d.t.Helper()
	session, code := storage.NewHandle(now), storage.NewHandle(now)
	hash, user := session.Secret.Hash(), fmt.Sprintf("u%x", session.ID[:])
	at, end := relational.Micros(now), relational.Micros(now.Add(24*time.Hour))
	d.execute(`INSERT INTO users (id, username, name, phone_sealed, phone_index, phone_verified_at, group_names, locked_at, created_at, updated_at)
		VALUES (?, ?, '', ?, ?, 0, '[]', 0, ?, ?)`, user, user, session.ID[:], session.ID[:], at, at)
	d.execute(`INSERT INTO sessions (id, hash, user_id, account, openid, browser, auth_time, facts, created_at, last_seen_at, idle_expires_at, expires_at, ended_at)
		VALUES (?, ?, ?, 'main', 'openid', ?, ?, '{"device":{"name":""}}', ?, ?, ?, ?, 0)`, session.ID[:], hash[:], user, hash[:], at, at, at, end, end)
	return storage.NewCode{
		Grant: storage.Grant{
			ID: code.ID, UserID: user, ClientID: "client", SessionID: session.ID, Scopes: []string{"openid"}, AuthTime: now, CreatedAt: now, ExpiresAt: now.Add(24 * time.Hour),
		},
		CodeHash: code.Secret.Hash(), CodeExpiresAt: now.Add(time.Minute), SessionHash: hash, Now: now,
	}
}

// The lock by itself, before anything was ended, refuses every transition that issues or uses something: LockUser commits
// it first, and what it ends afterwards may be a lot.
func TestALockAloneRefusesEverything(t *testing.T) {
	now := time.Unix(1_700_000_000, 0).UTC()
	access := func() storage.AccessToken {
		return storage.AccessToken{Hash: storage.NewSecret().Hash(), ExpiresAt: now.Add(time.Minute), Mask: storage.AllScopes}
	}
	for name, d := range databases(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			pending := d.person(now)
			used, fresh := pending, pending
			used.Grant.ID, fresh.Grant.ID = storage.NewID(now), storage.NewID(now)
			require.NoError(t, d.IssueCode(ctx, pending))
			require.NoError(t, d.IssueCode(ctx, used))
			useOf := func(c storage.NewCode) storage.CodeUse {
				return storage.CodeUse{
					GrantID: c.Grant.ID, CodeHash: c.CodeHash, ClientID: "client", RefreshSeed: storage.NewSecret().Hash(), RefreshExpiresAt: now.Add(time.Hour),
					Access: access(), Now: now,
				}
			}
			family := useOf(used)
			_, err := d.ConsumeCode(ctx, family)
			require.NoError(t, err)
			tv := storage.DeviceAuthorization{
				ID: storage.NewID(now), ClientID: "client", CodeHash: storage.NewSecret().Hash(), UserCode: storage.NewSecret().Hash(), Account: "main",
				CreatedAt: now, ExpiresAt: now.Add(time.Minute), GrantExpiresAt: now.Add(time.Hour),
			}
			require.NoError(t, d.CreateDevice(ctx, tv))
			approval := storage.DeviceApproval{DeviceID: tv.ID, SessionID: pending.Grant.SessionID, SessionHash: pending.SessionHash, Now: now}
			_, err = d.ApproveDevice(ctx, approval)
			require.NoError(t, err)

			refusals := func() map[string]error {
				errs := map[string]error{"issue code": d.IssueCode(ctx, fresh)}
				_, errs["consume code"] = d.ConsumeCode(ctx, useOf(pending))
				_, errs["rotate"] = d.RotateRefreshToken(ctx, storage.Rotation{
					GrantID: used.Grant.ID, Seed: family.RefreshSeed, ClientID: "client", RefreshExpiresAt: now.Add(time.Hour), Access: access(), Now: now,
				})
				_, errs["access"] = d.AccessGrant(ctx, used.Grant.ID)
				_, errs["access by userinfo"] = d.AccessPerson(ctx, used.Grant.ID)
				_, errs["access by introspection"] = d.AccessScopes(ctx, used.Grant.ID)
				_, errs["redeem"] = d.RedeemDevice(ctx, storage.DeviceUse{DeviceID: tv.ID, CodeHash: tv.CodeHash, ClientID: "client", Access: access(), Now: now})
				_, errs["approve"] = d.ApproveDevice(ctx, approval)
				_, _, errs["session"] = d.Session(ctx, pending.Grant.SessionID, pending.SessionHash, time.Hour, now)
				return errs
			}
			d.execute(`UPDATE users SET locked_at = 1 WHERE id = ?`, pending.Grant.UserID)
			for what, err := range refusals() {
				if what == "issue code" || what == "approve" {
					require.ErrorIs(t, err, storage.ErrLocked, what)
				} else {
					require.ErrorIs(t, err, storage.ErrNotFound, what)
				}
			}
			// And lifted, it leaves nothing of before, whatever it had no time to end.
			require.NoError(t, d.UnlockUser(ctx, pending.Grant.UserID, "ops", now))
			for what, err := range refusals() {
				require.ErrorIs(t, err, storage.ErrNotFound, what)
			}
		})
	}
}
