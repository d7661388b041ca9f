package wechatflow

import (
	"errors"
	"net/http"

	"qiao/storage"
	"qiao/ui"
)

// getDeviceWeChat serves GET /device/wechat?user_code=, where a device's plain address leads inside WeChat. There is no
// second code to scan: web authorization tells who is here. It changes nothing on the device, for addresses are fetched
// ahead and forwarded; outside WeChat, web authorization says so in words.
func (f *Flow) getDeviceWeChat(w http.ResponseWriter, r *http.Request) {
	lang := f.Guard.Lang(w, r, nil)
	if ok, retryAfter := f.allowPage(r); !ok {
		f.tooMany(w, r, lang, retryAfter)
		return
	}
	device, err := f.deviceOfCode(r)
	var limited *storage.LimitedError
	switch {
	case errors.Is(err, storage.ErrNotFound):
		f.fail(w, r, lang, ui.Failure{Status: http.StatusNotFound, Kind: "user_code", RetryURL: "/device"}, nil)
	case errors.As(err, &limited):
		f.Log.InfoContext(r.Context(), "user code refused by a limit", "limit", limited.Key)
		f.tooMany(w, r, lang, limited.RetryAfter)
	case err != nil:
		f.unavailable(w, r, lang, err)
	default:
		f.beginWebAuth(w, r, lang, device.Account, storage.WebAuth{Purpose: webAuthDevice, DeviceID: device.ID})
	}
}

// deviceOfCode finds the device that waits with the request's user code. What is no code at all is not counted: it finds
// nothing.
func (f *Flow) deviceOfCode(r *http.Request) (storage.DeviceAuthorization, error) {
	code, err := storage.ParseUserCode(r.URL.Query().Get("user_code"))
	if err != nil {
		return storage.DeviceAuthorization{}, err
	}
	limits := f.Guard.UserCodeLimits(r, f.Limits.UserCodesPerAddress, f.Limits.UserCodesInAll)
	return f.Store.DeviceByUserCode(r.Context(), f.Box.MAC(storage.UserCodePurpose, code[:]), limits, f.Now())
}
