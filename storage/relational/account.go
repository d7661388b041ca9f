package relational

import (
	"context"
	"errors"
	"time"

	"qiao/storage"
)

// ListUserGrants lists what of a user's grants can still be used: an unused code, a refresh token or an access token.
func (s *Store) ListUserGrants(ctx context.Context, userID string, now time.Time) (list []storage.UserGrant, err error) {
	err = s.read(ctx, "list user grants", func(tx Tx) error {
		list = nil
		return each(ctx, tx, `SELECT `+GrantColumns+`, g.code_uses, g.code_expires_at, g.refresh_rotated_at FROM grants g
			WHERE g.user_id = ? AND g.revoked_at = 0 AND g.ends_at > ? ORDER BY g.created_at DESC, g.id DESC`,
			[]any{userID, Micros(now)}, func(row Row) error {
				var r GrantRow
				var uses, codeExpires, rotated int64
				if err := row.Scan(append(r.Dest(), &uses, &codeExpires, &rotated)...); err != nil {
					return err
				}
				g, err := r.Grant()
				if err == nil && len(list) < storage.MaxUserGrants && (uses == 0 && !over(codeExpires, now) || usable(g, now)) {
					list = append(list, storage.UserGrant{Grant: g, UsedAt: Time(rotated)})
				}
				return err
			})
	})
	return list, err
}

func usable(g storage.Grant, now time.Time) bool {
	if !g.RefreshSeed.IsZero() && g.RefreshExpiresAt.After(now) {
		return true
	}
	for _, t := range g.Access {
		if t.ExpiresAt.After(now) {
			return true
		}
	}
	return false
}

// UserConsents lists a user's consents.
func (s *Store) UserConsents(ctx context.Context, userID string) (list []storage.Consent, err error) {
	err = s.read(ctx, "user consents", func(tx Tx) error {
		list = nil
		return each(ctx, tx, `SELECT client_id, scopes, updated_at FROM consents WHERE user_id = ? ORDER BY client_id`, []any{userID}, func(row Row) error {
			var c storage.Consent
			var scopes string
			var updated int64
			if err := row.Scan(&c.ClientID, &scopes, &updated); err != nil {
				return err
			}
			var err error
			c.Scopes, err = DecodeStrings(scopes)
			c.UpdatedAt = Time(updated)
			list = append(list, c)
			return err
		})
	})
	return list, err
}

// UserBrowsers lists the browsers that know a user, each with what its session tells of it: every login renews the browser's
// secret, so that there is one at most.
func (s *Store) UserBrowsers(ctx context.Context, userID string, now time.Time) (list []storage.KnownBrowser, err error) {
	err = s.read(ctx, "user browsers", func(tx Tx) error {
		list = nil
		return each(ctx, tx, `SELECT `+knownBrowserColumns+`, COALESCE(s.facts, '{}'), COALESCE(s.created_at, 0), COALESCE(s.last_seen_at, 0)
			FROM known_browsers k LEFT JOIN sessions s ON s.browser = k.browser AND s.user_id = k.user_id
			WHERE k.user_id = ? AND k.expires_at > ? ORDER BY k.expires_at DESC, k.browser`, []any{userID, Micros(now)}, func(row Row) error {
			var k knownBrowserRow
			var text string
			var created, seen int64
			if err := row.Scan(append(k.dest(), &text, &created, &seen)...); err != nil {
				return err
			}
			known, err := k.known()
			if err != nil {
				return err
			}
			var facts SessionFacts
			if err := decode(text, &facts); err != nil {
				return err
			}
			b := storage.KnownBrowser{
				LoginAt: known.expiresAt.Add(-knownBrowserLife), ExpiresAt: known.expiresAt,
				Device: facts.Device, FirstSeenAt: Time(created), LastSeenAt: Time(seen),
			}
			if !known.confirmedAt.IsZero() { // else the rest says nothing
				b.ConfirmedAt, b.Account, b.OpenID, b.Scopes = known.confirmedAt, known.account, known.openID, known.scopes
			}
			list = append(list, b)
			return nil
		})
	})
	return list, err
}

// RevokeUserGrant ends one grant of the user. The row's own lock orders it with every use of the grant.
func (s *Store) RevokeUserGrant(ctx context.Context, userID string, id storage.ID, now time.Time) error {
	return s.write(ctx, "revoke user grant", func(tx Tx) error {
		var revoked, forDevice int64
		var clientID string
		err := tx.QueryRow(ctx, `SELECT revoked_at, for_device, client_id FROM grants WHERE id = ? AND user_id = ?`+tx.ForUpdate(), id[:], userID).
			Scan(&revoked, &forDevice, &clientID)
		if err != nil || revoked != 0 {
			return found(err)
		}
		if err := tx.Do(ctx, `UPDATE grants SET revoked_at = ? WHERE id = ?`, Micros(now), id[:]); err != nil {
			return err
		}
		action := "grant.revoke"
		if forDevice != 0 {
			action = "device.revoke"
		}
		return audit(ctx, tx, storage.AuditEntry{At: now, Actor: actorUser, Action: action, UserID: userID, ClientID: clientID})
	})
}

// EndUserSession ends one session of the user.
func (s *Store) EndUserSession(ctx context.Context, userID string, id storage.ID, now time.Time) error {
	return s.end(ctx, "end user session", func(tx Tx) error {
		session, err := scanSession(tx.QueryRow(ctx, `SELECT `+SessionColumns+` FROM sessions s WHERE s.id = ? AND s.user_id = ?`+tx.ForUpdate(), id[:], userID))
		if err != nil || !session.EndedAt.IsZero() {
			return err
		}
		return errors.Join(
			endSession(ctx, tx, id, now),
			distrustSession(ctx, tx, id),
			audit(ctx, tx, storage.AuditEntry{At: now, Actor: actorUser, Action: "session.end", UserID: userID, Account: session.Account, Detail: session.Device.Name}))
	})
}

// SignOutEverywhere ends all that LockUser ends, and every login under way: one that was confirmed before would open a
// session after the answer. The attempts come first, because a login holds its attempt before its person.
func (s *Store) SignOutEverywhere(ctx context.Context, userID string, by string, now time.Time) error {
	return s.end(ctx, "sign out everywhere", func(tx Tx) error {
		ended, err := voidAttempts(ctx, tx, userID)
		if err != nil {
			return err
		}
		if err := holdPerson(ctx, tx, userID); err != nil {
			return err
		}
		live, err := exists(ctx, tx, `SELECT 1 FROM sessions WHERE user_id = ? AND ended_at = 0
			UNION ALL SELECT 1 FROM grants WHERE user_id = ? AND revoked_at = 0
			UNION ALL SELECT 1 FROM known_browsers WHERE user_id = ? LIMIT 1`, userID, userID, userID)
		if err != nil || !live && ended == 0 {
			return err
		}
		return errors.Join(
			endUser(ctx, tx, userID, now),
			audit(ctx, tx, storage.AuditEntry{At: now, Actor: by, Action: "user.sign_out", UserID: userID}))
	})
}

// RevokeClientAccess takes back the consent and ends the grants of a client. The user is held against who issues: what
// was issued before is seen by the statements below.
func (s *Store) RevokeClientAccess(ctx context.Context, userID, clientID string, now time.Time) error {
	return s.end(ctx, "revoke client access", func(tx Tx) error {
		if _, err := loadUser(ctx, tx, userID, tx.ForUpdate()); err != nil {
			return err
		}
		if err := distrustClientOf(ctx, tx, userID, clientID); err != nil {
			return err
		}
		consents, err := tx.Exec(ctx, `DELETE FROM consents WHERE user_id = ? AND client_id = ?`, userID, clientID)
		if err != nil {
			return err
		}
		grants, err := tx.Exec(ctx, `UPDATE grants SET revoked_at = ? WHERE user_id = ? AND client_id = ? AND revoked_at = 0`, Micros(now), userID, clientID)
		if err != nil || consents+grants == 0 {
			return err
		}
		return audit(ctx, tx, storage.AuditEntry{At: now, Actor: actorUser, Action: "client.revoke", UserID: userID, ClientID: clientID})
	})
}
