package wechat_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow/wechat"
)

func TestScene(t *testing.T) {
	for _, tc := range []struct {
		event, key, want string
		ok               bool
	}{
		{"subscribe", "qrscene_abc", "abc", true},
		{"subscribe", "qrscene_qrscene_abc", "qrscene_abc", true},
		{"subscribe", "", "", false},
		{"subscribe", "qrscene_", "", false},
		{"subscribe", "last_trade_no_123", "", false},
		{"subscribe", "abc", "", false},
		{"SCAN", "abc", "abc", true},
		{"SCAN", "", "", false},
		{"CLICK", "abc", "", false},
		{"VIEW", "https://a.example", "", false},
		{"unsubscribe", "abc", "", false},
	} {
		scene, ok := wechat.Message{Type: "event", Event: tc.event, EventKey: tc.key}.Scene()
		require.Equal(t, tc.want, scene, "%+v", tc)
		require.Equal(t, tc.ok, ok, "%+v", tc)
	}
	_, ok := wechat.Message{Type: "text", Event: "SCAN", EventKey: "abc"}.Scene()
	require.False(t, ok)
}

func TestDeliveryKey(t *testing.T) {
	at := testNow
	base := wechat.Message{Type: "event", FromUser: "oA", CreateTime: at, Event: "SCAN", EventKey: "k"}
	same := base
	same.Ticket = "a redelivery is the same, whatever else it says"
	require.Equal(t, wechat.DeliveryKey("a", base), wechat.DeliveryKey("a", same))
	seen := map[any]string{}
	add := func(name, account string, m wechat.Message) {
		key := wechat.DeliveryKey(account, m)
		require.Empty(t, seen[key], name)
		seen[key] = name
	}
	change := func(f func(m *wechat.Message)) wechat.Message { m := base; f(&m); return m }
	add("base", "a", base)
	add("another account", "b", base)
	add("another person", "a", change(func(m *wechat.Message) { m.FromUser = "oB" }))
	add("another second", "a", change(func(m *wechat.Message) { m.CreateTime = at.Add(time.Second) }))
	add("another event", "a", change(func(m *wechat.Message) { m.Event = "CLICK" }))
	add("another key", "a", change(func(m *wechat.Message) { m.EventKey = "kk" }))
	add("moved between fields", "a", change(func(m *wechat.Message) { m.Event, m.EventKey = "SCANk", "" }))
	text := wechat.Message{Type: "text", FromUser: "oA", CreateTime: at, MsgID: "1"}
	add("text", "a", text)
	text.MsgID = "2"
	add("another MsgId", "a", text)
	text.CreateTime = at.Add(5 * time.Second)
	require.Contains(t, seen, any(wechat.DeliveryKey("a", text)), "a message is its MsgId")
	text.MsgID = ""
	add("without MsgId", "a", text)
}
