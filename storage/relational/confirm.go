package relational

import (
	"context"
	"time"

	"qiao/storage"
)

// ConfirmLogin takes the choice on the phone.
func (s *Store) ConfirmLogin(ctx context.Context, c storage.Confirm) (outcome storage.ConfirmOutcome, a storage.Attempt, err error) {
	err = s.write(ctx, "confirm login", func(tx Tx) (err error) {
		outcome = 0
		if a, err = holdPhoneAttempt(ctx, tx, c.AttemptID, c.PhoneHash, c.Now); err != nil {
			return err
		}
		if a.Via == storage.ViaDevice {
			if outcome, err = confirmDevice(ctx, tx, a, c.Now); err == nil {
				a, err = loadAttempt(ctx, tx, a.ID, c.Now)
			}
			return err
		}
		if a.State.Over() {
			return whyOver(ctx, tx, a)
		}
		i, user, err := askPerson(ctx, tx, a.Account, a.OpenID, tx.ForUpdate()).hold(ctx, tx, c.Now)
		if err != nil {
			return err
		}
		if !user.LockedAt.IsZero() {
			return storage.ErrLocked
		}
		if a.Via == storage.ViaQR {
			if i.blockedUntil.After(c.Now) {
				return &storage.LimitedError{Key: "wrong number", RetryAfter: i.blockedUntil.Sub(c.Now)}
			}
			if c.Number != a.Number {
				outcome = storage.ConfirmWrong
				return wrongNumber(ctx, tx, &a, i, user, c.Now)
			}
		}
		outcome, err = approve(ctx, tx, &a, user, c.Now)
		return err
	})
	if err != nil {
		return 0, storage.Attempt{}, err
	}
	return outcome, a, nil
}

// approve moves a held attempt on; a second time it changes nothing but a phone that was bound meanwhile.
func approve(ctx context.Context, tx Tx, a *storage.Attempt, user storage.User, now time.Time) (storage.ConfirmOutcome, error) {
	outcome, state := storage.ConfirmPhoneNeeded, storage.AttemptScanned
	if len(user.PhoneIndex) > 0 {
		outcome, state = storage.ConfirmDone, storage.AttemptConfirmed
	}
	if a.State == state && !a.ApprovedAt.IsZero() {
		return outcome, nil
	}
	a.State, a.ApprovedAt, a.Version = state, Time(Micros(now)), a.Version+1
	return outcome, tx.Do(ctx, `UPDATE attempts SET state = ?, approved_at = ?, version = version + 1 WHERE id = ?`, string(state), Micros(now), a.ID[:])
}

// wrongNumber ends the attempt, also one that was approved before, and counts against the openid, whose row is held: two
// wrong numbers at once, in two attempts, count as two.
func wrongNumber(ctx context.Context, tx Tx, a *storage.Attempt, i identity, user storage.User, now time.Time) error {
	if err := tx.Do(ctx, `UPDATE attempts SET state = 'declined', wrong_number = 1, version = version + 1 WHERE id = ?`, a.ID[:]); err != nil {
		return err
	}
	a.State, a.WrongNumber, a.Version = storage.AttemptDeclined, true, a.Version+1
	times := make([]int64, 0, storage.WrongNumberMax)
	for _, t := range i.wrongNumbers {
		if Time(t).Add(storage.WrongNumberWindow).After(now) {
			times = append(times, t)
		}
	}
	times = append(times, Micros(now))
	if extra := len(times) - storage.WrongNumberMax; extra > 0 {
		times = times[extra:]
	}
	blocked := i.blockedUntil
	if len(times) >= storage.WrongNumberMax {
		blocked = now.Add(storage.WrongNumberPause)
	}
	if err := tx.Do(ctx, `UPDATE identities SET wrong_numbers = ?, blocked_until = ? WHERE account = ? AND openid = ?`,
		encode(times), Micros(blocked), i.Account, i.OpenID); err != nil {
		return err
	}
	return audit(ctx, tx, storage.AuditEntry{
		At: now, Actor: actorUser, Action: "login.wrong_number", UserID: user.ID, ClientID: a.ClientID, Account: a.Account, Detail: a.Device.Name,
	})
}

// DeclineLogin ends the attempt and with it its scenes.
func (s *Store) DeclineLogin(ctx context.Context, attempt storage.ID, phone storage.Hash, now time.Time) (a storage.Attempt, err error) {
	err = s.write(ctx, "decline login", func(tx Tx) (err error) {
		if a, err = holdPhoneAttempt(ctx, tx, attempt, phone, now); err != nil {
			return err
		}
		if a.State == storage.AttemptDeclined {
			return nil
		}
		if a.State.Over() {
			return storage.ErrConflict
		}
		if err := tx.Do(ctx, `UPDATE attempts SET state = 'declined', version = version + 1 WHERE id = ?`, attempt[:]); err != nil {
			return err
		}
		action := "login.decline"
		if a.Via == storage.ViaDevice {
			action = "device.decline"
			if err := declineDevice(ctx, tx, a.DeviceID, now); err != nil {
				return err
			}
		}
		if err := audit(ctx, tx, storage.AuditEntry{
			At: now, Actor: actorUser, Action: action, UserID: a.UserID, ClientID: a.ClientID, Account: a.Account, Detail: a.Device.Name,
		}); err != nil {
			return err
		}
		a, err = loadAttempt(ctx, tx, attempt, now)
		return err
	})
	if err != nil {
		return storage.Attempt{}, err
	}
	return a, nil
}
