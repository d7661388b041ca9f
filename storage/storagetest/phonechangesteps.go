package storagetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func changeByOthers(w world) {
	p, other := w.signIn("o1", start), w.signIn("o1", start)
	c := w.ready(p, "+86139new")
	foreign := map[string]storage.ChangeTry{}
	add := func(name string, fn func(*storage.ChangeTry)) {
		t := c.tryOf()
		fn(&t)
		foreign[name] = t
	}
	add("the session's cookie alone", func(t *storage.ChangeTry) { t.Browser = newHash() })
	add("no browser", func(t *storage.ChangeTry) { t.Browser = storage.Hash{} })
	add("another secret", func(t *storage.ChangeTry) { t.SessionHash = newHash() })
	add("another session of the same person", func(t *storage.ChangeTry) { t.ChangeBy = other.changeBy() })
	add("another change", func(t *storage.ChangeTry) { t.ID = storage.NewID(start) })
	add("an idle session", func(t *storage.ChangeTry) { t.Now = p.session.IdleExpiresAt })
	for name, t := range foreign {
		_, err := w.a.ChangePhone(w.Context(), t)
		require.ErrorIs(w, err, storage.ErrNotFound, name)
		_, err = w.a.ProvePhoneChange(w.Context(), t)
		require.ErrorIs(w, err, storage.ErrNotFound, name)
		code := c.codeFor("+86139new")
		code.ChangeBy, code.ID = t.ChangeBy, t.ID
		require.ErrorIs(w, w.a.SendChangeCode(w.Context(), code), storage.ErrNotFound, name)
		if t.ID == c.id {
			_, err = w.a.PhoneChange(w.Context(), t.ChangeBy)
			require.ErrorIs(w, err, storage.ErrNotFound, name)
		}
	}
	thief := p.changeBy()
	thief.Browser = newHash()
	require.ErrorIs(w, w.a.BeginPhoneChange(w.Context(), thief, storage.PhoneChange{ID: storage.NewID(start), ExpiresAt: start.Add(time.Hour)}), storage.ErrNotFound)
	require.NoError(w, w.a.EndUserSession(w.Context(), p.user.ID, p.session.ID, start))
	_, err := w.a.ChangePhone(w.Context(), c.tryOf())
	require.ErrorIs(w, err, storage.ErrNotFound, "signed out meanwhile")
	require.Equal(w, "index +86138o1", w.phoneOf(p.user.ID))
}

func changeOutOfStep(w world) {
	p := w.signIn("o1", start)
	c := w.beginChange(p, storage.ID{})
	require.ErrorIs(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86139new")), storage.ErrConflict, "nobody is proven")
	_, err := w.a.ChangePhone(w.Context(), c.tryOf())
	require.ErrorIs(w, err, storage.ErrConflict)
	require.NoError(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86138o1")))
	_, err = w.a.ChangePhone(w.Context(), c.tryOf())
	require.ErrorIs(w, err, storage.ErrConflict, "the old number's code changes nothing")
	c = w.proven(p)
	result, err := w.a.ChangePhone(w.Context(), c.tryOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindExpired, result.Outcome, "nor does it after the proof")
	require.ErrorIs(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86138o1")), storage.ErrConflict, "it is the same number")
	again := w.beginChange(p, storage.ID{})
	require.Empty(w, w.change(p).ProvenBy, "each change is proven by itself")
	_, err = w.a.ChangePhone(w.Context(), c.tryOf())
	require.ErrorIs(w, err, storage.ErrNotFound, "replaced")
	require.Equal(w, again.id, w.change(p).ID)
}

func changeTries(w world) {
	p := w.signIn("o1", start)
	c := w.beginChange(p, storage.ID{})
	require.NoError(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86138o1")))
	for n := range storage.PhoneCodeTries {
		result, err := w.store(n).ProvePhoneChange(w.Context(), c.wrongTry())
		require.NoError(w, err)
		require.Equal(w, storage.ChangeResult{Outcome: storage.BindWrongCode, TriesLeft: storage.PhoneCodeTries - 1 - n}, result)
	}
	result, err := w.a.ProvePhoneChange(w.Context(), c.tryOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindExpired, result.Outcome)

	c = w.ready(p, "+86139new")
	for n := range storage.PhoneCodeTries {
		result, err := w.store(n).ChangePhone(w.Context(), c.wrongTry())
		require.NoError(w, err)
		require.Equal(w, storage.ChangeResult{Outcome: storage.BindWrongCode, TriesLeft: storage.PhoneCodeTries - 1 - n}, result)
	}
	result, err = w.a.ChangePhone(w.Context(), c.tryOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindExpired, result.Outcome)
	require.Equal(w, "index +86138o1", w.phoneOf(p.user.ID))
	require.NoError(w, w.a.SendChangeCode(w.Context(), c.codeFor("+86139new")))
	result, err = w.a.ChangePhone(w.Context(), c.tryOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindDone, result.Outcome, "a new code has tries of its own")
}

func changeLate(w world) {
	p := w.signIn("o1", start)
	c := w.ready(p, "+86139new")
	late := c
	late.now = start.Add(5 * time.Minute)
	result, err := w.a.ChangePhone(w.Context(), late.tryOf())
	require.NoError(w, err)
	require.Equal(w, storage.BindExpired, result.Outcome)
	require.NoError(w, w.a.SendChangeCode(w.Context(), late.codeFor("+86139new")))
	late.now = start.Add(20 * time.Minute)
	_, err = w.a.ChangePhone(w.Context(), late.tryOf())
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.ErrorIs(w, w.a.SendChangeCode(w.Context(), late.codeFor("+86139new")), storage.ErrNotFound)
	_, err = w.a.PhoneChange(w.Context(), late.changeBy())
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.Positive(w, w.sweep(start.Add(20*time.Minute), 100))
}

func changeLimits(w world) {
	p := w.signIn("o1", start)
	c := w.beginChange(p, storage.ID{})
	code, one := c.codeFor("+86138o1"), storage.Limit{Name: "phone", Key: newHash(), Max: 1, Window: time.Hour}
	two := storage.Limit{Name: "day", Key: newHash(), Max: 2, Window: time.Hour}
	code.Limits = []storage.Limit{one, two}
	require.NoError(w, w.a.SendChangeCode(w.Context(), code))
	var limited *storage.LimitedError
	require.ErrorAs(w, w.b.SendChangeCode(w.Context(), code), &limited)
	require.Equal(w, "phone", limited.Key)
	code.Limits = []storage.Limit{two}
	require.NoError(w, w.a.SendChangeCode(w.Context(), code), "the refused one did not count")
	require.ErrorAs(w, w.b.SendChangeCode(w.Context(), code), &limited)
}
