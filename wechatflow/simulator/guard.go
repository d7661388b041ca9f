package simulator

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// guard refuses what does not come from this machine's own names. A foreign Host is DNS rebinding; a foreign Origin is
// a page of the internet that posts to loopback from the developer's browser.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopbackName(r.Host) {
			writeJSON(w, http.StatusForbidden, errorBody{"the simulator answers on loopback names only"})
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" {
			u, err := url.Parse(origin)
			if err != nil || !loopbackName(u.Host) {
				writeJSON(w, http.StatusForbidden, errorBody{"the simulator takes requests from loopback pages only"})
				return
			}
		}
		// A link or picture of a foreign page sends no Origin, but the browser says where it comes from. Web
		// authorization is reached from other sites by design.
		if r.Header.Get("Sec-Fetch-Site") == "cross-site" && strings.HasPrefix(r.URL.Path, "/sim/") {
			writeJSON(w, http.StatusForbidden, errorBody{"the simulator takes requests from loopback pages only"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func loopbackName(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
