package wechatflow

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"qiao/storage"
	"qiao/ui"
)

// The pictures of a device, by the end of their address.
const (
	formatSVG = "svg"
	formatPNG = "png"
)

// getDevicePicture serves GET /device/picture/{handle}.svg and .png: the QR code that a device shows. Whoever has the
// handle is the device, or was shown it by the device; a late or decided one looks like one that never was. The TV's own
// page is of another origin and shows the picture in an <img>, so it may be embedded anywhere.
func (f *Flow) getDevicePicture(w http.ResponseWriter, r *http.Request) {
	address := f.Guard.Address(r)
	if ok, retryAfter, err := f.allow(r.Context(), "picture", f.Limits.PagesPerAddress, addressBytes(address)); err == nil && !ok {
		w.Header().Set("Retry-After", strconv.Itoa(max(1, seconds(retryAfter))))
		plainText(w, http.StatusTooManyRequests, "")
		return
	}
	name, format, _ := strings.Cut(chi.URLParam(r, "picture"), ".")
	picture, err := f.devicePicture(r.Context(), name, format, address)
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrExpired):
		plainText(w, http.StatusNotFound, "")
		return
	case err != nil:
		f.Log.ErrorContext(r.Context(), "device picture unavailable", "error", err)
		w.Header().Set("Retry-After", strconv.Itoa(seconds(storeRetry)))
		plainText(w, http.StatusServiceUnavailable, "")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "image/svg+xml")
	if format == formatPNG {
		h.Set("Content-Type", "image/png")
	}
	h.Set("Content-Security-Policy", "default-src 'none'") // an SVG that is opened by itself is a document
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(picture) // the device went away: nobody to tell
}

// devicePicture draws the picture; ErrNotFound for whatever is not the handle of a device that waits.
func (f *Flow) devicePicture(ctx context.Context, name, format string, address netip.Addr) ([]byte, error) {
	handle, err := storage.ParseHandle(name)
	if err != nil {
		return nil, err
	}
	if format != formatSVG && format != formatPNG && format != "" {
		return nil, storage.ErrNotFound
	}
	device, err := f.Store.Device(ctx, handle.ID, f.Now())
	if err != nil {
		return nil, err
	}
	if !device.Picture.Equal(handle.Secret.Hash()) || device.State != storage.DevicePending {
		return nil, storage.ErrNotFound
	}
	code, err := f.deviceCode(ctx, device, address)
	if err != nil {
		return nil, err
	}
	if format == formatPNG {
		return ui.QRPNG(code)
	}
	svg, err := ui.QRSVG(code) // also at the bare address, as the device was given it
	return []byte(svg), err
}

// deviceCode is the text of a device's code: the platform's, asked for when the picture is first fetched and committed
// before it is shown. Where there is none the plain address works too; the next fetch asks again.
func (f *Flow) deviceCode(ctx context.Context, d storage.DeviceAuthorization, address netip.Addr) (string, error) {
	if d.Scene.URL != "" {
		return d.Scene.URL, nil
	}
	acc, err := f.account(d.Account)
	if err != nil {
		return "", err
	}
	scene := f.platformScene(ctx, acc, sceneDevice, d.ClientID, address, d.ExpiresAt)
	if scene.URL == "" {
		f.metrics.codes.WithLabelValues(acc.name, "device_address").Inc()
		return f.deviceAddress(d)
	}
	err = f.Store.AddDeviceScene(ctx, d.ID, scene, f.Now())
	if err == nil {
		f.metrics.codes.WithLabelValues(acc.name, "device").Inc()
		return scene.URL, nil
	}
	if !errors.Is(err, storage.ErrConflict) {
		return "", err
	}
	// Another fetch was faster, or the device is decided.
	if d, err = f.Store.Device(ctx, d.ID, f.Now()); err == nil && d.Scene.URL == "" {
		err = storage.ErrNotFound
	}
	return d.Scene.URL, err
}

// deviceAddress is the device's verification_uri_complete (RFC 8628 §3.3.1).
func (f *Flow) deviceAddress(d storage.DeviceAuthorization) (string, error) {
	code, err := f.Box.Open(storage.UserCodePurpose, d.UserCodeSealed)
	if err != nil {
		return "", fmt.Errorf("open a user code: %w", err)
	}
	return f.url("/device?user_code=" + url.QueryEscape(string(code))), nil
}
