package op

import (
	"fmt"
	"net/http"

	"qiao/storage"
	"qiao/ui"
)

func deviceConfirmPath(id storage.ID) string { return devicePath + "/confirm?request=" + id.String() }

// confirmDevice answers GET /device/confirm: who wants in, where and since when. It is shown in every case, to who is
// signed in and for a first-party client too: the person must see that the device is in front of them (RFC 8628 §5.4).
func (p *Provider) confirmDevice(w http.ResponseWriter, r *http.Request) {
	if limited, _ := p.allow(r, "device", p.limits.Authorize); limited != nil {
		p.refuseDevice(w, r, limited)
		return
	}
	v, err := p.deviceVisit(r)
	switch {
	case err != nil:
		p.refuseDevice(w, r, err)
		return
	case v.live == nil:
		redirect(w, "/login/"+v.request.ID.String())
		return
	}
	d, err := p.store.OpenDevice(r.Context(), v.approval(p.now()))
	if err != nil {
		p.deviceDecided(w, r, v, err)
		return
	}
	p.showDeviceConfirm(w, r, v, d)
}

func (p *Provider) showDeviceConfirm(w http.ResponseWriter, r *http.Request, v deviceVisit, d storage.DeviceAuthorization) {
	masked, err := p.maskedPhone(v.live.user)
	if err != nil {
		p.refuseDevice(w, r, err)
		return
	}
	code, err := p.box.Open(storage.UserCodePurpose, d.UserCodeSealed)
	if err != nil {
		p.refuseDevice(w, r, fmt.Errorf("open a user code: %w", err))
		return
	}
	secret := p.guard.EnsureSecret(w, r)
	page := ui.DeviceConfirm{
		Frame: p.frame(w, r, nil), Client: clientView(v.client, ""), DeviceName: d.Name, UserCode: string(code),
		Place: d.Device.Place, Address: d.Device.Address, At: d.CreatedAt, Now: p.now(), FarAway: p.guard.FarFrom(r, d.Device),
		MaskedPhone: masked, Action: deviceConfirmPath(v.request.ID), FormToken: p.guard.FormToken(secret, v.purpose()),
	}
	if !v.client.FirstParty {
		page.Scopes = scopeLines(d.Scopes, masked, v.live.user)
	}
	p.metrics.device("asked")
	p.pages.Render(w, http.StatusOK, page)
}
