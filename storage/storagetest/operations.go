package storagetest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func operationStories() map[string]story {
	return map[string]story{
		"a database has one mode":                   modeMarked,
		"the audit log is newest first":             auditListed,
		"the janitor removes what has expired":      sweepExpired,
		"what nobody came for does not pile up":     sweepUnredeemed,
		"nor what no device came for":               tvSweptUnredeemed,
		"the janitor works in batches":              sweepBatches,
		"the janitor leaves what lives":             sweepLeaves,
		"health tells the clock and the schema":     healthTold,
		"a caller that is gone is told so":          goneCaller,
		"a fresh store is empty, and says no error": emptyStore,
	}
}

func modeMarked(w world) {
	require.NoError(w, w.a.Mark(w.Context(), storage.ModeDemo))
	require.NoError(w, w.b.Mark(w.Context(), storage.ModeDemo))
	require.ErrorIs(w, w.b.Mark(w.Context(), storage.ModeProduction), storage.ErrConflict)
}

func auditListed(w world) {
	for n, action := range []string{"one", "two", "three"} {
		e := storage.AuditEntry{At: start.Add(time.Duration(n) * time.Microsecond), Actor: "ops", Action: action, UserID: "u", ClientID: "c", Account: account, Detail: "为什么"}
		require.NoError(w, w.a.Audit(w.Context(), e))
	}
	require.NoError(w, w.a.Audit(w.Context(), storage.AuditEntry{At: start, Actor: "ops", Action: "other", UserID: "v"}))
	list, err := w.b.ListAudit(w.Context(), "u", 2)
	require.NoError(w, err)
	require.Len(w, list, 2)
	require.Greater(w, list[0].ID, list[1].ID)
	list[0].ID = 0
	require.Equal(w, storage.AuditEntry{
		At: start.Add(2 * time.Microsecond), Actor: "ops", Action: "three", UserID: "u", ClientID: "c", Account: account, Detail: "为什么",
	}, list[0])
	all, err := w.b.ListAudit(w.Context(), "", 100)
	require.NoError(w, err)
	require.Len(w, all, 4)
}

// sweep calls the janitor until it has nothing to do.
func (w world) sweep(now time.Time, limit int) (total int) {
	w.Helper()
	for range 1000 {
		n, err := w.a.Sweep(w.Context(), now, limit)
		require.NoError(w, err)
		total += n
		if n < limit {
			return total
		}
	}
	require.FailNow(w, "the janitor does not end")
	return total
}

func sweepExpired(w world) {
	p := w.signIn("o1", start)
	issued := w.tokens(p, true, start)
	l := w.approved("o2", start)
	c := l.codeFor("+8613800000002")
	c.Limits = []storage.Limit{{Name: "day", Key: newHash(), Max: 1, Window: 24 * time.Hour}}
	require.NoError(w, w.a.SendPhoneCode(w.Context(), c))
	require.NoError(w, w.a.BeginWebAuth(w.Context(), storage.WebAuth{Hash: newHash(), Browser: newHash(), ExpiresAt: start.Add(time.Minute)}))
	years := start.AddDate(2, 0, 0)
	// 2 requests, 2 attempts, 2 scenes, 2 phone codes, 2 scans' deliveries, 1 web authorization, 1 counter, 1 session,
	// 1 grant, 1 known browser, 1 notice.
	require.Equal(w, 16, w.sweep(years, 3))
	require.Zero(w, w.sweep(years, 3))
	_, err := w.b.PeekAttempt(w.Context(), l.attempt.ID, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.False(w, w.alive(issued.Grant.ID))
	_, err = w.b.User(w.Context(), p.user.ID)
	require.NoError(w, err, "people stay")
	require.NotEmpty(w, w.actions(p.user.ID), "and so does the audit log")
}

// sweepUnredeemed: a signed-in browser can ask for codes all day. What is not redeemed goes an hour after its code, what
// has no refresh token an hour after its access token, and the rest at its end.
func sweepUnredeemed(w world) {
	p := w.signIn("o1", start)
	end := start.Add(90 * 24 * time.Hour)
	unredeemed, plain, bare, family := p.codeOf(start), p.codeOf(start), p.codeOf(start), w.tokens(p, true, start)
	for _, c := range []storage.NewCode{unredeemed, plain, bare} {
		require.NoError(w, w.a.IssueCode(w.Context(), c))
	}
	u := useOf(plain, start)
	u.RefreshSeed, u.RefreshExpiresAt = storage.Hash{}, time.Time{}
	_, err := w.b.ConsumeCode(w.Context(), u)
	require.NoError(w, err)
	kept := start.Add(10*time.Minute + time.Hour) // the access token's end, and an hour
	require.Equal(w, kept, w.grant(plain.Grant.ID).Grant.ExpiresAt)
	u = useOf(bare, start.Add(30*time.Second))
	u.RefreshSeed, u.Access = storage.Hash{}, storage.AccessToken{}
	_, err = w.b.ConsumeCode(w.Context(), u)
	require.NoError(w, err)
	require.Equal(w, start.Add(time.Minute+time.Hour), w.grant(bare.Grant.ID).Grant.ExpiresAt, "not before the code would have gone")
	require.Equal(w, end, w.grant(family.Grant.ID).Grant.ExpiresAt)

	lives := func(now time.Time) (alive []bool) {
		w.sweep(now, 100)
		for _, id := range []storage.ID{unredeemed.Grant.ID, bare.Grant.ID, plain.Grant.ID, family.Grant.ID} {
			alive = append(alive, w.alive(id))
		}
		return alive
	}
	require.Equal(w, []bool{true, true, true, true}, lives(start.Add(time.Hour+59*time.Second)))
	_, err = w.a.ConsumeCode(w.Context(), useOf(unredeemed, start.Add(time.Hour)))
	require.ErrorIs(w, err, storage.ErrExpired, "until then who comes late is told so")
	require.Equal(w, []bool{false, false, true, true}, lives(start.Add(time.Minute+time.Hour)))
	_, err = w.a.ConsumeCode(w.Context(), useOf(plain, kept.Add(-time.Second)))
	require.ErrorIs(w, err, storage.ErrReplayed, "and a replay revokes")
	require.Equal(w, []bool{false, false, false, true}, lives(kept))
	require.Equal(w, []bool{false, false, false, true}, lives(end.Add(-time.Second)))
	require.Equal(w, []bool{false, false, false, false}, lives(end))
}

// tvSweptUnredeemed: the same for devices.
func tvSweptUnredeemed(w world) {
	w.signIn("o1", start)
	var devices []tv
	for range 3 {
		d := w.tv(start)
		l := w.scanTV(d, "o1")
		w.approve(&l)
		devices = append(devices, d)
	}
	plain, family := devices[1].useOf(start.Add(9*time.Minute)), devices[2].useOf(start)
	plain.RefreshSeed, plain.RefreshExpiresAt = storage.Hash{}, time.Time{}
	for _, u := range []storage.DeviceUse{plain, family} {
		_, err := w.a.RedeemDevice(w.Context(), u)
		require.NoError(w, err)
	}
	lives := func(now time.Time) (alive []bool) {
		w.sweep(now, 100)
		for _, d := range devices {
			alive = append(alive, w.alive(d.ID))
		}
		return alive
	}
	require.Equal(w, []bool{true, true, true}, lives(start.Add(69*time.Minute)))
	require.Equal(w, []bool{false, true, true}, lives(start.Add(70*time.Minute)), "its code lived for 10 minutes")
	require.Equal(w, []bool{false, false, true}, lives(start.Add(79*time.Minute)))
	require.Equal(w, []bool{false, false, true}, lives(devices[2].GrantExpiresAt.Add(-time.Second)))
	require.Equal(w, []bool{false, false, false}, lives(devices[2].GrantExpiresAt))
}

func sweepBatches(w world) {
	for range 7 {
		w.newRequest(newHash(), start)
	}
	var sizes []int
	for range 4 {
		n, err := w.a.Sweep(w.Context(), start.Add(time.Hour), 3)
		require.NoError(w, err)
		sizes = append(sizes, n)
	}
	require.Equal(w, []int{3, 3, 1, 0}, sizes)
}

func sweepLeaves(w world) {
	p := w.signIn("o1", start)
	issued := w.tokens(p, true, start)
	l := w.begin(newHash(), start)
	w.scan(&l, "o2")
	require.Zero(w, w.sweep(start, 100))
	// A while after the attempt's end a late scan is still told that it came late.
	w.sweep(start.Add(30*time.Minute), 100)
	scan := l.scanOf("o3")
	scan.Now = start.Add(30 * time.Minute)
	outcome, _, err := w.b.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	require.Equal(w, storage.ScanOver, outcome)
	w.sweep(start.AddDate(0, 0, 5), 100)
	require.True(w, w.alive(issued.Grant.ID))
	_, _, err = w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start.Add(time.Hour))
	require.NoError(w, err)
}

func healthTold(w world) {
	h, err := w.a.Health(w.Context())
	require.NoError(w, err)
	require.Positive(w, h.SchemaVersion)
	require.Equal(w, h.WantVersion, h.SchemaVersion)
	require.False(w, h.Now.IsZero())
}

func goneCaller(w world) {
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	require.ErrorIs(w, w.a.Mark(ctx, storage.ModeDemo), context.Canceled)
	_, err := w.a.Version(ctx)
	require.ErrorIs(w, err, context.Canceled)
	require.NoError(w, w.a.Mark(w.Context(), storage.ModeProduction), "it was not marked")
}

func emptyStore(w world) {
	clients, err := w.a.ListClients(w.Context())
	require.NoError(w, err)
	require.Empty(w, clients)
	require.Empty(w, w.keys(start))
	users, err := w.a.ListUsers(w.Context(), storage.UserFilter{})
	require.NoError(w, err)
	require.Empty(w, users)
	identities, err := w.a.Identities(w.Context(), "")
	require.NoError(w, err)
	require.Empty(w, identities)
	require.Zero(w, w.sweep(start, 10))
}
