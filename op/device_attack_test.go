package op_test

import (
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/op"
	"qiao/storage"
)

// Phishing (RFC 8628 §5.4): the victim is signed in and opens the attacker's address. No number of visits lets the
// device in: every answer is a page, and what decides is a button on the last one.
func TestDeviceAddressAloneYieldsNothing(t *testing.T) {
	w := deviceWorld(t)
	d := w.tv(tvApp)
	victim := w.browser()
	victim.signIn(ann)
	for range 3 {
		require.Equal(t, http.StatusOK, victim.get(d.complete).StatusCode)
		d.polls("authorization_pending")
	}
	path := victim.enter(d.userCode).Header.Get("Location")
	for range 3 {
		require.Contains(t, victim.get(path).body, d.userCode)
		d.polls("authorization_pending")
	}
}

// A stranger's page cannot press the buttons of the victim: posts without a token of this browser, session and page, and
// posts that come from elsewhere, change nothing.
func TestDeviceForeignForms(t *testing.T) {
	w := deviceWorld(t)
	d := w.tv(tvApp)
	victim, attacker := w.browser(), w.browser()
	victim.signIn(ann)
	attacker.signIn(bob)
	page := victim.confirmPage(d, ann)
	theirs := attacker.confirmPage(d, bob)

	post := func(form url.Values, header ...string) answer {
		r := victim.postRequest(page.action(), form)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return victim.do(r)
	}
	good := page.hidden()
	good.Set("approve", "yes")
	stolen := theirs.hidden()
	stolen.Set("approve", "yes")
	post(url.Values{"approve": {"yes"}}).page(t, http.StatusForbidden)
	post(stolen).page(t, http.StatusForbidden)
	post(good, "Origin", "https://evil.example").page(t, http.StatusForbidden)
	post(good, "Sec-Fetch-Site", "cross-site").page(t, http.StatusForbidden)
	post(page.hidden()).page(t, http.StatusBadRequest)
	victim.post("/device", url.Values{"user_code": {d.userCode}}).page(t, http.StatusForbidden)
	big := good
	big.Set("x", string(make([]byte, 10<<20)))
	post(big).page(t, http.StatusRequestEntityTooLarge)
	d.polls("authorization_pending")

	// The page of one device does not approve another one.
	second := victim.confirmPage(w.tv(tvApp), ann)
	mixed := second.hidden()
	mixed.Set("approve", "yes")
	victim.post(page.action(), mixed).page(t, http.StatusForbidden)
	d.polls("authorization_pending")
}

// A page that is planted: the attacker types a code and lets the victim open, or answer, what follows.
func TestDevicePlanted(t *testing.T) {
	w := deviceWorld(t)
	d := w.tv(tvApp)
	attacker, victim := w.browser(), w.browser()
	victim.signIn(ann)
	id := attacker.enter(d.userCode).loginID(t)
	for _, path := range []string{"/authorize/continue?request=" + id.String(), "/device/confirm?request=" + id.String()} {
		victim.get(path).page(t, http.StatusNotFound)
	}
	form := url.Values{"approve": {"yes"}, "form_token": {"x"}}
	victim.post("/device/confirm?request="+id.String(), form).page(t, http.StatusNotFound)
	w.browser().get("/device/confirm?request="+id.String()).page(t, http.StatusNotFound)
	d.polls("authorization_pending")

	// The other way round: the attacker's page is open in his browser when the victim logs in there.
	attacker.signIn(bob)
	second := attacker.confirmPage(w.tv(tvApp), bob)
	attacker.login(attacker.get(authorizePath(query(firstParty, "prompt", "login"))).loginID(t), ann)
	attacker.decide(second, "approve").page(t, http.StatusForbidden)
	require.Contains(t, attacker.get(second.action()).body, "138****1234", "whoever is signed in now is asked anew")
	d.polls("authorization_pending")
}

// 10⁴ guesses by address, by person and in all: at most the limit is evaluated, also in parallel, and the owner with the
// right code is kept out by nobody else's guesses but those of all together.
func TestDeviceGuessing(t *testing.T) {
	w := deviceWorld(t)
	d := w.tv(tvApp)
	guesser := w.browser()
	form := guesser.get("/device").hidden()
	var wrong, limited atomic.Int64
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for range 25 {
				guess := url.Values{"form_token": form["form_token"], "user_code": {storage.NewUserCode().Text()}}
				switch a := guesser.post("/device", guess); a.StatusCode {
				case http.StatusNotFound:
					wrong.Add(1)
				case http.StatusTooManyRequests:
					limited.Add(1)
				default:
					t.Errorf("%d %s", a.StatusCode, a.body)
				}
			}
		})
	}
	running.Wait()
	require.EqualValues(t, 60, wrong.Load())
	require.EqualValues(t, 140, limited.Load())
	a := guesser.enter(d.userCode)
	require.Equal(t, http.StatusTooManyRequests, a.StatusCode, "not even the right code")
	require.Contains(t, a.body, "Too many wrong codes")
	require.Equal(t, http.StatusTooManyRequests, guesser.get(d.complete).StatusCode)
	w.clock.advance(time.Hour + time.Second)
	require.Equal(t, http.StatusNotFound, guesser.enter(d.userCode).StatusCode, "expired by now")
	require.Equal(t, http.StatusSeeOther, guesser.enter(w.tv(tvApp).userCode).StatusCode)
}

// The limit in all is there for who has many addresses.
func TestDeviceGuessesInAll(t *testing.T) {
	w := newWorld(t, settings{limits: op.Limits{UserCodesInAll: 5}})
	w.addTVs()
	d := w.tv(tvApp)
	b := w.browser()
	for range 5 {
		require.Equal(t, http.StatusNotFound, b.enter(storage.NewUserCode().Text()).StatusCode)
	}
	require.Equal(t, http.StatusTooManyRequests, w.browser().enter(d.userCode).StatusCode)
}

// A right code gives its try back: who signs in many TVs is not stopped.
func TestDeviceManyRightCodes(t *testing.T) {
	w := deviceWorld(t)
	b := w.browser()
	b.signIn(ann)
	d := w.tv(tvApp)
	for range 70 {
		require.Equal(t, http.StatusSeeOther, b.enter(d.userCode).StatusCode)
	}
}

func TestDeviceGuessesOfOnePerson(t *testing.T) {
	w := deviceWorld(t)
	b := w.browser()
	b.signIn(ann)
	for range 20 {
		require.Equal(t, http.StatusNotFound, b.enter(storage.NewUserCode().Text()).StatusCode)
	}
	require.Equal(t, http.StatusTooManyRequests, b.enter(storage.NewUserCode().Text()).StatusCode)
	stranger := w.browser()
	require.Equal(t, http.StatusNotFound, stranger.enter(storage.NewUserCode().Text()).StatusCode, "the address has tries left")
}

// Two people press at once, again and again: one wins, and it is the winner whose tokens the device gets, once.
func TestDeviceParallelApprovals(t *testing.T) {
	w := deviceWorld(t)
	first, second := w.browser(), w.browser()
	first.signIn(ann)
	second.signIn(bob)
	for range 5 {
		d := w.tv(tvApp)
		pages := map[*tab]answer{first: first.confirmPage(d, ann), second: second.confirmPage(d, bob)}
		var mu sync.Mutex
		ends := map[string]int{}
		var running sync.WaitGroup
		for b, page := range pages {
			for range 4 {
				running.Go(func() {
					end := b.decide(page, "approve").ended()
					mu.Lock()
					defer mu.Unlock()
					ends[end]++
				})
			}
		}
		running.Wait()
		require.Equal(t, map[string]int{"approved": 4, "taken": 4}, ends)
		sets := 0
		for range 20 {
			running.Go(func() {
				if got, _ := d.poll(); got == "tokens" {
					mu.Lock()
					defer mu.Unlock()
					sets++
				}
			})
		}
		running.Wait()
		require.Equal(t, 1, sets)
	}
}

// Signed out or locked between the question and the answer, or between the answer and the tokens (I7).
func TestDeviceLockBetween(t *testing.T) {
	w := deviceWorld(t)
	b := w.browser()
	session := b.signIn(ann)
	approved, asked := w.tv(tvApp), w.tv(tvApp)
	page, open := b.confirmPage(approved, ann), b.confirmPage(asked, ann)
	require.Equal(t, "approved", b.decide(page, "approve").ended())
	require.NoError(t, w.store.LockUser(t.Context(), session.UserID, "test", w.clock.Now()))
	approved.polls("invalid_grant")
	again := b.decide(open, "approve")
	require.NotEqual(t, "approved", again.ended())
	asked.polls("authorization_pending")
}

// A browser that is signed out does not sign the TV out: its grant is its own, and ends by revocation or a lock.
func TestDeviceSurvivesLogout(t *testing.T) {
	w := deviceWorld(t)
	b := w.browser()
	session := b.signIn(ann)
	d := w.tv(tvApp)
	require.Equal(t, "approved", b.decide(b.confirmPage(d, ann), "approve").ended())
	require.NoError(t, w.store.EndSession(t.Context(), session.ID, w.clock.Now()))
	d.polls("tokens")
}

// The request of a device yields no code, and that of an application approves no device.
func TestDeviceRequestIsNoAuthorizationRequest(t *testing.T) {
	w := deviceWorld(t)
	b := w.browser()
	b.signIn(ann)
	d := w.tv(tvForum)
	path := b.enter(d.userCode).location
	id := path.Query().Get("request")
	form := url.Values{"approve": {"yes"}, "form_token": {w.guard.FormToken(b.secret(), "consent "+id)}}
	b.post("/authorize/continue?request="+id, form).page(t, http.StatusBadRequest)
	require.Equal(t, "/device/confirm", b.get("/authorize/continue?request="+id).location.Path)
	before := w.faults.codes()

	consent := b.get(authorizePath(query(thirdParty))).location
	b.get("/device/confirm?"+consent.RawQuery).page(t, http.StatusNotFound)
	b.post("/device/confirm?"+consent.RawQuery, form).page(t, http.StatusNotFound)
	b.get("/device/confirm?request=x").page(t, http.StatusNotFound)
	b.get("/device/confirm").page(t, http.StatusNotFound)
	require.Equal(t, before, w.faults.codes())
	d.polls("authorization_pending")
}

// Another client's polls learn nothing of the device and use nothing up.
func TestDeviceForeignClient(t *testing.T) {
	w := deviceWorld(t)
	d := w.tv(tvApp)
	foreign := *d
	foreign.client = tvForum
	foreign.polls("invalid_grant")
	b := w.browser()
	require.Equal(t, "approved", b.decide(b.confirmPage(d, ann), "approve").ended())
	foreign.polls("invalid_grant")
	d.polls("tokens")
}

func TestDeviceSecretsAreNotLogged(t *testing.T) {
	w := deviceWorld(t)
	d := w.tv(tvApp)
	b := w.browser()
	b.enter("BBBB-BBBB")
	b.get(d.complete)
	b.decide(b.confirmPage(d, ann), "approve")
	_, tokens := d.poll()
	log := w.log.String()
	for _, secret := range []string{d.code, d.userCode, d.picture[len(d.picture)-64:], tokens["access_token"].(string), "13800001234", "127.0.0.1"} {
		require.NotContains(t, log, secret)
	}
}
