package op_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/op/clients"
	"qiao/storage"
)

// The clients of the TV tests: the company's own, and a third party's.
const (
	tvApp   = "tv"
	tvForum = "tv-forum"
)

// tv is a device that shows a code, as its maker sees it.
type tv struct {
	w        *world
	client   string
	code     string // device_code
	userCode string
	complete string // verification_uri_complete
	picture  string // qiao_wechat_qr
}

func (w *world) addTVs() {
	w.t.Helper()
	for _, id := range []string{tvApp, tvForum} {
		c := storage.Client{
			ID: id, Name: "Client " + id, AuthMethods: []string{storage.AuthMethodNone}, GrantTypes: []string{clients.GrantDeviceCode, clients.GrantRefreshToken},
			Scopes: []string{"openid", "profile", "phone", "offline_access"}, FirstParty: id == tvApp, IDTokenAlg: "ES256", Source: "cli",
		}
		require.NoError(w.t, clients.Validate(c))
		require.NoError(w.t, w.store.AddClient(w.t.Context(), c, "test"))
	}
	w.clock.advance(2 * time.Second) // the registry looks once a second
}

// machine posts as a device does: without cookies.
func (w *world) machine(path string, form url.Values) (int, map[string]any) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(w.t.Context()), http.MethodPost, w.issuer+path, strings.NewReader(form.Encode()))
	require.NoError(w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	defer func() { _ = res.Body.Close() }()
	var body bytes.Buffer
	_, err = body.ReadFrom(res.Body)
	require.NoError(w.t, err)
	var out map[string]any
	require.NoError(w.t, json.Unmarshal(body.Bytes(), &out), body.String())
	return res.StatusCode, out
}

func (w *world) tv(client string) *tv {
	w.t.Helper()
	status, out := w.machine("/device_authorization", url.Values{"client_id": {client}, "scope": {"openid profile phone"}, "device_name": {"客厅电视"}})
	require.Equal(w.t, http.StatusOK, status, out)
	return &tv{
		w: w, client: client, code: out["device_code"].(string), userCode: out["user_code"].(string),
		complete: out["verification_uri_complete"].(string), picture: out["qiao_wechat_qr"].(string),
	}
}

// poll is one poll; answer is its error code, or "tokens". Being told to slow down is being told to wait.
func (d *tv) poll() (answer string, tokens map[string]any) {
	d.w.t.Helper()
	status, out := d.w.machine("/token", url.Values{"grant_type": {clients.GrantDeviceCode}, "client_id": {d.client}, "device_code": {d.code}})
	if status == http.StatusOK {
		return "tokens", out
	}
	if out["error"] == "slow_down" {
		return "authorization_pending", nil
	}
	return out["error"].(string), nil
}

func (d *tv) polls(want string) {
	d.w.t.Helper()
	got, _ := d.poll()
	require.Equal(d.w.t, want, got)
}

// hidden are the values of a page's form.
func (a answer) hidden() url.Values {
	form := url.Values{}
	for _, m := range regexp.MustCompile(`name="(form_token)" value="([^"]*)"`).FindAllStringSubmatch(a.body, -1) {
		form.Set(m[1], m[2])
	}
	return form
}

// action is where the page's form goes.
func (a answer) action() string {
	m := regexp.MustCompile(`<form method="post" action="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil {
		return ""
	}
	return strings.ReplaceAll(m[1], "&amp;", "&")
}

// enter types a code at /device.
func (b *tab) enter(code string) answer {
	b.w.t.Helper()
	form := b.get("/device").hidden()
	form.Set("user_code", code)
	return b.post("/device", form)
}

// confirmPage types the code of the device, logs in where that is lacking, and returns the page that asks.
func (b *tab) confirmPage(d *tv, who person) answer {
	b.w.t.Helper()
	a := b.enter(d.userCode)
	require.Equal(b.w.t, http.StatusSeeOther, a.StatusCode, a.body)
	if strings.HasPrefix(a.location.Path, "/login/") {
		id := a.loginID(b.w.t)
		b.login(id, who)
		a = b.get("/authorize/continue?request=" + id.String())
	}
	require.Equal(b.w.t, "/device/confirm", a.location.Path)
	page := b.get(a.Header.Get("Location"))
	require.Equal(b.w.t, http.StatusOK, page.StatusCode, page.body)
	return page
}

// decide presses a button of the page.
func (b *tab) decide(page answer, button string) answer {
	b.w.t.Helper()
	form := page.hidden()
	form.Set(button, "yes")
	return b.post(page.action(), form)
}

func (a answer) ended() string {
	if m := regexp.MustCompile(`data-end="([a-z_]+)"`).FindStringSubmatch(a.body); m != nil {
		return m[1]
	}
	return ""
}

var errSignals = errors.New("the signals are unreachable")

func (s *faultySignals) isDown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down
}

func (s *faultySignals) PollPending(ctx context.Context, key string) (storage.Poll, error) {
	if s.isDown() {
		return storage.Poll{}, errSignals
	}
	return s.Signals.PollPending(ctx, key)
}

func (s *faultySignals) ClearPending(ctx context.Context, key string) error {
	if s.isDown() {
		return errSignals
	}
	return s.Signals.ClearPending(ctx, key)
}

func (f *faults) DeviceByUserCode(ctx context.Context, code storage.Hash, limits []storage.Limit, now time.Time) (storage.DeviceAuthorization, error) {
	if err := f.err("DeviceByUserCode"); err != nil {
		return storage.DeviceAuthorization{}, err
	}
	return f.Store.DeviceByUserCode(ctx, code, limits, now)
}

func (f *faults) OpenDevice(ctx context.Context, a storage.DeviceApproval) (storage.DeviceAuthorization, error) {
	if err := f.err("OpenDevice"); err != nil {
		return storage.DeviceAuthorization{}, err
	}
	return f.Store.OpenDevice(ctx, a)
}

func (f *faults) ApproveDevice(ctx context.Context, a storage.DeviceApproval) (storage.DeviceAuthorization, error) {
	if err := f.err("ApproveDevice"); err != nil {
		return storage.DeviceAuthorization{}, err
	}
	return f.Store.ApproveDevice(ctx, a)
}

func (f *faults) DeclineDevice(ctx context.Context, a storage.DeviceApproval) error {
	if err := f.err("DeclineDevice"); err != nil {
		return err
	}
	return f.Store.DeclineDevice(ctx, a)
}
