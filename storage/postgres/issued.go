package postgres

import (
	"github.com/jackc/pgx/v5"

	"qiao/storage"
	"qiao/storage/relational"
)

// What a statement of the hot paths returns, and no more: PostgreSQL and this program pay for each column of each
// request.
const (
	personColumns = `u.username, u.name, u.phone_sealed, u.phone_verified_at, u.group_names, u.updated_at`
	mintedColumns = `g.user_id, g.session_id, g.auth_time, g.scopes, g.nonce, g.amr, g.acr, ` + personColumns
)

// personRow scans personColumns.
type personRow struct {
	user                storage.User
	groups              string
	verifiedAt, updated int64
}

func (r *personRow) dest() []any {
	u := &r.user
	return []any{&u.Username, &u.Name, &u.PhoneSealed, &r.verifiedAt, &r.groups, &r.updated}
}

func (r *personRow) person(id string) (storage.User, error) {
	u := r.user
	var err error
	u.ID = id
	u.Groups, err = relational.DecodeStrings(r.groups)
	u.PhoneVerifiedAt, u.UpdatedAt = relational.Time(r.verifiedAt), relational.Time(r.updated)
	return u, err
}

// scanMinted scans mintedColumns and what the statement returns besides into what the caller knows of the grant.
func scanMinted(row pgx.Row, known storage.Grant, more ...any) (storage.Issued, error) {
	g := known
	var session []byte
	var authTime int64
	var scopes, amr string
	var p personRow
	dest := append([]any{&g.UserID, &session, &authTime, &scopes, &g.Nonce, &amr, &g.ACR}, p.dest()...)
	if err := row.Scan(append(dest, more...)...); err != nil {
		return storage.Issued{}, err
	}
	copy(g.SessionID[:], session)
	g.AuthTime, g.Scopes, g.AMR = relational.Time(authTime), relational.Words(scopes), relational.Words(amr)
	user, err := p.person(g.UserID)
	return storage.Issued{Grant: g, User: user}, err
}

// accessColumn is the token's place in the column, and empty where the access token is none of the store's.
func accessColumn(token storage.AccessToken) []byte {
	if token.Hash.IsZero() {
		return []byte{}
	}
	return token.Encode()
}

// accessTokens is the same for what is returned.
func accessTokens(token storage.AccessToken) []storage.AccessToken {
	if token.Hash.IsZero() {
		return nil
	}
	return []storage.AccessToken{token}
}
