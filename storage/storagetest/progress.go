package storagetest

import (
	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// progressOfMany asks for more requests than one statement does, among them some that are not there.
func progressOfMany(w world) {
	var requests []storage.ID
	want := map[storage.ID]storage.Progress{}
	expect := func(l login) {
		a := w.current(l)
		want[l.request.ID] = storage.Progress{AuthRequestID: l.request.ID, Browser: l.browser, AttemptID: a.ID, Version: a.Version}
	}
	ask := func() {
		list, err := w.b.Progress(w.Context(), requests)
		require.NoError(w, err)
		require.Len(w, list, len(want), "each once")
		for _, p := range list {
			require.Equal(w, want[p.AuthRequestID], p)
		}
	}
	ask()
	var logins []login
	for range 120 {
		l := w.begin(newHash(), start)
		logins = append(logins, l)
		requests = append(requests, storage.NewID(start), l.request.ID)
		expect(l)
		if len(requests) < 12 { // few are asked for in another statement
			ask()
		}
	}
	requests = append(requests, w.newRequest(newHash(), start).ID) // without an attempt
	ask()

	before := want[logins[0].request.ID]
	_, _, err := w.a.RecordScan(w.Context(), logins[0].scanOf("o1"))
	require.NoError(w, err)
	expect(logins[0])
	require.Greater(w, want[logins[0].request.ID].Version, before.Version)
	require.NoError(w, w.a.BeginAttempt(w.Context(), newAttempt(logins[1].request, storage.ViaQR, start), logins[1].attempt.ID, start))
	expect(logins[1])
	require.NoError(w, w.a.EndAuthRequest(w.Context(), logins[2].request.ID, logins[2].browser, start))
	delete(want, logins[2].request.ID)
	ask()
}
