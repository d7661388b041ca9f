// Package browser is what Qiao knows of the browser in front of it: its cookies, its form tokens, its language, its
// address and how to describe it to the person who confirms.
//
// Three secrets live here, each in a cookie of its own: the browser's (what a login is bound to), the session's
// (a storage.Handle), and the phone side's (the WeChat browser that proved an openid).
package browser

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"qiao/storage"
	"qiao/storage/seal"
)

// FormTokenField is the name of the hidden form field that carries the form token.
const FormTokenField = "form_token"

// ErrForeignForm: the post does not come from a page of ours in this browser.
var ErrForeignForm = errors.New("the form was not sent from this site in this browser")

// Guard reads and writes the cookies of one issuer. It has no state.
type Guard struct {
	Issuer *url.URL // scheme and host decide the cookies' names and the accepted Origin
	Box    *seal.Box
	// TrustedProxies may say whose request they pass on (X-Forwarded-For); from others the header is ignored.
	TrustedProxies []netip.Prefix
	// Locate names the place of an address, empty when unknown. May be nil.
	Locate func(netip.Addr) string
	// BrowserLife is how long the browser cookie lives; 0 means 400 days.
	BrowserLife time.Duration
}

const (
	browserCookie = "qiao_browser"
	sessionCookie = "qiao_session"
	phoneCookie   = "qiao_phone"
	langCookie    = "qiao_lang"
)

func (g *Guard) secure() bool { return g.Issuer.Scheme == "https" }

// name adds the __Host- prefix, which only a secure origin may set.
func (g *Guard) name(base string) string {
	if g.secure() {
		return "__Host-" + base
	}
	return base
}

func (g *Guard) set(w http.ResponseWriter, base, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: g.name(base), Value: value, Path: "/", MaxAge: int(life / time.Second),
		Secure: g.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func (g *Guard) secret(r *http.Request, base string) (storage.Secret, bool) {
	c, err := r.Cookie(g.name(base))
	if err != nil {
		return storage.Secret{}, false
	}
	s, err := storage.ParseSecret(c.Value)
	return s, err == nil
}

// Secret returns the browser's secret, if its cookie is present and well formed.
func (g *Guard) Secret(r *http.Request) (storage.Secret, bool) { return g.secret(r, browserCookie) }

// EnsureSecret returns the browser's secret and sets a fresh one where there is none.
func (g *Guard) EnsureSecret(w http.ResponseWriter, r *http.Request) storage.Secret {
	if s, ok := g.Secret(r); ok {
		return s
	}
	s := storage.NewSecret()
	g.SetSecret(w, s)
	return s
}

// SetSecret renews the browser's secret, as at every login.
func (g *Guard) SetSecret(w http.ResponseWriter, s storage.Secret) {
	life := g.BrowserLife
	if life == 0 {
		life = 400 * 24 * time.Hour // the most that browsers keep a cookie
	}
	g.set(w, browserCookie, s.Text(), life)
}

// PhoneSecret returns the phone side's secret, if its cookie is present and well formed.
func (g *Guard) PhoneSecret(r *http.Request) (storage.Secret, bool) { return g.secret(r, phoneCookie) }

// EnsurePhoneSecret returns the phone side's secret and sets a fresh one where there is none.
func (g *Guard) EnsurePhoneSecret(w http.ResponseWriter, r *http.Request) storage.Secret {
	if s, ok := g.PhoneSecret(r); ok {
		return s
	}
	s := storage.NewSecret()
	g.SetPhoneSecret(w, s)
	return s
}

// SetPhoneSecret renews the phone side's secret.
func (g *Guard) SetPhoneSecret(w http.ResponseWriter, s storage.Secret) {
	g.set(w, phoneCookie, s.Text(), time.Hour)
}

// Session returns the session cookie's handle, if it is present and well formed.
func (g *Guard) Session(r *http.Request) (storage.Handle, bool) {
	c, err := r.Cookie(g.name(sessionCookie))
	if err != nil {
		return storage.Handle{}, false
	}
	h, err := storage.ParseHandle(c.Value)
	return h, err == nil
}

// SetSession sets the session cookie for the life of the session.
func (g *Guard) SetSession(w http.ResponseWriter, h storage.Handle, life time.Duration) {
	g.set(w, sessionCookie, h.Text(), life)
}

// ClearSession drops the session cookie.
func (g *Guard) ClearSession(w http.ResponseWriter) { g.set(w, sessionCookie, "", -time.Second) }

// FormToken is the token that a form for the purpose carries; it is bound to the secret of the browser that was shown
// the form.
func (g *Guard) FormToken(s storage.Secret, purpose string) string {
	mac := g.Box.MAC("form token", s[:], []byte(purpose))
	return base64.RawURLEncoding.EncodeToString(mac[:])
}

// largestForm is more than any form of ours can be.
const largestForm = 64 << 10

// CheckForm stops cross-site posts: the Origin, where the browser sends one, is ours, and the form token is that of
// this browser and purpose. It reads the post form, and refuses one larger than 64 KiB.
func (g *Guard) CheckForm(r *http.Request, s storage.Secret, purpose string) error {
	if r.PostForm == nil && r.Body != nil {
		r.Body = http.MaxBytesReader(nil, r.Body, largestForm)
	}
	if origin := r.Header.Get("Origin"); origin != "" && origin != g.Origin() {
		return ErrForeignForm
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return ErrForeignForm
	}
	want := g.FormToken(s, purpose)
	if subtle.ConstantTimeCompare([]byte(r.PostFormValue(FormTokenField)), []byte(want)) != 1 {
		return ErrForeignForm
	}
	return nil
}

// Origin is the issuer's origin as browsers write it: in lower case, without the scheme's own port.
func (g *Guard) Origin() string {
	host := strings.ToLower(g.Issuer.Host)
	switch g.Issuer.Scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return g.Issuer.Scheme + "://" + host
}
