package wechatflow_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/wechatflow"
)

// Two people scan one TV: each has a page of their own, the first who approves has the TV, and the other is told.
func TestTVScannedByTwo(t *testing.T) {
	w := newWorld(t, options{})
	v, alice, bob := w.tv(), w.person(), w.person()
	aliceConfirm, bobConfirm := alice.scanTV(v), bob.scanTV(v)
	require.NotEqual(t, aliceConfirm.path(), bobConfirm.path())
	require.Equal(t, http.StatusNotFound, bob.phone.get(aliceConfirm.path()).status)
	_, token := bobConfirm.form("/confirm")
	require.Equal(t, http.StatusNotFound, bob.phone.do("POST", aliceConfirm.path(), fields(token, "approve", "yes")).status)

	require.Equal(t, "look_at_tv", alice.bind(aliceConfirm.submit("/confirm", "approve", "yes"), alicePhone).attr("data-end"))
	late := bobConfirm.submit("/confirm", "approve", "yes")
	require.Equal(t, "expired", late.attr("data-end"))
	require.Equal(t, http.StatusGone, late.status)
	issued, err := v.poll()
	require.NoError(t, err)
	i, err := w.store.Identity(context.Background(), "main", alice.openID)
	require.NoError(t, err)
	require.Equal(t, i.UserID, issued.User.ID)
	require.Equal(t, "expired", bobConfirm.submit("/confirm", "approve", "yes").attr("data-end"), "after the TV has its tokens")
	require.NotEqual(t, "look_at_tv", bobConfirm.submit("/confirm", "decline", "yes").attr("data-end"))
}

// Both approve at the same moment, again and again: one of them has the TV.
func TestTVApprovedByTwoAtOnce(t *testing.T) {
	w := newWorld(t, options{})
	alice, bob := w.person(), w.person()
	alice.approveTV(w.tv(), alicePhone)
	bob.approveTV(w.tv(), "+8613900005678")
	for range 5 {
		w.clock.advance(time.Second)
		v := w.tv()
		pages := []*page{alice.scanTV(v), bob.scanTV(v)}
		ends := make([]string, 8)
		var together sync.WaitGroup
		for i := range ends {
			together.Go(func() { ends[i] = pages[i%2].submit("/confirm", "approve", "yes").attr("data-end") })
		}
		together.Wait()
		for i, end := range ends {
			require.Contains(t, []string{"look_at_tv", "expired"}, end)
			require.Equal(t, ends[i%2], end, "each of them is told the same every time")
		}
		require.NotEqual(t, ends[0], ends[1])
		_, err := v.poll()
		require.NoError(t, err)
	}
}

// A stranger who scans and declines locks nobody out; alone, the TV is told.
func TestTVDeclinedByAStranger(t *testing.T) {
	w := newWorld(t, options{})
	v, owner, stranger := w.tv(), w.person(), w.person()
	confirm := owner.scanTV(v)
	stranger.scanTV(v).submit("/confirm", "decline", "yes")
	_, err := v.poll()
	require.ErrorIs(t, err, storage.ErrPending, "the owner is still deciding")
	require.Equal(t, "look_at_tv", owner.bind(confirm.submit("/confirm", "approve", "yes"), alicePhone).attr("data-end"))
	_, err = v.poll()
	require.NoError(t, err)

	w.clock.advance(time.Second)
	v = w.tv()
	stranger.scanTV(v).submit("/confirm", "decline", "yes")
	confirm = owner.scanTV(v) // before the TV has asked
	_, err = v.poll()
	require.ErrorIs(t, err, storage.ErrPending)
	require.Equal(t, "look_at_tv", confirm.submit("/confirm", "approve", "yes").attr("data-end"))
	_, err = v.poll()
	require.NoError(t, err)
}

func TestTVForwardedLink(t *testing.T) {
	w := newWorld(t, options{})
	v, alice, mallory := w.tv(), w.person(), w.person()
	alice.scan(v.qr())
	alice.follow()
	link := alice.link()
	require.Equal(t, "other_wechat", mallory.open(link).attr("data-end"))
	path := strings.SplitN(mustURL(t, link).Path, ".", 2)[0]
	for _, page := range []string{"/confirm", "/number", "/code", "/move", "/follow"} {
		require.Equal(t, http.StatusNotFound, mallory.phone.get(path+page).status, page)
		require.Equal(t, http.StatusNotFound, w.browser().get(path+page).status, page)
	}
	confirm := alice.open(link)
	action, token := confirm.form("/confirm")
	require.Equal(t, http.StatusNotFound, mallory.phone.do("POST", action, fields(token, "approve", "yes")).status)
	foreign := *alice.phone
	foreign.origin = "https://evil.example"
	require.Equal(t, http.StatusForbidden, foreign.do("POST", action, fields(token, "approve", "yes")).status)
	require.Equal(t, http.StatusForbidden, alice.phone.do("POST", action, fields("x", "approve", "yes")).status)
	require.Equal(t, http.StatusRequestEntityTooLarge, confirm.submit("/confirm", "approve", strings.Repeat("y", 1<<20)).status)
	_, err := v.poll()
	require.ErrorIs(t, err, storage.ErrPending)
	require.Equal(t, "look_at_tv", alice.bind(confirm.submit("/confirm", "approve", "yes"), alicePhone).attr("data-end"))
}

// Mallory sends a victim to web authorization with a state of his own, and a TV of his own as its target.
func TestTVRoundIsBoundToItsBrowser(t *testing.T) {
	w := newWorld(t, options{})
	v, mallory, victim := w.tv(), w.person(), w.person()
	mallory.follow()
	victim.follow()
	still := mallory.phone.still()
	still.get(w.sim.URL + "/sim/people/" + mallory.id + "/browser?url=" + url.QueryEscape(w.site.URL))
	authorize := still.get("/device/wechat?user_code=" + v.code.Text()).header.Get("Location")
	require.Contains(t, authorize, "/connect/oauth2/authorize")
	require.Equal(t, http.StatusNotFound, victim.open(strings.TrimSuffix(authorize, "#wechat_redirect")).status)
	returned := still.get(authorize).header.Get("Location")
	require.Contains(t, returned, "/phone/return?code=")
	require.Equal(t, http.StatusNotFound, victim.phone.get(returned).status)
	// In his own browser it works, once, and shows what the TV shows.
	require.Equal(t, v.code.Text(), mallory.phone.get(returned).attr("data-user-code"))
	require.Equal(t, http.StatusNotFound, mallory.phone.get(returned).status)
}

// Addresses are fetched ahead: robots change nothing on the device, and neither do the phone's own GETs.
func TestTVAddressFetchedAhead(t *testing.T) {
	w := newWorld(t, options{})
	v, alice := w.tv(), w.person()
	for range 20 {
		require.Equal(t, http.StatusForbidden, w.browser().get("/device/wechat?user_code="+v.code.Text()).status, "outside WeChat it is told so")
	}
	alice.follow()
	confirm := alice.inWeChatAt(v)
	for _, page := range []string{"confirm", "number", "code", "move", "follow", "confirm"} {
		alice.phone.get(strings.TrimSuffix(confirm.path(), "confirm") + page)
	}
	_, err := v.poll()
	require.ErrorIs(t, err, storage.ErrPending)
	require.True(t, v.marked())
	require.Empty(t, w.pocket.all())
	require.Equal(t, "look_at_tv", alice.bind(confirm.submit("/confirm", "approve", "yes"), alicePhone).attr("data-end"))
}

func TestTVCodesAreNotGuessed(t *testing.T) {
	w := newWorld(t, options{locate: true, limits: wechatflow.Limits{UserCodesPerAddress: 5, UserCodesInAll: 12}})
	v, alice := w.tv(), w.person()
	alice.follow()
	wrong := func(c *computer) *page { return c.get("/device/wechat?user_code=" + storage.NewUserCode().Text()) }
	for _, bad := range []string{"", "?user_code=", "?user_code=AAAA-AAAA", "?user_code=" + strings.Repeat("B", 9000), "?user_code=%00", "?code=" + v.code.Text()} {
		p := w.browser().get("/device/wechat" + bad)
		require.Equal(t, http.StatusNotFound, p.status, bad)
		require.Contains(t, p.body, "device code is wrong", bad)
		require.Contains(t, p.body, `href="/device"`, "a way out")
	}
	c := w.browser()
	c.from = "203.0.113.1"
	for range 5 {
		require.Equal(t, http.StatusNotFound, wrong(c).status)
	}
	for _, code := range []string{storage.NewUserCode().Text(), v.code.Text()} { // right or wrong looks the same now
		refused := c.get("/device/wechat?user_code=" + code)
		require.Equal(t, http.StatusTooManyRequests, refused.status)
		require.NotEmpty(t, refused.header.Get("Retry-After"))
	}
	// A right code costs nothing.
	alice.phone.from = "203.0.113.2"
	for range 15 {
		require.Equal(t, http.StatusOK, alice.inWeChatAt(v).status)
	}
	// With many addresses: what is counted in all holds.
	stopped := 0
	for i := range 12 {
		other := w.browser()
		other.from = fmt.Sprintf("198.51.100.%d", i+1)
		if wrong(other).status == http.StatusTooManyRequests {
			stopped++
		}
	}
	require.Equal(t, 5, stopped)
	require.NotContains(t, w.logs.String(), v.code.Text())
	w.clock.advance(time.Hour + time.Second)
	require.Equal(t, http.StatusNotFound, wrong(c).status)
}
