package relational

import (
	"context"
	"errors"
	"slices"
	"time"

	"qiao/storage"
)

// scansAlone decides, for a scan that is accepted, whether it is all there is to the login: each condition that does not
// hold leads to the number. CompleteLogin asks again whether what it rests on still stands.
func scansAlone(a storage.Attempt, i identity, user storage.User, asker asker, followed storage.FollowOutcome, scan storage.Scan) bool {
	switch {
	case !scan.Alone || scan.Delivery.IsZero(): // by the caller's word, and never for a page scene: a link is easily sent
		return false
	case a.Via != storage.ViaQR:
		return false
	case scan.At.IsZero() || scan.Now.Sub(scan.At) > storage.ScanAloneLag: // what was held back may come when it suits somebody
		return false
	case !i.Followed || followed != storage.FollowRecorded: // an unfollow in between, whatever came of its event
		return false
	case len(user.PhoneIndex) == 0 || !user.LockedAt.IsZero():
		return false
	}
	return asker.newest && asker.client.FirstParty && !asker.client.AlwaysConfirm && plainRequest(asker.request) &&
		asker.known.vouches(i.Identity, a.Network, scan.Now) && asker.known.covers(asker.client.ID, asker.request.Scopes)
}

// asker is who asks for the login that was scanned.
type asker struct {
	request storage.AuthParams
	newest  bool           // the attempt is the request's newest
	client  storage.Client // zero where it is not registered
	browser storage.Hash   // the id of the request's browser
	others  bool           // who has scanned has scanned elsewhere, too
	known   knownBrowser   // what that browser knows of who has scanned
}

// askerRow is the asker of an attempt, as it was asked for.
type askerRow struct{ row Row }

// askScanned asks who asks for the login that was scanned. There is none where the browser does not know who has scanned,
// whoever else it knows.
func askScanned(ctx context.Context, tx Tx, scan storage.Scan) askerRow {
	return askerRow{tx.QueryRow(ctx, `SELECT k.browser_id, r.params, CASE WHEN r.attempt_id = a.id THEN 1 ELSE 0 END, COALESCE(c.settings, '{}'),
			(SELECT COUNT(*) FROM attempts o`+othersOf("i.account", "i.openid", "a.id")+`), `+knownBrowserColumns+`
		FROM scenes s JOIN attempts a ON a.id = s.attempt_id JOIN auth_requests r ON r.id = a.auth_request_id JOIN identities i ON i.account = ? AND i.openid = ?
		JOIN known_browsers k ON k.browser = r.browser AND k.user_id = i.user_id LEFT JOIN clients c ON c.id = r.client_id
		WHERE s.hash = ?`, scan.Account, scan.OpenID, scan.Scene[:])}
}

func (r askerRow) read(now time.Time) (who asker, err error) {
	if r.row == nil { // the person was new a moment ago
		return who, nil
	}
	var params, settings string
	var browser []byte
	var newest, others int64
	var k knownBrowserRow
	if err = r.row.Scan(append([]any{&browser, &params, &newest, &settings, &others}, k.dest()...)...); err != nil {
		if notFound(found(err)) {
			return asker{}, nil
		}
		return who, err
	}
	who.browser, who.newest, who.others = hashOf(browser), newest != 0, others > 0
	if who.known, err = k.known(); err == nil && who.known.knows(now) {
		err = errors.Join(decode(params, &who.request), decode(settings, &who.client))
	}
	return who, err
}

// confirmAlone confirms a waiting attempt for the openid: no phone has proved anything, and there is no number. What the
// reply to the event tells is written with it, so that it can be taken back from the first moment on.
func confirmAlone(ctx context.Context, tx Tx, a storage.Attempt, asker asker, scan storage.Scan) (storage.Attempt, error) {
	now := Time(Micros(scan.Now))
	a.State, a.Version, a.OpenID, a.Alone, a.ScannedAt, a.ApprovedAt = storage.AttemptConfirmed, a.Version+1, scan.OpenID, true, now, now
	if err := tx.Do(ctx, `UPDATE attempts SET state = 'confirmed', version = version + 1, openid = ?, alone = 1, scanned_at = ?, approved_at = ? WHERE id = ?`,
		scan.OpenID, Micros(scan.Now), Micros(scan.Now), a.ID[:]); err != nil {
		return a, err
	}
	if asker.others {
		if err := expireOthers(ctx, tx, a, scan.OpenID); err != nil {
			return a, err
		}
	}
	return a, insertNotice(ctx, tx, storage.Notice{
		ID: a.ID, Account: a.Account, OpenID: scan.OpenID, UserID: a.UserID, Kind: storage.NoticeScan, ClientID: a.ClientID, Device: a.Device, SentAt: scan.Now,
	}, asker.browser, scan.Now)
}

// plainRequest reports whether a client asks for nothing but a login. Whoever asks for a certain one gets the number, also
// where the class that is asked for is that of a scan alone.
func plainRequest(r storage.AuthParams) bool {
	return len(r.Prompt) == 0 && r.MaxAge == nil && len(r.ACRValues) == 0 && r.Device == ""
}

// knownBrowser is what a browser knows of one person: that a login of theirs was completed in it, and the latest one that
// a number confirmed, if that still counts.
type knownBrowser struct {
	expiresAt   time.Time
	confirmedAt time.Time // zero: none that counts, and what follows says nothing
	network     storage.Hash
	account     string
	openID      string
	scopes      map[string][]string // what was asked for in such logins, by client
}

// knows reports whether a login of the person was completed in this browser.
func (k knownBrowser) knows(now time.Time) bool { return k.expiresAt.After(now) }

// vouches reports whether the confirmed login stands for a scan by this very WeChat in this network. The person's other
// WeChat matches a number of its own first: whoever joins a second one to a user must not get in by that alone.
func (k knownBrowser) vouches(i storage.Identity, network storage.Hash, now time.Time) bool {
	return k.knows(now) && !k.confirmedAt.IsZero() && k.confirmedAt.Add(storage.ScanAloneLife).After(now) &&
		!network.IsZero() && k.network.Equal(network) && k.account == i.Account && k.openID == i.OpenID
}

// covers reports whether no scope is new.
func (k knownBrowser) covers(clientID string, scopes []string) bool {
	confirmed, there := k.scopes[clientID]
	for _, scope := range scopes {
		if !slices.Contains(confirmed, scope) {
			return false
		}
	}
	return there
}

// Most clients of which a browser remembers what was confirmed; one more, and it begins anew.
const knownClients = 64

// confirmed is what the browser knows after a login that a number confirmed.
func (k knownBrowser) confirmed(i storage.Identity, clientID string, scopes []string, network storage.Hash, now time.Time) knownBrowser {
	all := map[string][]string{}
	if !k.confirmedAt.IsZero() && k.confirmedAt.Add(storage.ScanAloneLife).After(now) && k.account == i.Account && k.openID == i.OpenID && len(k.scopes) < knownClients {
		all = k.scopes
	}
	list := slices.Concat(all[clientID], scopes)
	slices.Sort(list)
	all[clientID] = slices.Compact(list)
	return knownBrowser{expiresAt: now.Add(knownBrowserLife), confirmedAt: now, network: network, account: i.Account, openID: i.OpenID, scopes: all}
}

const knownBrowserColumns = `k.expires_at, k.confirmed_at, k.network, k.account, k.openid, k.scopes`

// knownBrowserRow scans knownBrowserColumns.
type knownBrowserRow struct {
	expires, confirmed int64
	network            []byte
	account, openID    string
	scopes             string
}

func (r *knownBrowserRow) dest() []any {
	return []any{&r.expires, &r.confirmed, &r.network, &r.account, &r.openID, &r.scopes}
}

func (r *knownBrowserRow) known() (knownBrowser, error) {
	k := knownBrowser{
		expiresAt: Time(r.expires), confirmedAt: Time(r.confirmed), network: hashOf(r.network), account: r.account, openID: r.openID,
		scopes: map[string][]string{},
	}
	return k, decode(r.scopes, &k.scopes)
}

// knowingRows are whom a browser knows, as they were asked for.
type knowingRows struct{ rows Rows }

// askKnown asks whom this browser knows. Who takes that back waits, or comes first and is seen.
func askKnown(ctx context.Context, tx Tx, browser storage.Hash) knowingRows {
	return knowingRows{tx.Query(ctx, `SELECT k.user_id, k.browser_id, `+knownBrowserColumns+` FROM known_browsers k WHERE k.browser = ? ORDER BY k.user_id`+tx.ForUpdate(), browser[:])}
}

// knowing is a browser that logs a person in, and what it knows of them; of others it says only that there are some.
type knowing struct {
	id     storage.Hash // zero where it knows nobody
	met    bool         // it has a row of the person
	person knownBrowser
	others bool
}

func (r knowingRows) hold(userID string) (b knowing, err error) {
	b.person = knownBrowser{scopes: map[string][]string{}}
	err = readAll(r.rows, func(row Row) error {
		var of string
		var id []byte
		var k knownBrowserRow
		if err := row.Scan(append([]any{&of, &id}, k.dest()...)...); err != nil {
			return err
		}
		b.id = hashOf(id)
		if of != userID {
			b.others = true
			return nil
		}
		b.met = true
		b.person, err = k.known()
		return err
	})
	return b, err
}

// identify is the browser's id: the one it has, if need be by a session of somebody whom it has forgotten, its cookie's first.
func (b knowing) identify(open []openIn, c storage.Complete) storage.Hash {
	id := b.id
	for _, s := range open {
		if id.IsZero() || b.id.IsZero() && s.id == c.Previous {
			id = s.browserID
		}
	}
	if id.IsZero() {
		return c.NewBrowser
	}
	return id
}

// forgetBrowsers makes every browser forget the user: the next login in each takes a number and a click, and is told. It is
// for whatever changes who the user is, or puts it in doubt: a lock, an unbinding, a sign-out everywhere, "not me", a unionid
// that contradicts; and a change of phone.
func forgetBrowsers(ctx context.Context, tx Tx, userID string) error {
	return tx.Do(ctx, `DELETE FROM known_browsers WHERE user_id = ?`, userID)
}

// distrustUser takes from all browsers what the user's scans alone rest on, as far as it was confirmed before a time. The
// browsers still know the user.
func distrustUser(ctx context.Context, tx Tx, userID string, before time.Time) error {
	return tx.Do(ctx, `UPDATE known_browsers SET confirmed_at = 0 WHERE user_id = ? AND confirmed_at <> 0 AND confirmed_at < ?`, userID, Micros(before))
}

// distrustClientOf takes from the user's browsers what a scan alone for the client rests on, in each with all that was
// confirmed there: what a person takes back from a client is new when it asks again.
func distrustClientOf(ctx context.Context, tx Tx, userID, clientID string) error {
	return tx.Do(ctx, `UPDATE known_browsers SET confirmed_at = 0 WHERE user_id = ? AND confirmed_at <> 0 AND scopes LIKE ?`, userID, confirmedFor(clientID))
}

// distrustClient is distrustClientOf for all users: another client of the same id is another one. It reads them all, which an
// operator does once in a long while.
func distrustClient(ctx context.Context, tx Tx, clientID string) error {
	return tx.Do(ctx, `UPDATE known_browsers SET confirmed_at = 0 WHERE confirmed_at <> 0 AND scopes LIKE ?`, confirmedFor(clientID))
}

// confirmedFor is the pattern of scopes that name the client. An _ in its id stands for any character: one more number is
// asked for than need be.
func confirmedFor(clientID string) string { return `%"` + clientID + `":%` }

// distrustBrowser takes from one browser what anybody's scans alone rest on.
func distrustBrowser(ctx context.Context, tx Tx, browser storage.Hash) error {
	return tx.Do(ctx, `UPDATE known_browsers SET confirmed_at = 0 WHERE browser = ? AND confirmed_at <> 0`, browser[:])
}

// distrustSession is distrustBrowser for the browser of a session, which the transaction holds: a login that renewed it
// has moved its browser by now.
func distrustSession(ctx context.Context, tx Tx, id storage.ID) error {
	return tx.Do(ctx, `UPDATE known_browsers SET confirmed_at = 0 WHERE confirmed_at <> 0 AND browser = (SELECT s.browser FROM sessions s WHERE s.id = ?)`, id[:])
}

// learn moves what this browser knows to its new secret, and adds what the login has shown. Whoever else it knows has been
// signed out by this login, and matches a number next time.
func (b knowing) learn(ctx context.Context, tx Tx, a storage.Attempt, id storage.Hash, scopes []string, userID string, c storage.Complete) error {
	if b.others {
		if err := tx.Do(ctx, `UPDATE known_browsers SET browser = ?, confirmed_at = 0 WHERE browser = ? AND user_id <> ?`, c.NewBrowser[:], c.Browser[:], userID); err != nil {
			return err
		}
	}
	if a.Alone { // it proves nothing that a number has not proved before, and makes nothing last longer
		return tx.Do(ctx, `UPDATE known_browsers SET browser = ? WHERE browser = ? AND user_id = ?`, c.NewBrowser[:], c.Browser[:], userID)
	}
	k := b.person
	k.expiresAt = c.Now.Add(knownBrowserLife)
	if a.Via == storage.ViaQR { // somebody chose a number
		k = k.confirmed(storage.Identity{Account: a.Account, OpenID: a.OpenID}, a.ClientID, scopes, c.Network, c.Now)
	}
	if !b.met {
		return tx.Do(ctx, `INSERT INTO known_browsers (browser, user_id, browser_id, expires_at, confirmed_at, network, account, openid, scopes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			c.NewBrowser[:], userID, id[:], Micros(k.expiresAt), Micros(k.confirmedAt), k.network[:], k.account, k.openID, encode(k.scopes))
	}
	return tx.Do(ctx, `UPDATE known_browsers SET browser = ?, expires_at = ?, confirmed_at = ?, network = ?, account = ?, openid = ?, scopes = ? WHERE browser = ? AND user_id = ?`,
		c.NewBrowser[:], Micros(k.expiresAt), Micros(k.confirmedAt), k.network[:], k.account, k.openID, encode(k.scopes), c.Browser[:], userID)
}

// hashOf is a stored hash; zero for a column that holds none.
func hashOf(raw []byte) (h storage.Hash) {
	copy(h[:], raw)
	return h
}
