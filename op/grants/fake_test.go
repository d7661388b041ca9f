package grants_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"qiao/storage"
)

// fakeStore is the contract that the token side needs, in memory, with errors on demand. That the real stores keep the
// contract is proved in storagetest; the flows here run on SQLite too.
type fakeStore struct {
	mu      sync.Mutex
	clients map[string]storage.Client
	keys    []storage.SigningKey
	users   map[string]storage.User
	grants  map[storage.ID]*fakeGrant
	devices map[storage.ID]*fakeDevice
	version int64
	fail    map[string]error // by method
	calls   map[string]int
}

type fakeGrant struct {
	storage.Grant
	code      storage.Hash
	codeEnds  time.Time
	used      bool
	params    storage.Hash
	rotatedAt time.Time
	repeats   int
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		clients: map[string]storage.Client{}, users: map[string]storage.User{}, grants: map[storage.ID]*fakeGrant{},
		devices: map[storage.ID]*fakeDevice{},
		fail:    map[string]error{}, calls: map[string]int{},
	}
}

// enter locks, counts, and fails where a test wants it.
func (f *fakeStore) enter(method string) error {
	f.mu.Lock()
	f.calls[method]++
	return f.fail[method]
}

func (f *fakeStore) setFail(method string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail[method] = err
}

func (f *fakeStore) Version(context.Context) (int64, error) {
	defer f.mu.Unlock()
	if err := f.enter("Version"); err != nil {
		return 0, err
	}
	return f.version, nil
}

func (f *fakeStore) ListClients(context.Context) ([]storage.Client, error) {
	defer f.mu.Unlock()
	if err := f.enter("ListClients"); err != nil {
		return nil, err
	}
	var all []storage.Client
	for _, c := range f.clients {
		all = append(all, c)
	}
	return all, nil
}

func (f *fakeStore) AddClient(_ context.Context, c storage.Client, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clients[c.ID] = c
	f.version++
	return nil
}

func (f *fakeStore) RemoveClient(_ context.Context, id string, _ string, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.clients, id)
	for _, g := range f.grants {
		if g.ClientID == id {
			g.RevokedAt = now
		}
	}
	f.version++
	return nil
}

func (f *fakeStore) SigningKeys(context.Context, time.Time) ([]storage.SigningKey, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.keys), nil
}

func (f *fakeStore) AddFirstKey(_ context.Context, k storage.SigningKey, _ time.Time) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys = append(f.keys, k)
	return true, nil
}

func (f *fakeStore) AddNextKey(context.Context, storage.SigningKey, time.Time, string, time.Time) error {
	return storage.ErrConflict
}

func (f *fakeStore) RevokeKey(context.Context, string, string, time.Time) error {
	return storage.ErrNotFound
}

func (f *fakeStore) IssueCode(_ context.Context, c storage.NewCode) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grants[c.Grant.ID] = &fakeGrant{Grant: c.Grant, code: c.CodeHash, codeEnds: c.CodeExpiresAt}
	return nil
}

// live is the grant, if it and its user may be served.
func (f *fakeStore) live(id storage.ID) (*fakeGrant, storage.User, error) {
	g := f.grants[id]
	if g == nil || !g.RevokedAt.IsZero() {
		return nil, storage.User{}, storage.ErrNotFound
	}
	u := f.users[g.UserID]
	if !u.LockedAt.IsZero() {
		return nil, storage.User{}, storage.ErrNotFound
	}
	return g, u, nil
}

func (g *fakeGrant) issued(u storage.User) storage.Issued {
	out := storage.Issued{Grant: g.Grant, User: u}
	out.Grant.Access = slices.Clone(g.Access)
	return out
}

func (g *fakeGrant) addAccess(a storage.AccessToken) {
	g.Access = append([]storage.AccessToken{a}, g.Access...)
	if len(g.Access) > storage.MaxAccessTokens {
		g.Access = g.Access[:storage.MaxAccessTokens]
	}
}

func (f *fakeStore) ConsumeCode(_ context.Context, u storage.CodeUse) (storage.Issued, error) {
	defer f.mu.Unlock()
	if err := f.enter("ConsumeCode"); err != nil {
		return storage.Issued{}, err
	}
	g, user, err := f.live(u.GrantID)
	if err != nil {
		return storage.Issued{}, err
	}
	switch {
	case !g.code.Equal(u.CodeHash) || g.ClientID != u.ClientID || g.RedirectURI != u.RedirectURI || g.CodeChallenge != u.CodeChallenge:
		return storage.Issued{}, storage.ErrNotFound
	case g.used:
		g.RevokedAt = u.Now
		return storage.Issued{}, storage.ErrReplayed
	case !g.codeEnds.After(u.Now):
		return storage.Issued{}, storage.ErrExpired
	}
	g.used, g.RefreshSeed, g.RefreshExpiresAt = true, u.RefreshSeed, u.RefreshExpiresAt
	g.addAccess(u.Access)
	return g.issued(user), nil
}

func (f *fakeStore) RotateRefreshToken(_ context.Context, r storage.Rotation) (storage.Issued, error) {
	defer f.mu.Unlock()
	if err := f.enter("RotateRefreshToken"); err != nil {
		return storage.Issued{}, err
	}
	g, user, err := f.live(r.GrantID)
	if err != nil {
		return storage.Issued{}, err
	}
	switch {
	case g.RefreshSeed.IsZero() || !g.RefreshSeed.Equal(r.Seed) || g.ClientID != r.ClientID || r.Generation > g.RefreshGeneration:
		return storage.Issued{}, storage.ErrNotFound
	case !g.RefreshExpiresAt.After(r.Now) || !g.ExpiresAt.After(r.Now):
		return storage.Issued{}, storage.ErrExpired
	case r.Generation == g.RefreshGeneration:
		g.RefreshGeneration++
		g.params, g.rotatedAt, g.repeats = r.Params, r.Now, 0
	case r.Generation+1 == g.RefreshGeneration && g.repeats < storage.RefreshRepeats && g.params == r.Params && !r.Now.After(g.rotatedAt.Add(storage.RefreshGrace)):
		g.repeats++
	default:
		g.RevokedAt = r.Now
		return storage.Issued{}, storage.ErrReplayed
	}
	g.RefreshExpiresAt = r.RefreshExpiresAt
	g.addAccess(r.Access)
	return g.issued(user), nil
}

func (f *fakeStore) AccessScopes(_ context.Context, id storage.ID) (storage.Grant, error) {
	issued, err := f.access("AccessScopes", id)
	g := issued.Grant
	return storage.Grant{ID: g.ID, UserID: g.UserID, ClientID: g.ClientID, Scopes: g.Scopes, Access: g.Access}, err
}

func (f *fakeStore) AccessPerson(_ context.Context, id storage.ID) (storage.Issued, error) {
	issued, err := f.access("AccessPerson", id)
	g := issued.Grant
	issued.Grant = storage.Grant{ID: g.ID, UserID: g.UserID, ClientID: g.ClientID, Scopes: g.Scopes, Access: g.Access}
	return issued, err
}

func (f *fakeStore) AccessGrant(_ context.Context, id storage.ID) (storage.Issued, error) {
	return f.access("AccessGrant", id)
}

func (f *fakeStore) access(method string, id storage.ID) (storage.Issued, error) {
	defer f.mu.Unlock()
	if err := f.enter(method); err != nil {
		return storage.Issued{}, err
	}
	g, user, err := f.live(id)
	if err != nil {
		return storage.Issued{}, err
	}
	return g.issued(user), nil
}

func (f *fakeStore) RevokeGrant(_ context.Context, id storage.ID, clientID string, now time.Time) error {
	defer f.mu.Unlock()
	if err := f.enter("RevokeGrant"); err != nil {
		return err
	}
	if g := f.grants[id]; g != nil && g.ClientID == clientID && g.RevokedAt.IsZero() {
		g.RevokedAt = now
	}
	return nil
}

func (f *fakeStore) RevokeAccessToken(_ context.Context, id storage.ID, clientID string, token storage.Hash, _ time.Time) error {
	defer f.mu.Unlock()
	if err := f.enter("RevokeAccessToken"); err != nil {
		return err
	}
	if g := f.grants[id]; g != nil && g.ClientID == clientID {
		g.Access = slices.DeleteFunc(g.Access, func(a storage.AccessToken) bool { return a.Hash.Equal(token) })
	}
	return nil
}

func (f *fakeStore) LockUser(_ context.Context, userID string, _ string, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	u := f.users[userID]
	u.LockedAt = now
	f.users[userID] = u
	for _, g := range f.grants {
		if g.UserID == userID {
			g.RevokedAt = now
		}
	}
	return nil
}

// signIn puts a person and their session there.
func (f *fakeStore) signIn(_ *world, phone []byte, now time.Time) (userID string, session storage.Handle) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := "user" + storage.NewID(now).String()
	f.users[id] = storage.User{
		ID: id, Username: "quiet-river-17", Name: "安娜", PhoneSealed: phone, PhoneIndex: []byte("index"), PhoneVerifiedAt: now,
		CreatedAt: now, UpdatedAt: now,
	}
	return id, storage.NewHandle(now)
}
