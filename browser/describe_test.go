package browser

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	chromeWindows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
	safariMac     = "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15"
	safariPhone   = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
	chromeAndroid = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36"
	wechatAndroid = "Mozilla/5.0 (Linux; Android 14; V2304A Build/UP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 XWEB/1160117 MMWEBSDK/20240301 MicroMessenger/8.0.49.2600(0x28003137) WeChat/arm64 Weixin NetType/WIFI Language/zh_CN ABI/arm64"
	wechatPhone   = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50(0x18003234) NetType/WIFI Language/zh_CN"
	wecomPhone    = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 wxwork/4.1.26 MicroMessenger/7.0.1 Language/zh"
	firefoxLinux  = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"
)

func from(ua string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("User-Agent", ua)
	r.RemoteAddr = "203.0.113.7:5"
	return r
}

func TestDevice(t *testing.T) {
	g := guard(t, "https://id.example")
	g.Locate = func(a netip.Addr) string { return map[string]string{"203.0.113.7": "上海"}[a.String()] }
	for _, c := range []struct {
		ua, name       string
		mobile, wechat bool
	}{
		{chromeWindows, "Chrome · Windows", false, false},
		{safariMac, "Safari · macOS", false, false},
		{safariPhone, "Safari · iOS", true, false},
		{chromeAndroid, "Chrome · Android", true, false},
		{wechatAndroid, "WeChat · Android", true, true},
		{wechatPhone, "WeChat · iOS", true, true},
		{wecomPhone, "iOS", true, false},
		{firefoxLinux, "Firefox · Linux", false, false},
		{"curl/8.0", "", false, false},
		{"", "", false, false},
		{"<b>Your bank</b>/1.0 (Approve me; Windows NT 10.0)", "Windows", false, false},
		{"Trusted bank says approve/1.0", "", false, false},
		{strings.Repeat("x", 100_000), "", false, false},
	} {
		r := from(c.ua)
		d := g.Device(r)
		require.Equal(t, c.name, d.Name, c.ua)
		require.Equal(t, "203.0.113.7", d.Address)
		require.Equal(t, "上海", d.Place)
		require.Equal(t, c.mobile, Mobile(r), c.ua)
		require.Equal(t, c.wechat, InWeChat(r), c.ua)
	}
}

// Only words that we know reach the person who confirms.
func FuzzDevice(f *testing.F) {
	for _, ua := range []string{chromeWindows, wechatAndroid, "<script>/1 (Windows)"} {
		f.Add(ua)
	}
	allowed := map[string]bool{"": true, "WeChat": true}
	for _, n := range append(append([]string{}, browserNames...), systemNames...) {
		allowed[n] = true
	}
	f.Fuzz(func(t *testing.T, ua string) {
		for _, part := range strings.Split(guard(t, "https://id.example").Device(from(ua)).Name, " · ") {
			require.True(t, allowed[part], part)
		}
	})
}

func TestLang(t *testing.T) {
	g := guard(t, "https://id.example")
	for _, c := range []struct {
		what, query, cookie string
		uiLocales           []string
		accept              string
		want                string
		remembered          bool
	}{
		{"nothing said", "", "", nil, "", Chinese, false},
		{"the browser's", "", "", nil, "en-GB,en;q=0.9", English, false},
		{"the browser's, Chinese", "", "", nil, "zh;q=0.8,fr", Chinese, false},
		{"Traditional Chinese", "", "", nil, "zh-TW", Chinese, false},
		{"neither", "", "", nil, "fr-FR", Chinese, false},
		{"ui_locales first", "", "", []string{"en"}, "zh-CN", English, false},
		{"ui_locales unknown", "", "", []string{"fr"}, "en", English, false},
		{"the cookie before both", "", Chinese, []string{"en"}, "en", Chinese, false},
		{"the choice before all", "?lang=en", Chinese, []string{"zh"}, "zh", English, true},
		{"a choice that is none", "?lang=fr", "", nil, "en", English, false},
		{"a cookie that is none", "", "fr", nil, "en", English, false},
		{"too long", "", "", nil, strings.Repeat("en,", 200), Chinese, false},
		{"malformed", "", "", []string{"\x00;;q=x"}, "en", English, false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/"+c.query, nil)
		r.Header.Set("Accept-Language", c.accept)
		if c.cookie != "" {
			r.AddCookie(&http.Cookie{Name: "__Host-qiao_lang", Value: c.cookie})
		}
		w := httptest.NewRecorder()
		require.Equal(t, c.want, g.Lang(w, r, c.uiLocales), c.what)
		require.Equal(t, c.remembered, len(w.Result().Cookies()) == 1, c.what)
	}
}
