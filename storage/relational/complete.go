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
		login, person := askConfirmed(ctx, tx, c), askPerson(ctx, tx, c.Account, c.OpenID, tx.ForShare())
		knowing, open := askKnown(ctx, tx, c.Browser), askSessions(ctx, tx, c)
		a, told, scopes, err := login.hold(ctx, tx, c)
		if err != nil {
			return err
		}
		user, err := confirmer(ctx, tx, person, c.Now)
		if err != nil {
			return err
		}
		browser, err := knowing.hold(user.ID) // a "not me" of this moment came first, and the browser has forgotten
		if err != nil {
			return err
		}
		sessions, err := readSessions(open)
		if err != nil {
			return err
		}
		known := browser.person
		if err := welcome(a, known, c); err != nil {
			return err
		}
		action := "login"
		if a.Alone {
			action, c.Session.AMR, c.Session.ACR = "login.scan", []string{storage.AMRWeChat}, storage.ACRScan
		}
		id := browser.identify(sessions, c)
		if session, err = openSession(ctx, tx, a, user, id, sessions, c); err != nil {
			return err
		}
		switch {
		case a.Alone && told != id: // the browser has forgotten the person since the scan, and met them again
			if err := tx.Do(ctx, `UPDATE notices SET browser_id = ? WHERE id = ?`, id[:], a.ID[:]); err != nil {
				return err
			}
		case !a.Alone && !known.knows(c.Now):
			if err := insertNotice(ctx, tx, storage.Notice{
				Account: a.Account, OpenID: a.OpenID, UserID: user.ID, Kind: storage.NoticeBrowser, Target: session.ID, ClientID: a.ClientID, Device: c.Session.Device,
			}, id, c.Now); err != nil {
				return err
			}
		}
		if err := browser.learn(ctx, tx, a, id, scopes, user.ID, c); err != nil {
			return err
		}
		if err := tx.Do(ctx, `UPDATE attempts SET state = 'done', version = version + 1 WHERE id = ?`, a.ID[:]); err != nil {
			return err
		}
		finished, err := issueWith(ctx, tx, session, c)
		if err != nil {
			return err
		}
		// The browser has one secret: what its other tabs wait for moves with it.
		if err := tx.Do(ctx, `UPDATE auth_requests SET browser = ?, session_id = CASE WHEN id = ? THEN ? ELSE session_id END, finished_at = CASE WHEN id = ? THEN ? ELSE finished_at END
			WHERE browser = ? AND finished_at = 0 AND expires_at + 0 > ?`, // + 0: nobody is to look for all that is not over
			c.NewBrowser[:], c.AuthRequestID[:], session.ID[:], c.AuthRequestID[:], finished, c.Browser[:], Micros(c.Now)); err != nil {
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

// confirmedRows are the requests of this browser, and the attempt of the one that is to be completed, as they were asked for.
type confirmedRows struct {
	requests Rows
	attempt  Row
}

// askConfirmed asks for all requests of this browser, held in one order: two tabs that complete at once do not wait for each
// other in a circle, and the second one finds that its request has moved.
func askConfirmed(ctx context.Context, tx Tx, c storage.Complete) confirmedRows {
	return confirmedRows{
		tx.Query(ctx, `SELECT r.id, r.params, r.expires_at, r.finished_at FROM auth_requests r WHERE r.browser = ? ORDER BY r.id`+tx.ForUpdate(), c.Browser[:]),
		tx.QueryRow(ctx, `SELECT (SELECT n.browser_id FROM notices n WHERE n.id = a.id), `+attemptBare+` FROM attempts a
			WHERE a.id = (SELECT r.attempt_id FROM auth_requests r WHERE r.id = ?)`+tx.ForUpdate(), c.AuthRequestID[:]),
	}
}

// hold returns the newest attempt of the request, which must be confirmed, of this browser (I9) and by whom the caller has
// seen, the browser that a notice of it names, and the scopes that were asked for.
func (r confirmedRows) hold(ctx context.Context, tx Tx, c storage.Complete) (a storage.Attempt, told storage.Hash, scopes []string, err error) {
	var text string
	var expires, finished int64
	mine := false
	if err := readAll(r.requests, func(row Row) error {
		var id []byte
		var its string
		var end, done int64
		err := row.Scan(&id, &its, &end, &done)
		if err == nil && storage.ID(id) == c.AuthRequestID {
			mine, text, expires, finished = true, its, end, done
		}
		return err
	}); err != nil {
		return a, told, nil, err
	}
	var browserID []byte
	var row AttemptRow
	if err = found(r.attempt.Scan(append([]any{&browserID}, row.Dest()...)...)); err == nil {
		a, err = row.Attempt(c.Now)
	}
	switch {
	case notFound(err) && mine: // no attempt was begun
		return a, told, nil, storage.ErrConflict
	case err != nil:
		return a, told, nil, err
	case a.State == storage.AttemptDone && (mine || a.Browser.Equal(c.Browser)):
		// The browser that has just completed it, in another tab: its secret may still be the one before the login.
		return a, told, nil, storage.ErrConflict
	case !mine || finished != 0 || over(expires, c.Now):
		return a, told, nil, storage.ErrNotFound
	case a.State != storage.AttemptConfirmed:
		return a, told, nil, whyOver(ctx, tx, a)
	case a.Account != c.Account || a.OpenID != c.OpenID: // a newer attempt, by somebody else
		return a, told, nil, storage.ErrConflict
	}
	var params storage.AuthParams
	err = decode(text, &params)
	return a, hashOf(browserID), params.Scopes, err
}

// confirmer is the person who confirmed, both of whose rows must stay as they are: not locked, and with a phone.
func confirmer(ctx context.Context, tx Tx, person personRow, now time.Time) (storage.User, error) {
	i, user, err := person.find()
	changed := false
	if notFound(err) { // the user was taken away, or is another one by now
		i, err = loadIdentity(ctx, tx, person.account, person.openID, person.lock)
		changed = i.UserID != ""
	}
	switch {
	case err != nil:
		return user, err
	case changed || !i.Followed && !i.FollowedAt.Before(authTime(now)):
		// An unfollow of this very moment ends what was opened up to it, and it has been recorded already.
		return user, storage.ErrConflict
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

// openIn is a session that a browser has, and the id that the browser had when it was opened.
type openIn struct {
	id        storage.ID
	browserID storage.Hash
}

// askSessions asks for the sessions that this browser has had so far, of whatever user: also those whose cookie was lost,
// and the one whose cookie it shows.
func askSessions(ctx context.Context, tx Tx, c storage.Complete) Rows {
	const mine = `SELECT s.id, s.browser_id FROM sessions s WHERE s.ended_at = 0 AND `
	if c.Previous.IsZero() {
		return tx.Query(ctx, mine+`s.browser = ? ORDER BY s.id`, c.Browser[:])
	}
	return tx.Query(ctx, mine+`(s.browser = ? OR s.id = ?) ORDER BY s.id`, c.Browser[:], c.Previous[:])
}

func readSessions(rows Rows) (list []openIn, err error) {
	err = readAll(rows, func(row Row) error {
		var id, browserID []byte
		if err := row.Scan(&id, &browserID); err != nil {
			return err
		}
		list = append(list, openIn{storage.ID(id), hashOf(browserID)})
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
		if s.id == c.Previous {
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

// issueWith makes the grant of the code that comes with the completion, and returns when it finishes the request; 0 where
// there is none. The session is this transaction's own, and the user is held: whoever ends either waits, and then sees the
// grant (I7).
func issueWith(ctx context.Context, tx Tx, session storage.Session, c storage.Complete) (finished int64, err error) {
	if c.Code == nil {
		return 0, nil
	}
	code := *c.Code
	g := &code.Grant
	if g.UserID != session.UserID {
		return 0, storage.ErrConflict
	}
	g.SessionID, g.AuthTime, g.AMR, g.ACR = session.ID, session.AuthTime, session.AMR, session.ACR
	if !g.Offline && session.ExpiresAt.Before(g.ExpiresAt) {
		g.ExpiresAt = session.ExpiresAt
	}
	return Micros(c.Now), InsertGrant(ctx, tx, code, session.Account, session.OpenID)
}
