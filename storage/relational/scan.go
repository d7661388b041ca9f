package relational

import (
	"context"
	"errors"
	"time"

	"qiao/storage"
)

// RecordScan claims the scene's attempt for the openid.
func (s *Store) RecordScan(ctx context.Context, scan storage.Scan) (outcome storage.ScanOutcome, a storage.Attempt, err error) {
	record := func() error {
		return s.write(ctx, "record scan", func(tx Tx) (err error) {
			outcome, a, err = recordScan(ctx, tx, scan)
			return err
		})
	}
	if err = record(); errors.Is(err, ErrUnique) { // the same event at the same time, of an openid that nobody has met before
		err = record()
	}
	if err != nil {
		return 0, storage.Attempt{}, err
	}
	return outcome, a, nil
}

// recordScan asks for all that a scan may need, in the order of the locks. Every scan of an openid holds its row, so that the
// second delivery of one event waits there for the first, and then sees it.
func recordScan(ctx context.Context, tx Tx, scan storage.Scan) (outcome storage.ScanOutcome, a storage.Attempt, err error) {
	asked := askTarget(ctx, tx, scan)
	person, event, browser := askPerson(ctx, tx, scan.Account, scan.OpenID, tx.ForUpdate()), askScan(ctx, tx, scan), askScanned(ctx, tx, scan)
	target, known, err := asked.hold(scan)
	if err != nil {
		return 0, a, err
	}
	i, user, err := person.hold(ctx, tx, scan.Now)
	if err != nil {
		return 0, a, err
	}
	if i.asked {
		event, browser = askScan(ctx, tx, scan), askerRow{}
	}
	first, err := event.read()
	if err != nil {
		return 0, a, err
	}
	defer func() { a.Told = !a.ID.IsZero() && !scan.Delivery.IsZero() && !first.untold }()
	if first.outcome != 0 {
		return repeatScan(ctx, tx, scan, first)
	}
	asker, err := browser.read(scan.Now)
	if err != nil {
		return 0, a, err
	}
	followed := storage.FollowOutcome(0)
	if !scan.At.IsZero() { // only a follower's scan is an event
		if followed, err = follow(ctx, tx, i, true, false, scan.At); err != nil {
			return 0, a, err
		}
	}
	switch {
	case !known:
		outcome = storage.ScanUnknown
	case scan.ForDevice:
		outcome, a, err = scanForDevice(ctx, tx, target.device, i, user, scan.Now)
	default:
		outcome, a, err = scanForLogin(ctx, tx, target.attempt, i, user, asker, followed, scan)
	}
	if err != nil || scan.Delivery.IsZero() { // a page scene: WeChat delivers no event
		return outcome, a, err
	}
	return outcome, a, tx.Do(ctx, `INSERT INTO deliveries (hash, kind, outcome, attempt_id, expires_at) VALUES (?, ?, ?, ?, ?)`,
		scan.Delivery[:], deliveryScan, int64(outcome), a.ID[:], Micros(scan.Now.Add(deliveryLife)))
}

func scanForLogin(ctx context.Context, tx Tx, a storage.Attempt, i identity, user storage.User, asker asker, followed storage.FollowOutcome, scan storage.Scan) (outcome storage.ScanOutcome, _ storage.Attempt, err error) {
	outcome = judgeScan(a, i, user, scan)
	if outcome == storage.ScanAccepted || outcome == storage.ScanRepeated {
		a.UserID, a.Known = user.ID, asker.known.knows(scan.Now)
	}
	switch outcome {
	case storage.ScanTaken:
		err = audit(ctx, tx, storage.AuditEntry{At: scan.Now, Actor: actorUser, Action: "scan.taken", UserID: user.ID, ClientID: a.ClientID, Account: a.Account})
	case storage.ScanAccepted:
		if scansAlone(a, i, user, asker, followed, scan) {
			a, err = confirmAlone(ctx, tx, a, asker, scan)
		} else {
			a, err = claimAttempt(ctx, tx, a, scan.OpenID, a.PhoneHash, scan.Number, scan.Choices, scan.Now)
		}
	}
	return outcome, a, err
}

// scanRow is the event of a scan, if it was recorded before, and how many notices its openid is to be told.
type scanRow struct{ row Row }

func askScan(ctx context.Context, tx Tx, scan storage.Scan) scanRow {
	if scan.Delivery.IsZero() {
		return scanRow{}
	}
	return scanRow{tx.QueryRow(ctx, `SELECT t.untold, COALESCE(d.outcome, 0), d.attempt_id FROM (SELECT COUNT(*) AS untold`+untold+`) t LEFT JOIN deliveries d ON d.hash = ? AND d.kind = ?`,
		scan.Account, scan.OpenID, Micros(scan.Now), scan.Delivery[:], scan.Delivery[:], deliveryScan)}
}

// recorded is what came of an event.
type recorded struct {
	outcome storage.ScanOutcome
	attempt storage.ID // zero where there was none
	untold  bool       // some notice waits for a message, or is this event's to tell
}

// read reports what came of the event, with outcome 0 where it is new.
func (r scanRow) read() (first recorded, err error) {
	if r.row == nil {
		return first, nil
	}
	var outcome, untold int64
	var attempt []byte
	err = r.row.Scan(&untold, &outcome, &attempt)
	first.outcome, first.untold = storage.ScanOutcome(outcome), untold > 0
	copy(first.attempt[:], attempt)
	return first, err
}

// repeatScan answers an event that was recorded before as it was answered then.
func repeatScan(ctx context.Context, tx Tx, scan storage.Scan, first recorded) (storage.ScanOutcome, storage.Attempt, error) {
	if first.outcome == storage.ScanAccepted {
		first.outcome = storage.ScanRepeated
	}
	if first.attempt.IsZero() {
		return first.outcome, storage.Attempt{}, nil
	}
	a, err := loadAttempt(ctx, tx, first.attempt, scan.Now)
	if notFound(err) { // its request was ended meanwhile
		return storage.ScanOver, storage.Attempt{}, nil
	}
	return first.outcome, a, err
}

// target is what a scene leads to, held: an attempt that one openid claims, or a device that everybody may scan.
type target struct {
	attempt storage.Attempt
	device  device
}

// targetRows are what a scene leads to, with the ticket that the platform gave for it, as it was asked for.
type targetRows struct{ held, device Row }

func askTarget(ctx context.Context, tx Tx, scan storage.Scan) targetRows {
	if scan.ForDevice {
		return targetRows{
			tx.QueryRow(ctx, `SELECT s.ticket FROM scenes s JOIN device_authorizations d ON d.id = s.device_id WHERE s.hash = ?`+of(tx.ForUpdate(), "d"), scan.Scene[:]),
			tx.QueryRow(ctx, selectDevice+` WHERE d.id = (SELECT s.device_id FROM scenes s WHERE s.hash = ?)`, scan.Scene[:]),
		}
	}
	return targetRows{held: tx.QueryRow(ctx, `SELECT s.ticket, `+attemptBare+` FROM scenes s JOIN attempts a ON a.id = s.attempt_id WHERE s.hash = ?`+of(tx.ForUpdate(), "a"), scan.Scene[:])}
}

// hold returns the target of a scene, held; known is false for a scene that is not this account's, or that came with
// another ticket than the platform gave for it.
func (r targetRows) hold(scan storage.Scan) (t target, known bool, err error) {
	var ticket, account, via string
	if scan.ForDevice {
		if err = found(r.held.Scan(&ticket)); err == nil {
			t.device, err = scanDevice(r.device)
			account, via = t.device.Account, storage.ViaQR
		}
	} else {
		var row AttemptRow
		if err = found(r.held.Scan(append([]any{&ticket}, row.Dest()...)...)); err == nil {
			t.attempt, err = row.Attempt(scan.Now)
			account, via = t.attempt.Account, t.attempt.Via
		}
	}
	if notFound(err) {
		return t, false, nil
	}
	known = account == scan.Account && via == storage.ViaQR && (ticket == "" || scan.Ticket == "" || ticket == scan.Ticket)
	return t, err == nil && known, err
}

// judgeScan decides about a held attempt. The first openid has it; a later one changes nothing, whatever it is.
func judgeScan(a storage.Attempt, i identity, user storage.User, scan storage.Scan) storage.ScanOutcome {
	switch {
	case a.State.Over():
		return storage.ScanOver
	case a.OpenID == scan.OpenID:
		return storage.ScanRepeated
	case a.State != storage.AttemptWaiting:
		return storage.ScanTaken
	case !user.LockedAt.IsZero():
		return storage.ScanLocked
	case i.blockedUntil.After(scan.Now):
		return storage.ScanBlocked
	}
	return storage.ScanAccepted
}

// claimAttempt gives a waiting attempt to the openid.
func claimAttempt(ctx context.Context, tx Tx, a storage.Attempt, openID string, phone storage.Hash, number int, choices [3]int, now time.Time) (storage.Attempt, error) {
	a.State, a.Version, a.OpenID, a.PhoneHash, a.Number, a.Choices, a.ScannedAt = storage.AttemptScanned, a.Version+1, openID, phone, number, choices, Time(Micros(now))
	if err := tx.Do(ctx, `UPDATE attempts SET state = 'scanned', version = version + 1, openid = ?, phone_hash = ?, number = ?, choices = ?, scanned_at = ? WHERE id = ?`,
		openID, phone[:], int64(number), packChoices(choices), Micros(now), a.ID[:]); err != nil {
		return a, err
	}
	return a, expireOthers(ctx, tx, a, openID)
}

// RecordWeChatLogin claims an attempt in WeChat's own browser for the openid that was proved there. The browser is the
// phone: there is no number to match, and a block for wrong numbers says nothing about it.
func (s *Store) RecordWeChatLogin(ctx context.Context, authRequest storage.ID, browser storage.Hash, openID string, phone storage.Hash, now time.Time) (a storage.Attempt, err error) {
	err = s.write(ctx, "record wechat login", func(tx Tx) (err error) {
		a, err = scanAttempt(tx.QueryRow(ctx, CurrentAttemptQuery, authRequest[:], browser[:]), now)
		if err != nil {
			return err
		}
		if a, err = holdAttempt(ctx, tx, a.ID, now); err != nil {
			return err
		}
		if a.Via != storage.ViaWeChat || a.State.Over() || openID == "" {
			return storage.ErrConflict
		}
		_, user, err := askPerson(ctx, tx, a.Account, openID, tx.ForUpdate()).hold(ctx, tx, now)
		if err != nil {
			return err
		}
		switch {
		case !user.LockedAt.IsZero():
			return storage.ErrLocked
		case a.State == storage.AttemptWaiting:
			_, err = claimAttempt(ctx, tx, a, openID, phone, 0, [3]int{}, now)
		case a.OpenID == openID:
			err = tx.Do(ctx, `UPDATE attempts SET phone_hash = ? WHERE id = ?`, phone[:], a.ID[:])
		default:
			return storage.ErrConflict
		}
		if err != nil {
			return err
		}
		a, err = loadAttempt(ctx, tx, a.ID, now)
		return err
	})
	if err != nil {
		return storage.Attempt{}, err
	}
	return a, nil
}
