package sqlite_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/sqlite"
	"qiao/storage/sqlite/sqlitetest"
)

// TestFullDatabase: where the disk is full no transition reports a success that is not in the file, reading goes on, and
// writing goes on once there is room.
func TestFullDatabase(t *testing.T) {
	path := sqlitetest.File(t)
	const pages = 120
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, MaxPageCount: pages})
	require.NoError(t, err)
	added := map[string]bool{}
	var full error
	for n := 0; full == nil; n++ {
		require.Less(t, n, 10*pages, "it never got full")
		c := storage.Client{ID: fmt.Sprintf("client-%d", n), Name: strings.Repeat("x", 2000), Source: "cli"}
		if full = s.AddClient(t.Context(), c, "ops"); full == nil {
			added[c.ID] = true
		}
	}
	require.ErrorContains(t, full, "full")
	for range 3 {
		require.Error(t, s.AddClient(t.Context(), storage.Client{ID: "late", Name: strings.Repeat("x", 4000), Source: "cli"}, "ops"))
	}
	require.Error(t, s.AddClient(t.Context(), storage.Client{ID: "client-0", Name: strings.Repeat("x", 2000), Source: "cli"}, "ops"), "a refusal is still one")
	list, err := s.ListClients(t.Context())
	require.NoError(t, err)
	require.Len(t, list, len(added))
	for _, c := range list {
		require.True(t, added[c.ID], "%s was refused, and is there", c.ID)
	}
	require.NoError(t, s.Close())

	s = open(t, sqlite.Config{Path: path})
	require.NoError(t, s.AddClient(t.Context(), storage.Client{ID: "late", Source: "cli"}, "ops"))
}

// TestGoneCallers: callers that give up while they wait for their turn leave nothing half done, and nobody stuck.
func TestGoneCallers(t *testing.T) {
	s := open(t, sqlite.Config{Path: sqlitetest.File(t)})
	before, err := s.Version(t.Context())
	require.NoError(t, err)
	var group sync.WaitGroup
	var mutex sync.Mutex
	acknowledged := int64(0)
	for n := range 40 {
		group.Go(func() {
			ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
			if n%2 == 0 {
				go cancel()
			}
			defer cancel()
			if err := s.AddClient(ctx, storage.Client{ID: fmt.Sprintf("client-%d", n), Source: "cli"}, "ops"); err == nil {
				mutex.Lock()
				acknowledged++
				mutex.Unlock()
			}
		})
	}
	group.Wait()
	after, err := s.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, before+acknowledged, after, "committed exactly where it was acknowledged")
	list, err := s.ListClients(t.Context())
	require.NoError(t, err)
	require.Len(t, list, int(acknowledged))
}
