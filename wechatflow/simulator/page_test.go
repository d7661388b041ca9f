package simulator_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The page loads nothing from elsewhere, and its policy would not let it.
func TestPhonePage(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	page := s.get("/")
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.header.Get("Content-Type"), "text/html")
	policy := page.header.Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'")
	require.NotContains(t, policy, "unsafe")
	require.NotContains(t, page.body, "style=")
	require.NotRegexp(t, `\son[a-z]+=`, page.body)
	assets := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page.body, -1)
	require.NotEmpty(t, assets)
	seen := map[string]bool{}
	for _, asset := range assets {
		u, err := url.Parse(asset[1])
		require.NoError(t, err)
		require.Empty(t, u.Host, asset[1])
		if strings.HasPrefix(asset[1], "/") {
			require.Equal(t, http.StatusOK, s.get(asset[1]).status, asset[1])
			seen[asset[1]] = true
		}
	}
	require.True(t, seen["/assets/phone.css"] && seen["/assets/phone.js"])
	require.Equal(t, http.StatusNotFound, s.get("/assets/consent.html").status)
}

func TestPhoneShowsWhatIsNew(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	s.repliesText("hello")
	p := s.person()
	gone, shown := s.qr("gone", 1), s.qr("shown", 60)
	s.advance(time.Second)
	s.control("/sim/people/"+p.ID+"/follow", nil)
	s.control("/sim/people/"+p.ID+"/text", object{"content": "hi"})
	s.control("/sim/sms", object{"to": "+8613800001234", "text": "code", "code": "1"})
	a := s.get("/sim/phone", "person", p.ID)
	require.NotContains(t, a.body, gone.URL)
	var v struct {
		N        int64                          `json:"n"`
		Codes    []struct{ QR, Picture string } `json:"codes"`
		Messages []chatMessage                  `json:"messages"`
		SMS      []map[string]any               `json:"sms"`
		Accounts []map[string]any               `json:"accounts"`
		People   []map[string]any               `json:"people"`
	}
	a.into(&v)
	require.Len(t, v.Codes, 1)
	require.Equal(t, shown.URL, v.Codes[0].QR)
	picture, err := http.Get(s.base + v.Codes[0].Picture)
	require.NoError(t, err)
	picture.Body.Close()
	require.Equal(t, http.StatusOK, picture.StatusCode)
	kinds := []string{}
	for _, m := range v.Messages {
		kinds = append(kinds, m.Kind)
	}
	require.Equal(t, []string{"note", "text", "own", "text"}, kinds)
	require.Len(t, v.SMS, 1)
	require.Equal(t, []any{"main"}, v.People[0]["following"])
	require.Equal(t, "桥", v.Accounts[0]["display_name"])
	a = s.get("/sim/phone", "person", p.ID, "since", fmt.Sprint(v.N))
	a.into(&v)
	require.Empty(t, v.Messages)
	require.Empty(t, v.SMS)
	require.Equal(t, http.StatusNotFound, s.get("/sim/phone", "person", "p99").status)
}
