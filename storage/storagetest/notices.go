package storagetest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func noticeStories() map[string]story {
	return map[string]story{
		"a login in a new browser is told, in a known one not": noticeOfBrowser,
		"an approval of a device is told":                      noticeOfTV,
		"one message carries a notice":                         noticeClaimed,
		"of many messages at once one carries it":              noticeClaimedAtOnce,
		"a browser that is disowned is out":                    disownedBrowser,
		"a device that is disowned is out":                     disownedTV,
		"only who was told says not me, and in time":           disownedByOthers,
		"not me twice at once is once":                         disownedAtOnce,
		"not me beside a code leaves nothing alive (I7)":       disownedBesideCode,
		"a disowned browser is followed to its new secret":     disownedAfterRenewal,
		"a scan alone is disowned whatever came after it":      disownedAloneAfterRenewals,
		"a browser that was signed out meanwhile is disowned":  disownedAfterSigningOut,
		"a session that was carried over is disowned":          disownedAfterLostSecret,
		"a browser that forgot and met again is disowned":      disownedAfterForgetting,
		"who loses a number is told":                           noticeOfMove,
		"who loses a number to a change is told":               noticeOfChangedMove,
		"notices go with their user":                           noticeGone,
	}
}

// told is the notice of the openid that nobody has claimed.
func (w world) told(openID string, now time.Time) storage.Notice {
	w.Helper()
	list, err := w.a.ClaimNotices(w.Context(), account, openID, newHash(), 2, now)
	require.NoError(w, err)
	require.Len(w, list, 1)
	return list[0]
}

// opened is the notice in the WeChat browser of the phone that was told.
func (w world) opened(openID string, now time.Time) (storage.Notice, storage.Hash) {
	w.Helper()
	phone := newHash()
	n, err := w.b.OpenNotice(w.Context(), w.told(openID, now).ID, account, openID, phone, now)
	require.NoError(w, err)
	require.Equal(w, phone, n.PhoneHash)
	return n, phone
}

func noticeOfBrowser(w world) {
	p := w.signIn("o1", start)
	n := w.told("o1", start)
	require.Equal(w, storage.Notice{
		ID: n.ID, Account: account, OpenID: "o1", UserID: p.user.ID, Kind: storage.NoticeBrowser, Target: p.session.ID, ClientID: "grafana",
		Device: storage.Device{Name: "Chrome"}, CreatedAt: start, SentAt: start, ExpiresAt: start.Add(storage.NoticeLife),
	}, n)
	read, err := w.b.Notice(w.Context(), n.ID, start)
	require.NoError(w, err)
	require.Equal(w, n, read)

	w.complete(w.confirmed(p.browser, "o1", start))
	list, err := w.a.ClaimNotices(w.Context(), account, "o1", newHash(), 2, start)
	require.NoError(w, err)
	require.Empty(w, list, "this browser knows the person")
	w.signIn("o1", start)
	require.NotEqual(w, n.ID, w.told("o1", start).ID, "another browser does not")
}

func noticeOfTV(w world) {
	w.signIn("o1", start)
	w.told("o1", start)
	d := w.tv(start)
	l := w.scanTV(d, "o1")
	for range 2 {
		w.approve(&l)
	}
	n := w.told("o1", start)
	require.Equal(w, storage.NoticeTV, n.Kind)
	require.Equal(w, d.ID, n.Target)
	require.Equal(w, "tv-app", n.ClientID)
	require.Equal(w, storage.Device{Name: "客厅", Place: "Shanghai"}, n.Device)
}

func noticeClaimed(w world) {
	for range 3 {
		w.signIn("o1", start)
	}
	claim := func(openID string, claim storage.Hash, at time.Time) []storage.Notice {
		list, err := w.b.ClaimNotices(w.Context(), account, openID, claim, 2, at)
		require.NoError(w, err)
		return list
	}
	require.Empty(w, claim("o2", newHash(), start), "another's")
	require.Empty(w, claim("o1", newHash(), start.Add(storage.NoticeLife)), "late")
	require.Empty(w, claim("o1", storage.Hash{}, start), "of no message")
	one, two := newHash(), newHash()
	first := claim("o1", one, start)
	require.Len(w, first, 2)
	require.Equal(w, first, claim("o1", one, start.Add(time.Minute)), "delivered again it is the same message")
	rest := claim("o1", two, start)
	require.Len(w, rest, 1)
	require.Empty(w, claim("o1", newHash(), start))

	require.NoError(w, w.a.ReleaseNotice(w.Context(), first[0].ID, two), "not of this claim")
	require.Empty(w, claim("o1", newHash(), start))
	require.NoError(w, w.a.ReleaseNotice(w.Context(), first[0].ID, one))
	again := claim("o1", newHash(), start)
	require.Len(w, again, 1)
	require.Equal(w, first[0].ID, again[0].ID)
}

func noticeClaimedAtOnce(w world) {
	w.signIn("o1", start)
	same, carried := newHash(), 0
	for _, n := range parallel(8, func(n int) int {
		claim := newHash()
		if n < 2 {
			claim = same // one delivery, twice
		}
		list, err := w.store(n).ClaimNotices(context.WithoutCancel(w.Context()), account, "o1", claim, 2, start)
		require.NoError(w, err)
		if n == 1 {
			return 0
		}
		return len(list)
	}) {
		carried += n
	}
	require.LessOrEqual(w, carried, 1)
	list, err := w.a.ClaimNotices(w.Context(), account, "o1", newHash(), 2, start)
	require.NoError(w, err)
	require.Empty(w, list)
}

func disownedBrowser(w world) {
	theirs := w.signIn("o1", start)
	n, phone := w.opened("o1", start)
	mine := w.signIn("o1", start)
	online, offline, other := w.tokens(theirs, false, start), w.tokens(theirs, true, start), w.tokens(mine, true, start)

	ended, err := w.a.RevokeByNotice(w.Context(), n.ID, phone, start.Add(time.Minute))
	require.NoError(w, err)
	require.Equal(w, start.Add(time.Minute), ended.RevokedAt)
	_, _, err = w.b.Session(w.Context(), theirs.session.ID, theirs.session.Hash, time.Hour, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.False(w, w.alive(online.Grant.ID))
	require.False(w, w.alive(offline.Grant.ID), "what it took for later too")
	_, _, err = w.b.Session(w.Context(), mine.session.ID, mine.session.Hash, time.Hour, start)
	require.NoError(w, err)
	require.True(w, w.alive(other.Grant.ID))

	l := w.confirmed(theirs.browser, "o1", start)
	c := l.completeOf()
	c.Approved = storage.ID{}
	_, err = w.a.CompleteLogin(w.Context(), c)
	require.ErrorIs(w, err, storage.ErrApprovalNeeded, "that browser knows the person no more")
	again, err := w.b.RevokeByNotice(w.Context(), n.ID, phone, start.Add(time.Hour))
	require.NoError(w, err)
	require.Equal(w, ended, again)
	require.Equal(w, []string{"phone.bind", "login", "login", "login.disowned"}, w.actions(theirs.user.ID))
}

func disownedTV(w world) {
	p := w.signIn("o1", start)
	w.told("o1", start)
	kept := w.tokens(p, true, start)
	d, waiting := w.tv(start), w.tv(start)
	l := w.scanTV(d, "o1")
	w.approve(&l)
	issued := w.grantOf(d)
	n, phone := w.opened("o1", start)
	l = w.scanTV(waiting, "o1")
	w.approve(&l)
	early, second := w.opened("o1", start)

	_, err := w.a.RevokeByNotice(w.Context(), n.ID, phone, start)
	require.NoError(w, err)
	_, err = w.b.RotateRefreshToken(w.Context(), rotationOf(issued, start))
	require.Error(w, err)
	require.False(w, w.alive(d.ID))
	require.True(w, w.alive(kept.Grant.ID))
	_, err = w.a.RevokeByNotice(w.Context(), early.ID, second, start)
	require.NoError(w, err)
	require.ErrorIs(w, w.poll(waiting, 0), storage.ErrNotFound, "also before the device came for it")
}

func disownedByOthers(w world) {
	p := w.signIn("o1", start)
	n := w.told("o1", start)
	for name, phone := range map[string]storage.Hash{"nobody's": {}, "a stranger's": newHash()} {
		_, err := w.a.RevokeByNotice(w.Context(), n.ID, phone, start)
		require.ErrorIs(w, err, storage.ErrNotFound, name)
	}
	phone := newHash()
	_, err := w.a.OpenNotice(w.Context(), n.ID, account, "o2", phone, start)
	require.ErrorIs(w, err, storage.ErrNotFound, "another openid")
	_, err = w.a.OpenNotice(w.Context(), n.ID, "other", "o1", phone, start)
	require.ErrorIs(w, err, storage.ErrNotFound, "another account")
	_, err = w.a.OpenNotice(w.Context(), n.ID, account, "o1", storage.Hash{}, start)
	require.ErrorIs(w, err, storage.ErrNotFound, "no browser")
	_, err = w.a.OpenNotice(w.Context(), n.ID, account, "o1", newHash(), start)
	require.NoError(w, err)
	_, err = w.a.OpenNotice(w.Context(), n.ID, account, "o1", phone, start)
	require.NoError(w, err, "the last browser counts")
	_, err = w.b.RevokeByNotice(w.Context(), n.ID, phone, n.ExpiresAt)
	require.ErrorIs(w, err, storage.ErrExpired)
	_, err = w.b.OpenNotice(w.Context(), n.ID, account, "o1", phone, n.ExpiresAt)
	require.ErrorIs(w, err, storage.ErrExpired)
	_, err = w.b.Notice(w.Context(), n.ID, n.ExpiresAt)
	require.ErrorIs(w, err, storage.ErrExpired)
	_, err = w.b.Notice(w.Context(), storage.NewID(start), start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	_, _, err = w.b.Session(w.Context(), p.session.ID, p.session.Hash, time.Hour, start)
	require.NoError(w, err)
}

func disownedAtOnce(w world) {
	p := w.signIn("o1", start)
	n, phone := w.opened("o1", start)
	for _, err := range parallel(6, func(i int) error {
		_, err := w.store(i).RevokeByNotice(context.WithoutCancel(w.Context()), n.ID, phone, start)
		return err
	}) {
		require.NoError(w, err)
	}
	require.Equal(w, []string{"phone.bind", "login", "login.disowned"}, w.actions(p.user.ID))
}

func disownedBesideCode(w world) {
	for range 10 {
		p := w.signIn("o1", start)
		n, phone := w.opened("o1", start)
		c := p.codeOf(start)
		c.Grant.Offline = true
		parallel(2, func(i int) error {
			if i == 0 {
				return w.a.IssueCode(context.WithoutCancel(w.Context()), c)
			}
			_, err := w.b.RevokeByNotice(context.WithoutCancel(w.Context()), n.ID, phone, start)
			return err
		})
		_, err := w.a.ConsumeCode(w.Context(), useOf(c, start))
		require.Error(w, err)
	}
}

func disownedAfterRenewal(w world) {
	theirs := w.signIn("o1", start)
	n, phone := w.opened("o1", start)
	later := w.complete(w.confirmed(theirs.browser, "o1", start)) // another login there, and no other notice
	issued := w.tokens(later, true, start)
	_, err := w.a.RevokeByNotice(w.Context(), n.ID, phone, start)
	require.NoError(w, err)
	_, _, err = w.b.Session(w.Context(), later.session.ID, later.session.Hash, time.Hour, start)
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.False(w, w.alive(issued.Grant.ID))
}

func noticeGone(w world) {
	unbound, deleted := w.signIn("o1", start), w.signIn("o2", start)
	first, second := w.told("o1", start), w.told("o2", start)
	require.NoError(w, w.a.UnbindUser(w.Context(), unbound.user.ID, "ops", start))
	require.NoError(w, w.a.DeleteUser(w.Context(), deleted.user.ID, "ops", start))
	for _, id := range []storage.ID{first.ID, second.ID} {
		_, err := w.b.Notice(w.Context(), id, start)
		require.ErrorIs(w, err, storage.ErrNotFound)
	}
}
