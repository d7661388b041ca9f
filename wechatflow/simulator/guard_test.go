package simulator_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A page of the internet, open in the browser of the developer, cannot play or read people.
func TestForeignPagesAreRefused(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	for _, c := range []struct {
		name, method, path, header, value string
		want                              int
	}{
		{"rebound host", "GET", "/sim/people", "Host", "attacker.example", 403},
		{"rebound host of the page", "GET", "/", "Host", "attacker.example:80", 403},
		{"rebound host of the platform", "GET", "/cgi-bin/token", "Host", "attacker.example", 403},
		{"host that looks local", "GET", "/sim/people", "Host", "localhost.attacker.example", 403},
		{"local address of the network", "GET", "/sim/people", "Host", "192.168.0.1", 403},
		{"foreign origin", "POST", "/sim/people", "Origin", "https://attacker.example", 403},
		{"origin that looks local", "POST", "/sim/people", "Origin", "http://127.0.0.1.attacker.example", 403},
		{"null origin", "POST", "/sim/people", "Origin", "null", 403},
		{"foreign link", "GET", "/sim/people/p1/browser?url=http://127.0.0.1/", "Sec-Fetch-Site", "cross-site", 403},
		{"form", "POST", "/sim/people", "Content-Type", "application/x-www-form-urlencoded", 415},
		{"text", "POST", "/sim/people", "Content-Type", "text/plain", 415},
		{"multipart", "POST", "/sim/people", "Content-Type", "multipart/form-data; boundary=x", 415},
		{"looks like JSON", "POST", "/sim/people", "Content-Type", "text/plain; application/json", 415},
		{"no type", "POST", "/sim/people", "Content-Type", "", 415},

		{"localhost", "GET", "/sim/people", "Host", "localhost:1234", 200},
		{"a name below localhost", "GET", "/sim/people", "Host", "phone.localhost", 200},
		{"IPv6", "GET", "/sim/people", "Host", "[::1]:80", 200},
		{"own origin", "POST", "/sim/people", "Origin", "http://localhost:5000", 201},
		{"JSON with charset", "POST", "/sim/people", "Content-Type", "application/json; charset=utf-8", 201},
	} {
		t.Run(c.name, func(t *testing.T) {
			var body io.Reader
			if c.method == "POST" {
				body = strings.NewReader(`{"name":"x"}`)
			}
			req, err := http.NewRequest(c.method, s.base+c.path, body)
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/json")
			switch {
			case c.header == "Host":
				req.Host = c.value
			case c.value == "":
				req.Header.Del(c.header)
			default:
				req.Header.Set(c.header, c.value)
			}
			require.Equal(t, c.want, s.do(req).status)
		})
	}
}
