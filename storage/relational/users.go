package relational

import (
	"context"
	"errors"
	"time"

	"qiao/storage"
)

// User returns a user by their sub.
func (s *Store) User(ctx context.Context, id string) (u storage.User, err error) {
	err = s.read(ctx, "user", func(tx Tx) (err error) {
		u, err = loadUser(ctx, tx, id, "")
		return err
	})
	return u, err
}

// ListUsers returns users in ID order.
func (s *Store) ListUsers(ctx context.Context, f storage.UserFilter) (list []storage.User, err error) {
	query, args := `SELECT `+UserColumns+` FROM users u WHERE u.id > ?`, []any{f.After}
	if len(f.PhoneIndex) > 0 {
		query, args = query+` AND u.phone_index = ?`, append(args, f.PhoneIndex)
	}
	if f.Username != "" {
		query, args = query+` AND u.username = ?`, append(args, f.Username)
	}
	if f.OpenID != "" {
		query += ` AND u.id IN (SELECT i.user_id FROM identities i WHERE i.account = ? AND i.openid = ?)`
		args = append(args, f.Account, f.OpenID)
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	query, args = query+` ORDER BY u.id LIMIT ?`, append(args, int64(limit))
	err = s.read(ctx, "list users", func(tx Tx) error {
		list = nil
		return each(ctx, tx, query, args, func(row Row) error {
			u, err := scanUser(row)
			list = append(list, u)
			return err
		})
	})
	return list, err
}

// Identities lists a user's identities.
func (s *Store) Identities(ctx context.Context, userID string) (list []storage.Identity, err error) {
	if userID == "" { // whom identities without a user would belong to
		return nil, nil
	}
	err = s.read(ctx, "identities", func(tx Tx) (err error) {
		list, err = identitiesOf(ctx, tx, userID)
		return err
	})
	return list, err
}

// Identity returns a person as one account sees them.
func (s *Store) Identity(ctx context.Context, account, openID string) (i storage.Identity, err error) {
	err = s.read(ctx, "identity", func(tx Tx) error {
		row, err := loadIdentity(ctx, tx, account, openID, "")
		i = row.Identity
		return err
	})
	return i, err
}

func scanUser(row Row) (storage.User, error) {
	var r UserRow
	if err := row.Scan(r.Dest()...); err != nil {
		return storage.User{}, found(err)
	}
	return r.User()
}

func loadUser(ctx context.Context, tx Tx, id, lock string) (storage.User, error) {
	return scanUser(tx.QueryRow(ctx, `SELECT `+UserColumns+` FROM users u WHERE u.id = ?`+lock, id))
}

// identity is the row: with what counts against the openid.
type identity struct {
	storage.Identity
	wrongNumbers []int64 // microseconds, oldest first
	blockedUntil time.Time
	isNew        bool // this transaction has met the openid for the first time
}

const selectIdentity = `SELECT account, openid, unionid, user_id, followed, followed_at, wrong_numbers, blocked_until, created_at FROM identities`

func scanIdentity(row Row) (i identity, err error) {
	var followed, followedAt, blockedUntil, created int64
	var wrong string
	if err := row.Scan(&i.Account, &i.OpenID, &i.UnionID, &i.UserID, &followed, &followedAt, &wrong, &blockedUntil, &created); err != nil {
		return i, found(err)
	}
	i.Followed, i.FollowedAt = followed != 0, Time(followedAt)
	i.blockedUntil, i.CreatedAt = Time(blockedUntil), Time(created)
	if wrong != "[]" {
		err = decode(wrong, &i.wrongNumbers)
	}
	return i, err
}

func loadIdentity(ctx context.Context, tx Tx, account, openID, lock string) (identity, error) {
	return scanIdentity(tx.QueryRow(ctx, selectIdentity+ofOpenID+lock, account, openID))
}

func identitiesOf(ctx context.Context, tx Tx, userID string) (list []storage.Identity, err error) {
	err = each(ctx, tx, selectIdentity+` WHERE user_id = ? ORDER BY account, openid`, []any{userID}, func(row Row) error {
		i, err := scanIdentity(row)
		list = append(list, i.Identity)
		return err
	})
	return list, err
}

// holdIdentity returns the identity, made now where this openid is new, and holds it until the end of the transaction.
func holdIdentity(ctx context.Context, tx Tx, account, openID string, now time.Time) (identity, error) {
	i, err := loadIdentity(ctx, tx, account, openID, tx.ForUpdate())
	if !errors.Is(err, storage.ErrNotFound) {
		return i, err
	}
	if err := tx.Do(ctx, `INSERT INTO identities (account, openid, unionid, user_id, followed, followed_at, wrong_numbers, blocked_until, created_at)
		VALUES (?, ?, '', '', 0, 0, '[]', 0, ?) ON CONFLICT (account, openid) DO NOTHING`, account, openID, Micros(now)); err != nil {
		return i, err
	}
	return loadIdentity(ctx, tx, account, openID, tx.ForUpdate())
}

// holder is the user behind an identity, held with lock; the zero User when there is none.
func holder(ctx context.Context, tx Tx, i identity, lock string) (storage.User, error) {
	if i.UserID == "" {
		return storage.User{}, nil
	}
	return loadUser(ctx, tx, i.UserID, lock)
}

// personRows are an openid's identity and the user behind it, as they were asked for.
type personRows struct {
	account, openID string
	identity, user  Row
}

// askPerson asks for the identity, with its lock, and after it for the user behind it, who must stay as they are.
func askPerson(ctx context.Context, tx Tx, account, openID, lock string) personRows {
	return personRows{
		account, openID,
		tx.QueryRow(ctx, selectIdentity+ofOpenID+lock, account, openID), tx.QueryRow(ctx, selectHolder+tx.ForShare(), account, openID),
	}
}

const (
	ofOpenID     = ` WHERE account = ? AND openid = ?`
	selectHolder = `SELECT ` + UserColumns + ` FROM users u WHERE u.id = (SELECT user_id FROM identities` + ofOpenID + `)`
)

// hold returns the identity, made now where this openid is new, and its user, zero where there is none. Both are held until
// the end of the transaction.
func (r personRows) hold(ctx context.Context, tx Tx, now time.Time) (i identity, user storage.User, err error) {
	i, err = scanIdentity(r.identity)
	if notFound(err) {
		if i, err = holdIdentity(ctx, tx, r.account, r.openID, now); err != nil {
			return i, user, err
		}
		i.isNew = true
		user, err = holder(ctx, tx, i, tx.ForShare())
		return i, user, err
	}
	if err != nil || i.UserID == "" {
		return i, user, err
	}
	user, err = scanUser(r.user)
	return i, user, err
}
