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
	err = s.write(ctx, "complete login", func(tx Tx) error {
		held, err := holdCompletion(ctx, tx, c)
		if err != nil {
			return err
		}
		session, err = completeLogin(ctx, tx, held, c)
		return err
	})
	if err != nil {
		return storage.Session{}, err
	}
	return session, nil
}

// completion is what the completion of a login rests on, held.
type completion struct {
	attempt  storage.Attempt // confirmed
	told     storage.Hash    // the browser that the notice of a scan alone names
	scopes   []string        // that were asked for
	user     storage.User
	browser  knowing
	sessions []openIn
}

// holdCompletion asks for all of it in one round trip, in the order of the locks.
func holdCompletion(ctx context.Context, tx Tx, c storage.Complete) (held completion, err error) {
	login, person := askConfirmed(ctx, tx, c), askPerson(ctx, tx, c.Account, c.OpenID, tx.ForShare())
	browser, sessions := askKnown(ctx, tx, c.Browser), askSessions(ctx, tx, c)
	if held, err = login.hold(ctx, tx, c); err != nil {
		return held, err
	}
	if held.user, err = confirmer(ctx, tx, person, c.Now); err != nil {
		return held, err
	}
	if held.browser, err = browser.hold(held.user.ID); err != nil { // a "not me" of this moment came first, and the browser has forgotten
		return held, err
	}
	if held.sessions, err = readSessions(sessions); err != nil {
		return held, err
	}
	return held, welcome(held.attempt, held.browser.person, c)
}

// completeLogin writes what a completion changes. Nothing in it waits for a result but the renewal of a session.
func completeLogin(ctx context.Context, tx Tx, held completion, c storage.Complete) (storage.Session, error) {
	a, user, action := held.attempt, held.user, "login"
	if a.Alone {
		action, c.Session.AMR, c.Session.ACR = "login.scan", []string{storage.AMRWeChat}, storage.ACRScan
	}
	browserID := held.browser.identify(held.sessions, c)
	session, err := openSession(ctx, tx, a, user, browserID, held.sessions, c)
	if err != nil {
		return session, err
	}
	if err := tellOfLogin(ctx, tx, held, session, browserID, c); err != nil {
		return session, err
	}
	if err := held.browser.learn(ctx, tx, a, browserID, held.scopes, user.ID, c); err != nil {
		return session, err
	}
	if err := tx.Do(ctx, `UPDATE attempts SET state = 'done', version = version + 1 WHERE id = ?`, a.ID[:]); err != nil {
		return session, err
	}
	finished, err := issueWith(ctx, tx, session, c)
	if err != nil {
		return session, err
	}
	// The browser has one secret: what its other tabs wait for moves with it.
	if err := tx.Do(ctx, `UPDATE auth_requests SET browser = ?, session_id = CASE WHEN id = ? THEN ? ELSE session_id END, finished_at = CASE WHEN id = ? THEN ? ELSE finished_at END
		WHERE browser = ? AND finished_at = 0 AND expires_at + 0 > ?`, // + 0: nobody is to look for all that is not over
		c.NewBrowser[:], c.AuthRequestID[:], session.ID[:], c.AuthRequestID[:], finished, c.Browser[:], Micros(c.Now)); err != nil {
		return session, err
	}
	return session, audit(ctx, tx, storage.AuditEntry{
		At: c.Now, Actor: actorUser, Action: action, UserID: user.ID, ClientID: a.ClientID, Account: a.Account, Detail: c.Session.Device.Name,
	})
}

// tellOfLogin writes the notice of a login in a browser that is new to the person. That of a scan alone is there already, and
// names the browser as it was called then: it may have forgotten the person since, and met them again.
func tellOfLogin(ctx context.Context, tx Tx, held completion, session storage.Session, browserID storage.Hash, c storage.Complete) error {
	a := held.attempt
	switch {
	case a.Alone && held.told != browserID:
		return tx.Do(ctx, `UPDATE notices SET browser_id = ? WHERE id = ?`, browserID[:], a.ID[:])
	case a.Alone, held.browser.person.knows(c.Now):
		return nil
	}
	return insertNotice(ctx, tx, storage.Notice{
		Account: a.Account, OpenID: a.OpenID, UserID: held.user.ID, Kind: storage.NoticeBrowser, Target: session.ID, ClientID: a.ClientID, Device: session.Device,
	}, browserID, c.Now)
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
// seen, and what comes with it.
func (r confirmedRows) hold(ctx context.Context, tx Tx, c storage.Complete) (held completion, err error) {
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
		return held, err
	}
	var browserID []byte
	var row AttemptRow
	if err = found(r.attempt.Scan(append([]any{&browserID}, row.Dest()...)...)); err == nil {
		held.attempt, err = row.Attempt(c.Now)
	}
	a := held.attempt
	switch {
	case notFound(err) && mine: // no attempt was begun
		return held, storage.ErrConflict
	case err != nil:
		return held, err
	case a.State == storage.AttemptDone && (mine || a.Browser.Equal(c.Browser)):
		// The browser that has just completed it, in another tab: its secret may still be the one before the login.
		return held, storage.ErrConflict
	case !mine || finished != 0 || over(expires, c.Now):
		return held, storage.ErrNotFound
	case a.State != storage.AttemptConfirmed:
		return held, whyOver(ctx, tx, a)
	case a.Account != c.Account || a.OpenID != c.OpenID: // a newer attempt, by somebody else
		return held, storage.ErrConflict
	}
	var params storage.AuthParams
	err = decode(text, &params)
	held.told, held.scopes = hashOf(browserID), params.Scopes
	return held, err
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

// issueWith makes the grant of the code that comes with the completion, and returns when it finishes the request; 0 where
// there is none. The session is this transaction's own, and the user is held: whoever ends either waits, and then sees the
// grant (I7).
func issueWith(ctx context.Context, tx Tx, session storage.Session, c storage.Complete) (finished int64, err error) {
	if c.Code == nil {
		return 0, nil
	}
	code := *c.Code // the transaction may be run again
	if code.Grant.UserID != session.UserID {
		return 0, storage.ErrConflict
	}
	code.Of(session)
	return Micros(c.Now), InsertGrant(ctx, tx, code, session.Account, session.OpenID)
}
