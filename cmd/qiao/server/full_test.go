package server_test

import (
	"context"
	"database/sql"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // to look at the file beside the store

	"qiao/cmd/qiao/demo/play"
	"qiao/cmd/qiao/server/servertest"
)

// TestFullDatabase drives logins until SQLite takes no more. Nothing is acknowledged that is not there afterwards, every
// refusal says to come back, and with room again every login goes on from where it stood.
func TestFullDatabase(t *testing.T) {
	w := newFullWorld(t)
	for round := range 5 { // some pages more each time, so that another step finds none
		w.restart(t, pagesOf(t, w.server.Config.SQLite.Path)+1+2*round)
		for _, l := range w.logins {
			l.proceed(t, t.Context())
		}
		for tries := 0; w.newLogin(t).proceed(t, t.Context()); tries++ {
			require.Less(t, tries, 50, "the database does not get full")
		}
	}
	for i, l := range w.logins { // what is there goes on where it needs no room, and is never harmed
		if l.tokens.Status == http.StatusOK && i%2 == 0 {
			l.refresh(t, t.Context())
		}
	}
	w.restart(t, 0)
	for _, l := range w.logins {
		l.check(t, t.Context())
	}
	for _, l := range w.logins {
		require.True(t, l.proceed(t, t.Context()), "with room again the login goes on")
		l.check(t, t.Context())
	}
	w.fileTellsNothing(t)
}

// fullWorld is a server on a small database.
type fullWorld struct {
	platform *servertest.Platform
	server   *servertest.Server
	secrets  *servertest.Secrets
	logins   []*login
}

func newFullWorld(t *testing.T) *fullWorld {
	w := &fullWorld{platform: servertest.NewPlatform(t, 20*time.Millisecond, "main"), secrets: &servertest.Secrets{}}
	w.platform.Tell(w.secrets)
	w.server = servertest.Start(t, w.platform.Config(t))
	w.server.Secrets = w.secrets
	w.platform.PushTo(t, w.server)
	require.True(t, w.newLogin(t).proceed(t, t.Context()))
	require.NoError(t, w.server.Stop()) // the log goes into the file
	return w
}

func (w *fullWorld) restart(t *testing.T, maxPages int) {
	t.Helper()
	c := w.server.Config
	c.SQLite.MaxPageCount = maxPages
	w.server.Restart(t, c)
	w.platform.PushTo(t, w.server)
}

// fileTellsNothing looks for secrets in the bytes of the file and of its log, with all that was deleted from them.
func (w *fullWorld) fileTellsNothing(t *testing.T) {
	w.platform.Collect(t, w.secrets)
	for _, name := range []string{"", "-wal"} {
		bytes, err := os.ReadFile(w.server.Config.SQLite.Path + name)
		require.NoError(t, err)
		require.Empty(t, w.secrets.FoundIn(string(bytes), servertest.OpenID, servertest.UnionID, servertest.Request), "%s", name)
	}
}

func pagesOf(t *testing.T, path string) int {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	var pages int
	require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages))
	return pages
}

// login is one person's login, with what was acknowledged of it.
type login struct {
	w       *fullWorld
	person  *play.Person
	browser *play.Browser
	sign    servertest.Sign
	at      string            // of the login page, once there is one
	link    string            // in the chat: the platform was told that the scan is recorded
	bound   bool              // the phone was told that its number is bound
	tokens  servertest.Answer // of the exchange, or the newest refresh
}

func (w *fullWorld) newLogin(t *testing.T) *login {
	l := &login{w: w, person: w.platform.NewPerson(t, w.server), browser: w.server.Browser()}
	w.logins = append(w.logins, l)
	return l
}

// proceed goes on with the login from where it stands, and reports false where the server has no room. Any other
// failure fails the test.
func (l *login) proceed(t *testing.T, ctx context.Context) bool {
	t.Helper()
	if l.tokens.Status == http.StatusOK {
		return true
	}
	if l.at == "" {
		l.sign = l.w.server.Shop().Begin()
		require.NoError(t, l.browser.Get(ctx, l.sign.URL))
		if full(t, l.browser.Page) {
			return false
		}
		if l.browser.Page.Header.Get("Location") != "" { // signed in already, only the exchange had failed
			return l.exchange(t, ctx)
		}
		l.at = l.browser.Page.URL.String()
	}
	if !l.reload(t, ctx) {
		return false
	}
	state, _ := l.browser.Page.Attr("data-state")
	switch {
	case state == "waiting" && !l.scan(t, ctx),
		(state == "waiting" || state == "scanned") && !l.confirm(t, ctx),
		!l.reload(t, ctx), !l.next(t, ctx):
		return false
	}
	return l.exchange(t, ctx)
}

func (l *login) reload(t *testing.T, ctx context.Context) bool {
	t.Helper()
	require.NoError(t, l.browser.Get(ctx, l.at))
	return !full(t, l.browser.Page)
}

// scan has the code scanned. What the chat says is the platform's word for whether it was told of success.
func (l *login) scan(t *testing.T, ctx context.Context) bool {
	t.Helper()
	qr, _ := l.browser.Page.Attr("data-qr")
	require.NotEmpty(t, qr, l.browser.Page.Text())
	_, err := l.person.Scan(ctx, qr)
	require.NoError(t, err)
	all, err := l.person.Messages(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, all)
	last := all[len(all)-1]
	if last.Kind == "fault" {
		t.Log("no room for a scan")
		return false
	}
	require.NotEmpty(t, last.Links, "%+v", last)
	l.link = last.Links[0]
	return true
}

// confirm is all that happens on the phone, from whichever page it shows.
func (l *login) confirm(t *testing.T, ctx context.Context) bool {
	t.Helper()
	phone := l.person.Web
	require.NoError(t, l.person.Open(ctx, l.link))
	for range 4 {
		if full(t, phone.Page) {
			return false
		}
		if _, asked := phone.Page.FormWith("number", ""); asked {
			if !l.reload(t, ctx) {
				return false
			}
			number, _ := l.browser.Page.Attr("data-number")
			require.NotEmpty(t, number, "the scan was acknowledged: %s", l.browser.Page.Text())
			require.NoError(t, phone.Submit(ctx, "number", number, nil))
		} else if f, asked := phone.Page.FormWith("", "tel"); asked {
			f.Values.Set(f.Field("type", "tel"), l.person.Phone)
			require.NoError(t, phone.Post(ctx, f.Action, f.Values))
		} else if f, asked := phone.Page.FormWith("code", ""); asked {
			code, _, err := l.person.Code(ctx, 0)
			require.NoError(t, err)
			f.Values.Set(f.Field("autocomplete", "one-time-code"), code)
			require.NoError(t, phone.Post(ctx, f.Action, f.Values))
		} else {
			l.bound = true
			return true
		}
	}
	t.Fatalf("the phone does not get further than %s: %s", phone.Page.URL.Path, phone.Page.Text())
	return false
}

// next presses the login page's button, up to the relying party.
func (l *login) next(t *testing.T, ctx context.Context) bool {
	t.Helper()
	if _, asked := l.browser.Page.FormWith("approve", ""); asked {
		require.NoError(t, l.browser.Submit(ctx, "approve", "1", nil))
	} else {
		f, ok := l.browser.Page.FormWith("form_token", "")
		require.True(t, ok, l.browser.Page.Text())
		require.NoError(t, l.browser.Post(ctx, f.Action, f.Values))
	}
	return !full(t, l.browser.Page)
}

func (l *login) exchange(t *testing.T, ctx context.Context) bool {
	t.Helper()
	shop := l.w.server.Shop()
	answer, err := shop.Exchange(ctx, shop.Code(t, l.browser.Page, l.sign), l.sign)
	require.NoError(t, err)
	if answer.Status >= http.StatusInternalServerError {
		require.NotEmpty(t, answer.Header.Get("Retry-After"))
		t.Log("no room for an exchange")
		l.at = "" // the code ends in a minute: the party asks for another
		return false
	}
	require.Equal(t, http.StatusOK, answer.Status, answer.Text)
	l.tokens = answer
	return true
}

func (l *login) refresh(t *testing.T, ctx context.Context) {
	t.Helper()
	answer, err := l.w.server.Shop().Refresh(ctx, l.tokens.Get("refresh_token"))
	require.NoError(t, err)
	if answer.Status == http.StatusOK {
		l.tokens = answer
		return
	}
	require.Equal(t, http.StatusServiceUnavailable, answer.Status, answer.Text)
	require.NotEmpty(t, answer.Header.Get("Retry-After"))
}

// check looks for everything that was acknowledged.
func (l *login) check(t *testing.T, ctx context.Context) {
	t.Helper()
	shop := l.w.server.Shop()
	switch {
	case l.tokens.Status == http.StatusOK:
		info, err := shop.Userinfo(ctx, l.tokens.Get("access_token"))
		require.NoError(t, err)
		require.Equal(t, l.person.Phone, info.Get("phone_number"), info.Text)
		answer, err := shop.Refresh(ctx, l.tokens.Get("refresh_token"))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.Status, answer.Text)
		l.tokens = answer
	case l.at != "":
		require.NoError(t, l.browser.Get(ctx, l.at))
		require.Equal(t, http.StatusOK, l.browser.Page.Status, "the request was answered with its page")
		state, _ := l.browser.Page.Attr("data-state")
		if l.bound {
			require.Contains(t, []string{"confirmed", "done"}, state, "the phone was told that it is done")
		} else if l.link != "" {
			require.Contains(t, []string{"scanned", "confirmed", "done"}, state, "the platform was told of success")
		}
	}
}

// full reports whether the page says that the server cannot go on now.
func full(t *testing.T, page play.Page) bool {
	t.Helper()
	if page.Status < http.StatusInternalServerError {
		require.Less(t, page.Status, http.StatusBadRequest, page.Text())
		return false
	}
	requireRetry(t, page)
	t.Logf("no room at %s", page.URL.Path)
	return true
}
