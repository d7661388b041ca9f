package wechatflow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"qiao/storage"
)

// moved tells whoever waits for the attempt that it has moved on: the computer's page is woken; a device hears of a
// decision at its next poll, which asks the Store from now on. Its loss costs seconds, never the login.
func (f *Flow) moved(ctx context.Context, a storage.Attempt) {
	if a.Via != storage.ViaDevice {
		f.wake(ctx, a.AuthRequestID)
		return
	}
	if !a.State.Over() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 300*time.Millisecond)
	defer cancel()
	device, err := f.Store.Device(ctx, a.DeviceID, f.Now())
	if err == nil {
		err = f.Signals.ClearPending(ctx, device.PollKey())
	}
	if err != nil && !errors.Is(err, storage.ErrExpired) {
		f.Log.WarnContext(ctx, "device not told of its decision, it asks by itself", "error", err)
	}
}

// deviceReply is scanReply for the code of a device.
func (f *Flow) deviceReply(ctx context.Context, acc *account, outcome storage.ScanOutcome, attempt storage.Attempt) (string, error) {
	switch outcome {
	case storage.ScanAccepted, storage.ScanRepeated:
	case storage.ScanLocked:
		return acc.replies.text("chat.locked", replyData{}), nil
	default:
		return acc.replies.text("chat.device_over", replyData{}), nil
	}
	client, err := f.Client(ctx, attempt.ClientID)
	if err != nil {
		return "", fmt.Errorf("look the client up: %w", err)
	}
	device, err := f.Store.Device(ctx, attempt.DeviceID, f.Now())
	if errors.Is(err, storage.ErrExpired) || errors.Is(err, storage.ErrNotFound) {
		return acc.replies.text("chat.device_over", replyData{}), nil
	}
	if err != nil {
		return "", fmt.Errorf("look the device up: %w", err)
	}
	return acc.replies.text("chat.device", replyData{
		Client: clientView(client, "").Name, Device: f.deviceName(acc, device), URL: f.phoneLink(attempt),
	}), nil
}

// deviceName is what a device calls itself, in the chat.
func (f *Flow) deviceName(acc *account, d storage.DeviceAuthorization) string {
	return cmp.Or(d.Name, f.Pages.Text(acc.replies.lang, "chat.device_unnamed", nil))
}
