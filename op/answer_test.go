package op

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddQuery(t *testing.T) {
	values := url.Values{"code": {"c d"}, "state": {"ü&="}}
	const added = "code=c+d&state=%C3%BC%26%3D"
	for registered, want := range map[string]string{
		"https://rp.example/cb":             "https://rp.example/cb?" + added,
		"https://rp.example":                "https://rp.example?" + added,
		"https://rp.example/cb?":            "https://rp.example/cb?" + added,
		"https://rp.example/cb?a=b":         "https://rp.example/cb?a=b&" + added,
		"https://rp.example/cb?a=b&":        "https://rp.example/cb?a=b&" + added,
		"https://rp.example/%7Ecb?a=%2F%2f": "https://rp.example/%7Ecb?a=%2F%2f&" + added,
		"https://rp.example/~cb?z=1&a=;+":   "https://rp.example/~cb?z=1&a=;+&" + added,
		"com.example.app:/cb":               "com.example.app:/cb?" + added,
		"http://127.0.0.1:4711/cb":          "http://127.0.0.1:4711/cb?" + added,
	} {
		require.Equal(t, want, addQuery(registered, values))
	}
	require.Equal(t, "https://rp.example/bye", addQuery("https://rp.example/bye", nil))
}

func TestFormTarget(t *testing.T) {
	for uri, want := range map[string][]string{
		"https://rp.example/cb?x=y":  {"https://rp.example"},
		"https://rp.example:8443/cb": {"https://rp.example:8443"},
		"http://127.0.0.1:4711/cb":   {"http://127.0.0.1:4711"},
		"com.example.app:/cb":        nil,
		"com.example.app://host/cb":  nil,
		"/no/scheme":                 nil,
		"http://[":                   nil,
	} {
		require.Equal(t, want, formTarget(uri), uri)
	}
}

func TestHostOf(t *testing.T) {
	for uri, want := range map[string]string{
		"https://rp.example/cb":       "rp.example",
		"https://rp.example:8443/cb":  "rp.example:8443",
		"http://127.0.0.1:4711/cb":    "",
		"http://[::1]:4711/cb":        "",
		"http://localhost:3000/cb":    "",
		"com.example.app:/cb":         "com.example.app",
		"https://127.0.0.1.evil.test": "127.0.0.1.evil.test",
	} {
		require.Equal(t, want, hostOf(uri), uri)
	}
}

func TestParseParams(t *testing.T) {
	limits := map[string]int{"state": 4, "scope": 100}
	for name, c := range map[string]struct {
		raw    string
		want   map[string]string
		detail string
	}{
		"unknown ignored":         {raw: "x=1&x=2&state=a&y=%01", want: map[string]string{"state": "a"}},
		"empty is left out":       {raw: "state=&scope", want: map[string]string{}},
		"plus and percent":        {raw: "scope=a+b%20c", want: map[string]string{"scope": "a b c"}},
		"twice":                   {raw: "state=a&state=a", detail: "state is there more than once"},
		"twice and empty":         {raw: "state=a&state=", detail: "state is there more than once"},
		"at the bound":            {raw: "state=abcd", want: map[string]string{"state": "abcd"}},
		"too long":                {raw: "state=abcde", detail: "state is longer than 4 bytes"},
		"line feed":               {raw: "state=a%0Ab", detail: "state holds control characters or is not UTF-8"},
		"null":                    {raw: "state=%00", detail: "state holds control characters or is not UTF-8"},
		"C1 control":              {raw: "state=%C2%85", detail: "state holds control characters or is not UTF-8"},
		"not UTF-8":               {raw: "state=%ff", detail: "state holds control characters or is not UTF-8"},
		"broken escape":           {raw: "state=%zz", detail: "the query is not application/x-www-form-urlencoded"},
		"semicolon":               {raw: "state=a;b=c", detail: "the query is not application/x-www-form-urlencoded"},
		"broken escape elsewhere": {raw: "state=a&x=%", detail: "the query is not application/x-www-form-urlencoded"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseParams(c.raw, limits)
			if c.detail == "" {
				require.NoError(t, err)
				require.Equal(t, c.want, got)
				return
			}
			var page *pageError
			require.ErrorAs(t, err, &page)
			require.Equal(t, c.detail, page.detail)
		})
	}
}
