package storagetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// aloneConditions: each case lacks one, and is otherwise what is enough.
func aloneConditions(w world) {
	for name, lack := range map[string]struct {
		client func(*storage.Client)
		visit  func(*visit)
		scan   func(*storage.Scan)
		more   func(p person, l *login)
		enough bool
	}{
		"nothing":                 {enough: true},
		"the caller's word":       {scan: func(s *storage.Scan) { s.Alone = false }},
		"an event":                {scan: func(s *storage.Scan) { s.Delivery = storage.Hash{} }},
		"a time of the event":     {scan: func(s *storage.Scan) { s.At = time.Time{} }},
		"an event of this moment": {scan: func(s *storage.Scan) { s.Now = s.At.Add(storage.ScanAloneLag + time.Microsecond) }},
		"the last moment":         {scan: func(s *storage.Scan) { s.Now = s.At.Add(storage.ScanAloneLag) }, enough: true},
		"a clock that is behind":  {scan: func(s *storage.Scan) { s.Now = s.At.Add(-3 * time.Second) }, enough: true},
		"first party":             {client: func(c *storage.Client) { c.FirstParty = false }},
		"a client that allows it": {client: func(c *storage.Client) { c.AlwaysConfirm = true }},
		"no prompt login":         {visit: func(v *visit) { v.params = func(p *storage.AuthParams) { p.Prompt = []string{"login"} } }},
		"no prompt consent":       {visit: func(v *visit) { v.params = func(p *storage.AuthParams) { p.Prompt = []string{"consent"} } }},
		"no max_age":              {visit: func(v *visit) { v.params = func(p *storage.AuthParams) { p.MaxAge = new(int64) } }},
		"no acr_values of a scan": {visit: func(v *visit) { v.params = func(p *storage.AuthParams) { p.ACRValues = []string{storage.ACRScan} } }},
		"no acr_values of others": {visit: func(v *visit) { v.params = func(p *storage.AuthParams) { p.ACRValues = []string{"urn:mace:silver"} } }},
		"no device":               {visit: func(v *visit) { v.params = func(p *storage.AuthParams) { p.Device = storage.NewID(start).String() } }},
		"no new scope": {visit: func(v *visit) {
			v.params = func(p *storage.AuthParams) { p.Scopes = []string{"openid", "phone", "profile"} }
		}},
		"less than before":         {visit: func(v *visit) { v.params = func(p *storage.AuthParams) { p.Scopes = []string{"openid"} } }, enough: true},
		"the known network":        {visit: func(v *visit) { v.network = storage.HashOf([]byte("198.51.100.0/24")) }},
		"the known browser":        {visit: func(v *visit) { v.browser = newHash() }},
		"the known person":         {scan: func(s *storage.Scan) { s.OpenID = "other" + s.OpenID }},
		"somebody who ever came":   {scan: func(s *storage.Scan) { s.OpenID = "stranger" }},
		"somebody who is not shut": {more: func(p person, l *login) { w.shutOut(p, l) }},
		"a client that is there": {more: func(_ person, l *login) {
			require.NoError(w, w.a.RemoveClient(w.Context(), l.request.ClientID, "ops", l.now))
		}},
		"an event in its order": {more: func(p person, l *login) { // another code was scanned later, and told of sooner
			sooner := w.visit(visit{browser: newHash(), now: l.now})
			scan := sooner.scanOf(p.openID)
			scan.At = l.now.Add(2 * time.Second)
			_, _, err := w.a.RecordScan(w.Context(), scan)
			require.NoError(w, err)
		}},
		"a known network at all": {more: func(_ person, l *login) {
			a := l.attempt
			a.ID, a.Network = storage.NewID(l.now), storage.Hash{}
			require.NoError(w, w.a.BeginAttempt(w.Context(), a, l.attempt.ID, l.now))
			require.NoError(w, w.a.AddScene(w.Context(), a.ID, l.scene2(), 3, l.now))
			l.attempt = a
		}},
	} {
		client := storage.NewID(start).String()
		w.ownClient(client, lack.client)
		p := w.matched(visit{browser: newHash(), now: start, client: client}, client)
		w.matched(visit{browser: newHash(), now: start, client: client}, "other"+client)
		v := visit{browser: p.browser, now: later(time.Hour), client: client}
		if lack.visit != nil {
			lack.visit(&v)
		}
		l := w.visit(v)
		if lack.more != nil {
			lack.more(p, &l)
		}
		scan := l.aloneOf(client)
		if lack.scan != nil {
			lack.scan(&scan)
		}
		outcome, a, err := w.b.RecordScan(w.Context(), scan)
		require.NoError(w, err, name)
		require.Equal(w, lack.enough, a.Alone, name)
		want := storage.AttemptScanned
		switch {
		case lack.enough:
			want = storage.AttemptConfirmed
		case outcome == storage.ScanBlocked:
			want = storage.AttemptWaiting
		}
		require.Equal(w, want, a.State, name)
		if !lack.enough {
			_, err = w.a.Notice(w.Context(), a.ID, l.now)
			require.ErrorIs(w, err, storage.ErrNotFound, name)
			_, err := w.a.CompleteLogin(w.Context(), l.completeAt(home()))
			require.ErrorIs(w, err, storage.ErrConflict, name)
		}
	}
}

// scene2 is a further scene of the login, and from now on its scene.
func (l *login) scene2() storage.Scene {
	l.scene = newScene(l.now)
	return l.scene
}

// shutOut has the person choose wrong numbers until they are blocked.
func (w world) shutOut(p person, l *login) {
	w.Helper()
	for range storage.WrongNumberMax {
		wrong := w.begin(newHash(), l.now)
		w.scan(&wrong, p.openID)
		outcome, _, err := w.a.ConfirmLogin(w.Context(), wrong.confirmOf(17))
		require.NoError(w, err)
		require.Equal(w, storage.ConfirmWrong, outcome)
	}
}

// What was confirmed where nobody knew the network stands for nothing, and so does a follow that nobody told of.
func aloneUnknown(w world) {
	w.ownClient("grafana", nil)
	l := w.visit(visit{browser: newHash(), now: start})
	w.scan(&l, "o1")
	w.approve(&l)
	w.bindPhone(&l, "+8613800000001")
	c := l.completeAt(storage.Hash{})
	c.Approved = l.attempt.ID
	_, err := w.a.CompleteLogin(w.Context(), c)
	require.NoError(w, err)
	again := w.visit(visit{browser: c.NewBrowser, now: later(time.Hour), network: c.Network, nowhere: true})
	require.False(w, w.scanned(&again, "o1"))

	page := w.visit(visit{browser: newHash(), now: start}) // by a code of our own page, which is no event
	scan := page.scanOf("o2")
	scan.Delivery, scan.At, scan.Ticket = storage.Hash{}, time.Time{}, ""
	_, _, err = w.a.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	page.openID, page.phone = "o2", newHash()
	_, err = w.a.OpenPhone(w.Context(), page.attempt.ID, "o2", page.phone, start)
	require.NoError(w, err)
	w.approve(&page)
	w.bindPhone(&page, "+8613800000002")
	p := w.finish(page)
	require.False(w, w.alone(p.browser, "o2", later(time.Hour)), "this scan is the first that we hear of following")
	again = w.visit(visit{browser: p.browser, now: later(2 * time.Hour)})
	require.True(w, w.scanned(&again, "o2"))
}
