//go:build bench

package bench

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// operations of the token side, in the order of the table.
var operations = []string{"exchange", "refresh", "userinfo", "introspect"}

// The sides are measured in turns, again and again, so that what else happens on the machine meets all of them.
const (
	turns    = 6
	turnLife = 700 * time.Millisecond
)

// tokenSide is the four operations with many grants.
type tokenSide struct {
	process
	step    map[string]func(worker int) (bool, error)
	results map[string]measured
}

// inTurns measures all sides.
func inTurns(t *testing.T, sides ...*tokenSide) {
	for _, op := range operations {
		for range turns {
			for _, s := range sides {
				s.results[op] = s.results[op].and(loop(workers, turnLife, processorTime(s.process), s.step[op]))
			}
		}
		for _, s := range sides {
			require.Zero(t, s.results[op].failed, op)
		}
	}
}

type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// newTokenSide issues the codes; cookie is the session that they are issued in.
func newTokenSide(t *testing.T, p process, cookie string) *tokenSide {
	conns, post := p.dial(t), p.post
	expect := func(status int, body []byte, err error) (tokens, error) {
		var got tokens
		if err != nil || status != 200 {
			return got, fmt.Errorf("status %d: %s: %w", status, body, err)
		}
		return got, json.Unmarshal(body, &got)
	}

	const perWorker = 1500
	codes := make([][]string, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range perWorker {
				status, location, body, err := conns[w].do([]byte("GET " + authorizePath() + " HTTP/1.1\r\nHost: " + p.address + "\r\n" + cookie + "\r\n"))
				if err != nil || code(location) == "" {
					t.Errorf("authorize: status %d to %s: %s: %v", status, strings.Split(location, "?")[0], body, err)
					return
				}
				codes[w] = append(codes[w], code(location))
			}
		})
	}
	wg.Wait()
	require.False(t, t.Failed())

	live := make([][]tokens, workers)
	turn := make([]int, workers)
	pick := func(w int) *tokens {
		turn[w]++
		return &live[w][turn[w]%len(live[w])]
	}
	return &tokenSide{process: p, results: map[string]measured{}, step: map[string]func(int) (bool, error){
		"exchange": func(w int) (bool, error) {
			if len(codes[w]) == 0 {
				return false, nil
			}
			form := url.Values{"grant_type": {"authorization_code"}, "code": {codes[w][0]}, "redirect_uri": {redirectURI}, "code_verifier": {verifier}}
			codes[w] = codes[w][1:]
			status, _, body, err := conns[w].do(post("/token", form.Encode()))
			got, err := expect(status, body, err)
			if err == nil {
				live[w] = append(live[w], got)
			} else {
				t.Log("exchange:", err)
			}
			return true, err
		},
		"refresh": func(w int) (bool, error) {
			mine := pick(w)
			status, _, body, err := conns[w].do(post("/token", "grant_type=refresh_token&refresh_token="+mine.Refresh))
			got, err := expect(status, body, err)
			if err == nil {
				*mine = got
			} else {
				t.Log("refresh:", err)
			}
			return true, err
		},
		"userinfo": func(w int) (bool, error) {
			status, _, body, err := conns[w].do([]byte("GET /userinfo HTTP/1.1\r\nHost: " + p.address + "\r\nAuthorization: Bearer " + pick(w).Access + "\r\n\r\n"))
			_, err = expect(status, body, err)
			return true, err
		},
		"introspect": func(w int) (bool, error) {
			status, _, body, err := conns[w].do(post("/introspect", "token="+pick(w).Access))
			if err == nil && !strings.Contains(string(body), `"active":true`) {
				err = fmt.Errorf("status %d: %s", status, body)
			}
			return true, err
		},
	}}
}
