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
	return []Sample{
		{"account", 200, many, false},
		{"account-few", 200, few, false},
		{"account-delete", 200, ui.AccountDelete{Frame: f, Username: "heron-4821", MaskedPhone: "138****1234", FormToken: token}, false},
		{"account-gone", 200, ui.AccountGone{Frame: ui.Frame{Lang: lang}}, false},
	}
}
