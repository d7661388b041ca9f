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
	asked        bool // it was asked for again: what was asked for with it is lost
}

// identityRow scans identityColumns.
type identityRow struct {
	i                                           identity
	followed, followedAt, blockedUntil, created int64
	wrong                                       string
}

func (r *identityRow) dest() []any {
	i := &r.i
	return []any{&i.Account, &i.OpenID, &i.UnionID, &i.UserID, &r.followed, &r.followedAt, &r.wrong, &r.blockedUntil, &r.created}
}

func (r *identityRow) identity() (i identity, err error) {
	i = r.i
	i.Followed, i.FollowedAt = r.followed != 0, Time(r.followedAt)
	i.blockedUntil, i.CreatedAt = Time(r.blockedUntil), Time(r.created)
	if r.wrong != "[]" {
		err = decode(r.wrong, &i.wrongNumbers)
	}
	return i, err
}

func scanIdentity(row Row) (identity, error) {
	var r identityRow
	if err := row.Scan(r.dest()...); err != nil {
		return identity{}, found(err)
	}
	return r.identity()
}

func loadIdentity(ctx context.Context, tx Tx, account, openID, lock string) (identity, error) {
	return scanIdentity(tx.QueryRow(ctx, selectIdentity+ofOpenID+lock, account, openID))
}

func identitiesOf(ctx context.Context, tx Tx, userID string) (list []storage.Identity, err error) {
	err = each(ctx, tx, selectIdentity+` WHERE i.user_id = ? ORDER BY i.account, i.openid`, []any{userID}, func(row Row) error {
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

// personRow is an openid's identity with the user behind it, as it was asked for.
type personRow struct {
	account, openID, lock string
	row                   Row
}

// askPerson asks for the identity, with its lock (Tx.ForUpdate, Tx.ForShare), and with it for the user behind it, who must
// stay as they are.
func askPerson(ctx context.Context, tx Tx, account, openID, lock string) personRow {
	return personRow{account, openID, lock, tx.QueryRow(ctx, selectPerson+of(lock, "i")+of(tx.ForShare(), "u"), account, openID)}
}

const (
	identityColumns = `i.account, i.openid, i.unionid, i.user_id, i.followed, i.followed_at, i.wrong_numbers, i.blocked_until, i.created_at`
	selectIdentity  = `SELECT ` + identityColumns + ` FROM identities i`
	ofOpenID        = ` WHERE i.account = ? AND i.openid = ?`
	selectPerson    = `SELECT ` + identityColumns + `, ` + UserColumns + ` FROM identities i JOIN users u ON u.id = i.user_id` + ofOpenID
	selectHolder    = `SELECT ` + UserColumns + ` FROM users u WHERE u.id = (SELECT i.user_id FROM identities i` + ofOpenID + `)`
)

// of limits a lock to one table of a join.
func of(lock, table string) string {
	if lock == "" {
		return ""
	}
	return lock + " OF " + table
}

// find is a person who has a user; ErrNotFound for an openid that is new or has none, and for one that got another user
// while the lock was waited for.
func (r personRow) find() (i identity, user storage.User, err error) {
	var ir identityRow
	var ur UserRow
	if err = r.row.Scan(append(ir.dest(), ur.Dest()...)...); err != nil {
		return i, user, found(err)
	}
	if i, err = ir.identity(); err != nil {
		return i, user, err
	}
	user, err = ur.User()
	return i, user, err
}

// hold returns the identity, made now where this openid is new, and its user, zero where there is none. Both are held until
// the end of the transaction.
func (r personRow) hold(ctx context.Context, tx Tx, now time.Time) (i identity, user storage.User, err error) {
	if i, user, err = r.find(); !notFound(err) {
		return i, user, err
	}
	if i, err = holdIdentity(ctx, tx, r.account, r.openID, now); err != nil {
		return i, user, err
	}
	i.asked = true
	user, err = holder(ctx, tx, i, tx.ForShare())
	return i, user, err
}
