package keys

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// set is what the ring knows at one moment. It never changes.
type set struct {
	version int64
	all     []*key // oldest activeAt first
	byID    map[string]*key
	jwks    []byte
	expires time.Time // when the first of its keys expires, zero when none does
}

func newSet(version int64, keys []*key, now time.Time) (*set, error) {
	s := &set{version: version, byID: make(map[string]*key, len(keys))}
	doc := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		if !k.expiresAt.IsZero() {
			if !k.expiresAt.After(now) {
				continue
			}
			if s.expires.IsZero() || k.expiresAt.Before(s.expires) {
				s.expires = k.expiresAt
			}
		}
		s.all = append(s.all, k)
		s.byID[k.id] = k
		doc.Keys = append(doc.Keys, k.public)
	}
	slices.SortStableFunc(s.all, func(a, b *key) int { return a.activeAt.Compare(b.activeAt) })
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("marshal key set: %w", err)
	}
	s.jwks = text
	return s, nil
}

// active is the key that signs: the newest whose time has come. After the only active key was revoked a next one may
// be all that is left; it is published already, so it signs early rather than nothing does.
func (s *set) active(alg string, now time.Time) *key {
	var active *key
	for _, k := range s.all {
		if k.alg == alg && (active == nil || !k.activeAt.After(now)) {
			active = k
		}
	}
	return active
}

// newest is the algorithm's key that is, or becomes, active last.
func (s *set) newest(alg string) *key {
	for _, k := range slices.Backward(s.all) {
		if k.alg == alg {
			return k
		}
	}
	return nil
}
