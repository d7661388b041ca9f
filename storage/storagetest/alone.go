package storagetest

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// aloneStories are about logins by the scan alone: every condition by its absence, and what takes it back.
func aloneStories() map[string]story {
	return map[string]story{
		"the second login takes the scan alone":              aloneLogin,
		"without one condition the number is asked for":      aloneConditions,
		"a number stands for thirty days":                    aloneEdges,
		"what nobody knows stands for nothing":               aloneUnknown,
		"a scan alone makes nothing last longer":             aloneProlongsNothing,
		"a redelivery of a scan alone is told the same":      aloneRepeated,
		"of a scan alone somebody else gets nothing":         aloneTaken,
		"what takes the trust back leads to the number":      aloneVoided,
		"what takes it back beside the login stops it":       aloneVoidedMeanwhile,
		"in another network the browser does not go on":      aloneElsewhere,
		"a scope or a client that is new takes the number":   aloneScopes,
		"somebody else in the browser takes it away":         aloneOtherPerson,
		"the person's other WeChat matches its own number":   aloneOtherWeChat,
		"a tab follows the browser to its new secret":        aloneInTwoTabs,
		"an unfollow in any order takes it back":             aloneUnfollowed,
		"not me before the browser went on":                  aloneDisownedBefore,
		"not me after the browser went on":                   aloneDisowned,
		"scans alone at once: one openid has it":             aloneRace,
		"a scan alone is completed once":                     aloneCompletedOnce,
		"a logout beside a scan alone leaves one or nothing": aloneBesideLogout,
		"not me beside a scan alone leaves nothing":          aloneBesideNotMe,
		"a lock beside a scan alone leaves nothing":          aloneBesideLock,
	}
}

// home is the network of most stories.
func home() storage.Hash { return storage.HashOf([]byte("203.0.113.0/24")) }

// ownClient adds the client whose logins may be by the scan alone.
func (w world) ownClient(id string, change func(*storage.Client)) {
	w.Helper()
	c := storage.Client{
		ID: id, Name: id, SecretHash: []byte("hash"), AuthMethods: []string{storage.AuthMethodBasic}, RedirectURIs: []string{"https://rp.example/cb"},
		GrantTypes: []string{"authorization_code"}, Scopes: []string{"openid", "profile", "phone"}, FirstParty: true, IDTokenAlg: "ES256", Source: "cli",
		CreatedAt: start, UpdatedAt: start,
	}
	if change != nil {
		change(&c)
	}
	require.NoError(w, w.a.AddClient(w.Context(), c, "ops"))
}

// visit is a login that begins in a browser, with what a story changes of it.
type visit struct {
	browser storage.Hash
	now     time.Time
	client  string       // empty: grafana
	via     string       // empty: a QR code
	network storage.Hash // empty: home, unless nowhere
	nowhere bool
	params  func(*storage.AuthParams)
}

func (w world) visit(v visit) login {
	w.Helper()
	if v.client == "" {
		v.client = "grafana"
	}
	if v.via == "" {
		v.via = storage.ViaQR
	}
	if v.network.IsZero() && !v.nowhere {
		v.network = home()
	}
	r := storage.AuthRequest{
		ID: storage.NewID(v.now), Browser: v.browser, ClientID: v.client, CreatedAt: v.now, ExpiresAt: v.now.Add(time.Hour),
		Params: storage.AuthParams{RedirectURI: "https://rp.example/cb", State: "s", Nonce: "n", Scopes: []string{"openid", "phone"}},
	}
	if v.params != nil {
		v.params(&r.Params)
	}
	require.NoError(w, w.a.CreateAuthRequest(w.Context(), r))
	l := login{request: r, browser: v.browser, now: v.now, scene: newScene(v.now)}
	l.attempt = newAttempt(r, v.via, v.now)
	l.attempt.Network = v.network
	require.NoError(w, w.a.BeginAttempt(w.Context(), l.attempt, storage.ID{}, v.now))
	require.NoError(w, w.b.AddScene(w.Context(), l.attempt.ID, l.scene, 3, v.now))
	return l
}

// aloneOf is the event of a scan that the caller vouches for.
func (l login) aloneOf(openID string) storage.Scan {
	s := l.scanOf(openID)
	s.Alone = true
	return s
}

// scanned records a scan that may be alone, and says whether it was.
func (w world) scanned(l *login, openID string) bool {
	w.Helper()
	outcome, a, err := w.a.RecordScan(w.Context(), l.aloneOf(openID))
	require.NoError(w, err)
	require.Equal(w, storage.ScanAccepted, outcome)
	l.openID, l.attempt = openID, a
	require.Equal(w, a.Alone, a.State == storage.AttemptConfirmed)
	require.Equal(w, a.Alone, a.Number == 0)
	return a.Alone
}

// completeAt is the draft of the session in a network.
func (l login) completeAt(network storage.Hash) storage.Complete {
	c := l.completeOf()
	c.Network, c.Approved = network, storage.ID{}
	return c
}

// finish completes the login in its browser at home.
func (w world) finish(l login) person {
	w.Helper()
	c := l.completeAt(home())
	if !l.attempt.Alone {
		c.Approved = l.attempt.ID
	}
	session, err := w.a.CompleteLogin(w.Context(), c)
	require.NoError(w, err)
	user, err := w.b.User(w.Context(), session.UserID)
	require.NoError(w, err)
	return person{user: user, session: session, browser: c.NewBrowser, openID: l.openID, request: l.request, now: l.now}
}

// matched is a whole login with a number.
func (w world) matched(v visit, openID string) person {
	w.Helper()
	l := w.visit(v)
	w.scan(&l, openID)
	if w.approve(&l) == storage.ConfirmPhoneNeeded {
		w.bindPhone(&l, "+86138"+openID)
	}
	return w.finish(l)
}

// regular is somebody whose next login in their browser takes the scan alone.
func (w world) regular(openID string) person {
	w.Helper()
	w.ownClient("grafana", nil)
	return w.matched(visit{browser: newHash(), now: start}, openID)
}

// alone reports whether a login of the openid that begins now in the browser takes no number; it is left unfinished.
func (w world) alone(browser storage.Hash, openID string, now time.Time) bool {
	w.Helper()
	l := w.visit(visit{browser: browser, now: now})
	return w.scanned(&l, openID)
}

func later(d time.Duration) time.Time { return start.Add(d) }

func aloneLogin(w world) {
	p := w.regular("o1")
	now := later(24 * time.Hour)
	l := w.visit(visit{browser: p.browser, now: now})
	scan := l.aloneOf("o1")
	outcome, a, err := w.b.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	require.Equal(w, storage.ScanAccepted, outcome)
	require.Equal(w, storage.AttemptConfirmed, a.State)
	require.True(w, a.Alone)
	require.True(w, a.Known)
	require.Zero(w, a.Number)
	require.Zero(w, a.Choices)
	require.Equal(w, now, a.ScannedAt)
	require.Equal(w, now, a.ApprovedAt)
	require.Equal(w, p.user.ID, a.UserID)
	require.Equal(w, a, w.current(l))

	n, err := w.a.Notice(w.Context(), a.ID, now)
	require.NoError(w, err)
	require.Equal(w, storage.Notice{
		ID: a.ID, Account: account, OpenID: "o1", UserID: p.user.ID, Kind: storage.NoticeScan, ClientID: "grafana",
		Device: storage.Device{Name: "Chrome · Windows", Place: "Shanghai"}, CreatedAt: now, SentAt: now, ExpiresAt: now.Add(storage.NoticeLife),
	}, n)

	c := l.completeAt(home())
	c.Session.AMR = []string{"wechat", "sms"} // whatever the caller has seen of an earlier attempt
	session, err := w.b.CompleteLogin(w.Context(), c)
	require.NoError(w, err, "without a click: this browser knows the person")
	require.Equal(w, storage.ACRScan, session.ACR)
	require.Equal(w, []string{"wechat"}, session.AMR)
	stored, _, err := w.a.Session(w.Context(), session.ID, c.Session.Hash, time.Hour, now)
	require.NoError(w, err)
	require.Equal(w, storage.ACRScan, stored.ACR)
	n, err = w.a.Notice(w.Context(), a.ID, now)
	require.NoError(w, err)
	require.Equal(w, session.ID, n.Target)
	list, err := w.a.ClaimNotices(w.Context(), account, "o1", scan.Delivery, 9, now)
	require.NoError(w, err)
	require.Len(w, list, 1, "the reply to the scan has told of this one")
	require.Equal(w, storage.NoticeBrowser, list[0].Kind)
	require.Equal(w, []string{"phone.bind", "login", "login.scan"}, w.actions(p.user.ID))

	require.True(w, w.alone(c.NewBrowser, "o1", now.Add(time.Hour)), "and the next one")
	require.False(w, w.alone(p.browser, "o1", now.Add(time.Hour)), "the secret before is worth nothing")
	require.False(w, w.alone(newHash(), "o1", now.Add(time.Hour)), "nor another browser")
}

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

func aloneEdges(w world) {
	p := w.regular("o1")
	last := later(storage.ScanAloneLife - time.Second)
	l := w.visit(visit{browser: p.browser, now: last})
	require.True(w, w.scanned(&l, "o1"), "the last second")
	c := l.completeAt(home())
	c.Now = last.Add(time.Second)
	_, err := w.a.CompleteLogin(w.Context(), c)
	require.ErrorIs(w, err, storage.ErrConfirmNeeded, "they end between the scan and the browser")
	require.False(w, w.alone(p.browser, "o1", later(storage.ScanAloneLife)), "thirty days are over")
}

func aloneProlongsNothing(w world) {
	p := w.regular("o1")
	browser := p.browser
	for day := 5; day < 30; day += 5 {
		l := w.visit(visit{browser: browser, now: later(time.Duration(day) * 24 * time.Hour)})
		require.True(w, w.scanned(&l, "o1"), day)
		browser = w.finish(l).browser
	}
	require.False(w, w.alone(browser, "o1", later(storage.ScanAloneLife)))
	l := w.visit(visit{browser: browser, now: later(31 * 24 * time.Hour)})
	w.scan(&l, "o1")
	long, err := w.a.CurrentAttempt(w.Context(), l.request.ID, browser, later(180*24*time.Hour))
	require.NoError(w, err)
	require.False(w, long.Known, "nor how long it is known")
	again := w.matched(visit{browser: browser, now: later(32 * 24 * time.Hour)}, "o1")
	require.True(w, w.alone(again.browser, "o1", later(60*24*time.Hour)), "a number does")
}

func aloneRepeated(w world) {
	p := w.regular("o1")
	l := w.visit(visit{browser: p.browser, now: later(time.Hour)})
	scan := l.aloneOf("o1")
	_, first, err := w.a.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	require.True(w, first.Alone)
	for name, change := range map[string]func(*storage.Scan){
		"the same event, late": func(s *storage.Scan) { s.Now = s.Now.Add(2 * time.Minute) },
		"without the word":     func(s *storage.Scan) { s.Alone = false },
		"scanned again":        func(s *storage.Scan) { s.Delivery = newHash() },
	} {
		again := scan
		change(&again)
		outcome, a, err := w.b.RecordScan(w.Context(), again)
		require.NoError(w, err, name)
		require.Equal(w, storage.ScanRepeated, outcome, name)
		require.Equal(w, first, a, name)
	}
	done := w.finish(l)
	outcome, a, err := w.b.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	require.Equal(w, storage.ScanRepeated, outcome)
	require.True(w, a.Alone)
	require.Equal(w, storage.AttemptDone, a.State)
	scan.Delivery = newHash()
	outcome, _, err = w.b.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	require.Equal(w, storage.ScanOver, outcome, "the code is spent")
	require.Equal(w, p.user.ID, done.user.ID)
}

func aloneTaken(w world) {
	p := w.regular("o1")
	w.signIn("o2", start)
	l := w.visit(visit{browser: p.browser, now: later(time.Hour)})
	require.True(w, w.scanned(&l, "o1"))
	outcome, _, err := w.b.RecordScan(w.Context(), l.aloneOf("o2"))
	require.NoError(w, err)
	require.Equal(w, storage.ScanTaken, outcome)
	_, err = w.a.OpenPhone(w.Context(), l.attempt.ID, "o2", newHash(), l.now)
	require.ErrorIs(w, err, storage.ErrNotFound)
	c := l.completeAt(home())
	c.Browser = newHash()
	_, err = w.a.CompleteLogin(w.Context(), c)
	require.ErrorIs(w, err, storage.ErrNotFound, "in its own browser alone (I9)")

	other := w.visit(visit{browser: w.finish(l).browser, now: later(2 * time.Hour)})
	require.False(w, w.scanned(&other, "o2"), "a stranger came first")
	outcome, a, err := w.b.RecordScan(w.Context(), other.aloneOf("o1"))
	require.NoError(w, err)
	require.Equal(w, storage.ScanTaken, outcome)
	require.False(w, a.Alone)
}

// takesBack are the ways in which what a scan alone rests on ends.
func takesBack(w world) map[string]func(person, time.Time) error {
	return map[string]func(person, time.Time) error{
		"a logout": func(p person, now time.Time) error {
			return w.b.LogOut(w.Context(), p.session.ID, p.session.Hash, p.browser, now)
		},
		"a logout, no cookie": func(p person, now time.Time) error {
			return w.b.LogOut(w.Context(), p.session.ID, p.session.Hash, storage.Hash{}, now)
		},
		"a logout, no session": func(p person, now time.Time) error {
			return w.b.LogOut(w.Context(), storage.ID{}, storage.Hash{}, p.browser, now)
		},
		"an end of the session": func(p person, now time.Time) error { return w.b.EndSession(w.Context(), p.session.ID, now) },
		"one of the account page": func(p person, now time.Time) error {
			return w.b.EndUserSession(w.Context(), p.user.ID, p.session.ID, now)
		},
		"a sign-out everywhere": func(p person, now time.Time) error { return w.b.SignOutEverywhere(w.Context(), p.user.ID, "user", now) },
		"a lock": func(p person, now time.Time) error {
			return errors.Join(w.b.LockUser(w.Context(), p.user.ID, "ops", now), w.a.UnlockUser(w.Context(), p.user.ID, "ops", now))
		},
		"an unfollow": func(p person, now time.Time) error {
			for n, followed := range []bool{false, true} {
				_, err := w.b.RecordFollow(w.Context(), storage.FollowEvent{
					Delivery: newHash(), Account: account, OpenID: p.openID, Followed: followed, At: now.Add(time.Duration(n) * time.Second).Truncate(time.Second), Now: now,
				})
				if err != nil {
					return err
				}
			}
			return nil
		},
		"not me of another browser": func(p person, now time.Time) error {
			there := w.signIn(p.openID, now)
			list, err := w.a.ClaimNotices(w.Context(), account, p.openID, newHash(), 9, now)
			require.NoError(w, err)
			for _, n := range list {
				if n.Target == there.session.ID {
					phone := newHash()
					_, err := w.a.OpenNotice(w.Context(), n.ID, account, p.openID, phone, now)
					require.NoError(w, err)
					_, err = w.a.RevokeByNotice(w.Context(), n.ID, phone, now)
					return err
				}
			}
			return errors.New("no notice")
		},
		"a phone that moved away and another one": func(p person, now time.Time) error {
			thief := w.begin(newHash(), now)
			openID := "thief" + p.openID
			w.scan(&thief, openID)
			w.approve(&thief)
			require.NoError(w, w.a.SendPhoneCode(w.Context(), thief.codeFor("+86138"+p.openID)))
			held, err := w.a.BindPhone(w.Context(), thief.bindOf())
			require.NoError(w, err)
			require.Equal(w, storage.BindHeld, held.Outcome)
			_, err = w.a.MovePhone(w.Context(), thief.bindOf())
			require.NoError(w, err)
			again := w.begin(newHash(), now)
			w.scan(&again, p.openID)
			require.Equal(w, storage.ConfirmPhoneNeeded, w.approve(&again))
			w.bindPhone(&again, "+86139"+p.openID)
			return nil
		},
		"an access taken back": func(p person, now time.Time) error {
			return w.b.RevokeClientAccess(w.Context(), p.user.ID, "grafana", now)
		},
		"another client of the id": func(_ person, now time.Time) error {
			require.NoError(w, w.b.RemoveClient(w.Context(), "grafana", "ops", now))
			w.ownClient("grafana", nil)
			return nil
		},
		"a change of phone": func(p person, _ time.Time) error {
			return changeIt(w.Context(), w.b, w.ready(p, "+86137"+p.openID).tryOf())
		},
		"a unionid that contradicts": func(p person, now time.Time) error {
			require.NoError(w, w.a.RecordUnionID(w.Context(), account, p.openID, "union "+p.openID, now))
			require.ErrorIs(w, w.a.RecordUnionID(w.Context(), account, p.openID, "another "+p.openID, now), storage.ErrConflict)
			return nil
		},
		"an unbinding": func(p person, now time.Time) error { return w.b.UnbindUser(w.Context(), p.user.ID, "ops", now) },
	}
}

func aloneVoided(w world) {
	w.ownClient("grafana", nil)
	for name, takeBack := range takesBack(w) {
		openID := "o" + storage.NewID(start).String()[12:]
		p := w.matched(visit{browser: newHash(), now: start}, openID)
		l := w.visit(visit{browser: p.browser, now: later(time.Minute)})
		require.NoError(w, takeBack(p, later(2*time.Minute)), name)
		l.now = later(3 * time.Minute)
		require.False(w, w.scanned(&l, openID), "begun before: %s", name)
		require.False(w, w.alone(p.browser, openID, later(4*time.Minute)), name)
		// The number makes it good again.
		again := w.matched(visit{browser: p.browser, now: later(5 * time.Minute)}, openID)
		require.True(w, w.alone(again.browser, openID, later(6*time.Minute)), name)
	}
}

func aloneVoidedMeanwhile(w world) {
	w.ownClient("grafana", nil)
	for name, takeBack := range takesBack(w) {
		openID := "o" + storage.NewID(start).String()[12:]
		p := w.matched(visit{browser: newHash(), now: start}, openID)
		l := w.visit(visit{browser: p.browser, now: later(time.Minute)})
		require.True(w, w.scanned(&l, openID), name)
		require.NoError(w, takeBack(p, later(2*time.Minute)), name)
		c := l.completeAt(home())
		c.Approved, c.Now = l.attempt.ID, later(3*time.Minute) // a click replaces no number
		_, err := w.a.CompleteLogin(w.Context(), c)
		require.Error(w, err, name)
		switch {
		case errors.Is(err, storage.ErrConfirmNeeded), errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrPhoneNeeded), errors.Is(err, storage.ErrNotFound):
		default:
			require.NoError(w, err, name)
		}
	}
}

func aloneElsewhere(w world) {
	p := w.regular("o1")
	l := w.visit(visit{browser: p.browser, now: later(time.Hour)})
	require.True(w, w.scanned(&l, "o1"))
	for name, network := range map[string]storage.Hash{"another": storage.HashOf([]byte("198.51.100.0/24")), "none that is known": {}} {
		c := l.completeAt(network)
		c.Approved = l.attempt.ID
		_, err := w.a.CompleteLogin(w.Context(), c)
		require.ErrorIs(w, err, storage.ErrConfirmNeeded, name)
	}
	require.Equal(w, storage.AttemptConfirmed, w.current(l).State, "nothing was done")
	// The browser begins again where it is, and its number makes that the known network.
	there := storage.HashOf([]byte("198.51.100.0/24"))
	moved := newAttempt(l.request, storage.ViaQR, l.now)
	moved.Network = there
	require.NoError(w, w.a.BeginAttempt(w.Context(), moved, l.attempt.ID, l.now))
	l.attempt, l.scene = moved, newScene(l.now)
	require.NoError(w, w.a.AddScene(w.Context(), moved.ID, l.scene, 3, l.now))
	require.False(w, w.scanned(&l, "o1"))
	l.phone = newHash()
	_, err := w.a.OpenPhone(w.Context(), l.attempt.ID, "o1", l.phone, l.now)
	require.NoError(w, err)
	w.approve(&l)
	c := l.completeAt(there)
	session, err := w.a.CompleteLogin(w.Context(), c)
	require.NoError(w, err)
	require.Equal(w, storage.ACRConfirm, session.ACR)
	back := w.visit(visit{browser: c.NewBrowser, now: later(2 * time.Hour)})
	require.False(w, w.scanned(&back, "o1"), "the latest confirmed login counts")
	again := w.visit(visit{browser: c.NewBrowser, now: later(3 * time.Hour), network: there})
	require.True(w, w.scanned(&again, "o1"))
}

func aloneScopes(w world) {
	p := w.regular("o1")
	w.ownClient("second", nil)
	browser := p.browser
	profile := func(p *storage.AuthParams) { p.Scopes = []string{"openid", "profile"} }
	at := func(hour int) time.Time { return later(time.Duration(hour) * time.Hour) }
	l := w.visit(visit{browser: browser, now: at(1), client: "second"})
	require.False(w, w.scanned(&l, "o1"), "a client that is new")
	browser = w.matched(visit{browser: browser, now: at(2), client: "second"}, "o1").browser
	l = w.visit(visit{browser: browser, now: at(3), client: "second", params: profile})
	require.False(w, w.scanned(&l, "o1"), "a scope that is new for this client")
	browser = w.matched(visit{browser: browser, now: at(4), client: "second", params: profile}, "o1").browser
	for n, client := range []string{"second", "grafana"} {
		l = w.visit(visit{browser: browser, now: at(5 + n), client: client})
		require.True(w, w.scanned(&l, "o1"), client)
	}
	l = w.visit(visit{browser: browser, now: at(7), client: "second", params: func(p *storage.AuthParams) { p.Scopes = []string{"openid", "profile", "phone"} }})
	require.True(w, w.scanned(&l, "o1"), "they add up")
	l = w.visit(visit{browser: browser, now: at(8), client: "grafana", params: profile})
	require.False(w, w.scanned(&l, "o1"), "what one client was given is new for another")
}

func aloneOtherPerson(w world) {
	p := w.regular("o1")
	both := w.matched(visit{browser: p.browser, now: later(time.Hour)}, "o2")
	require.False(w, w.alone(both.browser, "o1", later(2*time.Hour)), "o2 has signed them out")
	require.True(w, w.alone(both.browser, "o2", later(3*time.Hour)))
	// An attacker in a browser of his own shows his code to a victim who has signed in at home.
	victim := w.matched(visit{browser: newHash(), now: later(time.Hour)}, "o3")
	require.False(w, w.alone(both.browser, "o3", later(4*time.Hour)))
	require.True(w, w.alone(victim.browser, "o3", later(5*time.Hour)), "at home it is enough")
}

// The same person as another account or another WeChat sees them: joined by the unionid.
func aloneOtherWeChat(w world) {
	p := w.regular("o1")
	require.NoError(w, w.a.RecordUnionID(w.Context(), account, "o1", "union", start))
	_, err := w.a.RecordFollow(w.Context(), storage.FollowEvent{Delivery: newHash(), Account: account, OpenID: "o1b", Followed: true, At: start, Now: start})
	require.NoError(w, err)
	require.NoError(w, w.a.RecordUnionID(w.Context(), account, "o1b", "union", start))
	require.Equal(w, p.user.ID, w.identity(account, "o1b").UserID)
	require.False(w, w.alone(p.browser, "o1b", later(time.Hour)))
	again := w.matched(visit{browser: p.browser, now: later(2 * time.Hour)}, "o1b")
	require.Equal(w, p.user.ID, again.user.ID)
	require.True(w, w.alone(again.browser, "o1b", later(3*time.Hour)))
	require.False(w, w.alone(again.browser, "o1", later(4*time.Hour)), "the latest one counts")
}

func aloneInTwoTabs(w world) {
	p := w.regular("o1")
	first, second := w.visit(visit{browser: p.browser, now: later(time.Hour)}), w.visit(visit{browser: p.browser, now: later(time.Hour)})
	require.True(w, w.scanned(&first, "o1"))
	moved := w.finish(first)
	second.browser = moved.browser
	require.True(w, w.scanned(&second, "o1"), "the other tab has moved with the browser's secret")
	c := second.completeAt(home())
	c.Browser = p.browser
	_, err := w.a.CompleteLogin(w.Context(), c)
	require.ErrorIs(w, err, storage.ErrNotFound, "a copy of the secret before is worth nothing")
	c = second.completeAt(home())
	c.Previous = moved.session.ID
	session, err := w.a.CompleteLogin(w.Context(), c)
	require.NoError(w, err)
	require.Equal(w, moved.session.ID, session.ID)
}

// Events come in any order: an unfollow that is told late ends what was confirmed before it, and nothing later.
func aloneUnfollowed(w world) {
	p := w.regular("o1")
	unfollow := func(at time.Time) {
		_, err := w.a.RecordFollow(w.Context(), storage.FollowEvent{Delivery: newHash(), Account: account, OpenID: "o1", At: at, Now: at.Add(time.Hour)})
		require.NoError(w, err)
	}
	again := w.matched(visit{browser: p.browser, now: later(time.Hour)}, "o1")
	unfollow(later(time.Minute))
	require.True(w, w.alone(again.browser, "o1", later(2*time.Hour)), "confirmed after it")
	unfollow(later(3 * time.Hour))
	l := w.visit(visit{browser: again.browser, now: later(3 * time.Hour)})
	scan := l.aloneOf("o1")
	scan.At = later(3 * time.Hour).Add(-10 * time.Second)
	_, a, err := w.a.RecordScan(w.Context(), scan)
	require.NoError(w, err)
	require.False(w, a.Alone, "a scan from before it")
	require.False(w, w.alone(again.browser, "o1", later(4*time.Hour)), "and who follows again")
}

// says is "not me" to the notice of a login by the scan alone.
func (w world) says(notice storage.ID, openID string, now time.Time) error {
	phone := newHash()
	if _, err := w.a.OpenNotice(w.Context(), notice, account, openID, phone, now); err != nil {
		return err
	}
	_, err := w.b.RevokeByNotice(context.WithoutCancel(w.Context()), notice, phone, now)
	return err
}

func aloneDisownedBefore(w world) {
	p := w.regular("o1")
	l := w.visit(visit{browser: p.browser, now: later(time.Hour)})
	require.True(w, w.scanned(&l, "o1"))
	_, err := w.b.RevokeByNotice(w.Context(), l.attempt.ID, newHash(), l.now)
	require.ErrorIs(w, err, storage.ErrNotFound, "in no other browser")
	require.Equal(w, storage.AttemptConfirmed, w.current(l).State)
	require.ErrorIs(w, w.says(l.attempt.ID, "o2", l.now), storage.ErrNotFound, "nor by anybody else")
	require.NoError(w, w.says(l.attempt.ID, "o1", l.now))
	require.Equal(w, storage.AttemptExpired, w.current(l).State)
	_, err = w.a.CompleteLogin(w.Context(), l.completeAt(home()))
	require.ErrorIs(w, err, storage.ErrConflict)
	require.False(w, w.alone(p.browser, "o1", later(2*time.Hour)))
	require.Contains(w, w.actions(p.user.ID), "login.disowned")
}

func aloneDisowned(w world) {
	p := w.regular("o1")
	elsewhere := w.matched(visit{browser: newHash(), now: later(time.Minute)}, "o1")
	l := w.visit(visit{browser: p.browser, now: later(time.Hour)})
	require.True(w, w.scanned(&l, "o1"))
	in := w.finish(l)
	online, offline := w.tokens(in, false, l.now), w.tokens(in, true, l.now)
	require.NoError(w, w.says(l.attempt.ID, "o1", l.now))
	_, _, err := w.a.Session(w.Context(), in.session.ID, in.session.Hash, time.Hour, l.now)
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.False(w, w.alive(online.Grant.ID))
	require.False(w, w.alive(offline.Grant.ID))
	_, _, err = w.a.Session(w.Context(), elsewhere.session.ID, elsewhere.session.Hash, 8*time.Hour, l.now)
	require.NoError(w, err, "what is signed in elsewhere stays")
	require.False(w, w.alone(in.browser, "o1", later(2*time.Hour)))
	require.False(w, w.alone(elsewhere.browser, "o1", later(2*time.Hour)), "but no browser is known")
	require.NoError(w, w.says(l.attempt.ID, "o1", l.now), "twice is once")
	disowned := 0
	for _, action := range w.actions(p.user.ID) {
		if action == "login.disowned" {
			disowned++
		}
	}
	require.Equal(w, 1, disowned)
}

func aloneRace(w world) {
	p := w.regular("o1")
	for round := range 5 {
		l := w.visit(visit{browser: p.browser, now: later(time.Duration(round+1) * time.Hour)})
		same := l.aloneOf("o1")
		outcomes := map[storage.ScanOutcome]int{}
		for n, o := range parallel(9, func(n int) storage.ScanOutcome {
			scan := same // one event, delivered again and again
			switch {
			case n%3 == 1:
				scan.Delivery = newHash() // the person taps twice
			case n%3 == 2:
				scan = l.aloneOf("stranger")
			}
			outcome, _, err := w.store(n).RecordScan(context.WithoutCancel(w.Context()), scan)
			if err != nil {
				w.Errorf("record scan: %v", err)
			}
			return outcome
		}) {
			require.NotZero(w, o, n)
			outcomes[o]++
		}
		require.Equal(w, 1, outcomes[storage.ScanAccepted])
		a := w.current(l)
		require.Equal(w, a.OpenID == "o1", a.Alone)
		_, err := w.a.Notice(w.Context(), a.ID, l.now)
		if a.Alone {
			require.NoError(w, err)
		} else {
			require.ErrorIs(w, err, storage.ErrNotFound)
		}
	}
}

func aloneCompletedOnce(w world) {
	p := w.regular("o1")
	browser := p.browser
	for round := range 5 {
		l := w.visit(visit{browser: browser, now: later(time.Duration(round+1) * time.Hour)})
		require.True(w, w.scanned(&l, "o1"))
		type result struct {
			browser storage.Hash
			err     error
		}
		opened := 0
		for _, r := range parallel(6, func(n int) result {
			c := l.completeAt(home())
			_, err := w.store(n).CompleteLogin(context.WithoutCancel(w.Context()), c)
			return result{c.NewBrowser, err}
		}) {
			if r.err == nil {
				opened++
				browser = r.browser
			} else {
				require.ErrorIs(w, r.err, storage.ErrConflict)
			}
		}
		require.Equal(w, 1, opened)
	}
}

// besides runs something beside the completion of a scan alone, and returns the completion's error and draft.
func (w world) besides(l login, previous storage.ID, fn func() error) (storage.Complete, error) {
	w.Helper()
	c := l.completeAt(home())
	c.Previous = previous
	errs := parallel(2, func(n int) error {
		if n == 0 {
			_, err := w.a.CompleteLogin(context.WithoutCancel(w.Context()), c)
			return err
		}
		return fn()
	})
	require.NoError(w, errs[1])
	return c, errs[0]
}

// A logout that names the session comes first, and the login does not go on; or second, and ends the session that the
// login has renewed. What it rested on is void in either order.
func aloneBesideLogout(w world) {
	w.ownClient("grafana", nil)
	for range 8 {
		openID := "o" + storage.NewID(start).String()[12:]
		p := w.matched(visit{browser: newHash(), now: start}, openID)
		l := w.visit(visit{browser: p.browser, now: later(time.Hour)})
		require.True(w, w.scanned(&l, openID))
		c, err := w.besides(l, p.session.ID, func() error {
			return w.b.EndUserSession(context.WithoutCancel(w.Context()), p.user.ID, p.session.ID, l.now)
		})
		if err != nil {
			require.ErrorIs(w, err, storage.ErrConfirmNeeded)
		}
		sessions, err := w.a.UserSessions(w.Context(), p.user.ID, l.now)
		require.NoError(w, err)
		require.Empty(w, sessions)
		require.False(w, w.alone(p.browser, openID, later(2*time.Hour)))
		require.False(w, w.alone(c.NewBrowser, openID, later(2*time.Hour)))
	}
}

func aloneBesideNotMe(w world) {
	w.ownClient("grafana", nil)
	for range 8 {
		openID := "o" + storage.NewID(start).String()[12:]
		p := w.matched(visit{browser: newHash(), now: start}, openID)
		l := w.visit(visit{browser: p.browser, now: later(time.Hour)})
		require.True(w, w.scanned(&l, openID))
		c, err := w.besides(l, storage.ID{}, func() error { return w.says(l.attempt.ID, openID, l.now) })
		if err != nil && !errors.Is(err, storage.ErrConfirmNeeded) {
			require.ErrorIs(w, err, storage.ErrConflict)
		}
		sessions, listed := w.a.UserSessions(w.Context(), p.user.ID, l.now)
		require.NoError(w, listed)
		for _, s := range sessions {
			require.NotEqual(w, c.Session.ID, s.ID, "whoever came first")
		}
		require.False(w, w.alone(p.browser, openID, later(2*time.Hour)))
		require.False(w, w.alone(c.NewBrowser, openID, later(2*time.Hour)))
	}
}

func aloneBesideLock(w world) {
	w.ownClient("grafana", nil)
	for range 8 {
		openID := "o" + storage.NewID(start).String()[12:]
		p := w.matched(visit{browser: newHash(), now: start}, openID)
		l := w.visit(visit{browser: p.browser, now: later(time.Hour)})
		require.True(w, w.scanned(&l, openID))
		_, err := w.besides(l, storage.ID{}, func() error { return w.b.LockUser(context.WithoutCancel(w.Context()), p.user.ID, "ops", l.now) })
		if err != nil && !errors.Is(err, storage.ErrLocked) {
			require.ErrorIs(w, err, storage.ErrConflict)
		}
		sessions, listed := w.a.UserSessions(w.Context(), p.user.ID, l.now)
		require.NoError(w, listed)
		require.Empty(w, sessions)
	}
}
