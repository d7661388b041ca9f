package clients

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"qiao/storage"
)

const maxURI = 2048

func validateURIs(c storage.Client, fault func(string, ...any)) {
	if len(c.RedirectURIs) == 0 && (c.HasGrantType(GrantAuthorizationCode) || !c.HasGrantType(GrantDeviceCode)) {
		fault("redirect_uris: at least one is needed")
	}
	for _, list := range []struct {
		name string
		uris []string
	}{{"redirect_uris", c.RedirectURIs}, {"post_logout_redirect_uris", c.PostLogoutRedirectURIs}} {
		if len(list.uris) > maxURIs {
			fault("%s: at most %d", list.name, maxURIs)
		}
		for i, uri := range list.uris {
			if err := CheckRedirectURI(uri, c.Native); err != nil {
				fault("%s: %q: %w", list.name, uri, err)
			}
			if slices.Contains(list.uris[:i], uri) {
				fault("%s: %q is there twice", list.name, uri)
			}
		}
	}
	for _, link := range []struct{ name, uri string }{{"logo_uri", c.LogoURI}, {"policy_uri", c.PolicyURI}, {"tos_uri", c.TOSURI}} {
		if link.uri == "" {
			continue
		}
		if err := CheckRedirectURI(link.uri, false); err != nil {
			fault("%s: %q: %w", link.name, link.uri, err)
		}
	}
}

// CheckRedirectURI says what is wrong with a URI as a registration. It refuses what browsers read in another way than
// it is written, and what would let somebody else receive the code.
func CheckRedirectURI(uri string, native bool) error {
	if len(uri) > maxURI {
		return errors.New("longer than 2048 characters")
	}
	for _, b := range []byte(uri) {
		if b <= ' ' || b > '~' || strings.IndexByte("\"<>\\^`{|}", b) >= 0 {
			return errors.New("holds a character that does not belong in a URI, percent-encode it")
		}
	}
	if strings.Contains(uri, "#") {
		return errors.New("must not have a fragment")
	}
	if strings.Contains(uri, "*") {
		return errors.New("wildcards are not supported: register each URI")
	}
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok || scheme == "" {
		return errors.New("must be absolute, such as https://app.example.com/callback")
	}
	if scheme != strings.ToLower(scheme) {
		return errors.New("write the scheme in lower case")
	}
	u, err := url.Parse(uri)
	if err != nil {
		return errors.New("is not a URI")
	}
	if u.User != nil || strings.Contains(u.Host, "@") {
		return errors.New("must not have user information before the host")
	}
	if err := checkPath(u); err != nil {
		return err
	}
	switch {
	case scheme == "https" || scheme == "http":
		return checkWeb(u, rest)
	case !native:
		return errors.New("must begin with https:// (a scheme of its own is for native clients)")
	case !strings.Contains(scheme, "."):
		return errors.New("an app's own scheme is its reversed domain name, such as com.example.app") // RFC 8252 §7.1
	case rest == "" || strings.Trim(rest, "/") == "":
		return errors.New("needs a path, such as com.example.app:/callback")
	}
	return nil
}

// checkPath refuses what a browser resolves before it goes there, and parameters that the answer brings itself.
func checkPath(u *url.URL) error {
	path, err := url.PathUnescape(u.EscapedPath() + u.Opaque)
	if err != nil {
		return errors.New("holds a percent sign that escapes nothing")
	}
	for _, segment := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if segment == "." || segment == ".." {
			return errors.New("must not have . or .. as a path segment")
		}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("the query is not well-formed")
	}
	for _, reserved := range []string{"code", "state", "iss", "error", "error_description", "response"} {
		if query.Has(reserved) {
			return errors.New("the query must not hold " + reserved + ", which the answer adds")
		}
	}
	return nil
}

// checkWeb checks the authority of an http or https URI.
func checkWeb(u *url.URL, rest string) error {
	host := u.Hostname()
	switch {
	case !strings.HasPrefix(rest, "//") || host == "":
		return errors.New("needs a host")
	case strings.ContainsFunc(host, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == ':' || r == '_')
	}):
		return errors.New("the host holds a character that no host name has (write international names in their xn-- form)")
	case strings.HasPrefix(host, ".") || strings.HasSuffix(host, ".") || strings.Contains(host, ".."):
		return errors.New("the host name has an empty part")
	case strings.HasSuffix(u.Host, ":") || u.Port() != "" && !isPort(u.Port()):
		return errors.New("the port is not a number from 1 to 65535")
	case u.Scheme == "http" && !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, host):
		return errors.New("must be https (http is for loopback addresses only)")
	}
	return nil
}
