package storagetest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// completeWithCode is the draft of the login's session, with the code that answers its request.
func (w world) completeWithCode(l login, openID string) storage.Complete {
	w.Helper()
	c := l.completeOf()
	p := person{user: storage.User{ID: w.identity(account, openID).UserID}}
	code := p.codeOf(l.now)
	code.SessionHash = storage.Hash{}
	c.Code = &code
	return c
}

func completeAnswers(w world) {
	for _, offline := range []bool{false, true} {
		l := w.confirmed(newHash(), "o1", start)
		c := w.completeWithCode(l, "o1")
		c.Code.Grant.Offline = offline
		session, err := w.a.CompleteLogin(w.Context(), c)
		require.NoError(w, err)
		_, err = w.b.AuthRequest(w.Context(), l.request.ID, c.NewBrowser, start)
		require.ErrorIs(w, err, storage.ErrNotFound, "the request is answered")
		again := person{user: storage.User{ID: session.UserID}, session: session}.codeOf(start)
		again.SessionHash, again.AuthRequestID, again.Browser = c.Session.Hash, l.request.ID, c.NewBrowser
		require.ErrorIs(w, w.b.IssueCode(w.Context(), again), storage.ErrConflict, "one request, one code")
		_, err = w.b.CompleteLogin(w.Context(), c)
		require.ErrorIs(w, err, storage.ErrConflict)

		issued, err := w.b.ConsumeCode(w.Context(), useOf(*c.Code, start))
		require.NoError(w, err)
		require.Equal(w, session.ID, issued.Grant.SessionID)
		require.Equal(w, session.AuthTime, issued.Grant.AuthTime)
		require.Equal(w, session.AMR, issued.Grant.AMR)
		require.Equal(w, session.ACR, issued.Grant.ACR)
		all, err := w.a.AccessGrant(w.Context(), c.Code.Grant.ID)
		require.NoError(w, err)
		want := session.ExpiresAt // an online grant does not outlive its session
		if offline {
			want = c.Code.Grant.ExpiresAt
		}
		require.Equal(w, want, all.Grant.ExpiresAt)
		require.NoError(w, w.a.EndSession(w.Context(), session.ID, start))
		require.Equal(w, offline, w.alive(c.Code.Grant.ID))
	}
}

// Whoever has confirmed by now is not whom the code is for: nothing happens at all.
func completeAnswersNobodyElse(w world) {
	l, other := w.confirmed(newHash(), "o1", start), w.signIn("o2", start)
	c := w.completeWithCode(l, "o1")
	c.Code.Grant.UserID = other.user.ID
	_, err := w.a.CompleteLogin(w.Context(), c)
	require.ErrorIs(w, err, storage.ErrConflict)
	require.Equal(w, storage.AttemptConfirmed, w.current(l).State)
	_, err = w.a.ConsumeCode(w.Context(), useOf(*c.Code, start))
	require.ErrorIs(w, err, storage.ErrNotFound)

	click := w.completeWithCode(l, "o1")
	click.Approved = storage.ID{}
	_, err = w.a.CompleteLogin(w.Context(), click)
	require.ErrorIs(w, err, storage.ErrApprovalNeeded)
	_, err = w.a.ConsumeCode(w.Context(), useOf(*click.Code, start))
	require.ErrorIs(w, err, storage.ErrNotFound, "no session, no code")
	_, err = w.b.AuthRequest(w.Context(), l.request.ID, l.browser, start)
	require.NoError(w, err, "and the request waits")
}

// The code is of the session that is there in the end: the one that was renewed, and of a scan alone by what that is worth.
func completeAnswersFromItsSession(w world) {
	p := w.regular("o1")
	l := w.visit(visit{browser: p.browser, now: later(time.Hour)})
	require.True(w, w.scanned(&l, "o1"))
	c := w.completeWithCode(l, "o1")
	c.Network, c.Approved, c.Previous = home(), storage.ID{}, p.session.ID
	other := w.visit(visit{browser: p.browser, now: later(time.Hour)}) // another tab's request waits on
	session, err := w.a.CompleteLogin(w.Context(), c)
	require.NoError(w, err)
	require.Equal(w, p.session.ID, session.ID)
	issued, err := w.b.ConsumeCode(w.Context(), useOf(*c.Code, later(time.Hour)))
	require.NoError(w, err)
	require.Equal(w, p.session.ID, issued.Grant.SessionID)
	require.Equal(w, storage.ACRScan, issued.Grant.ACR)
	require.Equal(w, []string{storage.AMRWeChat}, issued.Grant.AMR)
	waits, err := w.b.AuthRequest(w.Context(), other.request.ID, c.NewBrowser, later(time.Hour))
	require.NoError(w, err)
	require.True(w, waits.SessionID.IsZero())
}

func completeAnswersOnce(w world) {
	for range 10 {
		l := w.confirmed(newHash(), "o1", start)
		drafts := make([]storage.Complete, 6)
		for i := range drafts {
			drafts[i] = w.completeWithCode(l, "o1")
		}
		codes := 0
		for i, err := range parallel(len(drafts), func(i int) error {
			_, err := w.store(i).CompleteLogin(context.WithoutCancel(w.Context()), drafts[i])
			return err
		}) {
			_, consumed := w.a.ConsumeCode(w.Context(), useOf(*drafts[i].Code, start))
			if err == nil {
				require.NoError(w, consumed)
				codes++
				continue
			}
			require.ErrorIs(w, consumed, storage.ErrNotFound)
		}
		require.Equal(w, 1, codes)
	}
}

// I7: a lock, or a logout everywhere, that is beside the completion leaves nothing alive.
func completeAnswersBesideEnds(w world) {
	for round := range 20 {
		l := w.confirmed(newHash(), "o1", start)
		c := w.completeWithCode(l, "o1")
		user := c.Code.Grant.UserID
		parallel(2, func(i int) error {
			switch {
			case i == 0:
				_, err := w.a.CompleteLogin(context.WithoutCancel(w.Context()), c)
				return err
			case round%2 == 0:
				return w.b.LockUser(context.WithoutCancel(w.Context()), user, "ops", start)
			}
			return w.b.UnbindUser(context.WithoutCancel(w.Context()), user, "ops", start)
		})
		_, err := w.a.ConsumeCode(w.Context(), useOf(*c.Code, start))
		require.Error(w, err)
		if round%2 == 0 {
			require.NoError(w, w.a.UnlockUser(w.Context(), user, "ops", start))
			_, err = w.a.ConsumeCode(w.Context(), useOf(*c.Code, start))
			require.Error(w, err, "nor does it come back")
		}
	}
}
