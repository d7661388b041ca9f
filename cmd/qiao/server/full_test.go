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

	"qiao/cmd/qiao/server/servertest"
)

// TestFullDatabase drives logins until SQLite takes no more. Nothing is acknowledged that is not there afterwards, every
// refusal says to come back, and with room again every login goes on from where it stood.
func TestFullDatabase(t *testing.T) {
	t.Parallel()
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
	for i, l := range w.logins { // what is there goes on or ends where that needs no room, and is never harmed
		if l.tokens.Status == http.StatusOK {
			[]func(*testing.T, context.Context){l.refresh, l.signOut, l.revoke}[i%3](t, t.Context())
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
