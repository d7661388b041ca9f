package wechatflow_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/ui"
	"qiao/wechatflow"
)

func TestTVPictureIsMintedOnceWhenItIsFetched(t *testing.T) {
	w := newWorld(t, options{})
	v := w.tv()
	require.Equal(t, 0, w.calls("/cgi-bin/qrcode/create"))
	text := v.qr()
	for _, format := range []string{".svg", ""} {
		p := w.browser().get(v.path + format)
		require.Equal(t, svgOf(t, text), p.body)
		require.Equal(t, "image/svg+xml", p.header.Get("Content-Type"))
	}
	want, err := ui.QRPNG(text)
	require.NoError(t, err)
	png := w.browser().get(v.path + ".png")
	require.Equal(t, string(want), png.body)
	for name, value := range map[string]string{
		"Content-Type": "image/png", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "cross-origin",
		"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'",
	} {
		require.Equal(t, value, png.header.Get(name), name)
	}
	require.Empty(t, png.header.Values("Set-Cookie"))
	require.Equal(t, 1, w.calls("/cgi-bin/qrcode/create"))
	require.Equal(t, 1.0, w.counter("qiao_login_qr_created_total", "kind=device"))
	// It lives as long as the code: no silent renewal as on the login page.
	w.clock.advance(9 * time.Minute)
	require.Equal(t, text, v.qr())
	require.Equal(t, "follow_prompt", w.person().scan(text))
}

// All fetches show one code, and it is committed before it is shown: whichever of them is scanned, it works.
func TestTVPictureFetchedManyTimesAtOnce(t *testing.T) {
	w := newWorld(t, options{})
	v := w.tv()
	bodies := make([]string, 12)
	var together sync.WaitGroup
	for i := range bodies {
		c := w.browser()
		together.Go(func() { bodies[i] = c.get(v.path + ".svg").body })
	}
	together.Wait()
	want := svgOf(t, w.tvScene(v))
	for _, body := range bodies {
		require.Equal(t, want, body)
	}
}

func TestTVPictureCannotBeGuessed(t *testing.T) {
	w := newWorld(t, options{})
	v, other := w.tv(), w.tv()
	handle := strings.TrimPrefix(v.path, "/device/picture/")
	whole, err := storage.ParseHandle(handle)
	require.NoError(t, err)
	foreign, err := storage.ParseHandle(strings.TrimPrefix(other.path, "/device/picture/"))
	require.NoError(t, err)
	for name, bad := range map[string]string{
		"no secret":       storage.Handle{ID: whole.ID}.Text(),
		"another device":  storage.Handle{ID: whole.ID, Secret: foreign.Secret}.Text(),
		"device code":     storage.Handle{ID: whole.ID, Secret: storage.Secret(v.d.CodeHash)}.Text(),
		"its hash":        storage.Handle{ID: whole.ID, Secret: storage.Secret(v.d.Picture)}.Text(),
		"unknown device":  storage.Handle{ID: storage.NewID(w.clock.Now()), Secret: whole.Secret}.Text(),
		"an id alone":     whole.ID.String(),
		"a short one":     handle[:63],
		"a long one":      handle + "A",
		"a very long one": strings.Repeat("A", 9000),
		"padding":         base64.URLEncoding.EncodeToString([]byte(handle)),
	} {
		for _, format := range []string{"", ".svg", ".png"} {
			require.Equal(t, http.StatusNotFound, w.browser().get("/device/picture/"+bad+format).status, name)
		}
	}
	for _, format := range []string{".gif", ".svg.png", ".PNG", ".%2e", ".svg/", "/.svg"} {
		require.Equal(t, http.StatusNotFound, w.browser().get(v.path+format).status, format)
	}
	require.Equal(t, http.StatusMethodNotAllowed, w.browser().do("POST", v.path+".svg", fields("x")).status)
	require.Equal(t, 0, w.calls("/cgi-bin/qrcode/create"), "nobody has asked the platform for a code")
	require.NotContains(t, w.logs.String(), handle)
}

// Whatever the platform answers, the TV shows a code that works, and the platform's again once that is back.
func TestTVPictureWhenThePlatformGivesNone(t *testing.T) {
	for name, trouble := range map[string]func(*world){
		"out of order": func(w *world) {
			w.fault(map[string]any{"path": "/cgi-bin/qrcode/create", "status": 500, "times": 100})
		},
		"refused": func(w *world) {
			w.fault(map[string]any{"path": "/cgi-bin/qrcode/create", "errcode": 48001, "times": 100})
		},
		"quota is spent": func(w *world) {
			w.control("POST", "/sim/quota", map[string]any{"path": "/cgi-bin/qrcode/create", "limit": 0}, nil)
		},
		"limits are unknown": func(w *world) { w.signals.down.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{})
			v, alice := w.tv(), w.person()
			trouble(w)
			require.Equal(t, v.address(), v.qr())
			require.Equal(t, v.address(), v.qr(), "and the next fetch does not wait for the platform")
			require.LessOrEqual(t, w.calls("/cgi-bin/qrcode/create"), 1)
			require.GreaterOrEqual(t, w.counter("qiao_login_qr_created_total", "kind=device_address"), 2.0)
			// A person who scanned it opens the provider's page, which leads here in WeChat.
			alice.follow()
			confirm := alice.inWeChatAt(v)
			require.Equal(t, v.code.Text(), confirm.attr("data-user-code"), confirm.body)

			w.signals.down.Store(false)
			w.control("POST", "/sim/quota", map[string]any{"path": "/cgi-bin/qrcode/create", "limit": 1000}, nil)
			w.control("DELETE", "/sim/faults", nil, nil)
			w.clock.advance(61 * time.Second)
			require.Contains(t, v.qr(), "weixin.qq.com/q/")
			require.Equal(t, "look_at_tv", alice.bind(confirm.submit("/confirm", "approve", "yes"), alicePhone).attr("data-end"))
		})
	}
}

// A hotel, or somebody who asks for codes in a loop: beyond its share an address gets plain pictures, and others the
// platform's.
func TestTVPicturesShareTheLoginsCaps(t *testing.T) {
	w := newWorld(t, options{limits: wechatflow.Limits{MintsPerClient: wechatflow.Rate{Max: 2, Window: time.Hour}}})
	require.Contains(t, w.tv().qr(), "weixin.qq.com/q/")
	require.Contains(t, w.tv().qr(), "weixin.qq.com/q/")
	third := w.tv()
	require.Equal(t, third.address(), third.qr())
	require.Contains(t, w.browser().login().attr("data-qr"), "weixin.qq.com/q/", "another client")

	w = newWorld(t, options{limits: wechatflow.Limits{MintsPerAddress: wechatflow.Rate{Max: 1, Window: time.Hour}}})
	require.Contains(t, w.tv().qr(), "weixin.qq.com/q/")
	second := w.tv()
	require.Equal(t, second.address(), second.qr())
	require.Contains(t, w.browser().login().attr("data-qr"), "/scan/", "one cap for both")
}

func TestTVPictureRate(t *testing.T) {
	w := newWorld(t, options{limits: wechatflow.Limits{PagesPerAddress: wechatflow.Rate{Max: 3, Window: time.Minute}}})
	v, c := w.tv(), w.browser()
	for range 3 {
		require.Equal(t, http.StatusOK, c.get(v.path+".svg").status)
	}
	refused := c.get(v.path + ".svg")
	require.Equal(t, http.StatusTooManyRequests, refused.status)
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, c.login().status, "logins are counted by themselves")
}

// A second before its end the platform would refuse the code: that must not be held against the platform.
func TestTVPictureInItsLastMoment(t *testing.T) {
	w := newWorld(t, options{})
	v := w.tv()
	w.clock.advance(10*time.Minute - 500*time.Millisecond)
	require.Equal(t, v.address(), v.qr())
	require.Equal(t, 0, w.calls("/cgi-bin/qrcode/create"))
	require.Contains(t, w.browser().login().attr("data-qr"), "weixin.qq.com/q/")
}

func TestTVPictureWhenTheRecordIsDown(t *testing.T) {
	w := newWorld(t, options{})
	v := w.tv()
	w.store.down.Store(true)
	p := w.browser().get(v.path + ".svg")
	require.Equal(t, http.StatusServiceUnavailable, p.status)
	require.NotEmpty(t, p.header.Get("Retry-After"))
	require.Empty(t, p.body)
	w.store.down.Store(false)
	require.Contains(t, v.qr(), "weixin.qq.com/q/")
}

// A code is shown only once its scene is recorded: a scan that arrives at once must find it.
func TestTVPictureIsNotShownBeforeItIsRecorded(t *testing.T) {
	w := newWorld(t, options{})
	v := w.tv()
	w.store.sceneLost.Store(true)
	p := w.browser().get(v.path + ".png")
	require.Equal(t, http.StatusServiceUnavailable, p.status)
	require.Empty(t, p.body)
	w.store.sceneLost.Store(false)
	require.Contains(t, v.qr(), "weixin.qq.com/q/")
}
