package wechat

import (
	"net/url"
	"regexp"
	"strings"
)

const redacted = "[redacted]"

// longRun matches what may be a token, a secret, a code or an openid (28 characters). The platform's request id, which
// an operator needs to ask about an error, is shorter (8-8-8).
var longRun = regexp.MustCompile(`[0-9A-Za-z_-]{28,}`)

// redact makes a foreign text fit for errors and logs: without the given secrets, without anything that looks like one,
// on one line, and short.
func redact(text string, secrets ...string) string {
	for _, secret := range secrets {
		if len(secret) < 4 { // nothing secret is that short, and it would hit ordinary words
			continue
		}
		text = strings.ReplaceAll(text, secret, redacted)
		text = strings.ReplaceAll(text, url.QueryEscape(secret), redacted)
	}
	text = longRun.ReplaceAllString(text, redacted)
	text = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > 300 {
		text = string(runes[:300]) + "…"
	}
	return text
}

// secretsOf lists the values of a call's query that must not be told.
func secretsOf(q url.Values) []string {
	var secrets []string
	for _, name := range []string{"access_token", "secret", "code", "openid", "refresh_token"} {
		secrets = append(secrets, q[name]...)
	}
	return secrets
}
