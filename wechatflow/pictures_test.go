package wechatflow_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRefreshVoidsTheOldPicture(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	old := login.attr("data-qr")
	fresh := login.submit("/refresh")
	require.NotEqual(t, old, fresh.attr("data-qr"))
	alice.scan(old)
	alice.follow()
	require.NotContains(t, strings.Join(alice.chat(), ""), "/phone/")
	s, _ := c.state(login, 0, 0)
	require.Equal(t, "waiting", s.State)
	require.Equal(t, "event", alice.scan(fresh.attr("data-qr")))
	s, _ = c.state(login, 0, 0)
	require.Equal(t, "scanned", s.State)
	// Refreshing after the scan ends that attempt too, and the phone is told.
	link := alice.link()
	c.get(login.path()).submit("/refresh")
	require.Equal(t, "expired", alice.open(link).attr("data-end"))
}

func TestPicturesAreRenewedTwiceAndStayValid(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	first, v := login.attr("data-qr"), login.version()
	seen := map[string]bool{first: true}
	for i := range 2 {
		w.clock.advance(119 * time.Second)
		s, _ := c.state(login, v, 0)
		require.Equal(t, v, s.Version, "not yet")
		require.True(t, s.Renewable)
		require.Equal(t, 1, s.ExpiresIn)
		w.clock.advance(time.Second)
		s, _ = c.state(login, v, 20)
		require.Equal(t, "waiting", s.State)
		require.NotEqual(t, v, s.Version, "a new picture is a new version")
		require.False(t, seen[s.QR])
		require.Contains(t, s.Picture, "<svg")
		seen[s.QR], v = true, s.Version
		require.Equal(t, 120, s.ExpiresIn)
		require.Equal(t, i == 0, s.Renewable, "the last one runs out")
	}
	w.clock.advance(2 * time.Minute)
	s, _ := c.state(login, v, 20)
	require.Equal(t, "expired", s.State)
	require.NotEqual(t, v, s.Version)
	expired := c.get(login.path())
	require.Equal(t, "expired", expired.attr("data-state"))
	require.Empty(t, expired.attr("data-qr"))

	// The first picture, photographed six minutes ago: the person taps 关注 only now.
	require.Equal(t, "follow_prompt", alice.scan(first))
	alice.follow()
	s, _ = c.state(login, s.Version, 20)
	require.Equal(t, "scanned", s.State)
}

func TestAttemptEndsAfterTenMinutes(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	confirm := alice.scanAndFollow(login)
	link := confirm.path()
	w.clock.advance(10*time.Minute + time.Second)
	s, _ := c.state(login, login.version(), 20)
	require.Equal(t, "expired", s.State)
	require.Equal(t, "expired", confirm.submit("/confirm", "number", confirm.choices()[0]).attr("data-end"))
	require.Equal(t, http.StatusGone, alice.phone.get(link).status)
	alice.scan(login.attr("data-qr"))
	require.NotContains(t, strings.Join(alice.chat(), ""), "/phone/")
	again := c.get(login.path()).submit("/refresh")
	require.Equal(t, "waiting", again.attr("data-state"))
}

func TestPictureToSave(t *testing.T) {
	w := newWorld(t, options{})
	c := w.browser()
	c.agent = phoneAgent
	login := c.login()
	require.Contains(t, login.body, "/picture.png")
	png := c.get(login.path() + "/picture.png")
	require.Equal(t, "image/png", png.header.Get("Content-Type"))
	require.True(t, strings.HasPrefix(png.body, "\x89PNG"))
	require.Equal(t, "no-store", png.header.Get("Cache-Control"))
	require.Equal(t, http.StatusNotFound, w.browser().get(login.path()+"/picture.png").status)
	w.clock.advance(3 * time.Minute)
	require.Equal(t, http.StatusNotFound, c.get(login.path()+"/picture.png").status, "it makes no new one")
}

// A page that waits while Redis is away is shown its next picture all the same, one of our own, which works.
func TestAPictureIsRenewedWithoutSignals(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	first, minted := login.attr("data-qr"), w.calls("/cgi-bin/qrcode/create")
	require.Positive(t, minted)
	w.clock.advance(2 * time.Minute)
	w.signals.down.Store(true)
	again := c.get(login.path())
	require.Equal(t, http.StatusOK, again.status)
	require.Equal(t, "waiting", again.attr("data-state"))
	require.NotEqual(t, first, again.attr("data-qr"))
	require.Contains(t, again.attr("data-qr"), "/scan/main/")
	require.Equal(t, minted, w.calls("/cgi-bin/qrcode/create"), "the quota is left alone")
	w.signals.down.Store(false)
	alice.follow()
	require.Len(t, alice.open(again.attr("data-qr")).choices(), 3)
}
