package grants

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"qiao/op/keys"
	"qiao/storage"
)

// minting is what an answer of the token endpoint is made from.
type minting struct {
	client  storage.Client
	issued  storage.Issued
	access  storage.Handle
	refresh string // text, empty for none
	mask    uint64 // of the grant's scopes
	nonce   string
	now     time.Time
}

// tokens is the answer of the token endpoint (OpenID Connect Core §3.1.3.3).
type tokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
}

// mint makes the texts of what the store has issued. An ID token is for openid only (§3.1.2.1).
func (s *Server) mint(m minting) (*tokens, error) {
	scopes, scope := scopesOf(&m.issued.Grant, m.mask)
	out := &tokens{
		AccessToken: m.access.Text(), TokenType: "Bearer", ExpiresIn: int64(s.cfg.Lifetimes.AccessToken / time.Second),
		RefreshToken: m.refresh, Scope: scope,
	}
	if !slices.Contains(scopes, ScopeOpenID) {
		return out, nil
	}
	claims, err := s.idTokenClaims(m, scopes, out.AccessToken)
	if err != nil {
		return nil, err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return nil, fmt.Errorf("marshal ID token: %w: %w", errFault, err)
	}
	if out.IDToken, err = s.cfg.Keys.Sign(m.client.IDTokenAlg, keys.TypeJWT, json.RawMessage(payload)); err != nil {
		return nil, fmt.Errorf("mint ID token: %w: %w", errFault, err)
	}
	return out, nil
}

// idToken holds the claims of OpenID Connect Core §2. azp is left out: there is one audience, and it is the client.
type idToken struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  string   `json:"aud"`
	ExpiresAt int64    `json:"exp"`
	IssuedAt  int64    `json:"iat"`
	AuthTime  int64    `json:"auth_time,omitempty"`
	Nonce     string   `json:"nonce,omitempty"`
	ACR       string   `json:"acr,omitempty"`
	AMR       []string `json:"amr,omitempty"`
	SessionID string   `json:"sid,omitempty"`
	AccessSum string   `json:"at_hash"`
	*person
}

func (s *Server) idTokenClaims(m minting, scopes []string, accessToken string) (idToken, error) {
	g := &m.issued.Grant
	sum := sha256.Sum256([]byte(accessToken)) // of both ES256 and RS256
	t := idToken{
		Issuer: s.cfg.Issuer, Subject: g.UserID, Audience: g.ClientID,
		IssuedAt: m.now.Unix(), ExpiresAt: m.now.Add(s.cfg.Lifetimes.IDToken).Unix(),
		Nonce: m.nonce, ACR: g.ACR, AMR: g.AMR,
		AccessSum: base64.RawURLEncoding.EncodeToString(sum[:16]),
	}
	if !g.AuthTime.IsZero() {
		t.AuthTime = g.AuthTime.Unix()
	}
	if !g.SessionID.IsZero() {
		t.SessionID = g.SessionID.String()
	}
	if m.client.LeanIDToken {
		return t, nil
	}
	p, err := s.personClaims(&m.issued.User, m.client, scopes)
	if err != nil {
		return idToken{}, err
	}
	t.person = &p
	return t, nil
}
