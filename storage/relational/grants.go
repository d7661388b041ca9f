package relational

import (
	"context"
	"strings"
	"time"

	"qiao/storage"
)

// unredeemedKept is how long a grant is kept after its code has expired, and one without a refresh token after its access
// token has: long enough to tell a late client so, and for a replay of the code to revoke what it led to.
const unredeemedKept = time.Hour

// CodeKept is when a grant goes whose code nobody redeems. Its own end comes with the redemption: a browser can ask for
// codes all day, and what nobody came for must not pile up until then.
func CodeKept(codeExpiresAt time.Time) int64 { return Micros(codeExpiresAt.Add(unredeemedKept)) }

// InsertGrant makes the grant of a code. account and openID are those through which its session was opened.
func InsertGrant(ctx context.Context, tx Tx, c storage.NewCode, account, openID string) error {
	g := c.Grant
	var none storage.Hash
	return tx.Do(ctx, `INSERT INTO grants (id, user_id, client_id, session_id, account, openid, offline, auth_time, redirect_uri, code_challenge, scopes, nonce, amr, acr,
			created_at, expires_at, ends_at, revoked_at, code_hash, code_expires_at, code_uses,
			refresh_seed, refresh_generation, refresh_params, refresh_rotated_at, refresh_repeats, refresh_expires_at, access)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 0, ?, 0, ?, 0, 0, 0, ?)`,
		g.ID[:], g.UserID, g.ClientID, g.SessionID[:], account, openID, Bool(g.Offline), Micros(g.AuthTime), g.RedirectURI, g.CodeChallenge,
		strings.Join(g.Scopes, " "), g.Nonce, strings.Join(g.AMR, " "), g.ACR,
		Micros(g.CreatedAt), CodeKept(c.CodeExpiresAt), Micros(g.ExpiresAt), c.CodeHash[:], Micros(c.CodeExpiresAt), none[:], none[:], []byte{})
}

// TokensKept is when a grant goes that was redeemed without a refresh token, 0 where there is one: then it goes at its
// own end.
func TokensKept(refreshSeed storage.Hash, access storage.AccessToken, now time.Time) int64 {
	if !refreshSeed.IsZero() {
		return 0
	}
	last := now
	if access.ExpiresAt.After(last) {
		last = access.ExpiresAt
	}
	return Micros(last.Add(unredeemedKept))
}

// RevokeGrant ends the grant of this client.
func (s *Store) RevokeGrant(ctx context.Context, id storage.ID, clientID string, now time.Time) error {
	return s.write(ctx, "revoke grant", func(tx Tx) error {
		return tx.Do(ctx, `UPDATE grants SET revoked_at = ? WHERE id = ? AND client_id = ? AND revoked_at = 0`, Micros(now), id[:], clientID)
	})
}

// RevokeAccessToken drops one access token of this client's grant.
func (s *Store) RevokeAccessToken(ctx context.Context, id storage.ID, clientID string, token storage.Hash, now time.Time) error {
	return s.write(ctx, "revoke access token", func(tx Tx) error {
		var access []byte
		err := found(tx.QueryRow(ctx, `SELECT access FROM grants WHERE id = ? AND client_id = ?`+tx.ForUpdate(), id[:], clientID).Scan(&access))
		if notFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		kept := make([]byte, 0, len(access))
		for _, t := range storage.DecodeAccessTokens(access) {
			if !t.Hash.Equal(token) {
				kept = append(kept, t.Encode()...)
			}
		}
		if len(kept) == len(access) {
			return nil
		}
		return tx.Do(ctx, `UPDATE grants SET access = ? WHERE id = ?`, kept, id[:])
	})
}
