package op

import (
	"errors"
	"math"
	"net/http"
	"time"

	"qiao/browser"
	"qiao/storage"
	"qiao/ui"
)

const (
	devicePath    = "/device"
	devicePurpose = "device"
)

// showDevice answers GET /device, the verification_uri of RFC 8628 §3.3: the form for the code. With a code in the
// address (§3.3.1) it is filled in; it never goes on by itself, for the address may have been sent by somebody else.
func (p *Provider) showDevice(w http.ResponseWriter, r *http.Request) {
	if limited, _ := p.allow(r, "device", p.limits.Authorize); limited != nil {
		p.refuseDevice(w, r, limited)
		return
	}
	page := ui.DeviceCode{UserCode: typed(r.URL.Query().Get("user_code"))}
	code, err := storage.ParseUserCode(page.UserCode)
	switch {
	case page.UserCode == "":
		p.askCode(w, r, http.StatusOK, page)
	case err == nil && browser.InWeChat(r):
		// Web authorization says who is here: nothing to type and nothing to scan.
		redirect(w, devicePath+"/wechat?user_code="+code.Text())
	case err == nil && !browser.Mobile(r) && navigated(r):
		p.showPicture(w, r, page, code)
	default:
		p.askCode(w, r, http.StatusOK, page)
	}
}

// showPicture adds the device's code for WeChat, which a phone cannot scan from its own screen. It tells whoever has the
// code nothing that the device does not show, and a wrong code is a try like any other.
func (p *Provider) showPicture(w http.ResponseWriter, r *http.Request, page ui.DeviceCode, code storage.UserCode) {
	live, err := p.signedIn(r)
	if err != nil {
		p.refuseDevice(w, r, err)
		return
	}
	d, err := p.deviceOf(r, code, live)
	if err != nil {
		p.missedCode(w, r, page, err)
		return
	}
	client, err := p.client(r.Context(), d.ClientID)
	if err != nil {
		p.refuseDevice(w, r, err)
		return
	}
	page.UserCode, page.Client = code.Text(), clientView(client, "")
	picture := p.box.MAC(storage.PicturePurpose, d.ID[:])
	page.PictureURL = devicePath + "/picture/" + storage.Handle{ID: d.ID, Secret: picture}.Text() + ".svg"
	p.askCode(w, r, http.StatusOK, page)
}

// enterCode answers the form. The device is decided about on a page of its own, by a browser that has shown here that it
// knows the code: its AuthRequest says so, through the login that may come between.
func (p *Provider) enterCode(w http.ResponseWriter, r *http.Request) {
	code, page, err := p.typedCode(w, r)
	if err != nil {
		p.missedCode(w, r, page, err)
		return
	}
	live, err := p.signedIn(r)
	if err != nil {
		p.refuseDevice(w, r, err)
		return
	}
	d, err := p.deviceOf(r, code, live)
	if err != nil {
		p.missedCode(w, r, page, err)
		return
	}
	now := p.now()
	request := storage.AuthRequest{
		ID:        storage.NewID(now),
		Browser:   p.guard.EnsureSecret(w, r).Hash(),
		ClientID:  d.ClientID,
		Params:    storage.AuthParams{Device: d.ID.String(), Scopes: d.Scopes},
		CreatedAt: now,
		ExpiresAt: now.Add(p.life.AuthRequest),
	}
	if err := p.storeRequest(r, request); err != nil {
		p.refuseDevice(w, r, err)
		return
	}
	if live == nil {
		p.metrics.device("login")
		redirect(w, "/login/"+request.ID.String())
		return
	}
	redirect(w, deviceConfirmPath(request.ID))
}

// typedCode reads the form, after it was checked to be ours.
func (p *Provider) typedCode(w http.ResponseWriter, r *http.Request) (storage.UserCode, ui.DeviceCode, error) {
	var page ui.DeviceCode
	if limited, _ := p.allow(r, "device", p.limits.Authorize); limited != nil {
		return storage.UserCode{}, page, limited
	}
	if err := parseForm(w, r); err != nil {
		return storage.UserCode{}, page, err
	}
	secret, ok := p.guard.Secret(r)
	if !ok {
		return storage.UserCode{}, page, wrongBrowser()
	}
	if err := p.guard.CheckForm(r, secret, devicePurpose); err != nil {
		return storage.UserCode{}, page, foreignForm(err)
	}
	page.UserCode = typed(r.PostFormValue("user_code"))
	code, err := storage.ParseUserCode(page.UserCode)
	return code, page, err
}

// deviceOf finds the device that waits with the code. The try counts against the address, the person and all of them
// before it is compared, and only a miss goes on counting (RFC 8628 §5.1).
func (p *Provider) deviceOf(r *http.Request, code storage.UserCode, live *signedIn) (storage.DeviceAuthorization, error) {
	limits := p.guard.UserCodeLimits(r, p.limits.UserCodesPerAddress, p.limits.UserCodesInAll)
	if live != nil {
		limits = append(limits, storage.Limit{
			Name: "user codes of a user", Key: p.box.MAC("user codes of a user", []byte(live.user.ID)), Max: p.limits.UserCodesPerUser, Window: time.Hour,
		})
	}
	return p.store.DeviceByUserCode(r.Context(), p.box.MAC(storage.UserCodePurpose, code[:]), limits, p.now())
}

// missedCode shows the form again. What is wrong, too late or decided by now gets one answer, so that it tells nothing
// about other people's devices.
func (p *Provider) missedCode(w http.ResponseWriter, r *http.Request, page ui.DeviceCode, err error) {
	var limited *storage.LimitedError
	var shown *pageError
	switch {
	case errors.Is(err, storage.ErrNotFound):
		p.metrics.device("wrong_code")
		page.Problem = "wrong"
		p.askCode(w, r, http.StatusNotFound, page)
	case errors.As(err, &limited):
		p.metrics.device("too_many")
		p.log.WarnContext(r.Context(), "user code refused by a limit", "limit", limited.Key)
		page.Problem, page.RetryIn = "too_many", int(math.Ceil(limited.RetryAfter.Seconds()))
		p.askCode(w, r, http.StatusTooManyRequests, page)
	case errors.As(err, &shown):
		p.refuseDevice(w, r, err)
	default:
		p.refuseDevice(w, r, unavailable(err))
	}
}

func (p *Provider) askCode(w http.ResponseWriter, r *http.Request, status int, page ui.DeviceCode) {
	page.Frame = p.frame(w, r, nil)
	page.Action, page.FormToken = devicePath, p.guard.FormToken(p.guard.EnsureSecret(w, r), devicePurpose)
	p.pages.Render(w, status, page)
}

func (p *Provider) refuseDevice(w http.ResponseWriter, r *http.Request, err error) {
	p.metrics.device("page_" + p.fail(w, r, nil, err))
}

// typed cuts what is shown again to what the field takes.
func typed(text string) string {
	if r := []rune(text); len(r) > 64 {
		return string(r[:64])
	}
	return text
}

// navigated reports whether a person goes to the address, as far as the browser says: an <img> on a stranger's page must
// not use up the tries of whoever looks at it.
func navigated(r *http.Request) bool {
	dest := r.Header.Get("Sec-Fetch-Dest")
	return dest == "" || dest == "document"
}
