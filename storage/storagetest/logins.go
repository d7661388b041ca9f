package storagetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// loginLooks: the request without an attempt, and nothing where AuthRequest finds nothing.
func loginLooks(w world) {
	r := w.newRequest(newHash(), start)
	got, a, err := w.b.Login(w.Context(), r.ID, r.Browser, start)
	require.NoError(w, err)
	require.Equal(w, r, got)
	require.Equal(w, storage.Attempt{}, a)
	l := w.begin(newHash(), start)
	for name, try := range map[string]struct {
		id      storage.ID
		browser storage.Hash
		now     time.Time
	}{
		"another browser": {l.request.ID, newHash(), start},
		"another request": {storage.NewID(start), l.browser, start},
		"late":            {l.request.ID, l.browser, start.Add(time.Hour)},
	} {
		got, a, err := w.b.Login(w.Context(), try.id, try.browser, try.now)
		require.ErrorIs(w, err, storage.ErrNotFound, name)
		require.Equal(w, storage.AuthRequest{}, got)
		require.Equal(w, storage.Attempt{}, a)
	}
}

// attemptWithScene: the first scene comes with the attempt, and counts.
func attemptWithScene(w world) {
	r := w.newRequest(newHash(), start)
	a := newAttempt(r, storage.ViaQR, start)
	a.Scene = newScene(start)
	require.NoError(w, w.a.BeginAttempt(w.Context(), a, storage.ID{}, start))
	_, got, err := w.b.Login(w.Context(), r.ID, r.Browser, start)
	require.NoError(w, err)
	require.Equal(w, 1, got.Scenes)
	require.Equal(w, a.Scene, got.Scene)
	require.ErrorIs(w, w.a.AddScene(w.Context(), a.ID, newScene(start), 1, start), storage.ErrConflict)
	outcome, scanned, err := w.b.RecordScan(w.Context(), storage.Scan{
		Delivery: newHash(), Account: a.Account, OpenID: "o1", Scene: a.Scene.Hash, Ticket: a.Scene.Ticket, At: start, Number: 10, Choices: [3]int{10, 11, 12}, Now: start,
	})
	require.NoError(w, err)
	require.Equal(w, storage.ScanAccepted, outcome)
	require.Equal(w, a.ID, scanned.ID)

	lost := newAttempt(r, storage.ViaQR, start)
	lost.Scene = newScene(start)
	require.ErrorIs(w, w.a.BeginAttempt(w.Context(), lost, storage.ID{}, start), storage.ErrConflict)
	outcome, _, err = w.b.RecordScan(w.Context(), storage.Scan{
		Delivery: newHash(), Account: a.Account, OpenID: "o2", Scene: lost.Scene.Hash, Ticket: lost.Scene.Ticket, At: start, Number: 10, Choices: [3]int{10, 11, 12}, Now: start,
	})
	require.NoError(w, err)
	require.Equal(w, storage.ScanUnknown, outcome, "who was slower has left no scene behind")
}
