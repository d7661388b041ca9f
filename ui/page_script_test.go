package ui_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/ui"
	"qiao/ui/chromium"
)

func TestPageScript(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	b, err := chromium.Start(ctx)
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	pages := renderer(t)
	var (
		mu    sync.Mutex
		page  ui.Page
		posts []string
	)
	mux := http.NewServeMux()
	mux.Handle("GET /static/", pages.Static())
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, _ *http.Request) { pages.Render(w, http.StatusOK, page) })
	mux.HandleFunc("POST /post", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		posts = append(posts, r.PostFormValue("number")+r.PostFormValue("decline"))
		mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	open := func(p ui.Page, ua string) *chromium.Tab {
		page = p
		look := chromium.Phone()
		look.UserAgent = ua
		tab, err := b.Open(ctx, look)
		require.NoError(t, err)
		require.NoError(t, tab.Before(ctx, faults))
		require.NoError(t, tab.Go(ctx, server.URL+"/page"))
		return tab
	}
	check := func(tab *chromium.Tab, condition string) {
		t.Helper()
		require.NoError(t, tab.Until(ctx, condition))
		var found []string
		require.NoError(t, tab.Eval(ctx, "faults", &found))
		require.Empty(t, found)
	}
	eval := func(tab *chromium.Tab, script string) {
		t.Helper()
		require.NoError(t, tab.Eval(ctx, script, nil))
	}
	const typed = "; e.dispatchEvent(new Event('input')); 1"

	tab := open(ui.PhoneNumber{Action: "/post"}, "")
	check(tab, "!document.getElementById('prefix').hidden")
	eval(tab, "var e = document.getElementById('phone'); e.value = '+85291234567'"+typed)
	check(tab, "document.getElementById('prefix').hidden")

	tab = open(ui.PhoneCode{Action: "/post", ResendAction: "/post", ResendIn: 1}, "")
	check(tab, "document.getElementById('resend').disabled")
	eval(tab, "var e = document.getElementById('code'); e.value = ' 123 456\\n7'"+typed)
	check(tab, "document.getElementById('code').value === '123456'")
	check(tab, "!document.getElementById('resend').disabled && document.getElementById('resend').offsetParent && "+
		"document.getElementById('resend-in').hidden")

	tab = open(ui.PhoneCode{Action: "/post", ResendAction: "/post", Problem: "wrong"}, "")
	check(tab, "document.activeElement === document.getElementById('code')")

	tab = open(ui.PhoneConfirm{Action: "/post", Choices: []int{12, 47, 83}}, "")
	eval(tab, "document.querySelector('[value=\"47\"]').click(); document.querySelector('[name=decline]').click(); 1")
	for {
		mu.Lock()
		n := len(posts)
		mu.Unlock()
		if n > 0 {
			break
		}
		require.NoError(t, ctx.Err())
		time.Sleep(10 * time.Millisecond)
	}
	eval(tab, "new Promise(function (done) { setTimeout(done, 300); })")
	mu.Lock()
	require.Equal(t, []string{"47"}, posts, "one try, the first, with the button's value")
	mu.Unlock()

	tab = open(ui.PhoneEnd{Kind: "done"}, "")
	check(tab, "document.getElementById('close').hidden")
	tab = open(ui.PhoneEnd{Kind: "done"}, "Mozilla/5.0 (Linux; Android 14) MicroMessenger/8.0.49")
	check(tab, "document.getElementById('close').offsetParent")
	eval(tab, "window.WeixinJSBridge = {call: function (what) { window.called = what; }}; document.getElementById('close').click(); 1")
	check(tab, "called === 'closeWindow'")
}
