package servertest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Kinds of secrets.
const (
	Phone      = "phone"
	SMSCode    = "code of a text message"
	OpenID     = "openid"
	UnionID    = "unionid"
	Scene      = "scene"
	Bearer     = "bearer"                       // cookies, codes, tokens, form tokens, links, states
	Request    = "parameter of a relying party" // its state and nonce, which are kept until the request ends
	Configured = "configured secret"
)

// Secrets remembers whatever passes by that must not be kept in the clear.
type Secrets struct {
	mu  sync.Mutex
	all map[string]string // value → kind
}

// Add remembers a value. What is too short to be told from anything else is left out.
func (s *Secrets) Add(kind, value string) {
	if len(value) < 6 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]string{}
	}
	s.all[value] = kind
}

// Count is how many values of a kind are known, so that a test sees that it has looked for something.
func (s *Secrets) Count(kind string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.all {
		if k == kind {
			n++
		}
	}
	return n
}

// FoundIn lists the secrets that the text holds in whatever form, but for some kinds.
func (s *Secrets) FoundIn(text string, except ...string) (found []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for value, kind := range s.all {
		if slices.Contains(except, kind) {
			continue
		}
		for _, form := range forms(kind, value) {
			if i := strings.Index(text, form); i >= 0 && (kind != SMSCode || standsAlone(text, i, len(form))) {
				found = append(found, kind+" "+value+" in: "+strings.ToValidUTF8(text[max(0, i-120):min(len(text), i+len(form)+60)], "?"))
				break
			}
		}
	}
	return found
}

// forms are the ways in which a value may be written.
func forms(kind, value string) []string {
	switch kind {
	case Phone: // +8613800000001
		n := strings.TrimPrefix(value, "+86")
		return []string{n, n[:3] + " " + n[3:7] + " " + n[7:], n[:3] + "-" + n[3:7] + "-" + n[7:], n[:3] + "****" + n[7:]}
	case SMSCode:
		return []string{value}
	}
	all := []string{value, url.QueryEscape(value), base64.StdEncoding.EncodeToString([]byte(value)), hex.EncodeToString([]byte(value))}
	// A bearer secret is base64url of random bytes, of which the first 16 may be the ID of a row.
	if raw, err := base64.RawURLEncoding.DecodeString(value); err == nil && kind == Bearer && len(raw) >= 32 {
		secret := raw[:32]
		if len(raw) >= 48 {
			secret = raw[16:48]
		}
		all = append(all, string(secret), hex.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret))
	}
	return all
}

// standsAlone tells six digits that are a number of their own from six digits of a longer one, or of a random word.
func standsAlone(text string, at, length int) bool {
	word := regexp.MustCompile(`[0-9A-Za-z_.:-]`)
	return (at == 0 || !word.MatchString(text[at-1:at])) && (at+length == len(text) || !word.MatchString(text[at+length:at+length+1]))
}

// Watch is the transport, on which everything secret is remembered.
func (s *Secrets) Watch(next http.RoundTripper) http.RoundTripper { return watched{s, next} }

type watched struct {
	secrets *Secrets
	next    http.RoundTripper
}

var formToken = regexp.MustCompile(`name="form_token" value="([^"]+)"`)

// RoundTrip implements http.RoundTripper.
func (w watched) RoundTrip(r *http.Request) (*http.Response, error) {
	w.address(r.URL)
	if scheme, value, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && scheme != "Basic" {
		w.secrets.Add(Bearer, value)
	}
	if r.GetBody != nil {
		if body, err := r.GetBody(); err == nil {
			text, _ := io.ReadAll(body)
			if form, err := url.ParseQuery(string(text)); err == nil {
				w.params(form)
			}
		}
	}
	res, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	for _, c := range res.Cookies() {
		if !strings.HasSuffix(c.Name, "lang") {
			w.secrets.Add(Bearer, c.Value)
		}
	}
	if to, err := res.Location(); err == nil {
		w.address(to)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(text))
	for _, found := range formToken.FindAllSubmatch(text, -1) {
		w.secrets.Add(Bearer, string(found[1]))
	}
	var members map[string]any
	if json.Unmarshal(text, &members) == nil {
		for name, value := range members {
			if token, ok := value.(string); ok && (strings.HasSuffix(name, "_token") || name == "device_code") {
				w.secrets.Add(Bearer, token)
			}
		}
	}
	return res, nil
}

// address remembers what the address carries: a code or state in the query, and the link of the chat in the path.
func (w watched) address(u *url.URL) {
	w.params(u.Query())
	if link, ok := strings.CutPrefix(u.Path, "/phone/"); ok && strings.Contains(link, ".") { // also a notice's
		_, token, _ := strings.Cut(link, ".")
		w.secrets.Add(Bearer, token)
	}
	if picture, ok := strings.CutPrefix(u.Path, "/device/picture/"); ok {
		w.secrets.Add(Bearer, strings.TrimSuffix(strings.TrimSuffix(picture, ".svg"), ".png"))
	}
}

func (w watched) params(q url.Values) {
	for _, name := range []string{"code", "code_verifier", "refresh_token", "token", "form_token", "access_token", "id_token_hint", "device_code"} {
		if value := q.Get(name); len(value) > 8 {
			w.secrets.Add(Bearer, value)
		}
	}
	for _, name := range []string{"state", "nonce"} {
		if value := q.Get(name); len(value) == 64 { // our own, of web authorization
			w.secrets.Add(Bearer, value)
		} else {
			w.secrets.Add(Request, value)
		}
	}
	if code := q.Get("code"); len(code) == 6 {
		w.secrets.Add(SMSCode, code)
	}
}
