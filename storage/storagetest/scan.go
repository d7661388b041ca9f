package storagetest

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func scanStories() map[string]story {
	return map[string]story{
		"a scan that was answered exists (I4)":           scanExists,
		"a redelivery changes nothing":                   scanRedelivered,
		"many redeliveries at once have one effect":      scanReplayed,
		"the first openid wins":                          scanRace,
		"a scan that is not ours is unknown":             scanUnknown,
		"a newer scan voids the openid's earlier ones":   scanVoidsEarlier,
		"a locked user scans nothing":                    scanLocked,
		"a page scene is no follow and has no delivery":  scanPageScene,
		"a browser that knows the person says so":        scanKnown,
		"one delivery may be a follow and a scan":        scanAndFollow,
		"a scan is told what it was told the first time": scanToldAgain,
		"a scan knows whether there is more to tell":     scanKnowsOfNotices,
	}
}

func scanExists(w world) {
	l := w.begin(newHash(), start)
	before := w.current(l)
	outcome, a, err := w.a.RecordScan(w.Context(), l.scanOf("o1"))
	require.NoError(w, err)
	require.Equal(w, storage.ScanAccepted, outcome)
	require.Equal(w, storage.AttemptScanned, a.State)
	require.Equal(w, "o1", a.OpenID)
	require.Empty(w, a.UserID)
	require.Equal(w, 42, a.Number)
	require.Equal(w, [3]int{17, 42, 93}, a.Choices)
	require.Equal(w, start, a.ScannedAt)
	require.Greater(w, a.Version, before.Version)
	w.isStored(a, start)
}

func scanRedelivered(w world) {
	l := w.begin(newHash(), start)
	scan := l.scanOf("o1")
	_, first, err := w.a.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	scan.Number, scan.Choices, scan.Now = 77, [3]int{77, 11, 22}, start.Add(5*time.Second)
	outcome, again, err := w.b.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	require.Equal(w, storage.ScanRepeated, outcome)
	require.Equal(w, first, again, "the number is drawn once")
	scan.Delivery = newHash() // the same person scans the same code again
	outcome, again, err = w.b.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	require.Equal(w, storage.ScanRepeated, outcome)
	require.Equal(w, first, again)
}

func scanReplayed(w world) {
	l := w.begin(newHash(), start)
	scan := l.scanOf("o1")
	outcomes := map[storage.ScanOutcome]int{}
	for _, o := range parallel(20, func(n int) storage.ScanOutcome {
		last := storage.ScanOutcome(0)
		for range 10 {
			outcome, _, err := w.store(n).RecordScan(context.WithoutCancel(w.Context()), scan)
			if err != nil {
				w.Errorf("record scan: %v", err)
			}
			if outcome == storage.ScanAccepted || last == 0 {
				last = outcome
			}
		}
		return last
	}) {
		outcomes[o]++
	}
	require.Equal(w, map[storage.ScanOutcome]int{storage.ScanAccepted: 1, storage.ScanRepeated: 19}, outcomes)
	require.Equal(w, int64(3), w.current(l).Version, "begun, a scene, one scan")
}

func scanRace(w world) {
	for round := range 5 {
		l := w.begin(newHash(), start)
		outcomes := map[storage.ScanOutcome]int{}
		for _, o := range parallel(8, func(n int) storage.ScanOutcome {
			outcome, _, err := w.store(n).RecordScan(context.WithoutCancel(w.Context()), l.scanOf(fmt.Sprintf("o%d-%d", round, n)))
			if err != nil {
				w.Errorf("record scan: %v", err)
			}
			return outcome
		}) {
			outcomes[o]++
		}
		require.Equal(w, map[storage.ScanOutcome]int{storage.ScanAccepted: 1, storage.ScanTaken: 7}, outcomes)
	}
	require.Contains(w, w.actions(""), "scan.taken")
}

func scanUnknown(w world) {
	l := w.begin(newHash(), start)
	for name, change := range map[string]func(*storage.Scan){
		"another scene":   func(s *storage.Scan) { s.Scene = newHash() },
		"another account": func(s *storage.Scan) { s.Account = "second" },
		"another ticket":  func(s *storage.Scan) { s.Ticket = "forged" },
	} {
		scan := l.scanOf("o1")
		change(&scan)
		outcome, a, err := w.a.RecordScan(w.Context(), scan)
		require.NoError(w, err, name)
		require.Equal(w, storage.ScanUnknown, outcome, name)
		require.Zero(w, a, name)
	}
	require.Equal(w, storage.AttemptWaiting, w.current(l).State)
	scan := l.scanOf("o1")
	scan.Ticket = "" // an event that tells none
	outcome, _, err := w.a.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	require.Equal(w, storage.ScanAccepted, outcome)
}

func scanVoidsEarlier(w world) {
	scanned, approved, confirmed := w.begin(newHash(), start), w.begin(newHash(), start), w.begin(newHash(), start)
	w.scan(&scanned, "o1")
	require.Equal(w, storage.AttemptScanned, w.current(scanned).State)
	w.scan(&approved, "o1")
	w.approve(&approved)
	require.Equal(w, storage.AttemptExpired, w.current(scanned).State)
	w.scan(&confirmed, "o1")
	require.Equal(w, storage.AttemptExpired, w.current(approved).State)
	w.approve(&confirmed)
	w.bindPhone(&confirmed, "+8613800000001")
	last := w.begin(newHash(), start)
	w.scan(&last, "o1")
	require.Equal(w, storage.AttemptConfirmed, w.current(confirmed).State, "a confirmed one stays")
	other := w.begin(newHash(), start)
	w.scan(&other, "o2")
	require.Equal(w, storage.AttemptScanned, w.current(last).State, "another openid's stays")
}

func scanLocked(w world) {
	p := w.signIn("o1", start)
	require.NoError(w, w.a.LockUser(w.Context(), p.user.ID, "ops", start))
	l := w.begin(newHash(), start)
	outcome, _, err := w.a.RecordScan(w.Context(), l.scanOf("o1"))
	require.NoError(w, err)
	require.Equal(w, storage.ScanLocked, outcome)
	require.Equal(w, storage.AttemptWaiting, w.current(l).State)
	in := w.weChat(start)
	_, err = w.a.RecordWeChatLogin(w.Context(), in.request.ID, in.browser, "o1", in.phone, start)
	require.ErrorIs(w, err, storage.ErrLocked)
}

func scanPageScene(w world) {
	l := w.begin(newHash(), start)
	page := newScene(start)
	page.Ticket = ""
	require.NoError(w, w.a.AddScene(w.Context(), l.attempt.ID, page, 9, start))
	scan := l.scanOf("o1")
	scan.Delivery, scan.At, scan.Ticket, scan.Scene = storage.Hash{}, time.Time{}, "", page.Hash
	outcome, _, err := w.a.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	require.Equal(w, storage.ScanAccepted, outcome)
	require.False(w, w.identity(account, "o1").Followed)
	scan.OpenID = "o2" // no delivery to take it for a repetition
	outcome, _, err = w.a.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	require.Equal(w, storage.ScanTaken, outcome)
}

func scanKnown(w world) {
	p := w.signIn("o1", start)
	l := w.begin(p.browser, start)
	w.scan(&l, "o1")
	a := w.current(l)
	require.Equal(w, p.user.ID, a.UserID)
	require.True(w, a.Known)
	stranger := w.begin(newHash(), start)
	w.scan(&stranger, "o1")
	require.False(w, w.current(stranger).Known)
	long, err := w.b.CurrentAttempt(w.Context(), l.request.ID, p.browser, start.AddDate(1, 0, 0))
	require.NoError(w, err)
	require.False(w, long.Known, "a year later it is forgotten")
}

func scanAndFollow(w world) {
	l := w.begin(newHash(), start)
	scan := l.scanOf("o1")
	outcome, err := w.a.RecordFollow(w.Context(), storage.FollowEvent{Delivery: scan.Delivery, Account: account, OpenID: "o1", Followed: true, At: start, Now: start})
	require.NoError(w, err)
	require.Equal(w, storage.FollowRecorded, outcome)
	scanned, _, err := w.a.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	require.Equal(w, storage.ScanAccepted, scanned)
}

func scanToldAgain(w world) {
	l := w.begin(newHash(), start)
	w.scan(&l, "o1")
	late := l.scanOf("o2")
	for range 2 {
		outcome, a, err := w.a.RecordScan(w.Context(), late)
		require.NoError(w, err)
		require.Equal(w, storage.ScanTaken, outcome)
		require.Equal(w, l.attempt.ID, a.ID)
	}
	require.Equal(w, []string{"scan.taken"}, w.actions(""), "once")
}

// Told saves a look at the notices: it must never hide one.
func scanKnowsOfNotices(w world) {
	p := w.signIn("o1", start) // its notice waits
	scanned := func(scan storage.Scan) (bool, []storage.Notice) {
		w.Helper()
		_, a, err := w.a.RecordScan(w.Context(), scan)
		require.NoError(w, err)
		claimed, err := w.b.ClaimNotices(w.Context(), account, scan.OpenID, scan.Delivery, 2, scan.Now)
		require.NoError(w, err)
		return a.Told, claimed
	}
	first := w.begin(newHash(), start).scanOf("o1")
	for range 2 { // the second time they are this event's to tell again
		told, list := scanned(first)
		require.False(w, told)
		require.Len(w, list, 1)
		require.Equal(w, p.session.ID, list[0].Target)
	}
	next := w.begin(newHash(), start)
	told, list := scanned(next.scanOf("o1"))
	require.True(w, told, "another event's are not its own")
	require.Empty(w, list)
	told, list = scanned(w.begin(newHash(), start).scanOf("o2"))
	require.True(w, told, "nor is another person's, who is new")
	require.Empty(w, list)
	late := w.begin(newHash(), start.Add(storage.NoticeLife))
	w.signIn("o3", start)
	told, list = scanned(late.scanOf("o3"))
	require.True(w, told, "one that is over")
	require.Empty(w, list)
	page := w.begin(newHash(), start).scanOf("o1")
	page.Delivery = storage.Hash{}
	told, _ = scanned(page)
	require.False(w, told, "a page scene is no event, and says nothing")
}
