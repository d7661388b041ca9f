package relational

import (
	"context"
	"time"

	"qiao/storage"
)

// RecordScan claims the scene's attempt for the openid.
func (s *Store) RecordScan(ctx context.Context, scan storage.Scan) (outcome storage.ScanOutcome, a storage.Attempt, err error) {
	err = s.write(ctx, "record scan", func(tx Tx) (err error) {
		if scan.Delivery.IsZero() { // a page scene: WeChat delivers no event
			outcome, a, err = recordScan(ctx, tx, scan, askScene(ctx, tx, scan.Scene))
			return err
		}
		claim, scene := claimDelivery(ctx, tx, scan.Delivery, deliveryScan, scan.Now), askScene(ctx, tx, scan.Scene)
		fresh, first, err := claim.read(ctx, tx)
		if err != nil {
			return err
		}
		if !fresh {
			outcome, a, err = repeatScan(ctx, tx, scan, storage.ScanOutcome(first))
			return err
		}
		if outcome, a, err = recordScan(ctx, tx, scan, scene); err != nil {
			return err
		}
		return settleDelivery(ctx, tx, scan.Delivery, deliveryScan, int64(outcome), a.ID)
	})
	if err != nil {
		return 0, storage.Attempt{}, err
	}
	return outcome, a, nil
}

// repeatScan answers an event that was recorded before as it was answered then.
func repeatScan(ctx context.Context, tx Tx, scan storage.Scan, first storage.ScanOutcome) (storage.ScanOutcome, storage.Attempt, error) {
	if first == storage.ScanAccepted {
		first = storage.ScanRepeated
	}
	var id storage.ID
	var raw []byte
	if err := tx.QueryRow(ctx, `SELECT attempt_id FROM deliveries WHERE hash = ? AND kind = ?`, scan.Delivery[:], deliveryScan).Scan(&raw); err != nil {
		return 0, storage.Attempt{}, err
	}
	copy(id[:], raw)
	if id.IsZero() {
		return first, storage.Attempt{}, nil
	}
	a, err := loadAttempt(ctx, tx, id, scan.Now)
	if notFound(err) { // its request was ended meanwhile
		return storage.ScanOver, storage.Attempt{}, nil
	}
	return first, a, err
}

func recordScan(ctx context.Context, tx Tx, scan storage.Scan, scene sceneRows) (storage.ScanOutcome, storage.Attempt, error) {
	target, known, err := scene.hold(ctx, tx, scan)
	a := target.attempt
	if err != nil {
		return 0, a, err
	}
	person, browser := askPerson(ctx, tx, scan.Account, scan.OpenID, tx.ForUpdate()), askScanned(ctx, tx, a.ID, scan)
	i, user, err := person.hold(ctx, tx, scan.Now)
	if err != nil {
		return 0, a, err
	}
	asker, err := browser.read(i, scan.Now)
	if err != nil {
		return 0, a, err
	}
	followed := storage.FollowOutcome(0)
	if !scan.At.IsZero() { // only a follower's scan is an event
		if followed, err = follow(ctx, tx, i, true, false, scan.At); err != nil {
			return 0, a, err
		}
	}
	if !known {
		return storage.ScanUnknown, storage.Attempt{}, nil
	}
	if target.forDevice {
		return scanForDevice(ctx, tx, target.device, i, user, scan.Now)
	}
	outcome := judgeScan(a, i, user, scan)
	if outcome == storage.ScanAccepted || outcome == storage.ScanRepeated {
		a.UserID, a.Known = user.ID, asker.known.knows(scan.Now)
	}
	switch outcome {
	case storage.ScanTaken:
		err = audit(ctx, tx, storage.AuditEntry{At: scan.Now, Actor: actorUser, Action: "scan.taken", UserID: user.ID, ClientID: a.ClientID, Account: a.Account})
	case storage.ScanAccepted:
		if scansAlone(a, i, user, asker, followed, scan) {
			a, err = confirmAlone(ctx, tx, a, asker.browser, scan)
		} else {
			a, err = claimAttempt(ctx, tx, a, scan.OpenID, a.PhoneHash, scan.Number, scan.Choices, scan.Now)
		}
	}
	return outcome, a, err
}

// target is what a scene leads to, held: an attempt that one openid claims, or a device that everybody may scan.
type target struct {
	attempt   storage.Attempt
	forDevice bool
	device    device
}

// sceneRows are what a scene leads to, as it was asked for.
type sceneRows struct{ scene, attempt Row }

// askScene asks what a scene leads to, and holds the attempt of a login.
func askScene(ctx context.Context, tx Tx, scene storage.Hash) (r sceneRows) {
	r.scene = tx.QueryRow(ctx, `SELECT attempt_id, device_id, ticket FROM scenes WHERE hash = ?`, scene[:])
	r.attempt = tx.QueryRow(ctx, selectBareAttempt+` WHERE a.id = (SELECT s.attempt_id FROM scenes s WHERE s.hash = ?)`+tx.ForUpdate(), scene[:])
	return r
}

// hold returns the target of a scene, held; known is false for a scene that is not this account's, or that came with
// another ticket than the platform gave for it.
func (r sceneRows) hold(ctx context.Context, tx Tx, scan storage.Scan) (t target, known bool, err error) {
	var attempt, device []byte
	var ticket string
	if err := r.scene.Scan(&attempt, &device, &ticket); err != nil {
		if notFound(found(err)) {
			return t, false, nil
		}
		return t, false, err
	}
	if ticket != "" && scan.Ticket != "" && ticket != scan.Ticket {
		return t, false, nil
	}
	if t.forDevice = len(device) > 0; t.forDevice {
		t.device, err = holdDevice(ctx, tx, storage.ID(device))
		known = t.device.Account == scan.Account
	} else {
		t.attempt, err = scanAttempt(r.attempt, scan.Now)
		known = t.attempt.Account == scan.Account && t.attempt.Via == storage.ViaQR
	}
	if notFound(err) {
		return t, false, nil
	}
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
