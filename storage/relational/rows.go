package relational

import (
	"qiao/storage"
)

// The columns that a row type below scans, in its order. Each list has its own table alias, so that lists can be joined.
const (
	UserColumns = `u.id, u.username, u.name, u.phone_sealed, u.phone_index, u.phone_verified_at, u.group_names, u.locked_at, u.created_at, u.updated_at`

	SessionColumns = `s.id, s.hash, s.user_id, s.account, s.openid, s.browser, s.auth_time, s.facts, s.created_at, s.last_seen_at, s.idle_expires_at, s.expires_at, s.ended_at`

	GrantColumns = `g.id, g.user_id, g.client_id, g.session_id, g.offline, g.auth_time, g.redirect_uri, g.code_challenge, g.scopes, g.nonce, g.amr, g.acr, g.device, g.created_at, g.ends_at, g.revoked_at, g.refresh_seed, g.refresh_generation, g.refresh_expires_at, g.access, g.for_device`
)

// UserRow scans UserColumns: row.Scan(append(u.Dest(), more...)...), then u.User().
type UserRow struct {
	user                                   storage.User
	groups                                 string
	verifiedAt, lockedAt, created, updated int64
}

// Dest is where to scan to.
func (r *UserRow) Dest() []any {
	u := &r.user
	return []any{&u.ID, &u.Username, &u.Name, &u.PhoneSealed, &u.PhoneIndex, &r.verifiedAt, &r.groups, &r.lockedAt, &r.created, &r.updated}
}

// User is the user that was scanned.
func (r *UserRow) User() (storage.User, error) {
	u := r.user
	var err error
	u.Groups, err = DecodeStrings(r.groups)
	u.PhoneVerifiedAt, u.LockedAt = Time(r.verifiedAt), Time(r.lockedAt)
	u.CreatedAt, u.UpdatedAt = Time(r.created), Time(r.updated)
	return u, err
}

// SessionFacts is the column sessions.facts.
type SessionFacts struct {
	AMR    []string       `json:"amr,omitempty"`
	ACR    string         `json:"acr,omitempty"`
	Device storage.Device `json:"device"`
}

// SessionRow scans SessionColumns.
type SessionRow struct {
	session                                                  storage.Session
	id, hash, browser                                        []byte
	facts                                                    string
	authTime, created, lastSeen, idleExpires, expires, ended int64
}

// Dest is where to scan to.
func (r *SessionRow) Dest() []any {
	s := &r.session
	return []any{&r.id, &r.hash, &s.UserID, &s.Account, &s.OpenID, &r.browser, &r.authTime, &r.facts, &r.created, &r.lastSeen, &r.idleExpires, &r.expires, &r.ended}
}

// Session is the session that was scanned.
func (r *SessionRow) Session() (storage.Session, error) {
	s := r.session
	copy(s.ID[:], r.id)
	copy(s.Hash[:], r.hash)
	copy(s.Browser[:], r.browser)
	var facts SessionFacts
	err := decode(r.facts, &facts)
	s.AMR, s.ACR, s.Device = facts.AMR, facts.ACR, facts.Device
	s.AuthTime, s.CreatedAt, s.LastSeenAt = Time(r.authTime), Time(r.created), Time(r.lastSeen)
	s.IdleExpiresAt, s.ExpiresAt, s.EndedAt = Time(r.idleExpires), Time(r.expires), Time(r.ended)
	return s, err
}

// GrantRow scans GrantColumns.
type GrantRow struct {
	grant                                            storage.Grant
	id, session, seed, access                        []byte
	scopes, amr, device                              string
	offline, forDevice, generation                   int64
	authTime, created, ends, revoked, refreshExpires int64
}

// Dest is where to scan to.
func (r *GrantRow) Dest() []any {
	g := &r.grant
	return []any{&r.id, &g.UserID, &g.ClientID, &r.session, &r.offline, &r.authTime, &g.RedirectURI, &g.CodeChallenge, &r.scopes, &g.Nonce, &r.amr, &g.ACR, &r.device, &r.created, &r.ends, &r.revoked, &r.seed, &r.generation, &r.refreshExpires, &r.access, &r.forDevice}
}

// Grant is the grant that was scanned.
func (r *GrantRow) Grant() (storage.Grant, error) {
	g := r.grant
	copy(g.ID[:], r.id)
	copy(g.SessionID[:], r.session)
	copy(g.RefreshSeed[:], r.seed)
	var err error
	if r.device != "" {
		err = decode(r.device, &g.Device)
	}
	g.Scopes, g.AMR = Words(r.scopes), Words(r.amr)
	g.Offline, g.ForDevice = r.offline != 0, r.forDevice != 0
	g.RefreshGeneration = uint32(r.generation)
	g.AuthTime, g.CreatedAt, g.ExpiresAt = Time(r.authTime), Time(r.created), Time(r.ends)
	g.RevokedAt, g.RefreshExpiresAt = Time(r.revoked), Time(r.refreshExpires)
	g.Access = storage.DecodeAccessTokens(r.access)
	return g, err
}
