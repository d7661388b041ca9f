package storagetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// tokens is a grant whose code was exchanged.
func (w world) tokens(p person, offline bool, now time.Time) storage.Issued {
	w.Helper()
	c := p.codeOf(now)
	c.Grant.Offline = offline
	require.NoError(w, w.a.IssueCode(w.Context(), c))
	issued, err := w.b.ConsumeCode(w.Context(), useOf(c, now))
	require.NoError(w, err)
	return issued
}

// rotationOf is a use of the refresh token that was handed out with issued.
func rotationOf(issued storage.Issued, now time.Time) storage.Rotation {
	g := issued.Grant
	return storage.Rotation{
		GrantID: g.ID, Seed: g.RefreshSeed, Generation: g.RefreshGeneration, ClientID: g.ClientID, Params: storage.HashOf(nil),
		RefreshExpiresAt: now.Add(30 * 24 * time.Hour), Access: newAccess(now), Now: now,
	}
}

// alive reports whether the grant answers, however it is asked.
func (w world) alive(id storage.ID) bool {
	w.Helper()
	_, err := w.b.AccessGrant(w.Context(), id)
	_, withPerson := w.b.AccessPerson(w.Context(), id)
	_, alone := w.b.AccessScopes(w.Context(), id)
	if err != nil {
		for _, err := range []error{err, withPerson, alone} {
			require.ErrorIs(w, err, storage.ErrNotFound)
		}
		return false
	}
	require.NoError(w, withPerson)
	require.NoError(w, alone)
	return true
}

// grant is all of a live grant, with its user.
func (w world) grant(id storage.ID) storage.Issued {
	w.Helper()
	issued, err := w.a.AccessGrant(w.Context(), id)
	require.NoError(w, err)
	return issued
}

// minted is what Issued promises of it.
func minted(of storage.Issued) storage.Issued {
	g := of.Grant
	return storage.Issued{User: claimed(of.User), Grant: storage.Grant{
		ID: g.ID, UserID: g.UserID, ClientID: g.ClientID, SessionID: g.SessionID, Scopes: g.Scopes, Nonce: g.Nonce,
		AuthTime: g.AuthTime, AMR: g.AMR, ACR: g.ACR,
		RefreshSeed: g.RefreshSeed, RefreshGeneration: g.RefreshGeneration, RefreshExpiresAt: g.RefreshExpiresAt,
		Access: []storage.AccessToken{{Hash: g.Access[0].Hash, ExpiresAt: g.Access[0].ExpiresAt.UTC(), Mask: g.Access[0].Mask}},
	}}
}

// claimed is what claims are made from.
func claimed(u storage.User) storage.User {
	return storage.User{
		ID: u.ID, Username: u.Username, Name: u.Name, PhoneSealed: u.PhoneSealed, PhoneVerifiedAt: u.PhoneVerifiedAt,
		Groups: u.Groups, UpdatedAt: u.UpdatedAt,
	}
}

// toldOfAccess requires that userinfo and introspection are told of the grant what all of it says.
func (w world) toldOfAccess(all storage.Issued) {
	w.Helper()
	person, err := w.a.AccessPerson(w.Context(), all.Grant.ID)
	require.NoError(w, err)
	require.Equal(w, claimed(all.User), claimed(person.User))
	scopes, err := w.a.AccessScopes(w.Context(), all.Grant.ID)
	require.NoError(w, err)
	told := func(g storage.Grant) storage.Grant {
		return storage.Grant{UserID: g.UserID, ClientID: g.ClientID, Scopes: g.Scopes, Access: g.Access}
	}
	require.Equal(w, told(all.Grant), told(person.Grant))
	require.Equal(w, told(all.Grant), told(scopes))
}
