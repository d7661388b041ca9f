package storagetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func noticeOfMove(w world) {
	holder := w.signIn("o1", start)
	w.told("o1", start)
	require.NoError(w, w.a.RecordUnionID(w.Context(), account, "o1", "u1", start))
	for _, other := range []string{"second", "third"} {
		w.follow(other, "x1", true, start)
		require.NoError(w, w.a.RecordUnionID(w.Context(), other, "x1", "u1", start))
	}
	w.follow("third", "x1", false, start.Add(time.Second))
	now := start.Add(time.Minute)
	l := w.approved("o2", now)
	require.NoError(w, w.a.SendPhoneCode(w.Context(), l.codeFor("+86138o1")))
	_, err := w.a.BindPhone(w.Context(), l.bindOf())
	require.NoError(w, err)
	claim := func(account, openID string, at time.Time) []storage.Notice {
		list, err := w.b.ClaimNotices(w.Context(), account, openID, newHash(), 9, at)
		require.NoError(w, err)
		return list
	}
	require.Empty(w, claim(account, "o1", now), "nothing has moved yet")
	b := l.bindOf()
	for range 2 { // the answer was lost
		_, err = w.a.MovePhone(w.Context(), b)
		require.NoError(w, err)
	}
	late := now.Add(storage.NoticeMovedLife - time.Second) // they come seldom
	want := storage.Notice{
		Account: account, OpenID: "o1", UserID: holder.user.ID, Kind: storage.NoticeMoved, CreatedAt: now, SentAt: late,
		ExpiresAt: now.Add(storage.NoticeMovedLife), PhoneSealed: []byte("sealed +86138o1"),
	}
	n := w.told("o1", late)
	want.ID = n.ID
	require.Equal(w, want, n, "and not a word of who has it now")
	require.Empty(w, claim(account, "o1", late), "once")
	require.Len(w, claim("second", "x1", late), 1, "in each account that they follow")
	require.Empty(w, claim("third", "x1", late), "nobody reads it there")
	require.Empty(w, claim(account, "o2", late), "the new holder is not told")

	_, err = w.a.OpenNotice(w.Context(), n.ID, account, "o1", newHash(), late)
	require.ErrorIs(w, err, storage.ErrNotFound, "there is nothing to take back")
	for _, phone := range []storage.Hash{{}, newHash()} {
		_, err = w.a.RevokeByNotice(w.Context(), n.ID, phone, late)
		require.ErrorIs(w, err, storage.ErrNotFound)
	}
	require.Equal(w, b.NewUser.ID, w.identity(account, "o2").UserID)
	require.Equal(w, "index +86138o1", w.phoneOf(b.NewUser.ID))
}

func noticeOfChangedMove(w world) {
	holder, p := w.signIn("o1", start), w.signIn("o2", start)
	w.told("o1", start)
	c := w.ready(p, "+86138o1")
	_, err := w.a.ChangePhone(w.Context(), c.tryOf())
	require.NoError(w, err)
	move := c.tryOf()
	move.Move = true
	for range 2 {
		_, err = w.a.ChangePhone(w.Context(), move)
		require.NoError(w, err)
	}
	n := w.told("o1", start)
	require.Equal(w, storage.NoticeMoved, n.Kind)
	require.Equal(w, holder.user.ID, n.UserID)
	require.Equal(w, []byte("sealed +86138o1"), n.PhoneSealed)
	list, err := w.b.UserNotices(w.Context(), holder.user.ID)
	require.NoError(w, err)
	require.Len(w, list, 2)
}
