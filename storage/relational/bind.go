package relational

import (
	"context"
	"errors"
	"time"

	"qiao/storage"
)

// A number may change hands once within this time.
const moveWindow = 24 * time.Hour

// binding is what BindPhone and MovePhone decide on, all of it held.
type binding struct {
	attempt storage.Attempt
	device  device // what the attempt is to approve; zero for a login
	code    phoneCode
	person  identity
	user    storage.User // zero while the openid has none
	holder  storage.User // who has the number now; zero for nobody
}

// BindPhone tries a text-message code, and binds the number when it is right.
func (s *Store) BindPhone(ctx context.Context, b storage.Bind) (result storage.BindResult, err error) {
	err = s.writeUnique(ctx, "bind phone", func(tx Tx) error {
		result = storage.BindResult{}
		a, err := holdBinding(ctx, tx, b)
		if err != nil {
			return err
		}
		ok, err := countTry(ctx, tx, b.AttemptID)
		if err != nil {
			return err
		}
		code, err := loadPhoneCode(ctx, tx, b.AttemptID)
		if notFound(err) || (err == nil && (!ok || !code.expiresAt.After(b.Now))) {
			result.Outcome = storage.BindExpired
			return nil
		}
		if err != nil {
			return err
		}
		if !code.code.Equal(b.Code) {
			result = storage.BindResult{Outcome: storage.BindWrongCode, TriesLeft: storage.PhoneCodeTries - code.tries}
			return nil
		}
		bound, err := openBinding(ctx, tx, a, code, b.Now)
		if err != nil {
			return err
		}
		switch {
		case bound.done():
			result = storage.BindResult{Outcome: storage.BindDone, User: bound.user}
			return nil
		case bound.holder.ID != "" && bound.holder.ID != bound.user.ID:
			result = storage.BindResult{Outcome: storage.BindHeld, TriesLeft: storage.PhoneCodeTries - code.tries}
			return tx.Do(ctx, `UPDATE phone_codes SET held = 1 WHERE attempt_id = ?`, b.AttemptID[:])
		}
		result.Outcome = storage.BindDone
		result.User, err = bound.bind(ctx, tx, b)
		return err
	})
	return result, err
}

// MovePhone takes the number from its holder, after BindPhone has found the code right in this attempt.
func (s *Store) MovePhone(ctx context.Context, b storage.Bind) (result storage.BindResult, err error) {
	err = s.writeUnique(ctx, "move phone", func(tx Tx) error {
		result = storage.BindResult{}
		a, err := holdBinding(ctx, tx, b)
		if err != nil {
			return err
		}
		code, err := loadPhoneCode(ctx, tx, b.AttemptID)
		if notFound(err) || (err == nil && !code.held) {
			return storage.ErrConflict
		}
		if err != nil {
			return err
		}
		bound, err := openBinding(ctx, tx, a, code, b.Now)
		if err != nil {
			return err
		}
		result.Outcome = storage.BindDone
		if bound.done() {
			result.User = bound.user
			return nil
		}
		if bound.holder.ID != "" && bound.holder.ID != bound.user.ID {
			entry := storage.AuditEntry{At: b.Now, ClientID: a.ClientID, Account: a.Account}
			if result.MovedFrom, err = detachPhone(ctx, tx, bound.holder.ID, code, entry); err != nil {
				return err
			}
		}
		result.User, err = bound.bind(ctx, tx, b)
		return err
	})
	return result, err
}

// writeUnique runs a transition that may lose a race for a unique number or username.
func (s *Store) writeUnique(ctx context.Context, operation string, fn func(Tx) error) error {
	return unique(func() error { return s.write(ctx, operation, fn) })
}

// unique runs a transition again that lost such a race: it then sees who won.
func unique(transition func() error) error {
	for range 3 {
		if err := transition(); !errors.Is(err, ErrUnique) {
			return err
		}
	}
	return transition()
}

// holdBinding holds the attempt of somebody who may bind: approved, or confirmed by an earlier call whose answer was
// lost.
func holdBinding(ctx context.Context, tx Tx, b storage.Bind) (storage.Attempt, error) {
	a, err := holdPhoneAttempt(ctx, tx, b.AttemptID, b.PhoneHash, b.Now)
	if err != nil {
		return a, err
	}
	end := storage.AttemptConfirmed
	if a.Via == storage.ViaDevice {
		end = storage.AttemptDone
	}
	again := a.State == end && a.PhoneProven
	if !again && (a.State != storage.AttemptScanned || a.ApprovedAt.IsZero()) {
		return a, whyOver(ctx, tx, a)
	}
	return a, nil
}

// openBinding holds the identity, its user and the number's holder.
func openBinding(ctx context.Context, tx Tx, a storage.Attempt, code phoneCode, now time.Time) (b binding, err error) {
	b.attempt, b.code = a, code
	if a.Via == storage.ViaDevice && a.State == storage.AttemptScanned {
		if b.device, err = pendingDevice(ctx, tx, a.DeviceID, now); err != nil {
			return b, err
		}
	}
	if b.person, err = holdIdentity(ctx, tx, a.Account, a.OpenID, now); err != nil {
		return b, err
	}
	if b.user, err = holder(ctx, tx, b.person, tx.ForUpdate()); err != nil {
		return b, err
	}
	if !b.user.LockedAt.IsZero() {
		return b, storage.ErrLocked
	}
	b.holder, err = phoneHolder(ctx, tx, code, tx.ForUpdate())
	return b, err
}

// done reports whether an earlier call has bound this very number in this attempt.
func (b binding) done() bool {
	return b.attempt.State != storage.AttemptScanned && b.user.ID != "" && b.holder.ID == b.user.ID
}

// bind gives the number to the openid's user, made now where there is none, and confirms the attempt or approves its
// device.
func (b binding) bind(ctx context.Context, tx Tx, in storage.Bind) (storage.User, error) {
	user := b.user
	if user.ID == "" {
		user = in.NewUser
		if err := insertUser(ctx, tx, &user, in.Now); err != nil {
			return user, err
		}
		if err := tx.Do(ctx, `UPDATE identities SET user_id = ? WHERE account = ? AND openid = ?`, user.ID, b.person.Account, b.person.OpenID); err != nil {
			return user, err
		}
	}
	if b.user.ID != "" { // another number than the one before
		if err := forgetBrowsers(ctx, tx, user.ID); err != nil {
			return user, err
		}
	}
	user.PhoneSealed, user.PhoneIndex = b.code.phoneSealed, b.code.phoneIndex
	user.PhoneVerifiedAt, user.UpdatedAt = Time(Micros(in.Now)), Time(Micros(in.Now))
	if err := setPhone(ctx, tx, user.ID, b.code, in.Now); err != nil {
		return user, err
	}
	if err := audit(ctx, tx, storage.AuditEntry{
		At: in.Now, Actor: actorUser, Action: "phone.bind", UserID: user.ID, ClientID: b.attempt.ClientID, Account: b.attempt.Account,
	}); err != nil {
		return user, err
	}
	return user, b.moveOn(ctx, tx, user, in.Now)
}

// moveOn confirms the attempt, or approves its device. A second number, which can only be moved after the first one was
// bound and taken away again, changes nothing there.
func (b binding) moveOn(ctx context.Context, tx Tx, user storage.User, now time.Time) error {
	if b.attempt.Via != storage.ViaDevice {
		return tx.Do(ctx, `UPDATE attempts SET state = 'confirmed', phone_proven = 1, version = version + 1 WHERE id = ?`, b.attempt.ID[:])
	}
	if b.attempt.State != storage.AttemptScanned {
		return nil
	}
	if err := tx.Do(ctx, `UPDATE attempts SET phone_proven = 1 WHERE id = ?`, b.attempt.ID[:]); err != nil {
		return err
	}
	by, err := phoneApprover(b.person, user, now, storage.AMRWeChat, storage.AMRSMS)
	if err != nil {
		return err
	}
	return approveDevice(ctx, tx, b.device, by, now)
}

// detachPhone takes the code's number from its holder, who keeps everything else, and returns whom to tell.
func detachPhone(ctx context.Context, tx Tx, holder string, code phoneCode, entry storage.AuditEntry) ([]storage.Identity, error) {
	limit := storage.Limit{Name: "phone move", Key: storage.HashOf(code.phoneIndex), Max: 1, Window: moveWindow}
	if err := countLimits(ctx, tx, []storage.Limit{limit}, entry.At); err != nil {
		return nil, err
	}
	if err := tx.Do(ctx, `UPDATE users SET phone_sealed = NULL, phone_index = NULL, phone_verified_at = 0, updated_at = ? WHERE id = ?`,
		Micros(entry.At), holder); err != nil {
		return nil, err
	}
	if err := forgetBrowsers(ctx, tx, holder); err != nil {
		return nil, err
	}
	entry.Actor, entry.Action, entry.UserID = actorUser, "phone.move", holder
	if err := audit(ctx, tx, entry); err != nil {
		return nil, err
	}
	return tellAll(ctx, tx, storage.Notice{UserID: holder, Kind: storage.NoticeMoved, PhoneSealed: code.phoneSealed}, entry.At)
}

// setPhone gives the code's number to the user. ErrUnique where somebody else has it.
func setPhone(ctx context.Context, tx Tx, userID string, code phoneCode, now time.Time) error {
	return tx.Do(ctx, `UPDATE users SET phone_sealed = ?, phone_index = ?, phone_verified_at = ?, updated_at = ? WHERE id = ?`,
		code.phoneSealed, code.phoneIndex, Micros(now), Micros(now), userID)
}

// insertUser makes a user without a phone. ErrConflict when the username is taken.
func insertUser(ctx context.Context, tx Tx, u *storage.User, now time.Time) error {
	taken, err := exists(ctx, tx, `SELECT 1 FROM users WHERE username = ?`, u.Username)
	if err != nil {
		return err
	}
	if taken {
		return storage.ErrConflict
	}
	u.CreatedAt, u.UpdatedAt, u.LockedAt = Time(Micros(now)), Time(Micros(now)), time.Time{}
	return tx.Do(ctx, `INSERT INTO users (id, username, name, phone_sealed, phone_index, phone_verified_at, group_names, locked_at, created_at, updated_at)
		VALUES (?, ?, ?, NULL, NULL, 0, ?, 0, ?, ?)`, u.ID, u.Username, u.Name, Strings(u.Groups), Micros(now), Micros(now))
}
