package clients

import (
	"slices"
	"strconv"
	"strings"

	"qiao/storage"
)

// MatchRedirect reports whether uri is registered for the client. It compares text and parses nothing: whatever two
// parsers could disagree on (case, escapes, dot segments, user info, backslashes) is simply another string.
func MatchRedirect(client storage.Client, uri string) bool {
	if slices.Contains(client.RedirectURIs, uri) {
		return true
	}
	if !client.Native {
		return false
	}
	rest, ok := cutLoopback(uri)
	if !ok {
		return false
	}
	return slices.ContainsFunc(client.RedirectURIs, func(registered string) bool {
		want, ok := cutLoopback(registered)
		return ok && want == rest
	})
}

// MatchPostLogoutRedirect reports whether uri is registered for the client as a place to return to after a logout.
func MatchPostLogoutRedirect(client storage.Client, uri string) bool {
	return slices.Contains(client.PostLogoutRedirectURIs, uri)
}

// loopback addresses whose port a native app chooses when it starts (RFC 8252 §7.3). The name localhost is not one:
// something else than the loopback interface may be listening behind it (§8.3).
const (
	loopback4 = "http://127.0.0.1"
	loopback6 = "http://[::1]"
)

// cutLoopback returns a loopback URI without its port. Where a host only begins like one (127.0.0.1.example.com), the
// rest keeps the difference, and no registered URI has it.
func cutLoopback(uri string) (string, bool) {
	for _, origin := range []string{loopback4, loopback6} {
		rest, ok := strings.CutPrefix(uri, origin)
		if !ok {
			continue
		}
		if after, hasPort := strings.CutPrefix(rest, ":"); hasPort {
			end := strings.IndexAny(after, "/?")
			if end < 0 {
				end = len(after)
			}
			if !isPort(after[:end]) {
				return "", false
			}
			rest = after[end:]
		}
		return origin + rest, true
	}
	return "", false
}

// isPort reports whether s is a port number as a client writes one: without a sign or leading zeros.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == s
}
