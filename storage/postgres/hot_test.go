package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
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
	w.execute(`INSERT INTO users VALUES ($1, $1, '', NULL, NULL, 0, '[]', 0, $2, $2)`, user, at)
	hash := session.Secret.Hash()
	w.execute(`INSERT INTO sessions VALUES ($1, $2, $3, 'main', 'openid', $4, $5, '{"device":{"name":""}}', $5, $5, $6, $6, 0)`,
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
	w.execute(`INSERT INTO auth_requests VALUES ($1, $2, 'client', '{}', $3, $3, 0, $4, 0)`,
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
	for _, step := range []struct {
		name string
		call func() error
	}{
		{"issue code", func() error { return w.a.IssueCode(t.Context(), code) }},
		{"consume code", func() error { _, err := w.a.ConsumeCode(t.Context(), use); return err }},
		{"rotate refresh token", func() error { _, err := w.a.RotateRefreshToken(t.Context(), w.rotation(use, 0)); return err }},
		{"access grant", func() error { _, err := w.a.AccessGrant(t.Context(), code.Grant.ID); return err }},
		{"session", session},
		{"current attempt, which pages poll", func() error {
			_, err := w.a.CurrentAttempt(t.Context(), storage.NewID(w.now), storage.Hash{}, w.now)
			require.ErrorIs(t, err, storage.ErrNotFound)
			return nil
		}},
		{"version, which servers poll", func() error { _, err := w.a.Version(t.Context()); return err }},
	} {
		before := w.a.RoundTrips()
		require.NoError(t, step.call(), step.name)
		require.EqualValues(t, 1, w.a.RoundTrips()-before, step.name)
	}
}

// In a hundred rounds two replicas issue beside a logout or a lock: once that is acknowledged no grant is alive (I7).
func TestIssueBesideLogoutAndLock(t *testing.T) {
	w := newWorld(t)
	for name, end := range map[string]func(context.Context, storage.NewCode) error{
		"logout": func(ctx context.Context, c storage.NewCode) error {
			return w.b.EndSession(ctx, c.Grant.SessionID, w.now)
		},
		"lock": func(ctx context.Context, c storage.NewCode) error {
			return w.b.LockUser(ctx, c.Grant.UserID, "operator", w.now)
		},
		"unbind": func(ctx context.Context, c storage.NewCode) error {
			return w.b.UnbindUser(ctx, c.Grant.UserID, "operator", w.now)
		},
	} {
		t.Run(name, func(t *testing.T) {
			issued := 0
			for round := range 100 {
				code := w.login()
				var group sync.WaitGroup
				var mu sync.Mutex
				acknowledge := func() {
					if err := end(context.WithoutCancel(t.Context()), code); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
				if round%2 == 0 { // each side gets its head start
					group.Go(acknowledge)
				}
				for i := range 3 {
					group.Go(func() {
						ctx := context.WithoutCancel(t.Context())
						mine := code
						mine.Grant.ID = storage.NewID(w.now)
						err := []*postgres.Store{w.a, w.b}[i%2].IssueCode(ctx, mine)
						switch {
						case err == nil:
							mu.Lock()
							issued++
							mu.Unlock()
						case !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrLocked):
							t.Errorf("issue: %v", err)
						}
					})
				}
				if round%2 == 1 {
					group.Go(acknowledge)
				}
				group.Wait()
				require.Zero(t, w.live(code.Grant.UserID))
			}
			t.Logf("%d codes were issued before the %s", issued, name)
		})
	}
}

// A code is exchanged and its tokens are used beside a lock: what was issued is revoked afterwards.
func TestUseBesideLock(t *testing.T) {
	w := newWorld(t)
	for range 100 {
		code := w.login()
		require.NoError(t, w.a.IssueCode(t.Context(), code))
		use := w.use(code)
		var group sync.WaitGroup
		ctx := context.WithoutCancel(t.Context())
		group.Go(func() {
			for generation := range uint32(4) {
				var err error
				if generation == 0 {
					_, err = w.a.ConsumeCode(ctx, use)
				} else {
					_, err = w.a.RotateRefreshToken(ctx, w.rotation(use, generation-1))
				}
				if err != nil && !errors.Is(err, storage.ErrNotFound) {
					t.Errorf("use: %v", err)
				}
			}
		})
		group.Go(func() {
			if err := w.b.LockUser(ctx, code.Grant.UserID, "operator", w.now); err != nil {
				t.Errorf("lock: %v", err)
			}
		})
		group.Wait()
		require.Zero(t, w.live(code.Grant.UserID))
		_, err := w.a.AccessGrant(t.Context(), code.Grant.ID)
		require.ErrorIs(t, err, storage.ErrNotFound)
	}
}

// Of many that answer one request at once, one does, and the losers leave nothing behind.
func TestOneRequestYieldsOneCode(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		code := w.request(w.login())
		outcomes := make(chan error, 10)
		for i := range cap(outcomes) {
			go func() {
				mine := code
				mine.Grant.ID = storage.NewID(w.now)
				outcomes <- []*postgres.Store{w.a, w.b}[i%2].IssueCode(context.WithoutCancel(t.Context()), mine)
			}()
		}
		won := 0
		for range cap(outcomes) {
			if err := <-outcomes; err == nil {
				won++
			} else {
				require.ErrorIs(t, err, storage.ErrConflict)
			}
		}
		require.Equal(t, 1, won)
		require.Equal(t, 1, w.live(code.Grant.UserID))
	}
}

// A code that cannot be issued leaves its request as it was.
func TestARefusedCodeLeavesItsRequest(t *testing.T) {
	w := newWorld(t)
	for name, spoil := range map[string]func(*storage.NewCode){
		"a renewed session": func(c *storage.NewCode) { c.SessionHash = storage.NewSecret().Hash() },
		"another user":      func(c *storage.NewCode) { c.Grant.UserID = w.login().Grant.UserID },
		"a locked user":     func(c *storage.NewCode) { w.execute(`UPDATE users SET locked_at = 1 WHERE id = $1`, c.Grant.UserID) },
		"a late session": func(c *storage.NewCode) {
			w.execute(`UPDATE sessions SET idle_expires_at = $2 WHERE id = $1`, c.Grant.SessionID[:], relational.Micros(c.Now))
		},
	} {
		t.Run(name, func(t *testing.T) {
			code := w.request(w.login())
			spoil(&code)
			require.Error(t, w.a.IssueCode(t.Context(), code))
			_, err := w.a.AuthRequest(t.Context(), code.AuthRequestID, code.Browser, w.now)
			require.NoError(t, err, "the request was spent")
			require.Zero(t, w.live(code.Grant.UserID))
		})
	}
}

// What waits for a row goes on with the row's newest version: a session that is touched meanwhile is still good, one that
// is ended is not, and the request is finished only in the first case.
func TestIssueWaitsForTheSession(t *testing.T) {
	w := newWorld(t)
	for name, step := range map[string]struct {
		statement string
		want      error
	}{
		"touched": {`UPDATE sessions SET last_seen_at = last_seen_at + 1 WHERE id = $1`, nil},
		"ended":   {`UPDATE sessions SET ended_at = 1 WHERE id = $1`, storage.ErrNotFound},
		"renewed": {`UPDATE sessions SET hash = '\x00' WHERE id = $1`, storage.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			code := w.request(w.login())
			holder, err := w.pool.Begin(t.Context())
			require.NoError(t, err)
			_, err = holder.Exec(t.Context(), step.statement, code.Grant.SessionID[:])
			require.NoError(t, err)
			done := make(chan error, 1)
			go func() { done <- w.a.IssueCode(context.WithoutCancel(t.Context()), code) }()
			require.Eventually(t, func() bool { // until it waits for the row
				var waiting int
				require.NoError(t, w.pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
					WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting))
				return waiting == 1
			}, patience, 5*time.Millisecond)
			require.NoError(t, holder.Commit(t.Context()))
			require.ErrorIs(t, <-done, step.want)
			_, err = w.a.AuthRequest(t.Context(), code.AuthRequestID, code.Browser, w.now)
			if step.want == nil {
				require.ErrorIs(t, err, storage.ErrNotFound, "the request is finished")
				require.Equal(t, 1, w.live(code.Grant.UserID))
			} else {
				require.NoError(t, err, "the request is still open")
				require.Zero(t, w.live(code.Grant.UserID))
			}
		})
	}
}

// Two transactions that hold each other up: the server gives one up, and it is run again.
func TestADeadlockIsRunAgain(t *testing.T) {
	w := newWorld(t)
	users := []string{w.login().Grant.UserID, w.login().Grant.UserID}
	both := make(chan struct{})
	var runs [2]int
	var first, group sync.WaitGroup
	first.Add(2)
	go func() { first.Wait(); close(both) }()
	for i, s := range []*postgres.Store{w.a, w.b} {
		group.Go(func() {
			ctx := context.WithoutCancel(t.Context())
			err := s.Store.DB.Write(ctx, func(tx relational.Tx) error {
				runs[i]++
				if _, err := tx.Exec(ctx, `UPDATE users SET name = ? WHERE id = ?`, "a", users[i]); err != nil {
					return err
				}
				if runs[i] == 1 {
					first.Done()
				}
				<-both
				_, err := tx.Exec(ctx, `UPDATE users SET name = ? WHERE id = ?`, "b", users[1-i])
				return err
			})
			if err != nil {
				t.Errorf("write: %v", err)
			}
		})
	}
	group.Wait()
	require.Equal(t, 3, runs[0]+runs[1], "one of the two was run again")
}

// The driver's errors that mean something come as relational's own.
func TestErrorsAreTranslated(t *testing.T) {
	w := newWorld(t)
	user := w.login().Grant.UserID
	err := w.a.Store.DB.Write(t.Context(), func(tx relational.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO users SELECT * FROM users WHERE id = ?`, user)
		return err
	})
	require.ErrorIs(t, err, relational.ErrUnique)
	require.NotContains(t, err.Error(), user)
	err = w.a.Store.DB.Read(t.Context(), func(tx relational.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT id FROM users WHERE id = ?`, "nobody").Scan(new(string))
	})
	require.ErrorIs(t, err, relational.ErrNoRows)
	require.NotErrorIs(t, err, pgx.ErrNoRows)
}

// A transaction whose function fails, or whose caller goes away, leaves nothing behind.
func TestATransactionIsAllOrNothing(t *testing.T) {
	w := newWorld(t)
	user := w.login().Grant.UserID
	name := func() (name string) {
		require.NoError(t, w.pool.QueryRow(t.Context(), `SELECT name FROM users WHERE id = $1`, user).Scan(&name))
		return name
	}
	ctx, cancel := context.WithCancel(t.Context())
	for what, spoil := range map[string]func() error{
		"an error":  func() error { return storage.ErrConflict },
		"gone away": func() error { cancel(); return nil },
	} {
		err := w.a.Store.DB.Write(ctx, func(tx relational.Tx) error {
			if _, err := tx.Exec(ctx, `UPDATE users SET name = ? WHERE id = ?`, "changed", user); err != nil {
				return err
			}
			return spoil()
		})
		require.Error(t, err, what)
		require.Empty(t, name(), what)
	}
	require.Panics(t, func() {
		_ = w.a.Store.DB.Write(t.Context(), func(tx relational.Tx) error {
			_, _ = tx.Exec(t.Context(), `UPDATE users SET name = ? WHERE id = ?`, "changed", user)
			panic("a bug")
		})
	})
	require.Empty(t, name())
	require.NoError(t, w.a.Store.DB.Write(t.Context(), func(tx relational.Tx) error { // the row is free
		_, err := tx.Exec(t.Context(), `UPDATE users SET name = ? WHERE id = ?`, "changed", user)
		return err
	}))
	require.Equal(t, "changed", name())
}

// What a stranger sends may be no text at all. It names nothing; it is no outage.
func TestNoTextNamesNothing(t *testing.T) {
	w := newWorld(t)
	code := w.login()
	require.NoError(t, w.a.IssueCode(t.Context(), code))
	use := w.use(code)
	for _, text := range []string{"a\x00", "\xff\xfe", "\xed\xa0\x80"} {
		_, err := w.a.Client(t.Context(), text)
		require.ErrorIs(t, err, storage.ErrNotFound)
		_, err = w.a.User(t.Context(), text)
		require.ErrorIs(t, err, storage.ErrNotFound)
		bad := use
		bad.RedirectURI = text
		_, err = w.a.ConsumeCode(t.Context(), bad)
		require.ErrorIs(t, err, storage.ErrNotFound)
		rotation := w.rotation(use, 0)
		rotation.ClientID = text
		_, err = w.a.RotateRefreshToken(t.Context(), rotation)
		require.ErrorIs(t, err, storage.ErrNotFound)
		require.Error(t, w.a.Audit(t.Context(), storage.AuditEntry{At: w.now, Actor: text}), "what was not stored is not acknowledged")
	}
	_, err := w.a.ConsumeCode(t.Context(), use)
	require.NoError(t, err)
}
