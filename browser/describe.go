package browser

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/mileusna/useragent"
	"golang.org/x/text/language"

	"qiao/storage"
)

// The languages of the pages. Chinese is the first.
const (
	Chinese = "zh-CN"
	English = "en"
)

var matcher = language.NewMatcher([]language.Tag{language.MustParse(Chinese), language.English})

// Lang chooses the language: the person's own choice (`lang` in the query, then the cookie), the relying party's
// ui_locales, the browser's Accept-Language, Chinese. A choice in the query is remembered.
func (g *Guard) Lang(w http.ResponseWriter, r *http.Request, uiLocales []string) string {
	if chosen := r.URL.Query().Get("lang"); chosen == Chinese || chosen == English {
		g.set(w, langCookie, chosen, 400*24*time.Hour)
		return chosen
	}
	if c, err := r.Cookie(g.name(langCookie)); err == nil && (c.Value == Chinese || c.Value == English) {
		return c.Value
	}
	for _, wish := range []string{strings.Join(uiLocales, ","), r.Header.Get("Accept-Language")} {
		if len(wish) > 256 {
			continue
		}
		tags, _, err := language.ParseAcceptLanguage(wish)
		if err != nil || len(tags) == 0 {
			continue
		}
		if _, i, confidence := matcher.Match(tags...); confidence > language.No {
			return []string{Chinese, English}[i]
		}
	}
	return Chinese
}

// InWeChat reports whether the page is opened inside WeChat's built-in browser. WeCom (企业微信) calls itself so too, but
// has no web authorization by Official Accounts: there the QR code is the way.
func InWeChat(r *http.Request) bool {
	ua := r.UserAgent()
	return strings.Contains(ua, "MicroMessenger/") && !strings.Contains(ua, "wxwork/")
}

// Mobile reports whether the browser is a phone's, which cannot scan its own screen.
func Mobile(r *http.Request) bool {
	ua := useragent.Parse(r.UserAgent())
	return ua.Mobile || ua.Tablet
}

// Device describes the browser and where it is, for the person who confirms. The name is made of known words only: what
// a stranger writes into his User-Agent is not shown.
func (g *Guard) Device(r *http.Request) storage.Device {
	ua := useragent.Parse(r.UserAgent())
	name := known(ua.Name, browserNames)
	if InWeChat(r) {
		name = "WeChat"
	}
	var parts []string
	for _, p := range []string{name, known(ua.OS, systemNames)} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	d := storage.Device{Name: strings.Join(parts, " · ")}
	if addr := g.Address(r); addr.IsValid() {
		d.Address = addr.String()
		if g.Locate != nil {
			d.Place = g.Locate(addr)
		}
	}
	return d
}

// FarFrom reports whether the request comes from another place than the device, where both places are known.
func (g *Guard) FarFrom(r *http.Request, d storage.Device) bool {
	here := g.Device(r).Place
	return here != "" && d.Place != "" && here != d.Place
}

var browserNames = []string{
	useragent.Chrome, useragent.Edge, useragent.Firefox, useragent.Safari, useragent.Opera, useragent.Vivaldi,
	useragent.SamsungBrowser, useragent.InternetExplorer, useragent.HeadlessChrome,
}

var systemNames = []string{
	useragent.Windows, useragent.MacOS, useragent.Linux, useragent.Android, useragent.IOS, useragent.ChromeOS,
}

func known(name string, names []string) string {
	for _, n := range names {
		if name == n {
			return n
		}
	}
	return ""
}

// Address is the client's address: the peer's, or, behind trusted proxies, the last X-Forwarded-For entry that is not
// one of them.
func (g *Guard) Address(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap().WithZone("")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && g.trusted(addr); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = next.Unmap().WithZone("") // a zone is free text
	}
	return addr
}

func (g *Guard) trusted(a netip.Addr) bool {
	for _, p := range g.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
