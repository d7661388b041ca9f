package server

import (
	"net/http"
	"net/url"

	"qiao/cmd/qiao/config"
)

// LoopbackOnly refuses requests that name another host than this machine, or come from a page of another one. It stops
// a web page from reaching the demo by rebinding its own name to 127.0.0.1.
func LoopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if !loopbackHost("http://"+r.Host) || (origin != "" && origin != "null" && !loopbackHost(origin)) {
			http.Error(w, "the demo answers to this machine only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func loopbackHost(address string) bool {
	u, err := url.Parse(address)
	return err == nil && config.IsLoopback(u)
}
