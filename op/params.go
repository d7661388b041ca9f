package op

import (
	"fmt"
	"net/url"
	"unicode"
	"unicode/utf8"
)

// maxQuery bounds a whole query, and the body of a post.
const maxQuery = 64 << 10

// The parameters that are read, each with the most bytes that it may have. All others are ignored (RFC 6749 §3.1).
func authorizeLimits() map[string]int {
	return map[string]int{
		"client_id":             255,
		"redirect_uri":          2048,
		"response_type":         64,
		"response_mode":         64,
		"scope":                 1024,
		"state":                 4096, // some clients keep the page to return to in it
		"nonce":                 1024,
		"code_challenge":        128,
		"code_challenge_method": 16,
		"prompt":                64,
		"max_age":               20,
		hintParam:               maxHint,
		sealedParam:             maxSealed,
		"login_hint":            512,
		"ui_locales":            256,
		"acr_values":            512,
		"request":               32 << 10, // refused, but said so
		"request_uri":           4096,
		"registration":          16 << 10,
	}
}

// maxKept bounds what is kept of a request that waits for a person, the parameters that keptParams lists, together. Each
// is bounded above; but a stranger makes such a row with one GET, and honest requests have a tenth of it.
const maxKept = 8 << 10

func keptParams() []string {
	return []string{"redirect_uri", "state", "nonce", "scope", "code_challenge", "prompt", "login_hint", "ui_locales", "acr_values"}
}

// checkKept refuses a request of which too much would be kept, and names its longest parameter. It counts bytes as they
// are stored, in JSON: a quote, a backslash or a line separator takes more than one.
func checkKept(params map[string]string) error {
	sum, longest := 0, ""
	for _, name := range keptParams() {
		size := storedSize(params[name])
		sum += size
		if longest == "" || size > storedSize(params[longest]) {
			longest = name
		}
	}
	if sum > maxKept {
		return badRequest(fmt.Sprintf("%s is too long: the parameters that are kept are longer than %d bytes together", longest, maxKept))
	}
	return nil
}

func storedSize(s string) int {
	size := len(s)
	for _, r := range s {
		switch r {
		case '"', '\\':
			size++
		case '\u2028', '\u2029':
			size += 3
		}
	}
	return size
}

func logoutLimits() map[string]int {
	return map[string]int{
		hintParam:                  maxHint,
		sealedParam:                maxSealed,
		"logout_hint":              512,
		"client_id":                255,
		"post_logout_redirect_uri": 2048,
		"state":                    4096,
		"ui_locales":               256,
	}
}

// parseParams reads the known parameters of a query. One that is empty counts as left out, and one that is there twice is
// refused (both RFC 6749 §3.1). Control characters are refused because some parameters travel on into headers, logs of
// others and pages. The error's detail names the parameter and never repeats its value.
func parseParams(rawQuery string, limits map[string]int) (map[string]string, error) {
	if len(rawQuery) > maxQuery {
		return nil, badRequest("the request is longer than 64 KiB")
	}
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, badRequest("the query is not application/x-www-form-urlencoded")
	}
	params := make(map[string]string, len(values))
	for name, limit := range limits {
		all := values[name]
		switch {
		case len(all) == 0:
			continue
		case len(all) > 1:
			return nil, badRequest(fmt.Sprintf("%s is there more than once", name))
		case len(all[0]) > limit:
			return nil, badRequest(fmt.Sprintf("%s is longer than %d bytes", name, limit))
		case !plainText(all[0]):
			return nil, badRequest(fmt.Sprintf("%s holds control characters or is not UTF-8", name))
		case all[0] != "":
			params[name] = all[0]
		}
	}
	return params, nil
}

func plainText(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) {
			return false
		}
	}
	return utf8.ValidString(s)
}
