package grants

import (
	"fmt"

	"qiao/storage"
)

// person holds the claims about the person that scopes ask for (OpenID Connect Core §5.4). What is empty is left out:
// relying parties take "" for a value.
type person struct {
	Name          string   `json:"name,omitempty"`
	Username      string   `json:"preferred_username,omitempty"`
	UpdatedAt     int64    `json:"updated_at,omitempty"`
	Phone         string   `json:"phone_number,omitempty"`
	PhoneVerified bool     `json:"phone_number_verified,omitempty"`
	Groups        []string `json:"groups,omitzero"` // an array also when it is empty
	Email         string   `json:"email,omitempty"` // without email_verified: nobody proved it
}

func (s *Server) personClaims(u *storage.User, c storage.Client, scopes []string) (person, error) {
	var p person
	for _, scope := range scopes {
		switch scope {
		case ScopeProfile:
			p.Name, p.Username = u.Name, u.Username
			if p.Name == "" {
				p.Name = u.Username
			}
			if !u.UpdatedAt.IsZero() {
				p.UpdatedAt = u.UpdatedAt.Unix()
			}
		case ScopePhone:
			if len(u.PhoneSealed) == 0 {
				continue
			}
			phone, err := s.cfg.Box.Open("phone", u.PhoneSealed)
			if err != nil {
				return person{}, fmt.Errorf("open phone: %w: %w", errFault, err)
			}
			p.Phone, p.PhoneVerified = string(phone), !u.PhoneVerifiedAt.IsZero()
		case ScopeGroups:
			p.Groups = u.Groups
			if p.Groups == nil {
				p.Groups = []string{}
			}
		case ScopeEmail:
			if c.EmailDomain != "" {
				p.Email = u.ID + "@" + c.EmailDomain
			}
		}
	}
	return p, nil
}
