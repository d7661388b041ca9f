package relational

import (
	"context"
	"time"

	"qiao/storage"
)

// openSession renews this browser's session of the same user, or opens a new one, and ends all others of this browser: its
// cookie names one session, and one that no cookie names could only be ended by a lock.
func openSession(ctx context.Context, tx Tx, a storage.Attempt, user storage.User, browserID storage.Hash, earlier []openIn, c storage.Complete) (storage.Session, error) {
	session := c.Session
	session.UserID, session.Account, session.OpenID, session.Browser = user.ID, a.Account, a.OpenID, c.NewBrowser
	session.AuthTime, session.LastSeenAt, session.CreatedAt = authTime(c.Now), c.Now, c.Now
	facts := encode(SessionFacts{AMR: session.AMR, ACR: session.ACR, Device: session.Device})

	renewed := int64(0)
	if !c.Previous.IsZero() {
		var err error
		if renewed, err = tx.Exec(ctx, `UPDATE sessions SET hash = ?, account = ?, openid = ?, browser = ?, browser_id = ?, auth_time = ?, facts = ?, last_seen_at = ?, idle_expires_at = ?, expires_at = ?
			WHERE id = ? AND user_id = ? AND ended_at = 0 AND expires_at > ? AND idle_expires_at > ?`,
			session.Hash[:], session.Account, session.OpenID, session.Browser[:], browserID[:], Micros(session.AuthTime), facts, Micros(c.Now), Micros(session.IdleExpiresAt), Micros(session.ExpiresAt),
			c.Previous[:], user.ID, Micros(c.Now), Micros(c.Now)); err != nil {
			return session, err
		}
	}
	if err := endBrowser(ctx, tx, earlier, c, renewed > 0); err != nil {
		return session, err
	}
	if renewed > 0 {
		if err := joinBrowsers(ctx, tx, earlier, user.ID, browserID, c); err != nil {
			return session, err
		}
		return scanSession(tx.QueryRow(ctx, `SELECT `+SessionColumns+` FROM sessions s WHERE s.id = ?`, c.Previous[:]))
	}
	if err := tx.Do(ctx, `INSERT INTO sessions (id, hash, user_id, account, openid, browser, browser_id, auth_time, facts, created_at, last_seen_at, idle_expires_at, expires_at, ended_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`,
		session.ID[:], session.Hash[:], session.UserID, session.Account, session.OpenID, session.Browser[:], browserID[:], Micros(session.AuthTime), facts,
		Micros(c.Now), Micros(c.Now), Micros(session.IdleExpiresAt), Micros(session.ExpiresAt)); err != nil {
		return session, err
	}
	return stored(session), nil
}

// stored is the new session as it will be read: in microseconds, and not ended.
func stored(s storage.Session) storage.Session {
	s.CreatedAt, s.LastSeenAt, s.EndedAt = Time(Micros(s.CreatedAt)), Time(Micros(s.LastSeenAt)), time.Time{}
	s.ExpiresAt, s.IdleExpiresAt = Time(Micros(s.ExpiresAt)), Time(Micros(s.IdleExpiresAt))
	return s
}

// openIn is a session of a browser, and the id that the browser had when it was opened.
type openIn struct {
	id        storage.ID
	browserID storage.Hash
	ended     bool
}

// askSessions asks for the sessions that this browser has had so far, of whatever user: also those whose cookie was lost,
// and the one whose cookie it shows. Those that have ended come last: they tell the browser's id alone.
func askSessions(ctx context.Context, tx Tx, c storage.Complete) Rows {
	const all, inOrder = `SELECT s.id, s.browser_id, s.ended_at FROM sessions s WHERE s.browser = ?`, ` ORDER BY s.ended_at, s.id`
	if c.Previous.IsZero() {
		return tx.Query(ctx, all+inOrder, c.Browser[:])
	}
	return tx.Query(ctx, all+` OR s.id = ?`+inOrder, c.Browser[:], c.Previous[:])
}

func readSessions(rows Rows) (list []openIn, err error) {
	err = readAll(rows, func(row Row) error {
		var id, browserID []byte
		var ended int64
		if err := row.Scan(&id, &browserID, &ended); err != nil {
			return err
		}
		list = append(list, openIn{storage.ID(id), hashOf(browserID), ended != 0})
		return nil
	})
	return list, err
}

// joinBrowsers gives the notices of a renewed session the browser's id, where it was opened under another one: the browser had
// lost its secret, and was taken for a new one since.
func joinBrowsers(ctx context.Context, tx Tx, earlier []openIn, userID string, id storage.Hash, c storage.Complete) error {
	for _, s := range earlier {
		if s.id == c.Previous && s.browserID != id {
			return tx.Do(ctx, `UPDATE notices SET browser_id = ? WHERE user_id = ? AND browser_id = ?`, id[:], userID, s.browserID[:])
		}
	}
	return nil
}

// endBrowser ends the browser's earlier sessions, and the previous one that was not renewed. One that is idle may still have
// online grants.
func endBrowser(ctx context.Context, tx Tx, earlier []openIn, c storage.Complete, renewed bool) error {
	if !c.Previous.IsZero() && !renewed {
		if err := endSession(ctx, tx, c.Previous, c.Now); err != nil {
			return err
		}
	}
	for _, s := range earlier {
		if s.ended || s.id == c.Previous {
			continue
		}
		if err := endSession(ctx, tx, s.id, c.Now); err != nil {
			return err
		}
	}
	return nil
}

// authTime is now in whole seconds, as auth_time is (OpenID Connect Core §2).
func authTime(now time.Time) time.Time { return time.Unix(now.Unix(), 0).UTC() }
