package op

import (
	"net/http"

	"qiao/ui"
)

// home answers GET / for somebody who looks what lives here. It leads on and does nothing: every scanner of the internet
// comes by, so it begins no login and asks no store.
func (p *Provider) home(w http.ResponseWriter, r *http.Request) {
	p.pages.Render(w, http.StatusOK, ui.Home{Frame: p.frame(w, r, nil), AccountURL: accountPath, DeviceURL: devicePath})
}
