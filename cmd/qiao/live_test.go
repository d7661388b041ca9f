package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	people "qiao/cmd/qiao/demo/play"
	"qiao/cmd/qiao/server/servertest"
)

// soon is how long a running server may take to hear of what a command did; usually it is a second.
const soon = 5 * time.Second

// live is a running server on SQLite, and somebody who runs commands beside it.
type live struct {
	commander
	platform *servertest.Platform
	server   *servertest.Server
}

// TestCommandsBesideARunningServer: SQLite takes one server, and the commands reach it through its file.
func TestCommandsBesideARunningServer(t *testing.T) {
	l := live{platform: servertest.NewPlatform(t, 0, "main")}
	l.server = servertest.Start(t, l.platform.Config(t))
	l.platform.PushTo(t, l.server)
	c := l.server.Config
	c.Management = strings.TrimPrefix(l.server.Management, "http://")
	l.commander = newCommander(t, c)
	for name, story := range map[string]func(*testing.T){
		"clients": l.clients, "users": l.users, "keys": l.keys, "the rest": l.rest,
	} {
		t.Run(name, func(t *testing.T) { l.t = t; story(t) })
	}
	require.NoError(t, l.server.Stop())
	l.t = t
	l.refuses(exitFailure, "is the server running?", "healthcheck")
	require.Contains(t, l.do("client", "list"), "shop", "commands work without a server too")
}

func (l *live) clients(t *testing.T) {
	ctx := t.Context()
	added := l.do("client", "add", "wiki", "--name", "Wiki", "--redirect-uri", "https://wiki.example/callback", "--first-party", "--always-confirm", "--refresh", "--scope", "openid,profile,phone")
	wiki := l.server.Shop()
	wiki.ID, wiki.Secret, wiki.Redirect, wiki.Scope = "wiki", after(added, "client_secret"), "https://wiki.example/callback", "openid profile phone"
	require.GreaterOrEqual(t, len(wiki.Secret), 43)
	require.Equal(t, l.server.Config.Issuer, after(added, "issuer"))
	l.knows(t, wiki, http.StatusOK)
	l.refuses(exitFailure, "there is a client \"wiki\" already", "client", "add", "wiki", "--redirect-uri", "https://wiki.example/callback")

	person := l.platform.NewPerson(t, l.server)
	tokens := wiki.SignIn(t, l.server.Browser(), person)

	require.Contains(t, l.do("client", "list"), "wiki")
	for _, shown := range []string{l.do("client", "show", "wiki"), l.do("client", "list", "--json")} {
		require.Contains(t, shown, "https://wiki.example/callback")
		require.NotContains(t, shown, wiki.Secret)
		require.NotContains(t, strings.ToLower(shown), "secret_hash")
		require.NotContains(t, strings.ToLower(shown), "secrethash")
	}

	require.Contains(t, l.do("client", "show", "wiki"), `"always_confirm": true`)

	old := wiki
	wiki.Secret = after(l.do("client", "rotate-secret", "wiki"), "client_secret")
	require.NotEqual(t, old.Secret, wiki.Secret)
	l.knows(t, old, http.StatusUnauthorized)
	l.knows(t, wiki, http.StatusOK)
	info, err := wiki.Userinfo(ctx, tokens.Get("access_token"))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, info.Status, "tokens outlive a secret")

	require.Contains(t, l.do("client", "remove", "wiki"), "removed wiki")
	l.knows(t, wiki, http.StatusUnauthorized)
	info, err = wiki.Userinfo(ctx, tokens.Get("access_token"))
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, info.Status, info.Text)
	l.refuses(exitNotFound, "there is no client", "client", "show", "wiki")

	for _, command := range []string{"remove", "rotate-secret"} {
		l.refuses(exitFailure, "is owned by the configuration", "client", command, "shop")
	}
	var public struct {
		Secret string `json:"client_secret"`
	}
	require.NoError(t, json.Unmarshal([]byte(l.do("client", "add", "app", "--json", "--public", "--native", "--redirect-uri", "http://127.0.0.1/cb")), &public))
	require.Empty(t, public.Secret)
	l.refuses(exitFailure, "is public", "client", "rotate-secret", "app")
	l.do("client", "remove", "app")
}

// knows waits until the server answers this client's authentication so.
func (l *live) knows(t *testing.T, p servertest.Party, status int) {
	t.Helper()
	require.Eventually(t, func() bool {
		a, err := p.Introspect(t.Context(), "nothing")
		return err == nil && a.Status == status
	}, soon, 20*time.Millisecond, "%s is not answered with %d", p.ID, status)
}

func (l *live) users(t *testing.T) {
	ctx := t.Context()
	shop := l.server.Shop()
	person, b := l.platform.NewPerson(t, l.server), l.server.Browser()
	tokens := shop.SignIn(t, b, person)
	info, err := shop.Userinfo(ctx, tokens.Get("access_token"))
	require.NoError(t, err)
	id := info.Get("sub")

	masked := person.Phone[3:6] + "****" + person.Phone[10:]
	found := l.do("user", "list", "--phone", person.Phone[3:])
	require.Contains(t, found, id)
	require.Contains(t, found, masked)
	require.Equal(t, 2, strings.Count(found, "\n"), "only the one: %s", found)
	shown := l.do("user", "show", id)
	require.Contains(t, shown, masked)
	require.Contains(t, shown, `"account": "main"`)
	require.Contains(t, shown, `"action": "login"`)
	for _, text := range []string{found, shown, l.do("user", "list")} {
		require.NotContains(t, text, person.Phone[3:])
	}

	require.Contains(t, l.do("user", "lock", id), "locked")
	require.Contains(t, l.do("user", "list"), "locked")
	l.ended(t, shop, tokens)
	require.NoError(t, b.Get(ctx, shop.Begin().URL))
	state, _ := b.Page.Attr("data-state")
	require.Equal(t, "waiting", state, "the session has ended")
	qr, _ := b.Page.Attr("data-qr")
	_, err = person.Messages(ctx)
	require.NoError(t, err)
	_, err = person.Scan(ctx, qr)
	require.NoError(t, err)
	chat, err := person.Messages(ctx)
	require.NoError(t, err)
	require.Empty(t, linksOf(chat), "a locked person cannot log in: %+v", chat)

	require.Contains(t, l.do("user", "unlock", id), "unlocked")
	again := shop.SignIn(t, l.server.Browser(), person)
	info, err = shop.Userinfo(ctx, again.Get("access_token"))
	require.NoError(t, err)
	require.Equal(t, id, info.Get("sub"))

	l.recovered(t)
	require.Contains(t, l.do("user", "unbind", id), "unbound")
	l.ended(t, shop, again)
	require.Contains(t, l.do("user", "show", id), `"phone": "none"`)
	after := shop.SignIn(t, l.server.Browser(), person)
	info, err = shop.Userinfo(ctx, after.Get("access_token"))
	require.NoError(t, err)
	require.NotEqual(t, id, info.Get("sub"), "whoever has the number now is somebody else")

	l.refuses(exitUsage, "--yes", "user", "delete", info.Get("sub"))
	require.Contains(t, l.do("user", "delete", "--yes", info.Get("sub")), "deleted")
	l.ended(t, shop, after)
	l.refuses(exitNotFound, "there is no user", "user", "show", info.Get("sub"))
}

// recovered gives the person's account to somebody with another WeChat, and back: what the operator does for a WeChat that
// is lost.
func (l *live) recovered(t *testing.T) {
	shop := l.server.Shop()
	sub := func(tokens servertest.Answer) string {
		info, err := shop.Userinfo(t.Context(), tokens.Get("access_token"))
		require.NoError(t, err)
		return info.Get("sub")
	}
	person := l.platform.NewPerson(t, l.server)
	id, last := sub(shop.SignIn(t, l.server.Browser(), person)), person
	for range 2 {
		earlier := shop.SignIn(t, l.server.Browser(), last)
		require.Equal(t, id, sub(earlier))
		newWeChat := l.platform.NewPerson(t, l.server)
		made := shop.SignIn(t, l.server.Browser(), newWeChat)
		from := sub(made)
		require.NotEqual(t, id, from, "a new WeChat is a new account")
		l.refuses(exitUsage, "--yes", "user", "recover", id, "--from", from)
		l.refuses(exitFailure, "there is no user \"x\"", "user", "recover", id, "--from", "x", "--yes")
		l.refuses(exitNotFound, "there is no user \"y\"", "user", "recover", "y", "--from", from, "--yes")
		l.refuses(exitFailure, "another account", "user", "recover", id, "--from", id, "--yes")
		l.do("user", "lock", from)
		l.refuses(exitFailure, "is locked", "user", "recover", id, "--from", from, "--yes")
		l.do("user", "unlock", from)
		made = shop.SignIn(t, l.server.Browser(), newWeChat)

		require.Contains(t, l.do("user", "recover", id, "--from", from, "--yes"), "recovered")
		l.ended(t, shop, earlier)
		l.ended(t, shop, made)
		l.refuses(exitNotFound, "there is no user", "user", "show", from)
		shown := l.do("user", "show", id)
		require.Contains(t, shown, `"action": "user.recover"`)
		require.Contains(t, shown, newWeChat.Phone[3:6]+"****"+newWeChat.Phone[10:])
		var view struct{ Username string }
		require.NoError(t, json.Unmarshal([]byte(shown), &view))
		require.Contains(t, l.do("user", "list", "--username", view.Username), id)
		require.Equal(t, id, sub(shop.SignIn(t, l.server.Browser(), newWeChat)), "the new WeChat leads to the account")
		last = newWeChat
	}
	require.NotContains(t, l.do("user", "show", id), person.Phone[3:6]+"****"+person.Phone[10:])
}

// ended checks that nothing is issued for these tokens any more. Locks and the like are transitions of the record: they
// hold at once, not soon.
func (l *live) ended(t *testing.T, p servertest.Party, tokens servertest.Answer) {
	t.Helper()
	info, err := p.Userinfo(t.Context(), tokens.Get("access_token"))
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, info.Status, info.Text)
	refreshed, err := p.Refresh(t.Context(), tokens.Get("refresh_token"))
	require.NoError(t, err)
	require.Equal(t, "invalid_grant", refreshed.Get("error"), refreshed.Text)
}

func linksOf(chat []people.Message) (links []string) {
	for _, m := range chat {
		links = append(links, m.Links...)
	}
	return links
}

func (l *live) keys(t *testing.T) {
	before := l.do("keys", "list")
	require.Equal(t, 2, strings.Count(before, " active "), before)
	published := func() string {
		res, err := http.Get(l.server.URL + "/keys")
		require.NoError(t, err)
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return string(text)
	}
	require.Equal(t, 2, strings.Count(published(), `"kid"`))

	require.Contains(t, l.do("keys", "rotate"), "they sign in ")
	rotated := l.do("keys", "list")
	require.Equal(t, 2, strings.Count(rotated, " next "), rotated)
	require.Equal(t, 2, strings.Count(rotated, " active "), "the old ones sign on: %s", rotated)
	require.Eventually(t, func() bool { return strings.Count(published(), `"kid"`) == 4 }, soon, 50*time.Millisecond)

	leaked := strings.Fields(strings.Split(before, "\n")[1])[0] // the first row's
	require.Contains(t, l.do("keys", "revoke", leaked), "revoked")
	require.NotContains(t, l.do("keys", "list"), leaked)
	require.Eventually(t, func() bool { return !strings.Contains(published(), leaked) }, soon, 50*time.Millisecond)
	l.server.Shop().SignIn(t, l.server.Browser(), l.platform.NewPerson(t, l.server)) // another key has taken its place
}

func (l *live) rest(t *testing.T) {
	require.Equal(t, "ready\n", l.do("healthcheck"))
	require.Contains(t, l.do("migrate", "up"), "SQLite needs no migration")
	require.Contains(t, l.do("migrate", "status"), "SQLite needs no migration")
	l.refuses(exitFailure, "another server has this database open", "serve", "--listen", "127.0.0.1:0", "--set", "management=127.0.0.1:0")
}
