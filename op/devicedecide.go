package op

import (
	"context"
	"errors"
	"net/http"
	"time"

	"qiao/storage"
	"qiao/ui"
)

// decideDevice answers the page. Whoever approves again is told the same again; whoever was slower than somebody else is
// told so.
func (p *Provider) decideDevice(w http.ResponseWriter, r *http.Request) {
	v, err := p.decidedVisit(w, r)
	switch {
	case err != nil:
		p.refuseDevice(w, r, err)
	case v.live == nil: // signed out while the page was open
		redirect(w, "/login/"+v.request.ID.String())
	case r.PostForm.Has("decline"):
		p.declineDevice(w, r, v)
	case r.PostForm.Has("approve"):
		p.approveDevice(w, r, v)
	default:
		p.refuseDevice(w, r, badRequest("neither approve nor decline was sent"))
	}
}

func (p *Provider) approveDevice(w http.ResponseWriter, r *http.Request, v deviceVisit) {
	d, err := p.store.ApproveDevice(r.Context(), v.approval(p.now()))
	if err != nil {
		p.deviceDecided(w, r, v, err)
		return
	}
	p.tellDevice(r.Context(), d)
	p.tell(r.Context(), v.live.session.Account, v.live.session.OpenID)
	p.endDevice(w, r, v.client, "approved")
}

// declineDevice ends the request too: to open it again would be to decide again.
func (p *Provider) declineDevice(w http.ResponseWriter, r *http.Request, v deviceVisit) {
	if err := p.store.DeclineDevice(r.Context(), v.approval(p.now())); err != nil {
		p.deviceDecided(w, r, v, err)
		return
	}
	if d, err := p.store.Device(r.Context(), v.device, p.now()); err == nil {
		p.tellDevice(r.Context(), d)
	}
	if err := p.store.EndAuthRequest(r.Context(), v.request.ID, v.request.Browser, p.now()); err != nil {
		p.log.WarnContext(r.Context(), "request of a declined device not ended, it expires by itself", "error", err)
	}
	p.endDevice(w, r, v.client, "declined")
}

// tellDevice lets the device's next poll ask the store. Best effort: else it hears of the decision in half a minute.
func (p *Provider) tellDevice(ctx context.Context, d storage.DeviceAuthorization) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := p.signals.ClearPending(ctx, d.PollKey()); err != nil {
		p.log.WarnContext(ctx, "device not told of its decision, it asks by itself", "error", err)
	}
}

// deviceDecided says why this person cannot decide (any more).
func (p *Provider) deviceDecided(w http.ResponseWriter, r *http.Request, v deviceVisit, err error) {
	switch {
	case errors.Is(err, storage.ErrExpired):
		p.endDevice(w, r, v.client, "expired")
	case errors.Is(err, storage.ErrConflict):
		p.deviceTaken(w, r, v)
	case errors.Is(err, storage.ErrLocked):
		p.endDevice(w, r, v.client, "locked")
	case errors.Is(err, storage.ErrPhoneNeeded): // the login binds one
		redirect(w, "/login/"+v.request.ID.String())
	case errors.Is(err, storage.ErrNotFound):
		p.deviceGone(w, r, v)
	default:
		p.refuseDevice(w, r, unavailable(err))
	}
}

// deviceTaken tells apart who has decided: this person comes back to a page, or somebody else was faster.
func (p *Provider) deviceTaken(w http.ResponseWriter, r *http.Request, v deviceVisit) {
	d, err := p.store.Device(r.Context(), v.device, p.now())
	switch {
	case errors.Is(err, storage.ErrExpired), errors.Is(err, storage.ErrNotFound):
		p.endDevice(w, r, v.client, "expired")
	case err != nil:
		p.refuseDevice(w, r, unavailable(err))
	case d.State == storage.DeviceDeclined:
		p.endDevice(w, r, v.client, "declined")
	case d.UserID == v.live.user.ID:
		p.endDevice(w, r, v.client, "approved")
	default:
		p.endDevice(w, r, v.client, "taken")
	}
}

// deviceGone: the device was swept, or the session ended a moment ago.
func (p *Provider) deviceGone(w http.ResponseWriter, r *http.Request, v deviceVisit) {
	live, err := p.signedIn(r)
	switch {
	case err != nil:
		p.refuseDevice(w, r, err)
	case live == nil:
		redirect(w, "/login/"+v.request.ID.String())
	default:
		p.endDevice(w, r, v.client, "expired")
	}
}

func (p *Provider) endDevice(w http.ResponseWriter, r *http.Request, client storage.Client, kind string) {
	p.metrics.device(kind)
	page := ui.DeviceEnd{Frame: p.frame(w, r, nil), Kind: kind, Client: clientView(client, "")}
	if kind != "approved" && kind != "locked" {
		page.AgainURL = devicePath
	}
	p.pages.Render(w, http.StatusOK, page)
}
