package wechatflow_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheFirstOpenIDWins(t *testing.T) {
	w := newWorld(t, options{})
	c := w.browser()
	login := c.login()
	people := []*person{w.person(), w.person()}
	for _, p := range people {
		p.follow()
		p.chat()
	}
	w.clock.advance(time.Second)
	var together sync.WaitGroup
	for _, p := range people {
		together.Go(func() { p.scan(login.attr("data-qr")) })
	}
	together.Wait()
	winners := 0
	for _, p := range people {
		if strings.Contains(strings.Join(p.chat(), ""), "/phone/") {
			winners++
		}
	}
	require.Equal(t, 1, winners)
	s, _ := c.state(login, 0, 0)
	require.Equal(t, "scanned", s.State)
	require.Equal(t, 1.0, w.counter("qiao_login_scans_total", "outcome=taken"))
}

func TestGuessedScenesHitNothing(t *testing.T) {
	w := newWorld(t, options{})
	c, alice := w.browser(), w.person()
	login := c.login()
	alice.follow()
	alice.chat()
	for i := range 50 {
		scene := "q1." + base64.RawURLEncoding.EncodeToString(randomBytes(t, 16))
		w.push(event(alice.openID, w.clock.Now().Unix()+int64(i), "SCAN", scene, ""), 1)
	}
	s, _ := c.state(login, 0, 0)
	require.Equal(t, "waiting", s.State)
	require.Equal(t, 50.0, w.counter("qiao_login_scans_total", "outcome=unknown"))
	// The right scene with a ticket that was not issued for it.
	code := w.code(login)
	w.push(event(alice.openID, w.clock.Now().Unix()+100, "SCAN", code.Scene, "forged-ticket"), 1)
	s, _ = c.state(login, 0, 0)
	require.Equal(t, "waiting", s.State)
}

func randomBytes(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	_, err := rand.Read(b)
	require.NoError(t, err)
	return b
}

// event is an event push's XML.
func event(openID string, at int64, kind, key, ticket string) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName><FromUserName><![CDATA[%s]]></FromUserName><CreateTime>%d</CreateTime>`, openID, at)
	fmt.Fprintf(&b, `<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[%s]]></Event><EventKey><![CDATA[%s]]></EventKey>`, kind, key)
	if ticket != "" {
		fmt.Fprintf(&b, `<Ticket><![CDATA[%s]]></Ticket>`, ticket)
	}
	b.WriteString(`</xml>`)
	return b.String()
}

type pushed struct {
	Status      int
	Body, Reply string
	Answers     []pushed
}

// push delivers an XML as the platform would, some times.
func (w *world) push(xml string, times int) pushed {
	w.t.Helper()
	return w.pushAs(xml, "good", "", times)
}

func (w *world) pushAs(xml, signature, mode string, times int) pushed {
	w.t.Helper()
	var out pushed
	w.control("POST", "/sim/push", map[string]any{"xml": xml, "signature": signature, "mode": mode, "times": times}, &out)
	return out
}

type qrCode struct{ Account, Scene, Ticket string }

// code is what the platform knows of a login page's code.
func (w *world) code(login *page) qrCode {
	w.t.Helper()
	var out qrCode
	w.control("GET", "/sim/codes?qr="+url.QueryEscape(login.attr("data-qr")), nil, &out)
	return out
}
