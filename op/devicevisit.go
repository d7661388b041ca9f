package op

import (
	"net/http"
	"time"

	"qiao/storage"
)

// deviceVisit is a signed-in browser that has shown to know a device's code.
type deviceVisit struct {
	request storage.AuthRequest
	client  storage.Client
	device  storage.ID
	live    *signedIn // nil: a login is lacking
}

// deviceVisit loads the request that the address names, for the browser that typed the code.
func (p *Provider) deviceVisit(r *http.Request) (deviceVisit, error) {
	request, client, err := p.continued(r)
	if err != nil {
		return deviceVisit{}, err
	}
	device, err := storage.ParseID(request.Params.Device)
	if err != nil { // a request of the authorization endpoint
		return deviceVisit{}, requestExpired()
	}
	live, err := p.signedIn(r)
	return deviceVisit{request: request, client: client, device: device, live: live}, err
}

// decidedVisit is deviceVisit of a post, after the form's token was checked. It is bound to the browser and to the session
// that the page was shown to: a page that one person left open is not answered by the next.
func (p *Provider) decidedVisit(w http.ResponseWriter, r *http.Request) (deviceVisit, error) {
	if limited, _ := p.allow(r, "device", p.limits.Authorize); limited != nil {
		return deviceVisit{}, limited
	}
	if err := parseForm(w, r); err != nil {
		return deviceVisit{}, err
	}
	v, err := p.deviceVisit(r)
	if err != nil || v.live == nil {
		return v, err
	}
	secret, _ := p.guard.Secret(r)
	if err := p.guard.CheckForm(r, secret, v.purpose()); err != nil {
		return v, foreignForm(err)
	}
	return v, nil
}

func (v deviceVisit) purpose() string {
	return devicePurpose + " " + v.device.String() + " " + v.live.session.ID.String()
}

func (v deviceVisit) approval(now time.Time) storage.DeviceApproval {
	return storage.DeviceApproval{
		DeviceID: v.device, SessionID: v.live.session.ID, SessionHash: v.live.handle.Secret.Hash(), Now: now,
	}
}
