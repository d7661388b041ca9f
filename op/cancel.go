package op

import (
	"net/http"

	"qiao/storage"
)

// cancel answers the post of the login page's way out: the client hears that the person declined.
func (p *Provider) cancel(w http.ResponseWriter, r *http.Request) {
	request, _, err := p.posted(w, r, loginPurpose)
	if err != nil {
		p.refuse(w, r, request.Params, err)
		return
	}
	if request.Params.Device != "" {
		p.cancelDevice(w, r, request)
		return
	}
	if storage.OwnPage(request.ClientID) {
		p.cancelAccount(w, r, request)
		return
	}
	p.end(w, r, request, accessDenied())
}

// cancelDevice ends the login alone. The device is not told: nobody who is known has declined.
func (p *Provider) cancelDevice(w http.ResponseWriter, r *http.Request, request storage.AuthRequest) {
	if err := p.store.EndAuthRequest(r.Context(), request.ID, request.Browser, p.now()); err != nil {
		p.refuseDevice(w, r, unavailable(err))
		return
	}
	client, err := p.client(r.Context(), request.ClientID)
	if err != nil {
		p.refuseDevice(w, r, err)
		return
	}
	p.endDevice(w, r, client, "cancelled")
}

func accessDenied() *protocolError {
	return &protocolError{"access_denied", "the person declined"}
}
