//go:build bench

package bench

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/demo/play"
)

var verifier = base64.RawURLEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))

func challenge() string {
	h := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

func authorizePath() string {
	return "/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {clientID}, "redirect_uri": {redirectURI}, "scope": {"openid profile phone"},
		"state": {rand.Text()}, "nonce": {rand.Text()}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"},
	}.Encode()
}

// visitor is a person with a browser at a computer.
type visitor struct {
	person  *play.Person
	browser *play.Browser
}

func (q qiao) newVisitor(ctx context.Context, phone string) (*visitor, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: 4}
	sim := play.Simulator{Base: q.sim, Client: &http.Client{Transport: transport, Timeout: 20 * time.Second}}
	person, err := sim.NewPerson(ctx, phone)
	return &visitor{person: person}, err
}

// login signs in with an empty browser: the whole way from authorize to the code, as a person without script goes it.
func (v *visitor) login(ctx context.Context, q qiao) error {
	v.browser = play.NewBrowser(v.person.Sim.Client.Transport, func(u *url.URL) bool { return u.Host == q.address })
	return v.loginAgain(ctx, q)
}

// loginAgain signs in with the browser as it is.
func (v *visitor) loginAgain(ctx context.Context, q qiao) error {
	if err := v.browser.Get(ctx, q.base+authorizePath()); err != nil {
		return err
	}
	if err := play.Login(ctx, v.browser, v.person); err != nil {
		return err
	}
	if code(v.browser.Page.Header.Get("Location")) == "" {
		return fmt.Errorf("no code at the end of a login, but status %d: %s", v.browser.Page.Status, v.browser.Page.Text())
	}
	return nil
}

func code(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return ""
	}
	return u.Query().Get("code")
}

// logins measures first logins of new people, then returning logins of the same: in a new browser, which takes the number
// and a click, and in the one that knows them by then, where the scan is enough.
func (q qiao) logins(t *testing.T, workers int, life time.Duration) (first, again, known measured, people []*visitor) {
	ctx := t.Context()
	var mu sync.Mutex
	next := 0
	warm := func(step func(int) (bool, error)) measured {
		// Every connection prepares and plans its statements once: that is not what a login costs.
		loop(workers, 2*time.Second, processorTime(q.process), step)
		return loop(workers, life, processorTime(q.process), step)
	}
	first = warm(func(int) (bool, error) {
		mu.Lock()
		next++
		phone := fmt.Sprintf("+86138%08d", next)
		mu.Unlock()
		v, err := q.newVisitor(ctx, phone)
		if err == nil {
			err = v.login(ctx, q)
		}
		if err != nil {
			t.Log("first login:", err)
			return true, err
		}
		mu.Lock()
		people = append(people, v)
		mu.Unlock()
		return true, nil
	})
	require.GreaterOrEqual(t, len(people), workers)
	site, err := url.Parse(q.base)
	require.NoError(t, err)
	back := func(login func(v *visitor) error) measured {
		turns := make([]int, workers)
		return warm(func(w int) (bool, error) {
			mine := w + turns[w]*workers
			if mine >= len(people) {
				turns[w], mine = 0, w
			}
			turns[w]++
			err := login(people[mine])
			if err != nil {
				t.Log("returning login:", err)
			}
			return true, err
		})
	}
	again = back(func(v *visitor) error { return v.login(ctx, q) })
	known = back(func(v *visitor) error {
		v.browser.Lose(site, "qiao_session")
		return v.loginAgain(ctx, q)
	})
	return first, again, known, people
}

// wake measures from the scan at the platform to the answer at the waiting browser, while other browsers wait too.
func (q qiao) wake(t *testing.T, people []*visitor, rounds int) (p50, p99 time.Duration) {
	ctx := t.Context()
	var all []time.Duration
	for i := range rounds {
		v := people[i%len(people)]
		b := play.NewBrowser(v.person.Sim.Client.Transport, func(u *url.URL) bool { return u.Host == q.address })
		require.NoError(t, b.Get(ctx, q.base+authorizePath()))
		qr, _ := b.Page.Attr("data-qr")
		page := b.Page.URL
		state := struct {
			State string
			V     int64
		}{}
		require.NoError(t, b.Get(ctx, page.String()+"/state"))
		require.NoError(t, json.Unmarshal([]byte(b.Page.Body), &state))
		answered := make(chan time.Time, 1)
		go func() {
			if b.Get(ctx, fmt.Sprintf("%s/state?v=%d&wait=20", page, state.V)) == nil && strings.Contains(b.Page.Body, "scanned") {
				answered <- time.Now()
			}
			close(answered)
		}()
		time.Sleep(30 * time.Millisecond) // until the poll waits
		began := time.Now()
		_, err := v.person.Scan(ctx, qr)
		require.NoError(t, err)
		at, ok := <-answered
		require.True(t, ok, "the poll ended without the scan")
		all = append(all, at.Sub(began))
		_, _ = v.person.Messages(ctx)
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	return all[len(all)/2], all[len(all)*99/100]
}
