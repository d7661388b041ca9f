package simulator

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// personView is a person in the control API.
type personView struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	UnionID   string            `json:"unionid"`
	OpenIDs   map[string]string `json:"openids"`   // by appid
	Following []string          `json:"following"` // names of accounts
	Prompt    string            `json:"prompt,omitempty"`
	Snapshot  bool              `json:"snapshot,omitempty"`
}

// createPerson makes a person with an openid for each account. A snapshot person uses the quick browse mode.
func (s *Simulator) createPerson(r *http.Request) (any, error) {
	var in struct {
		Name     string `json:"name"`
		Snapshot bool   `json:"snapshot"`
	}
	if err := readJSON(r, &in); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(in.Name) > 32 || strings.ContainsAny(in.Name, "\r\n\t\x00") {
		return nil, malformed("a name has at most 32 characters")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.people) >= maxPeople {
		return nil, malformed(fmt.Sprintf("there are %d people already", maxPeople))
	}
	p := &person{
		id: fmt.Sprintf("p%d", len(s.people)+1), name: in.Name, snapshot: in.Snapshot,
		unionID: "o6" + random(26), cookie: random(32),
		relations: make(map[string]*relation, len(s.accounts)),
	}
	if p.name == "" {
		p.name = p.id
	}
	for _, a := range s.accounts {
		rel := &relation{person: p, account: a, openID: "o" + random(27)}
		p.relations[a.Name] = rel
		s.openIDs[rel.openID] = rel
	}
	s.people[p.id] = p
	s.order = append(s.order, p)
	s.cookies[p.cookie] = p
	return created{p.view(s.accounts)}, nil
}

func (s *Simulator) listPeople(*http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]personView, 0, len(s.order))
	for _, p := range s.order {
		list = append(list, p.view(s.accounts))
	}
	return list, nil
}

func (p *person) view(accounts []*account) personView {
	v := personView{
		ID: p.id, Name: p.name, UnionID: p.unionID, Snapshot: p.snapshot,
		OpenIDs: make(map[string]string, len(accounts)), Following: []string{},
	}
	var prompted time.Time
	for _, a := range accounts {
		rel := p.relations[a.Name]
		v.OpenIDs[a.AppID] = rel.openID
		if rel.following {
			v.Following = append(v.Following, a.Name)
		}
		if rel.prompt != nil && !rel.promptedAt.Before(prompted) {
			v.Prompt, prompted = a.Name, rel.promptedAt
		}
	}
	return v
}

// personOf finds the person whom the path names. The caller holds the mutex.
func (s *Simulator) personOf(r *http.Request) (*person, error) {
	p := s.people[r.PathValue("id")]
	if p == nil {
		return nil, unknown("person")
	}
	return p, nil
}

// accountOf finds the account, which may be left out where there is only one. The caller holds the mutex.
func (s *Simulator) accountOf(name string) (*account, error) {
	if name == "" {
		if len(s.accounts) > 1 {
			return nil, malformed("several accounts are configured: name one in account")
		}
		return s.accounts[0], nil
	}
	a := s.accountNamed(name)
	if a == nil {
		return nil, unknown("account")
	}
	return a, nil
}

// relationOf finds what stands between the person of the path and the account. The caller holds the mutex.
func (s *Simulator) relationOf(r *http.Request, account string) (*relation, error) {
	p, err := s.personOf(r)
	if err != nil {
		return nil, err
	}
	a, err := s.accountOf(account)
	if err != nil {
		return nil, err
	}
	return p.relations[a.Name], nil
}

// followingOf is relationOf, for what only a follower can do.
func (s *Simulator) followingOf(r *http.Request, account string) (*relation, error) {
	rel, err := s.relationOf(r, account)
	if err != nil {
		return nil, err
	}
	if !rel.following {
		return nil, malformed("this person does not follow the account")
	}
	return rel, nil
}
