package postgres

import (
	"context"
	"fmt"
	"strings"

	"qiao/storage"
	"qiao/storage/relational"
)

// holdPerson holds the user and the session until the statement commits. EndSession and LockUser change these rows
// before they look for grants to revoke, so either they wait here and then see the new grant, or this statement waits
// and then finds the session ended, the user locked, or the phone gone.
const holdPerson = `WITH u AS (
	SELECT id FROM users WHERE id = $2 AND locked_at = 0 AND phone_index IS NOT NULL FOR SHARE
), s AS (
	SELECT account, openid FROM sessions
	WHERE id = $4 AND hash = $5 AND user_id = $2 AND ended_at = 0 AND expires_at > $6 AND idle_expires_at > $6 FOR SHARE
)`

// finishRequest finishes the request, once, and only if the code will be issued. A second IssueCode waits for the first
// one's commit here, evaluates finished_at again, and gets no row: one request yields one code.
const finishRequest = `, r AS (
	UPDATE auth_requests SET finished_at = $6
	WHERE id = $21 AND browser = $22 AND finished_at = 0 AND expires_at > $6 AND EXISTS (SELECT FROM u) AND EXISTS (SELECT FROM s)
	RETURNING id
)`

const insertGrant = ` INSERT INTO grants (id, user_id, client_id, session_id, account, openid, offline, auth_time, redirect_uri,
	code_challenge, scopes, nonce, amr, acr, created_at, expires_at, ends_at, revoked_at, code_hash, code_expires_at, code_uses, refresh_seed,
	refresh_generation, refresh_params, refresh_rotated_at, refresh_repeats, refresh_expires_at, access)
SELECT $1::bytea, u.id, $3::text, $4::bytea, s.account, s.openid, $7::smallint, $8::bigint, $9::text, $10::text, $11::text, $18::text, $19::text, $20::text,
	$12::bigint, $17::bigint, $13::bigint, 0, $14::bytea, $15::bigint, 0, $16::bytea, 0, $16::bytea, 0, 0, 0, '\x'::bytea
FROM u, s`

const (
	issueCode           = holdPerson + insertGrant
	issueCodeForRequest = holdPerson + finishRequest + insertGrant + `, r`
)

// IssueCode creates the grant with its code, and finishes the request where there is one, in one statement.
func (s *Store) IssueCode(ctx context.Context, c storage.NewCode) error {
	g := c.Grant
	var none storage.Hash
	statement, args := issueCode, []any{
		g.ID[:], g.UserID, g.ClientID, g.SessionID[:], c.SessionHash[:], relational.Micros(c.Now),
		relational.Bool(g.Offline), relational.Micros(g.AuthTime), g.RedirectURI, g.CodeChallenge, strings.Join(g.Scopes, " "),
		relational.Micros(g.CreatedAt), relational.Micros(g.ExpiresAt), c.CodeHash[:], relational.Micros(c.CodeExpiresAt), none[:],
		relational.CodeKept(c.CodeExpiresAt), g.Nonce, strings.Join(g.AMR, " "), g.ACR,
	}
	if !c.AuthRequestID.IsZero() {
		statement, args = issueCodeForRequest, append(args, c.AuthRequestID[:], c.Browser[:])
	}
	err := s.db.one(ctx, func(ctx context.Context) error {
		tag, err := s.db.pool.Exec(ctx, statement, args...)
		if err == nil && tag.RowsAffected() == 0 {
			return s.whyNoCode(ctx, c)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("issue code: %w", err)
	}
	return nil
}

// whyNoCode finds out what stood in the way. Nothing was changed.
func (s *Store) whyNoCode(ctx context.Context, c storage.NewCode) error {
	var locked, live, phone bool
	err := s.db.pool.QueryRow(ctx, `SELECT u.locked_at <> 0, s.ended_at = 0 AND s.expires_at > $4 AND s.idle_expires_at > $4, u.phone_index IS NOT NULL
		FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1 AND s.hash = $2 AND s.user_id = $3`,
		c.Grant.SessionID[:], c.SessionHash[:], c.Grant.UserID, relational.Micros(c.Now)).Scan(&locked, &live, &phone)
	switch {
	case err != nil:
		return found(err)
	case locked:
		return storage.ErrLocked
	case !live:
		return storage.ErrNotFound
	case !phone:
		return storage.ErrPhoneNeeded
	default:
		return storage.ErrConflict
	}
}
