package postgres_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage/postgres"
	"qiao/storage/relational"
)

// cutter stands between a store and its database, and lets so many more of the server's messages through.
type cutter struct {
	t      *testing.T
	server string
	mu     sync.Mutex
	left   int    // negative: all
	cut    func() // what happens before the next one; nil: both sides are closed instead
	ready  func() // returns when the store is connected
}

// through returns the address of the database by way of the cutter.
func (c *cutter) through(dsn string) string {
	c.t.Helper()
	address, err := url.Parse(dsn)
	require.NoError(c.t, err)
	query := address.Query()
	const socket = ".s.PGSQL.5432"
	c.server = filepath.Join(query.Get("host"), socket)
	dir := c.t.TempDir()
	listener, err := net.Listen("unix", filepath.Join(dir, socket))
	require.NoError(c.t, err)
	c.t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go c.carry(client)
		}
	}()
	query.Set("host", dir)
	address.RawQuery = query.Encode()
	return address.String()
}

func (c *cutter) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", c.server)
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	defer server.Close()
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(server, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(server, body); err != nil || !c.pass() {
			return
		}
		if _, err := client.Write(append(head, body...)); err != nil {
			return
		}
	}
}

// pass reports whether the next message goes through.
func (c *cutter) pass() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left > 0 {
		c.left--
	} else if c.left == 0 {
		if c.cut == nil {
			return false
		}
		c.cut()
		c.cut, c.left = nil, -1
	}
	return true
}

func (c *cutter) set(left int, cut func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.cut = left, cut
}

// cutter is a store whose answers may be cut.
func (w *world) cutter() (*cutter, *postgres.Store) {
	c := &cutter{t: w.t, left: -1}
	s, err := postgres.Open(w.t.Context(), postgres.Config{DSN: c.through(w.pool.Config().ConnString()), MaxConns: 1, Timeout: patience})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, s.Close()) })
	c.ready = func() {
		_, err := s.Version(w.t.Context()) // there is a connection
		require.NoError(w.t, err)
	}
	return c, s
}

// everywhere runs fn, again and again: with the connection cut, or its caller gone, at each of the server's messages.
func (c *cutter) everywhere(hangUp bool, fn func(context.Context)) {
	for left, done := 0, false; !done; left++ {
		require.Less(c.t, left, 200)
		ctx, cancel := context.WithCancel(c.t.Context())
		c.set(-1, nil)
		c.ready()
		cut := (func())(nil)
		if hangUp {
			cut = func() {
				cancel()
				<-time.After(5 * time.Millisecond) // the driver hears of it before the message
			}
		}
		c.set(left, cut)
		fn(ctx)
		cancel()
		c.mu.Lock()
		done = c.left > 0
		c.mu.Unlock()
	}
}

// Wherever the connection dies or the caller hangs up, what was acknowledged is stored.
func TestNoAnswerIsAcknowledgedThatWasCut(t *testing.T) {
	w := newWorld(t)
	c, s := w.cutter()
	user := w.login().Grant.UserID
	const set = `UPDATE users SET name = ? WHERE id = ?`
	for name, write := range map[string]func(ctx context.Context, tx relational.Tx, want string) error{
		"two": func(ctx context.Context, tx relational.Tx, want string) error {
			return errors.Join(tx.Do(ctx, set, "half", user), tx.Do(ctx, set, want, user))
		},
		"one after nobody was found": func(ctx context.Context, tx relational.Tx, want string) error {
			err := tx.QueryRow(ctx, `SELECT name FROM users WHERE id = ?`, "nobody").Scan(new(string))
			if !errors.Is(err, relational.ErrNoRows) {
				return err
			}
			return tx.Do(ctx, set, want, user)
		},
		"one after a list": func(ctx context.Context, tx relational.Tx, want string) error {
			rows := tx.Query(ctx, `SELECT name FROM users WHERE id = ?`, "nobody")
			for rows.Next() {
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil {
				return err
			}
			return tx.Do(ctx, set, want, user)
		},
	} {
		for _, hangUp := range []bool{false, true} {
			c.everywhere(hangUp, func(ctx context.Context) {
				want := name + time.Now().String()
				err := s.Store.DB.Write(ctx, func(tx relational.Tx) error { return write(ctx, tx, want) })
				var got string
				require.NoError(t, w.pool.QueryRow(t.Context(), `SELECT name FROM users WHERE id = $1`, user).Scan(&got))
				require.NotEqual(t, "half", got)
				if err == nil {
					require.Equal(t, want, got, "%s: it was acknowledged", name)
				}
			})
		}
	}
}
