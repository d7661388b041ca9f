package samples

import (
	"strings"
	"time"

	"qiao/ui"
)

// accounts has the account page, empty and full, and the pages of its end.
func accounts(lang string) []Sample {
	f := ui.Frame{Lang: lang, Here: "/account"}
	ago := func(d time.Duration) time.Time { return now().Add(-d) }
	few := ui.Account{
		Frame: f, Username: "heron-4821", MaskedPhone: "138****1234", Now: now(), FormToken: token, Fresh: true,
		Sessions: []ui.AccountSession{{ID: "AZcv3yDwAAAAAAAAAAAAAA", Device: "Safari · iPhone", SeenAt: now(), Here: true}},
	}
	many := few
	many.Name, many.Fresh = "小桥", false
	many.Sessions = append([]ui.AccountSession{}, few.Sessions...)
	many.Sessions = append(many.Sessions, ui.AccountSession{
		ID: "AZcv3yDwAAAAAAAAAAAAAB", Device: "Chrome · Windows", Place: "上海", SeenAt: ago(12 * time.Minute),
	}, ui.AccountSession{ID: "AZcv3yDwAAAAAAAAAAAAAC", Device: strings.Repeat("W", 64), Place: "上海", SeenAt: ago(59 * time.Minute)})
	many.TVs = []ui.AccountTV{
		{ID: "AZcv3yDwAAAAAAAAAAAAAD", Client: "云图影视", Device: "客厅电视", Place: "上海", Since: ago(40 * time.Minute), UsedAt: ago(3 * time.Minute)},
		{ID: "AZcv3yDwAAAAAAAAAAAAAE", Client: "云图影视", Since: ago(20 * time.Minute)},
	}
	many.Apps = []ui.AccountApp{
		{ClientID: "work", Name: "云图工作台", Scopes: []ui.Scope{{Name: "openid"}, {Name: "profile"}, {Name: "phone"}, {Name: "offline_access"}}},
		{ClientID: "print", Name: strings.Repeat("W", 64), Scopes: []ui.Scope{{Name: "printer:use"}}},
	}
	all := phoneChanges(lang)
	return append(all, []Sample{
		{"account", 200, many, false},
		{"account-few", 200, few, false},
		{"account-delete", 200, ui.AccountDelete{Frame: f, Username: "heron-4821", MaskedPhone: "138****1234", FormToken: token}, false},
		{"account-gone", 200, ui.AccountGone{Frame: ui.Frame{Lang: lang}}, false},
	}...)
}

// phoneChanges has the way to another number.
func phoneChanges(lang string) []Sample {
	f := ui.Frame{Lang: lang, Here: "/phone/change"}
	begin := func(masked, problem string, retry int) ui.PhoneChange {
		return ui.PhoneChange{Frame: f, MaskedPhone: masked, Problem: problem, RetryIn: retry, Action: "/phone/change", FormToken: token}
	}
	code := ui.PhoneCode{
		Frame: f, Change: true, Old: true, MaskedPhone: "138****1234", ResendIn: 58, Action: "/phone/change/old",
		ResendAction: "/phone/change/resend", ChangeURL: "/phone/change?start=1", FormToken: token,
	}
	second := code
	second.Old, second.MaskedPhone, second.Action, second.ChangeURL = false, "139****5678", "/phone/change/new", "/phone/change?number=1"
	return []Sample{
		{"change", 200, begin("138****1234", "", 0), false},
		{"change-none", 200, begin("", "", 0), false},
		{"change-over", 409, begin("138****1234", "over", 0), false},
		{"change-too-many", 429, begin("138****1234", "too_many", 45), false},
		{"change-old", 200, code, false},
		{"change-number", 200, ui.PhoneNumber{Frame: f, Change: true, Action: "/phone/change/number", FormToken: token}, false},
		{"change-number-same", 422, ui.PhoneNumber{Frame: f, Change: true, Value: "13800001234", Problem: "same", Action: "/phone/change/number", FormToken: token}, false},
		{"change-new", 200, second, false},
		{"change-held", 200, ui.PhoneHeld{
			Frame: f, Change: true, MaskedPhone: "139****5678", Action: "/phone/change/move", ChangeURL: "/phone/change?number=1", FormToken: token,
		}, false},
		{"changed", 200, ui.PhoneChanged{Frame: f, MaskedPhone: "139****5678"}, false},
	}
}
