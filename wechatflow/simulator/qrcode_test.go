package simulator_test

import (
	"bytes"
	"fmt"
	"image/png"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/boombuler/barcode/qr"
	"github.com/stretchr/testify/require"
)

// Facts C.7.
func TestQRCreateRules(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	token := s.stable(s.account)
	str := func(action, scene string) string {
		return fmt.Sprintf(`{"expire_seconds":60,"action_name":%q,"action_info":{"scene":{"scene_str":%q}}}`, action, scene)
	}
	id := func(action, scene string) string {
		return fmt.Sprintf(`{"expire_seconds":60,"action_name":%q,"action_info":{"scene":{"scene_id":%s}}}`, action, scene)
	}
	life := func(seconds string) string {
		return `{"expire_seconds":` + seconds + `,"action_name":"QR_STR_SCENE","action_info":{"scene":{"scene_str":"a"}}}`
	}
	for _, c := range []struct {
		body string
		want int
	}{
		{str("QR_STR_SCENE", "a"), 0},
		{str("QR_STR_SCENE", strings.Repeat("x", 64)), 0},
		{str("QR_STR_SCENE", strings.Repeat("桥", 64)), 0},
		{str("QR_LIMIT_STR_SCENE", "a"), 0},
		{id("QR_SCENE", "1"), 0},
		{id("QR_SCENE", "4294967295"), 0},
		{id("QR_LIMIT_SCENE", "100000"), 0},
		{life("1"), 0},
		{life("2592000"), 0},

		{str("QR_STR_SCENE", ""), 40053},
		{str("QR_STR_SCENE", strings.Repeat("x", 65)), 40053},
		{str("QR_LIMIT_STR_SCENE", strings.Repeat("x", 65)), 40053},
		{str("QR_SCENE", "a"), 40053},
		{id("QR_STR_SCENE", "1"), 40053},
		{id("QR_SCENE", "0"), 40053},
		{id("QR_SCENE", "-1"), 40053},
		{id("QR_SCENE", "1.5"), 40053},
		{id("QR_SCENE", "4294967296"), 40053},
		{id("QR_LIMIT_SCENE", "100001"), 40053},
		{life("0"), 40053},
		{life("-1"), 40053},
		{life("2592001"), 40053},
		{`{"action_name":"QR_STR_SCENE"}`, 40053},
		{str("QR_CARD", "a"), 40052},
		{str("qr_str_scene", "a"), 40052},
		{`{}`, 40052},
		{`[]`, 47001},
		{`{`, 47001},
		{``, 44002},
	} {
		t.Run(c.body, func(t *testing.T) {
			a := s.post("/cgi-bin/qrcode/create?access_token="+token, c.body)
			require.Equal(t, c.want, a.code(), a.body)
			if c.want != 0 {
				return
			}
			var made qrcode
			a.into(&made)
			require.True(t, strings.HasPrefix(made.URL, "http://weixin.qq.com/q/"))
			require.NotEmpty(t, made.Ticket)
			if strings.Contains(c.body, "LIMIT") {
				require.Zero(t, made.ExpireSeconds)
			} else {
				require.Positive(t, made.ExpireSeconds)
			}
		})
	}
}

func TestCodeDefaultsToAMinuteAndExpires(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	p := s.follower()
	var c qrcode
	s.post("/cgi-bin/qrcode/create?access_token="+s.stable(s.account),
		`{"action_name":"QR_STR_SCENE","action_info":{"scene":{"scene_str":"a"}}}`).into(&c)
	require.Equal(t, 60, c.ExpireSeconds)
	s.advance(59 * time.Second)
	require.Equal(t, "event", s.scan(p, c.URL)["outcome"])
	s.advance(time.Second)
	require.Equal(t, map[string]any{"outcome": "expired", "account": "main"}, s.scan(p, c.URL))
	require.Len(t, s.events(), 1)
	require.Equal(t, http.StatusNotFound, s.get("/cgi-bin/showqrcode", "ticket", c.Ticket).status)
}

// Somebody who scanned in time and taps 关注 late still follows with the scene.
func TestLateFollowKeepsTheScene(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	p := s.person()
	c := s.qr("late", 60)
	s.scan(p, c.URL)
	s.advance(2 * time.Minute)
	s.control("/sim/people/"+p.ID+"/follow", nil)
	require.Equal(t, "qrscene_late", *s.events()[0].EventKey)
}

func TestTheLastScanLeadsToTheFollow(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	p := s.person()
	s.scan(p, s.qr("first", 60).URL)
	second := s.qr("second", 60)
	s.scan(p, second.URL)
	s.control("/sim/people/"+p.ID+"/follow", nil)
	e := s.events()[0]
	require.Equal(t, "qrscene_second", *e.EventKey)
	require.Equal(t, second.Ticket, *e.Ticket)
}

func TestPermanentCodesAreOnePerScene(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	create := func(body string) qrcode {
		var c qrcode
		s.post("/cgi-bin/qrcode/create?access_token="+s.stable(s.account), body).into(&c)
		return c
	}
	str := create(`{"action_name":"QR_LIMIT_STR_SCENE","action_info":{"scene":{"scene_str":"5"}}}`)
	id := create(`{"action_name":"QR_LIMIT_SCENE","action_info":{"scene":{"scene_id":5}}}`)
	require.NotEqual(t, str, id)
	require.Equal(t, str, create(`{"action_name":"QR_LIMIT_STR_SCENE","action_info":{"scene":{"scene_str":"5"}}}`))
	s.advance(365 * 24 * time.Hour)
	require.Equal(t, "event", s.scan(s.follower(), id.URL)["outcome"])
	require.Nil(t, s.get("/sim/codes", "qr", id.URL).members()["expires_at"])
}

func TestQRQuota(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	s.control("/sim/quota", object{"path": "cgi-bin/qrcode/create", "limit": 2})
	s.qr("a", 60)
	s.qr("b", 60)
	create := func() int {
		return s.post("/cgi-bin/qrcode/create?access_token="+s.stable(s.account),
			`{"action_name":"QR_STR_SCENE","action_info":{"scene":{"scene_str":"c"}}}`).code()
	}
	require.Equal(t, 45009, create())
	require.Equal(t, 40013, s.post("/cgi-bin/clear_quota?access_token="+s.stable(s.account), object{"appid": "wx0"}).code())
	for range 10 {
		require.Zero(t, s.post("/cgi-bin/clear_quota?access_token="+s.stable(s.account), object{"appid": s.account.AppID}).code())
	}
	require.Equal(t, 48006, s.post("/cgi-bin/clear_quota?access_token="+s.stable(s.account), object{"appid": s.account.AppID}).code())
	require.Zero(t, create())
	require.Zero(t, create())
	require.Equal(t, 45009, create())
	s.advance(24 * time.Hour)
	require.Zero(t, create(), "a new day")
	s.control("/sim/quota", object{"path": "/cgi-bin/qrcode/create", "limit": 0})
	require.Equal(t, 45009, create(), "a quota of nothing")
}

// The picture holds the very modules of an encoder's output, on white, with a quiet zone of four.
func TestShowQRCode(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	c := s.qr("a", 60)
	a := s.get("/cgi-bin/showqrcode", "ticket", c.Ticket)
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "image/png", a.header.Get("Content-Type"))
	img, err := png.Decode(bytes.NewReader([]byte(a.body)))
	require.NoError(t, err)
	want, err := qr.Encode(c.URL, qr.M, qr.Auto)
	require.NoError(t, err)
	n := want.Bounds().Dx()
	side := img.Bounds().Dx()
	require.Zero(t, side%(n+8))
	scale := side / (n + 8)
	for y := range n + 8 {
		for x := range n + 8 {
			dark, _, _, _ := img.At(x*scale+scale/2, y*scale+scale/2).RGBA()
			wanted := uint32(0xffff)
			if x >= 4 && y >= 4 && x < n+4 && y < n+4 {
				wanted, _, _, _ = want.At(x-4, y-4).RGBA()
			}
			require.Equal(t, wanted, dark)
		}
	}
	require.Equal(t, http.StatusNotFound, s.get("/cgi-bin/showqrcode", "ticket", "none").status)
}

func TestCodesTellWhatThePlatformKnows(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	c := s.qr("the scene", 60)
	require.Equal(t, map[string]any{
		"account": "main", "scene": "the scene", "ticket": c.Ticket, "to_user": s.account.OriginalID,
		"expires_at": start.Add(time.Minute).Format(time.RFC3339),
	}, s.get("/sim/codes", "qr", c.URL).members())
	require.Equal(t, http.StatusNotFound, s.get("/sim/codes", "qr", c.URL+"x").status)
	require.Equal(t, http.StatusBadRequest, s.get("/sim/codes").status)
}

func TestScanOutcomes(t *testing.T) {
	s := newStage(t, mainAccount("safe"))
	p := s.person()
	for qr, want := range map[string]map[string]any{
		"http://weixin.qq.com/q/unheard-of":  {"outcome": "unknown"},
		"http://127.0.0.1:8080/device?x=1":   {"outcome": "page", "url": "http://127.0.0.1:8080/device?x=1"},
		"https://example.com/":               {"outcome": "page", "url": "https://example.com/"},
		"WIFI:S:home;;":                      {"outcome": "unknown"},
		"javascript:alert(1)":                {"outcome": "unknown"},
		"https://":                           {"outcome": "unknown"},
		"http://weixin.qq.com.evil.example/": {"outcome": "page", "url": "http://weixin.qq.com.evil.example/"},
	} {
		require.Equal(t, want, s.scan(p, qr), qr)
	}
	require.Equal(t, http.StatusBadRequest, s.post("/sim/people/"+p.ID+"/scan", object{}).status)
	require.Empty(t, s.callback.deliveries())
}
