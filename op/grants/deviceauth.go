package grants

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"qiao/op/clients"
	"qiao/storage"
)

// deviceAnswer is the device authorization response (RFC 8628 §3.2), with one member of ours: the address of a picture
// whose code WeChat itself follows. Append .svg or .png.
type deviceAnswer struct {
	DeviceCode  string `json:"device_code"`
	UserCode    string `json:"user_code"`
	URI         string `json:"verification_uri"`
	URIComplete string `json:"verification_uri_complete"`
	ExpiresIn   int64  `json:"expires_in"`
	Interval    int64  `json:"interval"`
	WeChatQR    string `json:"qiao_wechat_qr"`
}

// authorizeDevice is the device authorization endpoint (RFC 8628 §3.1). The route is ours: the library's decodes with a
// schema that knows no device_name, and answers with its own storage.
func (s *Server) authorizeDevice(w http.ResponseWriter, r *http.Request) {
	c, out, err := s.newDevice(r)
	if err != nil {
		var l limited
		if errors.As(err, &l) {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(l.retryAfter.Seconds()))))
		}
		f := failureOf(err)
		s.note(r.Context(), "authorize_device", c.ID, f, err)
		f.write(w)
		return
	}
	writeJSON(w, out)
}

func (s *Server) newDevice(r *http.Request) (storage.Client, *deviceAnswer, error) {
	ctx := r.Context()
	if err := s.allowDevice(ctx, deviceUse("address", s.cfg.Guard.AddressKey(r), s.cfg.Limits.DevicesPerAddress)); err != nil {
		return storage.Client{}, nil, err
	}
	c, err := s.cfg.Clients.Authenticate(ctx, r.Header, r.Form)
	if err != nil {
		return c, nil, err
	}
	if !c.HasGrantType(clients.GrantDeviceCode) {
		return c, nil, refuse(unauthorizedClient, "the client is not registered for this grant type")
	}
	scopes, problem := NarrowScopes(c, strings.Fields(r.Form.Get("scope")))
	if problem != "" {
		return c, nil, refuse(invalidScope, problem)
	}
	if err := s.allowDevice(ctx, deviceUse("client", c.ID, s.cfg.Limits.DevicesPerClient),
		deviceUse("all", "", s.cfg.Limits.DevicesInAll)); err != nil {
		return c, nil, err
	}
	out, err := s.createDevice(ctx, storage.DeviceAuthorization{
		ClientID: c.ID, Scopes: scopes, Name: deviceName(r.Form.Get(paramDeviceName)), Device: s.cfg.Guard.Device(r),
		Account: cmp.Or(c.Account, s.cfg.Account), State: storage.DevicePending,
	})
	return c, out, err
}

// deviceUse is a device authorization as a use of its address, its client, or the whole.
func deviceUse(whose, key string, rate Rate) storage.Use {
	return storage.Use{Key: "device authorization " + whose + " " + key, Max: rate.Max, Window: rate.Window}
}

// allowDevice counts against rates. Every authorization is a row that a stranger can make, and needs somebody to be
// woken later: without the signals there is none.
func (s *Server) allowDevice(ctx context.Context, uses ...storage.Use) error {
	ok, retryAfter, err := s.cfg.Signals.Allow(ctx, uses...)
	switch {
	case err != nil:
		return fmt.Errorf("count device authorization: %w", err)
	case !ok:
		return limited{retryAfter}
	}
	return nil
}

// userCodeTries is how often a fresh user code may be one that another device shows: with a million of those it happens
// once in 25,000 draws.
const userCodeTries = 5

// createDevice draws the secrets and stores what is kept of them.
func (s *Server) createDevice(ctx context.Context, d storage.DeviceAuthorization) (*deviceAnswer, error) {
	now, life := s.cfg.Now(), s.cfg.Lifetimes
	code := storage.NewHandle(now)
	picture := s.cfg.Box.MAC(storage.PicturePurpose, code.ID[:])
	d.ID, d.CodeHash, d.Picture = code.ID, code.Secret.Hash(), storage.HashOf(picture[:])
	d.CreatedAt, d.ExpiresAt, d.GrantExpiresAt = now, now.Add(life.DeviceCode), now.Add(life.RefreshDevice)
	userCode, err := s.storeDevice(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("create device: %w", err)
	}
	s.markPending(ctx, d.PollKey(), d.ID)
	at := strings.TrimSuffix(s.cfg.Issuer, "/") + pathDevice
	return &deviceAnswer{
		DeviceCode: code.Text(), UserCode: userCode.Text(), URI: at, URIComplete: at + "?user_code=" + userCode.Text(),
		ExpiresIn: int64(life.DeviceCode / time.Second), Interval: int64(life.DeviceInterval / time.Second),
		WeChatQR: at + "/picture/" + storage.Handle{ID: code.ID, Secret: picture}.Text(),
	}, nil
}

// storeDevice stores the device under a user code that no other waiting device has.
func (s *Server) storeDevice(ctx context.Context, d storage.DeviceAuthorization) (c storage.UserCode, err error) {
	for range userCodeTries {
		c = storage.NewUserCode()
		d.UserCode = s.cfg.Box.MAC(storage.UserCodePurpose, c[:])
		d.UserCodeSealed = s.cfg.Box.Seal(storage.UserCodePurpose, []byte(c.Text()))
		if err = s.cfg.Store.CreateDevice(ctx, d); !errors.Is(err, storage.ErrConflict) {
			return c, err
		}
	}
	return c, err
}

func writeJSON(w http.ResponseWriter, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		failureOf(fmt.Errorf("marshal answer: %w: %w", errFault, err)).write(w)
		return
	}
	w.Header()["Content-Type"] = []string{"application/json"}
	_, _ = w.Write(body)
}
