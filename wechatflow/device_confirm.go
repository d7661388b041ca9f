package wechatflow

import (
	"errors"
	"fmt"
	"net/http"

	"qiao/storage"
	"qiao/ui"
)

// showDeviceConfirm is showConfirm for a device: what stands beside the buttons is what only its own screen shows, the
// user code. A first-party client is given what it asks for without a word, as everywhere.
func (f *Flow) showDeviceConfirm(w http.ResponseWriter, r *http.Request, p phoneVisit, status int) {
	device, err := f.Store.Device(r.Context(), p.attempt.DeviceID, f.Now())
	if errors.Is(err, storage.ErrNotFound) { // it went away with its client
		err = storage.ErrExpired
	}
	if err != nil {
		f.storeAnswer(w, r, p.lang, err)
		return
	}
	code, err := f.Box.Open(storage.UserCodePurpose, device.UserCodeSealed)
	if err != nil {
		f.unavailable(w, r, p.lang, fmt.Errorf("open a user code: %w", err))
		return
	}
	masked, err := f.maskedPhone(r.Context(), p.attempt.UserID)
	if err != nil && !errors.Is(err, storage.ErrNotFound) { // not bound so far: that comes next
		f.unavailable(w, r, p.lang, err)
		return
	}
	page := ui.DeviceConfirm{
		Frame: f.frame(r, p.lang), Client: clientView(p.client, ""),
		DeviceName: device.Name, UserCode: string(code), Place: device.Device.Place, Address: device.Device.Address,
		At: device.CreatedAt, Now: f.Now(), FarAway: f.Guard.FarFrom(r, device.Device), MaskedPhone: masked,
		Action: phonePath(p.attempt.ID, "confirm"), FormToken: f.Guard.FormToken(p.secret, p.purpose()),
	}
	if !p.client.FirstParty {
		for _, scope := range device.Scopes {
			line := ui.Scope{Name: scope}
			if scope == "phone" {
				line.Detail = masked
			}
			page.Scopes = append(page.Scopes, line)
		}
	}
	f.Pages.Render(w, status, page)
}
