package relational

import (
	"context"
	"time"

	"qiao/storage"
)

// knownBrowserLife is how long a browser knows a person whose login was completed in it.
const knownBrowserLife = 180 * 24 * time.Hour

// CompleteLogin opens the session of a confirmed attempt, once, in the browser that began it.
func (s *Store) CompleteLogin(ctx context.Context, c storage.Complete) (session storage.Session, err error) {
	draft := c
	err = s.write(ctx, "complete login", func(tx Tx) error {
		c := draft // it may be run again
		a, scopes, err := holdConfirmed(ctx, tx, c)
		if err != nil {
			return err
		}
		person := loginRows(askPerson(ctx, tx, a.Account, a.OpenID, tx.ForShare()))
		if err := moveNotices(ctx, tx, c.Browser, c.NewBrowser); err != nil {
			return err
		}
		browser := askKnown(ctx, tx, c.Browser, a)
		earlier := askSessions(ctx, tx, c)
		user, err := person.hold(c.Now)
		if err != nil {
			return err
		}
		known, err := browser.hold() // a "not me" of this moment came first, and the browser has forgotten
		if err != nil {
			return err
		}
		sessions, err := readIDs(earlier)
		if err != nil {
			return err
		}
		if err := welcome(a, known, c); err != nil {
			return err
		}
		action := "login"
		if a.Alone {
			action, c.Session.AMR, c.Session.ACR = "login.scan", []string{storage.AMRWeChat}, storage.ACRScan
		}
		if session, err = openSession(ctx, tx, a, user, sessions, c); err != nil {
			return err
		}
		switch {
		case a.Alone:
			if err := tx.Do(ctx, `UPDATE notices SET target = ? WHERE id = ?`, session.ID[:], a.ID[:]); err != nil {
				return err
			}
		case !known.knows(c.Now):
			if err := insertNotice(ctx, tx, storage.Notice{
				Account: a.Account, OpenID: a.OpenID, UserID: user.ID, Kind: storage.NoticeBrowser, Target: session.ID, ClientID: a.ClientID, Device: c.Session.Device,
			}, c.NewBrowser, c.Now); err != nil {
				return err
			}
		}
		if err := learnBrowser(ctx, tx, a, known, scopes, user.ID, c); err != nil {
			return err
		}
		if err := tx.Do(ctx, `UPDATE attempts SET state = 'done', version = version + 1 WHERE id = ?`, a.ID[:]); err != nil {
			return err
		}
		// The browser has one secret: what its other tabs wait for moves with it.
		if err := tx.Do(ctx, `UPDATE auth_requests SET browser = ?, session_id = CASE WHEN id = ? THEN ? ELSE session_id END
			WHERE browser = ? AND finished_at = 0 AND expires_at > ?`, c.NewBrowser[:], c.AuthRequestID[:], session.ID[:], c.Browser[:], Micros(c.Now)); err != nil {
			return err
		}
		return audit(ctx, tx, storage.AuditEntry{
			At: c.Now, Actor: actorUser, Action: action, UserID: user.ID, ClientID: a.ClientID, Account: a.Account, Detail: c.Session.Device.Name,
		})
	})
	if err != nil {
		return storage.Session{}, err
	}
	return session, nil
}

// holdConfirmed holds all requests of this browser, the request and its newest attempt, which must be confirmed and of this
// browser (I9), and returns the scopes that were asked for. The requests are held in one order: two tabs that complete at
// once do not wait for each other in a circle, and the second one finds that its request has moved.
func holdConfirmed(ctx context.Context, tx Tx, c storage.Complete) (a storage.Attempt, scopes []string, err error) {
	requests := tx.Query(ctx, `SELECT r.id, r.browser, r.params, r.expires_at, r.finished_at FROM auth_requests r
		WHERE r.browser = ? OR r.id = ? ORDER BY r.id`+tx.ForUpdate(), c.Browser[:], c.AuthRequestID[:])
	attempt := tx.QueryRow(ctx, selectBareAttempt+` WHERE a.id = (SELECT r.attempt_id FROM auth_requests r WHERE r.id = ?)`+tx.ForUpdate(), c.AuthRequestID[:])

	var browser []byte
	var text string
	var expires, finished int64
	if err := readAll(requests, func(row Row) error {
		var id, of []byte
		var its string
		var end, done int64
		err := row.Scan(&id, &of, &its, &end, &done)
		if err == nil && storage.ID(id) == c.AuthRequestID {
			browser, text, expires, finished = of, its, end, done
		}
		return err
	}); err != nil {
		return a, nil, err
	}
	if browser == nil {
		return a, nil, storage.ErrNotFound
	}
	var params storage.AuthParams
	if err := decode(text, &params); err != nil {
		return a, nil, err
	}
	mine := storage.Hash(browser).Equal(c.Browser)
	a, err = scanAttempt(attempt, c.Now)
	switch {
	case notFound(err) && mine: // no attempt was begun
		return a, nil, storage.ErrConflict
	case err != nil:
		return a, nil, err
	case a.State == storage.AttemptDone && (mine || a.Browser.Equal(c.Browser)):
		// The browser that has just completed it, in another tab: its secret may still be the one before the login.
		return a, nil, storage.ErrConflict
	case !mine || finished != 0 || over(expires, c.Now):
		return a, nil, storage.ErrNotFound
	case a.State != storage.AttemptConfirmed:
		return a, nil, whyOver(ctx, tx, a)
	}
	return a, params.Scopes, nil
}

// loginRows are the person who confirmed, both of whose rows must stay as they are.
type loginRows personRows

// hold returns the person, who is not locked, and has a phone.
func (r loginRows) hold(now time.Time) (user storage.User, err error) {
	i, err := scanIdentity(r.identity)
	if err != nil {
		return user, err
	}
	if !i.Followed && !i.FollowedAt.Before(authTime(now)) {
		// An unfollow of this very moment ends what was opened up to it, and it has been recorded already.
		return user, storage.ErrConflict
	}
	if i.UserID != "" {
		if user, err = scanUser(r.user); err != nil {
			return user, err
		}
	}
	switch {
	case !user.LockedAt.IsZero():
		return user, storage.ErrLocked
	case len(user.PhoneIndex) == 0:
		return user, storage.ErrPhoneNeeded
	}
	return user, nil
}

// welcome asks whether the person may go on in this browser, of which known is held.
func welcome(a storage.Attempt, known knownBrowser, c storage.Complete) error {
	switch {
	case a.Alone:
		// What the scan rested on may have ended since: a logout in another tab, "not me". And a browser that was carried, or a
		// secret that was copied, to another network meanwhile is not where the number was matched.
		if !known.vouches(storage.Identity{Account: a.Account, OpenID: a.OpenID}, c.Network, c.Now) {
			return storage.ErrConfirmNeeded
		}
	case c.Approved == a.ID || a.Via == storage.ViaWeChat: // in WeChat's own browser the confirmation was given in it
	case !known.knows(c.Now): // somebody may have planted their own confirmation into a stranger's browser
		return storage.ErrApprovalNeeded
	}
	return nil
}

// openSession renews this browser's session of the same user, or opens a new one, and ends all others of this browser: its
// cookie names one session, and one that no cookie names could only be ended by a lock.
func openSession(ctx context.Context, tx Tx, a storage.Attempt, user storage.User, earlier []storage.ID, c storage.Complete) (storage.Session, error) {
	session := c.Session
	session.UserID, session.Account, session.OpenID, session.Browser = user.ID, a.Account, a.OpenID, c.NewBrowser
	session.AuthTime, session.LastSeenAt, session.CreatedAt = authTime(c.Now), c.Now, c.Now
	facts := encode(SessionFacts{AMR: session.AMR, ACR: session.ACR, Device: session.Device})

	renewed := int64(0)
	if !c.Previous.IsZero() {
		var err error
		if renewed, err = tx.Exec(ctx, `UPDATE sessions SET hash = ?, account = ?, openid = ?, browser = ?, auth_time = ?, facts = ?, last_seen_at = ?, idle_expires_at = ?, expires_at = ?
			WHERE id = ? AND user_id = ? AND ended_at = 0 AND expires_at > ? AND idle_expires_at > ?`,
			session.Hash[:], session.Account, session.OpenID, session.Browser[:], Micros(session.AuthTime), facts, Micros(c.Now), Micros(session.IdleExpiresAt), Micros(session.ExpiresAt),
			c.Previous[:], user.ID, Micros(c.Now), Micros(c.Now)); err != nil {
			return session, err
		}
	}
	if err := endBrowser(ctx, tx, earlier, c, renewed > 0); err != nil {
		return session, err
	}
	if renewed > 0 {
		return scanSession(tx.QueryRow(ctx, `SELECT `+SessionColumns+` FROM sessions s WHERE s.id = ?`, c.Previous[:]))
	}
	if err := tx.Do(ctx, `INSERT INTO sessions (id, hash, user_id, account, openid, browser, auth_time, facts, created_at, last_seen_at, idle_expires_at, expires_at, ended_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`,
		session.ID[:], session.Hash[:], session.UserID, session.Account, session.OpenID, session.Browser[:], Micros(session.AuthTime), facts,
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

// askSessions asks for the sessions that this browser has had so far, of whatever user, but for the previous one: those
// whose cookie was lost.
func askSessions(ctx context.Context, tx Tx, c storage.Complete) Rows {
	return tx.Query(ctx, `SELECT s.id FROM sessions s WHERE s.browser = ? AND s.ended_at = 0 AND s.id <> ? ORDER BY s.id`, c.Browser[:], c.Previous[:])
}

func readIDs(rows Rows) (ids []storage.ID, err error) {
	err = readAll(rows, func(row Row) error {
		var id []byte
		if err := row.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, storage.ID(id))
		return nil
	})
	return ids, err
}

// endBrowser ends the browser's earlier sessions, and the previous one that was not renewed. One that is idle may still have
// online grants.
func endBrowser(ctx context.Context, tx Tx, earlier []storage.ID, c storage.Complete, renewed bool) error {
	if !c.Previous.IsZero() && !renewed {
		if err := endSession(ctx, tx, c.Previous, c.Now); err != nil {
			return err
		}
	}
	for _, id := range earlier {
		if err := endSession(ctx, tx, id, c.Now); err != nil {
			return err
		}
	}
	return nil
}

// authTime is now in whole seconds, as auth_time is (OpenID Connect Core §2).
func authTime(now time.Time) time.Time { return time.Unix(now.Unix(), 0).UTC() }
