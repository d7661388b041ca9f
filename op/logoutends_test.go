package op_test

import (
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// A logout ends the online grants of the session and not the offline ones (I7). It does so also where the session has
// idled out: the grants have not, and once the cookie is gone nothing names the session any more.
func TestLogoutEndsGrants(t *testing.T) {
	w := newWorld(t, settings{})
	for name, c := range map[string]struct {
		idle   time.Duration
		logOut func(b *tab, hint url.Values) answer
	}{
		"with a hint":                  {0, func(b *tab, hint url.Values) answer { return b.get("/end_session?" + hint.Encode()) }},
		"idle, with a hint":            {9 * time.Hour, func(b *tab, hint url.Values) answer { return b.get("/end_session?" + hint.Encode()) }},
		"idle, without":                {9 * time.Hour, func(b *tab, _ url.Values) answer { return b.get("/end_session") }},
		"idle while the page was open": {0, func(b *tab, _ url.Values) answer { return b.logOutLate(9 * time.Hour) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			b := w.browser()
			s := b.signIn(ann)
			online := b.get(authorizePath(query(firstParty))).code(t, w, shopURI)
			offline := b.get(authorizePath(query(firstParty, "scope", "openid offline_access"))).code(t, w, shopURI)
			for _, code := range []storage.Handle{online, offline} {
				_, err := w.store.ConsumeCode(t.Context(), storage.CodeUse{
					GrantID: code.ID, CodeHash: code.Secret.Hash(), ClientID: firstParty, RedirectURI: shopURI, Now: w.clock.Now(),
				})
				require.NoError(t, err)
			}
			w.clock.advance(c.idle)
			a := c.logOut(b, url.Values{"id_token_hint": {w.idToken(firstParty, s.UserID, s.ID.String())}})
			require.Equal(t, "/logged-out", a.Header.Get("Location"), a.body)
			_, cookie := b.session()
			require.False(t, cookie)
			_, err := w.store.AccessGrant(t.Context(), online.ID)
			require.ErrorIs(t, err, storage.ErrNotFound)
			_, err = w.store.AccessGrant(t.Context(), offline.ID)
			require.NoError(t, err)
		})
	}
}

// logOutLate answers the logout page a while after it was shown.
func (b *tab) logOutLate(later time.Duration) answer {
	form := b.get("/end_session").form(b.w.t, "approve")
	b.w.clock.advance(later)
	return b.post("/end_session/confirm", form)
}

// Whatever ran beside a logout, no code of the session is worth anything once it is acknowledged (I7).
func TestLogoutRace(t *testing.T) {
	w := newWorld(t, settings{})
	for range 3 {
		b := w.browser()
		s := b.signIn(ann)
		out := "/end_session?" + url.Values{"id_token_hint": {w.idToken(firstParty, s.UserID, s.ID.String())}}.Encode()
		session, _ := b.session()
		var group sync.WaitGroup
		answers := make([]answer, 8)
		for i := range answers {
			group.Go(func() {
				if i == 4 {
					b.get(out)
					return
				}
				answers[i] = b.get(authorizePath(query(firstParty)))
			})
		}
		group.Wait()
		_, _, err := w.store.Session(t.Context(), session.ID, session.Secret.Hash(), time.Hour, w.clock.Now())
		require.ErrorIs(t, err, storage.ErrNotFound)
		for _, a := range answers {
			if a.Response == nil || a.location.Query().Get("code") == "" {
				continue
			}
			code := a.code(t, w, shopURI)
			_, err := w.store.ConsumeCode(t.Context(), storage.CodeUse{
				GrantID: code.ID, CodeHash: code.Secret.Hash(), ClientID: firstParty, RedirectURI: shopURI, Now: w.clock.Now(),
			})
			require.ErrorIs(t, err, storage.ErrNotFound)
		}
	}
}
