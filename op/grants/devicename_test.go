package grants

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestDeviceName(t *testing.T) {
	for given, want := range map[string]string{
		"":                                "",
		"客厅电视":                            "客厅电视",
		"  Living\tRoom \r\n TV ":         "Living Room TV",
		"Ann's TV (4K) #2":                "Ann's TV (4K) #2",
		"Ann’s TV":                        "Ann’s TV",
		"小米电视·主卧（二楼）":                     "小米电视·主卧（二楼）",
		"ห้องนั่งเล่น":                    "ห้องนั่งเล่น",
		"visit evil.example/now":          "visit evil example now",
		"<b>bold</b>":                     "b bold b",
		"a\u202egnp.exe":                  "agnp exe",
		"zero\u200bwidth":                 "zerowidth",
		"blank\u3164\u3164letters":        "blankletters",
		"z\u0301\u0302\u0303\u0304\u0305": "z\u0301\u0302",
		"\u0301x":                         "x",
		"📺 TV":                            "TV",
		"\xff\xfe":                        "",
		"…":                               "",
		strings.Repeat("电", 32):           strings.Repeat("电", 32),
		strings.Repeat("电", 33):           "",
		strings.Repeat(" .", 500) + "TV":  "TV",
	} {
		require.Equal(t, want, deviceName(given), "%q", given)
	}
}

func FuzzDeviceName(f *testing.F) {
	f.Add("客厅电视 <b>\u202e")
	f.Fuzz(func(t *testing.T, given string) {
		name := deviceName(given)
		require.True(t, utf8.ValidString(name))
		require.LessOrEqual(t, utf8.RuneCountInString(name), maxDeviceName)
		require.False(t, strings.ContainsAny(name, "<>\"`\\/:.@\n\r\t\u202e\u2066\x00"), "%q", name)
		require.Equal(t, name, strings.TrimSpace(name))
		require.Equal(t, name, deviceName(name), "clean is clean")
	})
}
