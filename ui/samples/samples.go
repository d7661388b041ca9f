// Package samples has one example of every page in every state. The golden tests, the gallery and the screenshots show
// the same ones.
package samples

import (
	"strings"
	"time"

	"qiao/ui"
)

// Sample is a page as a person may meet it.
type Sample struct {
	Name   string // of its golden file and screenshot
	Status int
	Page   ui.Page
	Phone  bool // it is seen on a phone only
}

// now is when the samples are seen.
func now() time.Time { return time.Date(2025, 6, 2, 9, 30, 0, 0, time.UTC) }

const token = "Zm9ybS10b2tlbg"

func client() ui.Client {
	return ui.Client{
		Name: "云图工作台", Host: "work.yuntu.example", PolicyURI: "https://work.yuntu.example/privacy",
		TOSURI: "https://work.yuntu.example/terms",
	}
}

// All returns every sample in a language.
func All(lang string) []Sample {
	var all []Sample
	all = append(all, logins(lang)...)
	all = append(all, phones(lang)...)
	all = append(all, accounts(lang)...)
	return append(all, others(lang)...)
}

// logins has the card in each of its states.
func logins(lang string) []Sample {
	base := ui.Login{
		Frame:  ui.Frame{Lang: lang, Here: "/login/sample", Return: []string{"https://work.yuntu.example"}},
		Client: client(), IssuerHost: "id.yuntu.example", AccountName: "云图服务号", State: "waiting", Version: 3,
		StateURL: "/login/sample/state", ContinueURL: "/login/sample/continue", RefreshURL: "/login/sample/refresh",
		CancelURL: "/authorize/cancel?request=sample", PictureURL: "/login/sample/picture.png", FormToken: token,
		ExpiresIn: 115, Renewable: true, QR: "http://weixin.qq.com/q/02fZ9vN4kWbpE1x0mR1xcY",
	}
	change := func(f func(*ui.Login)) ui.Login {
		l := base
		f(&l)
		return l
	}
	noQR := func(state string, f func(*ui.Login)) ui.Login {
		return change(func(l *ui.Login) {
			l.State, l.QR, l.ExpiresIn, l.Renewable = state, "", 0, false
			if f != nil {
				f(l)
			}
		})
	}
	long := ui.Client{Name: strings.Repeat("W", 70), Host: strings.Repeat("sub.", 30) + "example"}
	return []Sample{
		{"login-long-names", 200, change(func(l *ui.Login) { l.Client, l.AccountName = long, strings.Repeat("公众号", 12) }), false},
		{"login-waiting", 200, base, false},
		{"login-waiting-last", 200, change(func(l *ui.Login) { l.ExpiresIn, l.Renewable = 42, false }), false},
		{"login-loading", 200, noQR("waiting", nil), false},
		{"login-mobile", 200, change(func(l *ui.Login) { l.Mobile = true }), true},
		{"login-wechat", 200, noQR("waiting", func(l *ui.Login) { l.WeChat = true }), true},
		{"login-scanned", 200, noQR("scanned", func(l *ui.Login) { l.Number = 47 }), false},
		{"login-scanned-mobile", 200, noQR("scanned", func(l *ui.Login) { l.Number, l.Mobile = 47, true }), true},
		{"login-scanned-binding", 200, noQR("scanned", func(l *ui.Login) { l.Binding = true }), false},
		{"login-confirmed", 200, noQR("confirmed", nil), false},
		{"login-continue-as", 200, noQR("confirmed", func(l *ui.Login) { l.ContinueAs, l.Attempt = "138****1234", "sample" }), false},
		{"login-done", 200, noQR("done", nil), false},
		{"login-declined", 200, noQR("declined", nil), false},
		{"login-declined-number", 200, noQR("declined", func(l *ui.Login) { l.WrongNumber = true }), false},
		{"login-expired", 200, noQR("expired", nil), false},
		{"login-error", 503, noQR("error", func(l *ui.Login) { l.Reference = "7KQ2-M9XD" }), false},
		{"login-unknown", 200, noQR("entangled", nil), false},
	}
}

// phones has what is seen in WeChat on the phone.
func phones(lang string) []Sample {
	f := ui.Frame{Lang: lang, Here: "/phone/sample"}
	confirm := ui.PhoneConfirm{
		Frame: f, Client: client(), Device: "Chrome · Windows", Place: "上海", Address: "203.0.113.7",
		At: now().Add(-20 * time.Second), Now: now(), Choices: []int{12, 47, 83}, Action: "/phone/sample/confirm",
		FormToken: token,
	}
	far := confirm
	far.FarAway, far.Place, far.At = true, "莫斯科", now().Add(-3*time.Minute)
	plain := confirm
	plain.Choices, plain.Place, plain.Device, plain.Client.Host = nil, "", "", ""
	long := confirm
	long.Client = ui.Client{Name: "\u202e" + strings.Repeat("<b>W</b>", 20), Host: strings.Repeat("sub.", 30) + "example"}
	long.Place, long.Device = strings.Repeat("很远的地方", 8), strings.Repeat("W", 60)
	device := ui.DeviceConfirm{
		Frame: f, Client: ui.Client{Name: "云图影视"}, DeviceName: "客厅电视", UserCode: "WDJB-MJHT", Place: "上海", Address: "203.0.113.7",
		At: now().Add(-20 * time.Second), Now: now(), MaskedPhone: "138****1234", Action: "/phone/sample/confirm", FormToken: token,
	}
	farDevice := device
	farDevice.FarAway, farDevice.Place, farDevice.DeviceName, farDevice.MaskedPhone = true, "莫斯科", "", ""
	farDevice.Scopes = []ui.Scope{{Name: "openid"}, {Name: "phone", Detail: "138****1234"}, {Name: "offline_access"}}
	typed := ui.DeviceCode{Frame: ui.Frame{Lang: lang, Here: "/device"}, Action: "/device", FormToken: token}
	typedWith := func(code, problem string, retry int) ui.DeviceCode {
		t := typed
		t.UserCode, t.Problem, t.RetryIn = code, problem, retry
		return t
	}
	known := typedWith("WDJB-MJHT", "", 0)
	known.Client, known.PictureURL = device.Client, "/device/picture/sample.svg"
	number := ui.PhoneNumber{Frame: f, Client: client(), Action: "/phone/sample/number", FormToken: token}
	numberWith := func(problem, value string, retry int) ui.PhoneNumber {
		n := number
		n.Problem, n.Value, n.RetryIn = problem, value, retry
		return n
	}
	code := ui.PhoneCode{
		Frame: f, Client: client(), MaskedPhone: "138****1234", ResendIn: 58, Action: "/phone/sample/code",
		ResendAction: "/phone/sample/resend", ChangeURL: "/phone/sample?change=1", FormToken: token,
	}
	codeWith := func(problem string, left, retry, resend int) ui.PhoneCode {
		c := code
		c.Problem, c.TriesLeft, c.RetryIn, c.ResendIn = problem, left, retry, resend
		return c
	}
	held := ui.PhoneHeld{
		Frame: f, Client: client(), MaskedPhone: "138****1234", Action: "/phone/sample/move",
		ChangeURL: "/phone/sample?change=1", FormToken: token,
	}
	heldMany := held
	heldMany.Problem = "too_many"
	follow := ui.Follow{
		Frame: f, Client: client(), AccountName: "云图服务号", QR: "http://weixin.qq.com/q/02fZ9vN4kWbpE1x0mR1xcY",
		Action: "/phone/sample/follow", FormToken: token,
	}
	tried := follow
	tried.QR, tried.Tried = "", true
	notMe := ui.NotMe{
		Frame: f, Client: client(), Device: "Chrome · Windows", Place: "上海", At: now().Add(-20 * time.Second), Now: now(),
		Action: "/phone/notice/sample", FormToken: token,
	}
	notMePhone := notMe
	notMePhone.Phone = true
	notMeTV := notMe
	notMeTV.TV, notMeTV.Device, notMeTV.Place, notMeTV.Client = true, "客厅电视", "", device.Client
	all := []Sample{
		{"not-me", 200, notMe, true},
		{"not-me-tv", 200, notMeTV, true},
		{"not-me-phone", 200, notMePhone, true},
		{"confirm", 200, confirm, true},
		{"confirm-far", 200, far, true},
		{"confirm-plain", 200, plain, true},
		{"confirm-long-names", 200, long, true},
		{"device-confirm", 200, device, true},
		{"device-confirm-far", 200, farDevice, true},
		{"device-code", 200, typed, false},
		{"device-code-known", 200, known, false},
		{"device-code-wrong", 404, typedWith("wdjb mjhx", "wrong", 0), false},
		{"device-code-too-many", 429, typedWith("<b>\u202e", "too_many", 1800), false},
		{"number", 200, number, true},
		{"number-invalid", 422, numberWith("invalid", "1380000", 0), true},
		{"number-country", 422, numberWith("country", "+99912345678", 0), true},
		{"number-too-many", 429, numberWith("too_many", "13800001234", 840), true},
		{"number-send-failed", 503, numberWith("send_failed", "13800001234", 0), true},
		{"code", 200, code, true},
		{"code-wrong", 422, codeWith("wrong", 2, 0, 0), true},
		{"code-expired", 422, codeWith("expired", 0, 0, 0), true},
		{"code-too-many", 429, codeWith("too_many", 0, 300, 0), true},
		{"held", 200, held, true},
		{"held-too-many", 429, heldMany, true},
		{"follow", 200, follow, true},
		{"follow-tried", 200, tried, true},
	}
	for _, kind := range []string{
		"done", "declined", "wrong_number", "expired", "blocked", "taken", "locked", "other_wechat", "snapshot",
		"look_at_tv", "disowned", "disowned_phone", "kept", "kept_phone", "notice_over", "notice_other",
	} {
		end := ui.PhoneEnd{Frame: f, Kind: kind, Client: client()}
		if kind == "blocked" {
			end.RetryIn = 900
		}
		all = append(all, Sample{"end-" + kind, 200, end, true})
	}
	for _, kind := range []string{"approved", "declined", "expired", "taken", "cancelled", "locked"} {
		all = append(all, Sample{"device-end-" + kind, 200, ui.DeviceEnd{Frame: f, Kind: kind, Client: device.Client, AgainURL: "/device"}, false})
	}
	return append(all, Sample{
		"end-done-here", 200, ui.PhoneEnd{Frame: f, Kind: "done", Client: client(), ContinueURL: "/login/sample"}, true,
	})
}

// others has consent, logout and the error pages.
func others(lang string) []Sample {
	f := ui.Frame{Lang: lang, Here: "/authorize/continue?request=sample", Return: []string{"https://work.yuntu.example"}}
	app := ui.Client{Name: "云图阅读", Host: "com.yuntu.reader", PolicyURI: "https://work.yuntu.example/privacy"}
	all := []Sample{
		{"consent", 200, ui.Consent{
			Frame: f, Client: client(), MaskedPhone: "138****1234", Action: "/authorize/continue?request=sample", FormToken: token,
			Scopes: []ui.Scope{
				{Name: "openid"}, {Name: "profile", Detail: "heron-4821"}, {Name: "phone", Detail: "138****1234"},
				{Name: "groups"}, {Name: "offline_access"}, {Name: "printer:use"},
			},
		}, false},
		{"logout", 200, ui.Logout{Frame: f, Client: client(), Action: "/end_session", FormToken: token}, false},
		{"logout-direct", 200, ui.Logout{Frame: f, Action: "/end_session", FormToken: token}, false},
		{"home", 200, ui.Home{Frame: ui.Frame{Lang: lang, Here: "/"}, AccountURL: "/account", DeviceURL: "/device"}, false},
		{"app-return", 200, ui.AppReturn{Frame: ui.Frame{Lang: lang}, Kind: "signed_in", Client: app, URL: "com.yuntu.reader:/callback?code=sample&state=s"}, false},
		{"app-return-error", 200, ui.AppReturn{
			Frame: ui.Frame{Lang: lang}, Kind: "not_signed_in", Client: ui.Client{Host: app.Host}, URL: "com.yuntu.reader:/callback?error=access_denied",
		}, false},
		{"app-return-logout", 200, ui.AppReturn{Frame: ui.Frame{Lang: lang}, Kind: "signed_out", Client: app, URL: "com.yuntu.reader:/bye"}, false},
		{"logged-out", 200, ui.LoggedOut{Frame: f}, false},
		{"logged-out-stayed", 200, ui.LoggedOut{Frame: f, Stayed: true}, false},
	}
	for _, k := range []struct {
		kind   string
		status int
	}{
		{"bad_request", 400}, {"unknown_client", 400}, {"redirect_mismatch", 400}, {"request_expired", 410},
		{"wrong_browser", 403}, {"foreign_form", 403}, {"too_many", 429}, {"unavailable", 503}, {"internal", 500},
		{"not_found", 404}, {"wechat_unavailable", 503}, {"locked", 403}, {"too_large", 413}, {"user_code", 404},
	} {
		p := ui.Failure{Frame: f, Status: k.status, Kind: k.kind, Reference: "7KQ2-M9XD"}
		switch k.kind {
		case "redirect_mismatch":
			p.Detail = "redirect_uri is not registered for this client; register it exactly as it is sent"
		case "too_many", "unavailable", "wechat_unavailable":
			p.RetryIn, p.RetryURL = 30, "/authorize/continue?request=sample"
		}
		all = append(all, Sample{"failure-" + k.kind, k.status, p, false})
	}
	return all
}
