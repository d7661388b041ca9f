package ui

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// catalogue returns every form of every message.
func catalogue(t *testing.T, lang string) map[string]map[string]string {
	t.Helper()
	text, err := os.ReadFile("catalogue/" + lang + ".json")
	require.NoError(t, err)
	var raw map[string]any
	require.NoError(t, json.Unmarshal(text, &raw))
	all := map[string]map[string]string{}
	for id, v := range raw {
		all[id] = map[string]string{}
		switch v := v.(type) {
		case string:
			all[id]["other"] = v
		case map[string]any:
			for form, s := range v {
				all[id][form] = s.(string)
			}
		default:
			t.Fatalf("%s: %T", id, v)
		}
	}
	return all
}

var placeholder = regexp.MustCompile(`\{\{\.([A-Za-z]+)\}\}`)

func placeholders(s string) []string {
	var names []string
	for _, m := range placeholder.FindAllStringSubmatch(s, -1) {
		names = append(names, m[1])
	}
	sort.Strings(names)
	return slices.Compact(names)
}

func TestCataloguesAreEqual(t *testing.T) {
	zh, en := catalogue(t, Chinese), catalogue(t, English)
	for id, forms := range zh {
		require.Contains(t, en, id, "missing in English")
		want := placeholders(forms["other"])
		require.Len(t, forms, 1, "%s: Chinese has one form", id)
		for form, s := range en[id] {
			require.Equal(t, want, placeholders(s), "%s %s", id, form)
		}
		counted := slices.ContainsFunc(want, isCount)
		require.Equal(t, counted, en[id]["one"] != "", "%s: a count needs singular and plural, and nothing else does", id)
	}
	for id := range en {
		require.Contains(t, zh, id, "missing in Chinese")
	}
}

func TestCatalogueTextIsClean(t *testing.T) {
	for _, lang := range []string{Chinese, English} {
		for id, forms := range catalogue(t, lang) {
			for _, s := range forms {
				require.NotEmpty(t, strings.TrimSpace(s), id)
				rest := placeholder.ReplaceAllString(s, "")
				require.NotContains(t, rest, "{{", id)
				if !strings.HasPrefix(id, "chat.scan") && id != "chat.device" && !strings.HasPrefix(id, "chat.notice") {
					require.NotRegexp(t, `[<>&]`, rest, "%s: it goes into pages as it is", id)
				}
				if lang == Chinese && !strings.HasPrefix(id, "common.switch") {
					require.NotRegexp(t, `\p{Han}[,;:?!]|[,;:?!]\p{Han}`, rest, "%s: Chinese punctuation is full-width", id)
				}
			}
		}
	}
}

// used returns the ids that templates and code name, and the prefixes of those that they compose.
func used(t *testing.T) (ids, prefixes []string) {
	t.Helper()
	files, err := filepath.Glob("templates/*.html")
	require.NoError(t, err)
	files = append(files, "functions.go", "site.go")
	plain := regexp.MustCompile(`\b(?:T|Plain|Count|Has)[ (]"([a-z_.]*[a-z_])"`)
	composed := regexp.MustCompile(`(?:\(print |\.Plain\()"([a-z_.]+\.)"`)
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		for _, m := range plain.FindAllStringSubmatch(string(text), -1) {
			ids = append(ids, m[1])
		}
		for _, m := range composed.FindAllStringSubmatch(string(text), -1) {
			prefixes = append(prefixes, m[1])
		}
	}
	return ids, prefixes
}

// messages are those that other packages ask for by Text.
func messages() map[string]map[string]any {
	return map[string]map[string]any{
		"chat.scan":    {"Client": "Grafana", "URL": "https://id.example/phone/x?a=1&b=2"},
		"chat.welcome": {"Account": "云图"}, "chat.unknown": {"Account": "云图"}, "chat.over": nil, "chat.taken": nil,
		"chat.blocked": {"Minutes": 15}, "chat.locked": nil, "chat.moved": {"Phone": "138****1234"},
		"chat.device":       {"Client": "云图影视", "Device": "客厅", "URL": "https://id.example/phone/x"},
		"chat.notice":       {"Client": "云图", "Device": "Chrome · Windows · 上海", "URL": "https://id.example/phone/notice/x"},
		"chat.notice_tv":    {"Client": "云图影视", "Device": "客厅", "URL": "https://id.example/phone/notice/x"},
		"chat.notice_phone": {"Client": "云图", "Device": "Chrome · Windows · 上海", "URL": "https://id.example/phone/notice/x"},
		"chat.scan_alone":   {"Client": "云图", "Device": "Chrome · Windows", "Place": "上海", "Time": "2026-03-01 20:00 (UTC+8)", "URL": "https://id.example/phone/notice/x"},
		"chat.device_over":  nil, "chat.device_unnamed": nil,
		"sms.code": {"Brand": "云图", "Code": "123456", "Minutes": 5}, "sms.code_change": {"Brand": "云图", "Code": "123456", "Minutes": 5},
		"change.client": {"Brand": "云图"},
	}
}

func TestEveryMessageIsUsedAndEveryUsedMessageExists(t *testing.T) {
	all := catalogue(t, Chinese)
	ids, prefixes := used(t)
	require.Greater(t, len(ids), 50)
	for _, id := range ids {
		require.Contains(t, all, id)
	}
	for id := range all {
		_, asked := messages()[id]
		composed := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(id, p) })
		require.True(t, asked || composed || slices.Contains(ids, id), "%s is not used", id)
	}
	for _, group := range []struct {
		prefix string
		kinds  string
		parts  []string
	}{
		{"failure", "bad_request unknown_client redirect_mismatch request_expired wrong_browser foreign_form too_many " +
			"unavailable internal not_found wechat_unavailable locked too_large", []string{".title", ".hint"}},
		{"end", "done declined wrong_number expired blocked taken locked other_wechat snapshot disowned disowned_phone kept kept_phone", []string{".title", ".hint"}},
		{"scope", "openid profile phone groups offline_access", []string{""}},
		{"phone.problem", "invalid country same too_many send_failed", []string{""}},
		{"change.problem", "over too_many send_failed", []string{""}},
		{"sms.problem", "wrong expired too_many", []string{""}},
	} {
		for _, kind := range strings.Fields(group.kinds) {
			for _, part := range group.parts {
				require.Contains(t, all, group.prefix+"."+kind+part)
			}
		}
	}
}

func TestText(t *testing.T) {
	r, err := plain()
	require.NoError(t, err)
	for id, data := range messages() {
		for _, lang := range []string{Chinese, English} {
			text := r.Text(lang, id, data)
			require.NotEqual(t, id, text)
			require.NotContains(t, text, "{{")
			require.NotContains(t, text, "no value")
			require.LessOrEqual(t, len(text), 2048, "WeChat's limit of a text message")
			for k, v := range data {
				require.Contains(t, text, fmt.Sprint(v), "%s %s", id, k)
			}
		}
	}
	require.Equal(t, r.Text(Chinese, "chat.over", nil), r.Text("fr", "chat.over", nil), "another language: the default")
	require.Contains(t, r.Text(English, "chat.blocked", map[string]any{"Minutes": 1}), "1 minute.")
	require.Equal(t, "chat.nonsense", r.Text(English, "chat.nonsense", nil))
}

// A client that calls itself a link must not become one in the chat, and no name ends the link's attribute early.
func TestChatMarkupIsOurs(t *testing.T) {
	r, err := plain()
	require.NoError(t, err)
	text := r.Text(Chinese, "chat.scan", map[string]any{
		"Client": `<a href="https://evil.example">领红包</a>` + "\n\u202e", "URL": `https://id.example/"><a href="https://evil.example`,
	})
	require.Equal(t, 1, strings.Count(text, "<a "))
	require.Equal(t, 1, strings.Count(text, "</a>"))
	require.NotContains(t, text, `href="https://evil`)
	require.NotContains(t, text, "\u202e")
}

func TestNewRefusesAnUnknownLanguage(t *testing.T) {
	_, err := New(Config{DefaultLang: "fr"})
	require.Error(t, err)
	r, err := New(Config{DefaultLang: English})
	require.NoError(t, err)
	require.Equal(t, English, r.language("de"))
	require.Equal(t, Chinese, r.language(Chinese))
}

func TestWaits(t *testing.T) {
	r, err := plain()
	require.NoError(t, err)
	for seconds, want := range map[int]string{
		-5: "1 second", 1: "1 second", 45: "45 seconds", 91: "2 minutes", 840: "14 minutes", 841: "15 minutes", 3600: "60 minutes",
		7200: "2 hours", 7201: "3 hours",
	} {
		got, err := r.words[English].Wait(seconds)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
