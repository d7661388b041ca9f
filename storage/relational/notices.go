package relational

import (
	"context"
	"errors"
	"time"

	"qiao/storage"
)

const noticeColumns = `n.id, n.account, n.openid, n.user_id, n.kind, n.target, n.client_id, n.device, n.phone_sealed, n.phone_hash, n.created_at, n.sent_at, n.revoked_at, n.expires_at`

// insertNotice writes what the chat is to tell, in the transition that it tells of. One with a SentAt is for nobody to claim:
// the answer to the transition tells of it.
func insertNotice(ctx context.Context, tx Tx, n storage.Notice, browserID storage.Hash, now time.Time) error {
	var none storage.Hash
	id := n.ID
	if id.IsZero() {
		id = storage.NewID(now)
	}
	life := storage.NoticeLife
	if n.Kind == storage.NoticeMoved {
		life = storage.NoticeMovedLife
	}
	shown := storage.Device{Name: n.Device.Name, Place: n.Device.Place}
	return tx.Do(ctx, `INSERT INTO notices (id, account, openid, user_id, kind, target, browser_id, client_id, device, phone_sealed, claim, phone_hash, created_at, sent_at, revoked_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)`,
		id[:], n.Account, n.OpenID, n.UserID, n.Kind, n.Target[:], browserID[:], n.ClientID, encode(shown), n.PhoneSealed, none[:], none[:], Micros(now), Micros(n.SentAt), Micros(now.Add(life)))
}

// tellAll writes a notice for each identity of its user that follows, and returns those.
func tellAll(ctx context.Context, tx Tx, n storage.Notice, now time.Time) (told []storage.Identity, err error) {
	all, err := identitiesOf(ctx, tx, n.UserID)
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		if !i.Followed {
			continue
		}
		n.Account, n.OpenID = i.Account, i.OpenID
		if err := insertNotice(ctx, tx, n, storage.Hash{}, now); err != nil {
			return nil, err
		}
		told = append(told, i)
	}
	return told, nil
}

// untold are the notices of an openid that no message carries, or that this claim has taken before.
const untold = ` FROM notices n WHERE n.account = ? AND n.openid = ? AND n.expires_at > ? AND (n.sent_at = 0 OR n.claim = ?)`

// ClaimNotices hands out the notices that no message carries, or those that this claim has taken before.
func (s *Store) ClaimNotices(ctx context.Context, account, openID string, claim storage.Hash, limit int, now time.Time) (list []storage.Notice, err error) {
	if claim.IsZero() || openID == "" {
		return nil, nil
	}
	args := []any{account, openID, Micros(now), claim[:]}
	// Nearly always there is nothing to tell, and nothing is written.
	waits := false
	if err := s.read(ctx, "look for notices", func(tx Tx) (err error) {
		waits, err = exists(ctx, tx, `SELECT 1`+untold+` LIMIT 1`, args...)
		return err
	}); err != nil || !waits {
		return nil, err
	}
	err = s.write(ctx, "claim notices", func(tx Tx) error {
		list = nil
		// Those of this claim first: sent_at is 0 for all others.
		if err := each(ctx, tx, `SELECT `+noticeColumns+untold+` ORDER BY n.sent_at DESC, n.created_at, n.id LIMIT ?`+tx.ForUpdate(), append(args, int64(limit)), func(row Row) error {
			n, err := scanNotice(row)
			if again := len(list) > 0 && !list[0].SentAt.IsZero(); err == nil && (!again || !n.SentAt.IsZero()) {
				list = append(list, n)
			}
			return err
		}); err != nil {
			return err
		}
		for i := range list {
			if !list[i].SentAt.IsZero() {
				continue
			}
			list[i].SentAt = Time(Micros(now))
			if err := tx.Do(ctx, `UPDATE notices SET sent_at = ?, claim = ? WHERE id = ?`, Micros(now), claim[:], list[i].ID[:]); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// ReleaseNotice gives a notice back whose message did not go out.
func (s *Store) ReleaseNotice(ctx context.Context, id storage.ID, claim storage.Hash) error {
	return s.write(ctx, "release notice", func(tx Tx) error {
		var none storage.Hash
		return tx.Do(ctx, `UPDATE notices SET sent_at = 0, claim = ? WHERE id = ? AND claim = ?`, none[:], id[:], claim[:])
	})
}

// Notice returns a notice by its ID alone.
func (s *Store) Notice(ctx context.Context, id storage.ID, now time.Time) (n storage.Notice, err error) {
	err = s.read(ctx, "notice", func(tx Tx) (err error) {
		n, err = loadNotice(ctx, tx, id, "", now)
		return err
	})
	return n, err
}

// OpenNotice binds a notice to the WeChat browser that has proved the openid.
func (s *Store) OpenNotice(ctx context.Context, id storage.ID, account, openID string, phone storage.Hash, now time.Time) (n storage.Notice, err error) {
	err = s.write(ctx, "open notice", func(tx Tx) (err error) {
		if n, err = loadNotice(ctx, tx, id, tx.ForUpdate(), now); err != nil {
			return err
		}
		if n.Account != account || n.OpenID != openID || phone.IsZero() || n.Kind == storage.NoticeMoved {
			return storage.ErrNotFound
		}
		n.PhoneHash = phone
		return tx.Do(ctx, `UPDATE notices SET phone_hash = ? WHERE id = ?`, phone[:], id[:])
	})
	if err != nil {
		return storage.Notice{}, err
	}
	return n, nil
}

// RevokeByNotice ends what the notice tells of.
func (s *Store) RevokeByNotice(ctx context.Context, id storage.ID, phone storage.Hash, now time.Time) (n storage.Notice, err error) {
	err = s.end(ctx, "revoke by notice", func(tx Tx) (err error) {
		// A login by the scan alone that is not completed: its attempt is held before its notice. Its ID is the notice's. Where
		// what follows refuses, this is undone.
		if err := tx.Do(ctx, `UPDATE attempts SET state = 'expired', version = version + 1 WHERE id = ? AND alone = 1 AND state = 'confirmed'`, id[:]); err != nil {
			return err
		}
		if n, err = holdNotice(ctx, tx, id, phone, now); err != nil {
			return err
		}
		if !n.RevokedAt.IsZero() {
			return nil
		}
		n.RevokedAt = Time(Micros(now))
		if err := tx.Do(ctx, `UPDATE notices SET revoked_at = ? WHERE id = ?`, Micros(now), id[:]); err != nil {
			return err
		}
		// Whoever was let in by mistake may have been let in elsewhere, too. And a login that goes on beside this, because its
		// browser knows the person, has opened its session by the time that is forgotten: what follows sees it.
		if err := forgetBrowsers(ctx, tx, n.UserID); err != nil {
			return err
		}
		action := "login.disowned"
		switch n.Kind {
		case storage.NoticeTV:
			err = tx.Do(ctx, `UPDATE grants SET revoked_at = ? WHERE id = ? AND user_id = ? AND for_device = 1 AND revoked_at = 0`, Micros(now), n.Target[:], n.UserID)
		case storage.NoticePhone:
			action = "phone.disowned"
			err = disownPhone(ctx, tx, n, now)
		default:
			err = disownBrowser(ctx, tx, n, now)
		}
		if err != nil {
			return err
		}
		return audit(ctx, tx, storage.AuditEntry{
			At: now, Actor: actorUser, Action: action, UserID: n.UserID, ClientID: n.ClientID, Account: n.Account, Detail: n.Device.Name,
		})
	})
	if err != nil {
		return storage.Notice{}, err
	}
	return n, nil
}

// holdNotice holds the notice for the WeChat browser that proved the openid, and before it, where the whole person is
// about to be ended, what SignOutEverywhere holds.
func holdNotice(ctx context.Context, tx Tx, id storage.ID, phone storage.Hash, now time.Time) (storage.Notice, error) {
	n, err := loadNotice(ctx, tx, id, "", now)
	if err == nil && (n.PhoneHash.IsZero() || !n.PhoneHash.Equal(phone)) {
		err = storage.ErrNotFound
	}
	if err == nil && n.Kind == storage.NoticePhone && n.RevokedAt.IsZero() {
		if _, err = voidAttempts(ctx, tx, n.UserID); err == nil {
			err = holdPerson(ctx, tx, n.UserID)
		}
	}
	if err != nil {
		return storage.Notice{}, err
	}
	n, err = loadNotice(ctx, tx, id, tx.ForUpdate(), now)
	if err == nil && !n.PhoneHash.Equal(phone) { // opened in another browser this very moment
		err = storage.ErrNotFound
	}
	return n, err
}

// UserNotices lists a user's notices.
func (s *Store) UserNotices(ctx context.Context, userID string) (list []storage.Notice, err error) {
	err = s.read(ctx, "user notices", func(tx Tx) error {
		list = nil
		return each(ctx, tx, `SELECT `+noticeColumns+` FROM notices n WHERE n.user_id = ? ORDER BY n.created_at DESC, n.id DESC`, []any{userID}, func(row Row) error {
			n, err := scanNotice(row)
			list = append(list, n)
			return err
		})
	})
	return list, err
}

// disownBrowser ends the user's sessions of the notice's browser, first, and their grants in a later statement: see the
// package's comment on locks. A later login there goes with it.
func disownBrowser(ctx context.Context, tx Tx, n storage.Notice, now time.Time) error {
	const there = `browser_id = (SELECT n.browser_id FROM notices n WHERE n.id = ?)`
	return errors.Join(
		tx.Do(ctx, `UPDATE sessions SET ended_at = ? WHERE user_id = ? AND ended_at = 0 AND (id = ? OR `+there+`)`,
			Micros(now), n.UserID, n.Target[:], n.ID[:]),
		tx.Do(ctx, `UPDATE grants SET revoked_at = ? WHERE user_id = ? AND revoked_at = 0 AND for_device = 0
			AND (session_id = ? OR session_id IN (SELECT s.id FROM sessions s WHERE s.user_id = ? AND s.`+there+`))`,
			Micros(now), n.UserID, n.Target[:], n.UserID, n.ID[:]))
}

func loadNotice(ctx context.Context, tx Tx, id storage.ID, lock string, now time.Time) (storage.Notice, error) {
	n, err := scanNotice(tx.QueryRow(ctx, `SELECT `+noticeColumns+` FROM notices n WHERE n.id = ?`+lock, id[:]))
	switch {
	case err != nil:
		return storage.Notice{}, err
	case !n.ExpiresAt.After(now):
		return storage.Notice{}, storage.ErrExpired
	}
	return n, nil
}

func scanNotice(row Row) (n storage.Notice, err error) {
	var id, target, phone []byte
	var shown string
	var created, sent, revoked, expires int64
	if err := row.Scan(&id, &n.Account, &n.OpenID, &n.UserID, &n.Kind, &target, &n.ClientID, &shown, &n.PhoneSealed, &phone, &created, &sent, &revoked, &expires); err != nil {
		return storage.Notice{}, found(err)
	}
	copy(n.ID[:], id)
	copy(n.Target[:], target)
	copy(n.PhoneHash[:], phone)
	n.CreatedAt, n.SentAt, n.RevokedAt, n.ExpiresAt = Time(created), Time(sent), Time(revoked), Time(expires)
	return n, decode(shown, &n.Device)
}
