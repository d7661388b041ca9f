package op_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/op/keys"
	"qiao/storage"
	"qiao/storage/relational"
)

// idToken mints an ID token as the token endpoint does, already expired.
func (w *world) idToken(clientID, sub, sid string) string {
	w.t.Helper()
	now := w.clock.Now()
	claims := map[string]any{
		"iss": w.issuer, "aud": clientID, "sub": sub, "iat": now.Add(-time.Hour).Unix(), "exp": now.Add(-50 * time.Minute).Unix(),
	}
	if sid != "" {
		claims["sid"] = sid
	}
	token, err := w.ring.Sign("ES256", keys.TypeJWT, claims)
	require.NoError(w.t, err)
	return token
}

// What a session of ten minutes is good for.
func TestSessionGoodEnough(t *testing.T) {
	w := newWorld(t, settings{})
	for name, c := range map[string]struct {
		query  []string
		hint   func(w *world, s storage.Session) string
		acr    string // of the session; empty is confirm
		silent string // answer to prompt=none: empty is a code
	}{
		"nothing asked":               {},
		"max_age longer":              {query: []string{"max_age", "601"}},
		"max_age equal":               {query: []string{"max_age", "600"}},
		"max_age shorter":             {query: []string{"max_age", "599"}, silent: "login_required"},
		"max_age zero":                {query: []string{"max_age", "0"}, silent: "login_required"},
		"max_age past any bound":      {query: []string{"max_age", "9223372036854775807"}},
		"hint of this person":         {hint: func(w *world, s storage.Session) string { return w.idToken(firstParty, s.UserID, s.ID.String()) }},
		"hint of an older session":    {hint: func(w *world, s storage.Session) string { return w.idToken(firstParty, s.UserID, "gone") }},
		"hint of another person":      {hint: func(w *world, _ storage.Session) string { return w.idToken(firstParty, "another", "") }, silent: "login_required"},
		"hint of another client":      {hint: func(w *world, s storage.Session) string { return w.idToken(thirdParty, s.UserID, "") }, silent: "invalid_request"},
		"acr scan of a confirmed one": {query: []string{"acr_values", acrScan}},
		"acr confirm of a confirmed":  {query: []string{"acr_values", acrConfirm}},
		"acr confirm of a scan":       {query: []string{"acr_values", acrConfirm}, acr: acrScan, silent: "login_required"},
		"acr both of a scan":          {query: []string{"acr_values", acrScan + " " + acrConfirm}, acr: acrScan, silent: "login_required"},
		"acr unknown":                 {query: []string{"acr_values", "urn:mace:silver"}, acr: acrScan},
		"max_age of a scan":           {query: []string{"max_age", "601"}, acr: acrScan, silent: "login_required"},
		"nothing asked of a scan":     {acr: acrScan},
		"acr scan of a scan":          {query: []string{"acr_values", acrScan}, acr: acrScan},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			b := w.browser()
			id := b.get(authorizePath(query(firstParty))).loginID(t)
			acr := c.acr
			if acr == "" {
				acr = acrConfirm
			}
			session := b.loginACR(id, ann, acr)
			w.clock.advance(10 * time.Minute)
			pairs := append([]string{"prompt", "none"}, c.query...)
			if c.hint != nil {
				pairs = append(pairs, "id_token_hint", c.hint(w, session))
			}
			silent := b.get(authorizePath(query(firstParty, pairs...)))
			asked := b.get(authorizePath(query(firstParty, append(pairs, "prompt", "")...)))
			switch c.silent {
			case "":
				silent.code(t, w, shopURI)
				asked.code(t, w, shopURI)
			case "login_required":
				require.Equal(t, "login_required", silent.at(t, shopURI).Get("error"))
				asked.loginID(t)
			default:
				require.Equal(t, c.silent, silent.at(t, shopURI).Get("error"))
				require.Equal(t, c.silent, asked.at(t, shopURI).Get("error"))
			}
		})
	}
}

// prompt=login, select_account and max_age=0 come out as a new login, each time, and a login satisfies only the request
// that it was made for.
func TestNewLogin(t *testing.T) {
	w := newWorld(t, settings{})
	for name, pairs := range map[string][]string{
		"login":          {"prompt", "login"},
		"select_account": {"prompt", "select_account"},
		"max_age":        {"max_age", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			b := w.browser()
			before := b.signIn(ann)
			w.clock.advance(time.Minute)

			path := authorizePath(query(firstParty, pairs...))
			id := b.get(path).loginID(t)
			other := b.get(path).loginID(t)
			require.NotEqual(t, id, other)

			// The session of before does not do.
			require.Equal(t, id, b.get("/authorize/continue?request="+id.String()).loginID(t))

			after := b.login(id, ann)
			require.Equal(t, before.ID, after.ID, "the same person's session is renewed")
			w.clock.advance(2 * time.Minute)
			b.get("/authorize/continue?request="+id.String()).code(t, w, shopURI)

			// It did for that request alone.
			b.get(path).loginID(t)
			require.Equal(t, 1, w.grants(t, after))
		})
	}
}

// grants counts the session's codes with the auth_time of the session.
func (w *world) grants(t *testing.T, s storage.Session) int {
	t.Helper()
	w.faults.mu.Lock()
	defer w.faults.mu.Unlock()
	n := 0
	for _, c := range w.faults.issued {
		if c.Grant.SessionID == s.ID && c.Grant.AuthTime.Equal(s.AuthTime) {
			n++
		}
	}
	return n
}

// A login satisfies its request only while its own session lives on: in a browser that has another session by now,
// somebody logs in again.
func TestNewLoginByAnotherSession(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	id := b.get(authorizePath(query(firstParty, "prompt", "login"))).loginID(t)
	b.login(id, ann)
	other := b.get(authorizePath(query(firstParty, "prompt", "login"))).loginID(t)
	b.login(other, bob)
	require.Equal(t, id, b.get("/authorize/continue?request="+id.String()).loginID(t))
}

// A session that ends between the look at it and the code counts as none.
func TestSessionEndsMeanwhile(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	b.signIn(ann)
	id := b.get(authorizePath(query(thirdParty))).consentID(t)
	next := "/authorize/continue?request=" + id.String()
	form := b.get(next).form(t, "approve")
	for _, gone := range []error{storage.ErrNotFound, storage.ErrLocked, storage.ErrPhoneNeeded} {
		w.faults.failWith(fmt.Errorf("issue code: %w", gone), "IssueCode")
		b.get(authorizePath(query(firstParty))).loginID(t)
		require.Equal(t, "login_required", b.get(authorizePath(query(firstParty, "prompt", "none"))).at(t, shopURI).Get("error"))
		require.Equal(t, id, b.post(next, form).loginID(t))
		require.Equal(t, id, b.get(next).loginID(t)) // the consent is stored by now
	}
	w.faults.fail()
	b.get(next).code(t, w, forumURI)
}

// Somebody else has taken the number: the session lives on, and leads to no code and to no consent page, but to a login
// that binds a number again. After it the very request goes on.
func TestPhoneTakenMeanwhile(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	session := b.signIn(ann)
	consent := b.get(authorizePath(query(thirdParty))).consentID(t)
	require.NoError(t, w.store.DB.Write(t.Context(), func(tx relational.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE users SET phone_sealed = NULL, phone_index = NULL WHERE id = ?`, session.UserID)
		return err
	}))
	id := b.get(authorizePath(query(firstParty))).loginID(t)
	require.Equal(t, "login_required", b.get(authorizePath(query(firstParty, "prompt", "none"))).at(t, shopURI).Get("error"))
	require.Equal(t, consent, b.get("/authorize/continue?request="+consent.String()).loginID(t))
	require.Equal(t, session.UserID, b.login(id, ann).UserID)
	b.get("/authorize/continue?request="+id.String()).code(t, w, shopURI)
}

// A login by somebody else than the hint names is told to the client, and never answered with a code.
func TestHintOfAnotherPerson(t *testing.T) {
	w := newWorld(t, settings{})
	annsBrowser := w.browser()
	annsSession := annsBrowser.signIn(ann)
	hint := w.idToken(firstParty, annsSession.UserID, "")

	b := w.browser()
	b.signIn(bob)
	id := b.get(authorizePath(query(firstParty, "id_token_hint", hint))).loginID(t)
	b.login(id, bob)
	q := b.get("/authorize/continue?request="+id.String()).at(t, shopURI)
	require.Equal(t, "login_required", q.Get("error"))
	require.Equal(t, "st&ate=ü", q.Get("state"))
	b.get("/authorize/continue?request="+id.String()).page(t, 404)

	id = b.get(authorizePath(query(firstParty, "id_token_hint", hint))).loginID(t)
	b.login(id, ann)
	b.get("/authorize/continue?request="+id.String()).code(t, w, shopURI)
}

// One login signs in to every client, until it idles, ends or its person is locked.
func TestSingleSignOn(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	session := b.signIn(ann)
	for _, c := range []struct{ client, uri string }{
		{firstParty, shopURI}, {publicApp, appURI}, {pkceClient, strictURI}, {noRefresh, plainURI},
	} {
		code := b.get(authorizePath(query(c.client))).code(t, w, c.uri)
		issued := w.faults.last()
		require.Equal(t, code.ID, issued.Grant.ID)
		require.Equal(t, code.Secret.Hash(), issued.CodeHash)
		require.Equal(t, session.UserID, issued.Grant.UserID)
		require.Equal(t, session.ID, issued.Grant.SessionID)
		require.Equal(t, c.client, issued.Grant.ClientID)
		require.Equal(t, c.uri, issued.Grant.RedirectURI)
		require.Equal(t, "n-1", issued.Grant.Nonce)
		require.True(t, issued.AuthRequestID.IsZero())
		require.Equal(t, w.clock.Now().Add(time.Minute), issued.CodeExpiresAt)
	}

	stranger := w.browser()
	stranger.get(authorizePath(query(firstParty))).loginID(t)

	w.clock.advance(7 * time.Hour)
	b.get(authorizePath(query(firstParty))).code(t, w, shopURI)
	w.clock.advance(7 * time.Hour)
	b.get(authorizePath(query(firstParty))).code(t, w, shopURI) // each use counts
	w.clock.advance(8*time.Hour + time.Second)
	b.get(authorizePath(query(firstParty))).loginID(t)

	b.signIn(ann)
	require.NoError(t, w.store.LockUser(context.Background(), session.UserID, "test", w.clock.Now()))
	b.get(authorizePath(query(firstParty))).loginID(t)
}

// What a code may become: scopes are narrowed, and only offline_access outlives the session.
func TestGrantOfACode(t *testing.T) {
	w := newWorld(t, settings{})
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		client, uri, scope string
		scopes             []string
		offline            bool
		life               time.Duration
	}{
		"online":                       {firstParty, shopURI, "openid phone", []string{"openid", "phone"}, false, 7 * day},
		"offline":                      {firstParty, shopURI, "openid offline_access", []string{"openid", "offline_access"}, true, 90 * day},
		"offline, scope missing":       {pkceClient, strictURI, "openid profile offline_access", []string{"openid", "profile"}, false, 7 * day},
		"offline, grant type missing":  {noRefresh, plainURI, "openid offline_access", []string{"openid"}, false, 7 * day},
		"scopes the client lacks":      {noRefresh, plainURI, "groups phone openid", []string{"phone", "openid"}, false, 7 * day},
		"scopes unknown, and repeated": {firstParty, shopURI, "openid foo phone openid", []string{"openid", "phone"}, false, 7 * day},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			b := w.browser()
			b.signIn(ann)
			b.get(authorizePath(query(c.client, "scope", c.scope))).code(t, w, c.uri)
			g := w.faults.last().Grant
			require.Equal(t, c.scopes, g.Scopes)
			require.Equal(t, c.offline, g.Offline)
			require.Equal(t, w.clock.Now().Add(c.life), g.ExpiresAt)
		})
	}
}
