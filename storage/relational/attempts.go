package relational

import (
	"context"
	"slices"
	"strings"
	"time"

	"qiao/storage"
)

// attemptKept is how long an attempt that is over is kept, so that a late scan is told that it came late.
const attemptKept = time.Hour

// BeginAttempt makes a the newest attempt of its request: a compare-and-swap of the request's attempt_id.
func (s *Store) BeginAttempt(ctx context.Context, a storage.Attempt, replaces storage.ID, now time.Time) error {
	return s.write(ctx, "begin attempt", func(tx Tx) error {
		n, err := tx.Exec(ctx, `UPDATE auth_requests SET attempt_id = ? WHERE id = ? AND browser = ? AND attempt_id = ? AND finished_at = 0 AND expires_at > ?`,
			a.ID[:], a.AuthRequestID[:], a.Browser[:], replaces[:], Micros(now))
		if err != nil {
			return err
		}
		if n == 0 {
			return storage.ErrConflict
		}
		if !replaces.IsZero() {
			if err := tx.Do(ctx, `UPDATE attempts SET state = 'expired', version = version + 1 WHERE id = ? AND state IN ('waiting', 'scanned', 'confirmed')`,
				replaces[:]); err != nil {
				return err
			}
		}
		a := Begun(a)
		if a.Scenes > 0 {
			if err := insertScene(ctx, tx, a.Scene, a.ID, storage.ID{}, a.ExpiresAt); err != nil {
				return err
			}
		}
		return insertAttempt(ctx, tx, a)
	})
}

// Begun is an attempt as it begins, whatever else its draft says.
func Begun(a storage.Attempt) storage.Attempt {
	a.DeviceID, a.State, a.OpenID, a.PhoneHash, a.ScannedAt = storage.ID{}, storage.AttemptWaiting, "", storage.Hash{}, time.Time{}
	if a.Scenes = 0; a.Scene != (storage.Scene{}) {
		a.Scenes = 1
	}
	return a
}

// NewAttemptColumns are what a new attempt is stored with; NewAttempt gives their values. The other columns begin as 0, and
// the version as 1.
const NewAttemptColumns = `id, auth_request_id, device_id, client_id, browser, account, via, device, created_at, expires_at, state, openid, phone_hash,
	scanned_at, scenes, scene, scene_ticket, scene_url, scene_shown_until, network, version, number, choices, approved_at, phone_proven, wrong_number`

// NewAttempt gives the values of the columns up to network.
func NewAttempt(a storage.Attempt) []any {
	return []any{
		a.ID[:], a.AuthRequestID[:], optional(a.DeviceID), a.ClientID, a.Browser[:], a.Account, a.Via, encode(a.Device), Micros(a.CreatedAt), Micros(a.ExpiresAt),
		string(a.State), a.OpenID, a.PhoneHash[:], Micros(a.ScannedAt),
		int64(a.Scenes), a.Scene.Hash[:], a.Scene.Ticket, a.Scene.URL, Micros(a.Scene.ShownUntil), a.Network[:],
	}
}

// SceneEnd is when the janitor may remove the scenes of an attempt or a device that ends then.
func SceneEnd(end time.Time) int64 { return Micros(end.Add(attemptKept)) }

func insertAttempt(ctx context.Context, tx Tx, a storage.Attempt) error {
	return tx.Do(ctx, `INSERT INTO attempts (`+NewAttemptColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0, 0, 0, 0, 0)`, NewAttempt(a)...)
}

// AddScene gives a waiting attempt a scene. Its earlier scenes still work: a person may tap 关注 late.
func (s *Store) AddScene(ctx context.Context, attempt storage.ID, scene storage.Scene, max int, now time.Time) error {
	return s.write(ctx, "add scene", func(tx Tx) error {
		a, err := holdAttempt(ctx, tx, attempt, now)
		if err != nil {
			return err
		}
		if a.State != storage.AttemptWaiting || a.Scenes >= max {
			return storage.ErrConflict
		}
		if err := insertScene(ctx, tx, scene, attempt, storage.ID{}, a.ExpiresAt); err != nil {
			return err
		}
		return tx.Do(ctx, `UPDATE attempts SET scenes = scenes + 1, scene = ?, scene_ticket = ?, scene_url = ?, scene_shown_until = ?, version = version + 1 WHERE id = ?`,
			scene.Hash[:], scene.Ticket, scene.URL, Micros(scene.ShownUntil), attempt[:])
	})
}

// insertScene stores a scene of an attempt or of a device, until a while after that one's end.
func insertScene(ctx context.Context, tx Tx, scene storage.Scene, attempt, device storage.ID, end time.Time) error {
	return tx.Do(ctx, `INSERT INTO scenes (hash, attempt_id, device_id, ticket, expires_at) VALUES (?, ?, ?, ?, ?)`,
		scene.Hash[:], attempt[:], optional(device), scene.Ticket, SceneEnd(end))
}

// CurrentAttempt returns the newest attempt of the request to the browser that began it.
func (s *Store) CurrentAttempt(ctx context.Context, authRequest storage.ID, browser storage.Hash, now time.Time) (a storage.Attempt, err error) {
	err = s.read(ctx, "current attempt", func(tx Tx) (err error) {
		a, err = scanAttempt(tx.QueryRow(ctx, CurrentAttemptQuery, authRequest[:], browser[:]), now)
		return err
	})
	if err == nil {
		a.Browser = browser // a login in another tab may have renewed the secret that it was begun with
	}
	return a, err
}

// So many requests one statement of Progress asks for: few when somebody was woken, most when all are looked after. They
// are always so many, the last one again and again, so that there are two statements to prepare.
const (
	progressFew  = 4
	progressMost = 100
)

const selectProgress = `SELECT r.id, r.browser, a.id, a.version FROM auth_requests r JOIN attempts a ON a.id = r.attempt_id
	WHERE r.id IN (?`

var (
	progressOfFew  = selectProgress + strings.Repeat(", ?", progressFew-1) + `)`
	progressOfMost = selectProgress + strings.Repeat(", ?", progressMost-1) + `)`
)

// Progress tells how far the requests are.
func (s *Store) Progress(ctx context.Context, authRequests []storage.ID) (list []storage.Progress, err error) {
	err = s.read(ctx, "progress", func(tx Tx) error {
		list = make([]storage.Progress, 0, len(authRequests))
		for ids := range slices.Chunk(authRequests, progressMost) {
			query, args := progressOfMost, make([]any, progressMost)
			if len(ids) <= progressFew {
				query, args = progressOfFew, args[:progressFew]
			}
			for i := range args {
				args[i] = ids[min(i, len(ids)-1)][:]
			}
			if err := each(ctx, tx, query, args, func(row Row) error {
				var request, browser, attempt []byte
				var p storage.Progress
				err := row.Scan(&request, &browser, &attempt, &p.Version)
				copy(p.AuthRequestID[:], request)
				copy(p.Browser[:], browser)
				copy(p.AttemptID[:], attempt)
				list = append(list, p)
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// PeekAttempt returns an attempt by its ID alone.
func (s *Store) PeekAttempt(ctx context.Context, id storage.ID, now time.Time) (a storage.Attempt, err error) {
	err = s.read(ctx, "peek attempt", func(tx Tx) (err error) {
		a, err = loadAttempt(ctx, tx, id, now)
		return err
	})
	return a, err
}

// OpenPhone binds the phone side to the WeChat browser that has just proved the openid. An attempt that is over may be
// opened too: the page then says so.
func (s *Store) OpenPhone(ctx context.Context, attempt storage.ID, openID string, phone storage.Hash, now time.Time) (a storage.Attempt, err error) {
	err = s.write(ctx, "open phone", func(tx Tx) (err error) {
		if a, err = holdAttempt(ctx, tx, attempt, now); err != nil {
			return err
		}
		if openID == "" || a.OpenID != openID { // a forwarded link in somebody else's WeChat
			a = storage.Attempt{}
			return storage.ErrNotFound
		}
		a.PhoneHash = phone
		return tx.Do(ctx, `UPDATE attempts SET phone_hash = ? WHERE id = ?`, phone[:], attempt[:])
	})
	return a, err
}

// PhoneAttempt returns the attempt to the WeChat browser that it was opened in.
func (s *Store) PhoneAttempt(ctx context.Context, attempt storage.ID, phone storage.Hash, now time.Time) (storage.Attempt, error) {
	a, err := s.PeekAttempt(ctx, attempt, now)
	if err == nil && (a.PhoneHash.IsZero() || !a.PhoneHash.Equal(phone)) {
		return storage.Attempt{}, storage.ErrNotFound
	}
	return a, err
}

// BeginWebAuth stores the state of a web authorization.
func (s *Store) BeginWebAuth(ctx context.Context, w storage.WebAuth) error {
	return s.write(ctx, "begin web authorization", func(tx Tx) error {
		return tx.Do(ctx, `INSERT INTO web_auths (hash, purpose, attempt_id, scene, device_id, browser, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			w.Hash[:], w.Purpose, w.AttemptID[:], w.Scene[:], optional(w.DeviceID), w.Browser[:], Micros(w.ExpiresAt))
	})
}

// TakeWebAuth uses a state up. Another browser cannot spend it.
func (s *Store) TakeWebAuth(ctx context.Context, state, browser storage.Hash, now time.Time) (w storage.WebAuth, err error) {
	err = s.single(ctx, "take web authorization", func(tx Tx) error {
		var attempt, scene, device []byte
		var expires int64
		w = storage.WebAuth{Hash: state, Browser: browser}
		if err := tx.QueryRow(ctx, `DELETE FROM web_auths WHERE hash = ? AND browser = ? AND expires_at > ? RETURNING purpose, attempt_id, scene, device_id, expires_at`,
			state[:], browser[:], Micros(now)).Scan(&w.Purpose, &attempt, &scene, &device, &expires); err != nil {
			return found(err)
		}
		copy(w.AttemptID[:], attempt)
		copy(w.Scene[:], scene)
		copy(w.DeviceID[:], device)
		w.ExpiresAt = Time(expires)
		return nil
	})
	if err != nil {
		return storage.WebAuth{}, err
	}
	return w, nil
}

// expireOthers voids the openid's earlier attempts that are not confirmed: one person approves one screen at a time.
func expireOthers(ctx context.Context, tx Tx, a storage.Attempt, openID string) error {
	return tx.Do(ctx, `UPDATE attempts AS o SET state = 'expired', version = version + 1`+othersOf("?", "?", "?"), a.Account, openID, a.ID[:])
}

// othersOf are the attempts o of an openid but for one that are scanned and not confirmed.
func othersOf(account, openID, attempt string) string {
	return ` WHERE o.account = ` + account + ` AND o.openid = ` + openID + ` AND o.state = 'scanned' AND o.id <> ` + attempt
}
