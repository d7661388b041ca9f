package relational

import (
	"context"
	"time"

	"qiao/storage"
)

// The columns that AttemptRow scans: those of the attempt, and what this moment adds to it: the openid's user, and whether
// the request's browser knows that user.
const (
	AttemptColumns = attemptOwn + `, COALESCE(i.user_id, ''), COALESCE(k.expires_at, 0)`

	attemptOwn = `a.id, a.auth_request_id, a.device_id, a.client_id, a.browser, a.account, a.via, a.device, a.created_at, a.expires_at, a.state, a.version, a.openid, a.number, a.choices, a.phone_hash, a.scanned_at, a.approved_at, a.phone_proven, a.wrong_number, a.network, a.alone, a.scenes, a.scene, a.scene_ticket, a.scene_url, a.scene_shown_until`

	// attemptBare is for who holds the attempt, and finds the person himself: two joins less.
	attemptBare = attemptOwn + `, '', 0`

	// attemptOrNone is there, empty, also where an outer join gave no attempt.
	attemptOrNone = `a.id, a.auth_request_id, a.device_id, COALESCE(a.client_id, ''), a.browser, COALESCE(a.account, ''), COALESCE(a.via, ''),
		COALESCE(a.device, ''), COALESCE(a.created_at, 0), COALESCE(a.expires_at, 0), COALESCE(a.state, ''), COALESCE(a.version, 0), COALESCE(a.openid, ''),
		COALESCE(a.number, 0), COALESCE(a.choices, 0), a.phone_hash, COALESCE(a.scanned_at, 0), COALESCE(a.approved_at, 0), COALESCE(a.phone_proven, 0),
		COALESCE(a.wrong_number, 0), a.network, COALESCE(a.alone, 0), COALESCE(a.scenes, 0), a.scene, COALESCE(a.scene_ticket, ''),
		COALESCE(a.scene_url, ''), COALESCE(a.scene_shown_until, 0), COALESCE(i.user_id, ''), COALESCE(k.expires_at, 0)`
)

// attemptPerson joins what AttemptColumns needs to an attempt a and its request r. An attempt before its scan has an
// empty openid, which no identity has.
const attemptPerson = `
	LEFT JOIN identities i ON i.account = a.account AND i.openid = a.openid
	LEFT JOIN known_browsers k ON k.browser = r.browser AND k.user_id = i.user_id`

// CurrentAttemptQuery gives AttemptColumns for the request's id and its browser: one statement, for pages poll it.
const CurrentAttemptQuery = `SELECT ` + AttemptColumns + ` FROM auth_requests r JOIN attempts a ON a.id = r.attempt_id` + attemptPerson + `
	WHERE r.id = ? AND r.browser = ?`

const selectAttempt = `SELECT ` + AttemptColumns + ` FROM attempts a LEFT JOIN auth_requests r ON r.id = a.auth_request_id` + attemptPerson

// AttemptRow scans AttemptColumns, once.
type AttemptRow struct {
	attempt                                           storage.Attempt
	id, request, deviceID, browser, phone, scene, net []byte
	device, state                                     string
	number, choices, proven, wrong, alone, scenes     int64
	created, expires, scanned, approved, shown, knows int64
}

// Dest is where to scan to.
func (r *AttemptRow) Dest() []any {
	a := &r.attempt
	return []any{
		&r.id, &r.request, &r.deviceID, &a.ClientID, &r.browser, &a.Account, &a.Via, &r.device, &r.created, &r.expires, &r.state, &a.Version,
		&a.OpenID, &r.number, &r.choices, &r.phone, &r.scanned, &r.approved, &r.proven, &r.wrong, &r.net, &r.alone, &r.scenes, &r.scene,
		&a.Scene.Ticket, &a.Scene.URL, &r.shown, &a.UserID, &r.knows,
	}
}

// Attempt is the attempt that was scanned, as it is now; the zero Attempt where there was none.
func (r *AttemptRow) Attempt(now time.Time) (storage.Attempt, error) {
	a := r.attempt
	if len(r.id) == 0 {
		return a, nil
	}
	copy(a.ID[:], r.id)
	copy(a.AuthRequestID[:], r.request)
	copy(a.DeviceID[:], r.deviceID)
	copy(a.Browser[:], r.browser)
	copy(a.PhoneHash[:], r.phone)
	copy(a.Scene.Hash[:], r.scene)
	copy(a.Network[:], r.net)
	a.CreatedAt, a.ExpiresAt, a.ScannedAt, a.ApprovedAt = Time(r.created), Time(r.expires), Time(r.scanned), Time(r.approved)
	a.Scene.ShownUntil = Time(r.shown)
	a.Number, a.Choices, a.Scenes = int(r.number), unpackChoices(r.choices), int(r.scenes)
	a.PhoneProven, a.WrongNumber, a.Alone = r.proven != 0, r.wrong != 0, r.alone != 0
	a.Known = r.knows > Micros(now)
	a.State = storage.AttemptState(r.state)
	if !a.State.Over() && over(r.expires, now) {
		a.State = storage.AttemptExpired
	}
	return a, decode(r.device, &a.Device)
}

func scanAttempt(row Row, now time.Time) (storage.Attempt, error) {
	var r AttemptRow
	if err := row.Scan(r.Dest()...); err != nil {
		return storage.Attempt{}, found(err)
	}
	return r.Attempt(now)
}

// loadAttempt returns an attempt as it is now.
func loadAttempt(ctx context.Context, tx Tx, id storage.ID, now time.Time) (storage.Attempt, error) {
	return scanAttempt(tx.QueryRow(ctx, selectAttempt+` WHERE a.id = ?`, id[:]), now)
}

// holdAttempt returns an attempt and holds it until the end of the transaction: every transition of it waits here. With
// a device's attempt the device is held too.
func holdAttempt(ctx context.Context, tx Tx, id storage.ID, now time.Time) (storage.Attempt, error) {
	if err := hold(ctx, tx, `SELECT a.id FROM attempts a WHERE a.id = ? AND a.device_id IS NULL`, id[:]); err != nil {
		return storage.Attempt{}, err
	}
	a, err := loadAttempt(ctx, tx, id, now)
	if err != nil || a.DeviceID.IsZero() {
		return a, err
	}
	if err := lockDeviceAttempt(ctx, tx, a); err != nil {
		return storage.Attempt{}, err
	}
	return loadAttempt(ctx, tx, id, now)
}

// lockDeviceAttempt holds the device first, as everybody does who decides about it, and then the attempt.
func lockDeviceAttempt(ctx context.Context, tx Tx, a storage.Attempt) error {
	if err := lockDevice(ctx, tx, a.DeviceID); err != nil && !notFound(err) {
		return err
	}
	return hold(ctx, tx, `SELECT a.id FROM attempts a WHERE a.id = ?`, a.ID[:])
}

// holdPhoneAttempt is holdAttempt for the WeChat browser that proved the openid. To any other, and before the proof,
// there is no such attempt: a phone link that was forwarded shows nothing.
func holdPhoneAttempt(ctx context.Context, tx Tx, id storage.ID, phone storage.Hash, now time.Time) (storage.Attempt, error) {
	a, err := holdAttempt(ctx, tx, id, now)
	if err == nil && (a.PhoneHash.IsZero() || !a.PhoneHash.Equal(phone)) {
		return storage.Attempt{}, storage.ErrNotFound
	}
	return a, err
}

// whyOver says why an attempt goes on no further: a lock has ended what the person was at, and they are told so.
func whyOver(ctx context.Context, tx Tx, a storage.Attempt) error {
	user, err := scanUser(tx.QueryRow(ctx, selectHolder, a.Account, a.OpenID))
	switch {
	case err != nil && !notFound(err):
		return err
	case err == nil && !user.LockedAt.IsZero():
		return storage.ErrLocked
	}
	return storage.ErrConflict
}

func packChoices(c [3]int) int64 { return int64(c[0]*10000 + c[1]*100 + c[2]) }

func unpackChoices(n int64) [3]int { return [3]int{int(n / 10000), int(n / 100 % 100), int(n % 100)} }
