package op

import (
	"net/http"
	"strings"

	"qiao/ui"
)

// home answers GET / for somebody who looks what lives here. It leads on and does nothing: every scanner of the internet
// comes by, so it begins no login and asks no store.
func (p *Provider) home(w http.ResponseWriter, r *http.Request) {
	p.pages.Render(w, http.StatusOK, ui.Home{Frame: p.frame(w, r, nil), AccountURL: accountPath, DeviceURL: devicePath})
}

// NotFound answers what no part has an address for: a person gets a page, and a program a line. Neither is logged, for the
// same reason.
func (p *Provider) NotFound(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.NotFound(w, r)
		return
	}
	p.pages.Render(w, http.StatusNotFound, ui.Failure{Frame: p.frame(w, r, nil), Status: http.StatusNotFound, Kind: "not_found"})
}
