package wechatflow_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow"
)

func repliesForTest() wechatflow.Replies {
	return wechatflow.Replies{
		Lang: "en", Welcome: "你好 {{.Account}}", Menu: map[string]string{"hours": "9:00–18:00"},
	}
}

func TestRepliesAreConfigurable(t *testing.T) {
	w := newWorld(t, options{replies: wechatflow.Replies{
		Scan: `{{.Client}}: <a href="{{.URL}}">go</a>`, Welcome: "-", Unknown: "-",
	}})
	alice := w.person()
	alice.follow()
	alice.gesture("text", map[string]any{"content": "hi"})
	require.Empty(t, alice.chat(), "a dash says nothing")
	login := w.browser().login()
	alice.scan(login.attr("data-qr"))
	chat := alice.chat()
	require.Len(t, chat, 1)
	require.True(t, strings.HasPrefix(chat[0], "Example Shop: go\n"), chat[0])
	require.Contains(t, chat[0], "/phone/")
}

func TestRepliesAreCheckedAtTheStart(t *testing.T) {
	w := newWorld(t, options{})
	for name, replies := range map[string]wechatflow.Replies{
		"syntax":       {Welcome: "{{.Account"},
		"unknown name": {Welcome: "{{.Phone}}"},
		"no link":      {Scan: "scanned, thank you"},
		"silent scan":  {Scan: "-"},
		"too long":     {Unknown: strings.Repeat("桥", 700)},
		"language":     {Lang: "fr"},
		"menu":         {Menu: map[string]string{"a": "{{.Nothing}}"}},
	} {
		t.Run(name, func(t *testing.T) {
			accounts := []wechatflow.Account{w.accounts[0]}
			accounts[0].Replies = replies
			_, err := wechatflow.New(wechatflow.Config{
				Store: w.store, Signals: w.signals, Guard: w.guard, Box: w.box, Pages: w.pages, Accounts: accounts, SMS: w.pocket,
				Client: w.store.Client, Now: w.clock.Now, Log: discard(),
			})
			require.Error(t, err)
			require.ErrorContains(t, err, "main")
		})
	}
	_, err := wechatflow.New(wechatflow.Config{})
	require.Error(t, err)
	_, err = wechatflow.New(wechatflow.Config{
		Store: w.store, Signals: w.signals, Guard: w.guard, Box: w.box, Pages: w.pages, SMS: w.pocket,
		Accounts: []wechatflow.Account{w.accounts[0], w.accounts[0]}, Client: w.store.Client, Now: w.clock.Now, Log: discard(),
	})
	require.ErrorContains(t, err, "twice")
}

// A relying party's name cannot put a link of its own into our chat, whoever wrote the words around it.
func TestClientNamesAreNotMarkup(t *testing.T) {
	for _, scan := range []string{"", `{{.Client}}: {{.URL}}`} {
		w := newWorld(t, options{mode: "plain", replies: wechatflow.Replies{Scan: scan}})
		c := w.client
		c.ID, c.Name = "evil", `<a href="https://evil.example">Bank</a>`
		require.NoError(t, w.store.AddClient(t.Context(), c, "test"))
		login := w.browser().loginFor("evil")
		code := w.code(login)
		reply := w.push(event(w.person().openID, w.clock.Now().Unix(), "SCAN", code.Scene, code.Ticket), 1)
		require.NotContains(t, reply.Body, "<a href=\"https://evil")
		require.Contains(t, reply.Body, "/phone/")
		require.Contains(t, reply.Body, "Bank")
	}
}
