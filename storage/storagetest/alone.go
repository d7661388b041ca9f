package storagetest

import (
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
	w.isStored(a, l.now)
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
	l.openID = "o1"
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
	list, err := w.a.ClaimNotices(w.Context(), account, "o1", scan.Delivery, 9, now)
	require.NoError(w, err)
	require.Len(w, list, 1, "the reply to the scan has told of this one")
	require.Equal(w, storage.NoticeBrowser, list[0].Kind)
	require.Equal(w, []string{"phone.bind", "login", "login.scan"}, w.actions(p.user.ID))

	require.True(w, w.alone(c.NewBrowser, "o1", now.Add(time.Hour)), "and the next one")
	require.False(w, w.alone(p.browser, "o1", now.Add(time.Hour)), "the secret before is worth nothing")
	require.False(w, w.alone(newHash(), "o1", now.Add(time.Hour)), "nor another browser")
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
	l.openID = "o1"
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
