package wechatflow_test

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// tv is a device that waits, as the provider makes it, and what is drawn on its screen.
type tv struct {
	w    *world
	d    storage.DeviceAuthorization
	code storage.UserCode
	path string // of its picture, without .svg and .png
}

const tvClientID = "tv-app"

// tv begins a device authorization of a first-party client.
func (w *world) tv() *tv { w.t.Helper(); return w.tvOf(tvClientID, true) }

func (w *world) tvOf(clientID string, firstParty bool) *tv {
	w.t.Helper()
	ctx, now := context.Background(), w.clock.Now()
	if _, err := w.store.Client(ctx, clientID); err != nil {
		require.NoError(w.t, w.store.AddClient(ctx, storage.Client{
			ID: clientID, Name: "Example TV", Scopes: []string{"openid", "phone", "offline_access"}, FirstParty: firstParty,
			AuthMethods: []string{storage.AuthMethodNone}, GrantTypes: []string{"urn:ietf:params:oauth:grant-type:device_code", "refresh_token"},
			IDTokenAlg: "ES256", Source: "cli", CreatedAt: now, UpdatedAt: now,
		}, "test"))
	}
	handle, code := storage.NewHandle(now), storage.NewUserCode()
	picture := w.box.MAC(storage.PicturePurpose, handle.ID[:])
	d := storage.DeviceAuthorization{
		ID: handle.ID, ClientID: clientID, Scopes: []string{"openid", "phone", "offline_access"}, CodeHash: handle.Secret.Hash(),
		UserCode: w.box.MAC(storage.UserCodePurpose, code[:]), UserCodeSealed: w.box.Seal(storage.UserCodePurpose, []byte(code.Text())),
		Name: "Living room", Device: storage.Device{Name: "Linux", Address: "203.0.113.1", Place: "Shanghai"}, Account: "main",
		Picture: storage.HashOf(picture[:]), State: storage.DevicePending, CreatedAt: now, ExpiresAt: now.Add(10 * time.Minute),
		GrantExpiresAt: now.Add(180 * 24 * time.Hour),
	}
	require.NoError(w.t, w.store.CreateDevice(ctx, d))
	require.NoError(w.t, w.signals.MarkPending(ctx, d.PollKey(), 5*time.Second, 10*time.Minute))
	return &tv{w: w, d: d, code: code, path: "/device/picture/" + storage.Handle{ID: handle.ID, Secret: picture}.Text()}
}

// qr is the text of the picture, as a scanner would read it.
func (v *tv) qr() string {
	v.w.t.Helper()
	p := v.w.browser().get(v.path + ".svg")
	require.Equal(v.w.t, http.StatusOK, p.status, p.body)
	d, err := v.w.store.Device(context.Background(), v.d.ID, v.w.clock.Now())
	require.NoError(v.w.t, err)
	for _, text := range []string{d.Scene.URL, v.address()} {
		if text != "" && p.body == svgOf(v.w.t, text) {
			return text
		}
	}
	require.Fail(v.w.t, "the picture is neither the platform's code nor the plain address")
	return ""
}

// address is the verification_uri_complete.
func (v *tv) address() string { return v.w.site.URL + "/device?user_code=" + v.code.Text() }

// poll is what the device is told when it polls the record.
func (v *tv) poll() (storage.Issued, error) {
	now := v.w.clock.Now()
	return v.w.store.RedeemDevice(context.Background(), storage.DeviceUse{
		DeviceID: v.d.ID, CodeHash: v.d.CodeHash, ClientID: v.d.ClientID, RefreshSeed: storage.NewSecret().Hash(), RefreshExpiresAt: now.Add(time.Hour),
		Access: storage.AccessToken{Hash: storage.NewSecret().Hash(), ExpiresAt: now.Add(time.Minute), Mask: storage.AllScopes}, Now: now,
	})
}

// marked reports whether polls are still answered without asking the record.
func (v *tv) marked() bool {
	v.w.t.Helper()
	p, err := v.w.signals.PollPending(context.Background(), v.d.PollKey())
	require.NoError(v.w.t, err)
	return p.Pending
}

// scanTV scans the device's code, following where that is asked, and opens the link from the chat.
func (p *person) scanTV(v *tv) *page {
	p.w.t.Helper()
	if p.scan(v.qr()) == "follow_prompt" {
		require.Equal(p.w.t, "event", p.follow())
	}
	return p.open(p.link())
}

// approveTV scans and approves, binding the number where that is asked.
func (p *person) approveTV(v *tv, phone string) *page {
	p.w.t.Helper()
	next := p.scanTV(v).submit("/confirm", "approve", "yes")
	if strings.HasSuffix(next.path(), "/number") {
		next = p.bind(next, phone)
	}
	return next
}

// inWeChatAt opens the device's plain address as WeChat does, after the provider's page has sent it here.
func (p *person) inWeChatAt(v *tv) *page {
	p.w.t.Helper()
	return p.open(p.w.site.URL + "/device/wechat?user_code=" + strings.ToLower(v.code.Text()))
}
