package ui

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is kept of a client is never shown of another one, also where they differ in one thing alone, and where there are
// more than are kept.
func TestEachClientIsShownAsItself(t *testing.T) {
	first := Login{Frame: Frame{Lang: English}, State: "waiting", IssuerHost: "id.example", Client: Client{
		Name: "Shop", LogoURI: "https://shop.example/l.png", PolicyURI: "https://shop.example/p", TOSURI: "https://shop.example/t", Host: "shop.example",
	}}
	like := func(f func(*Login)) Login { p := first; f(&p); return p }
	pages := map[string]Page{
		"Sign in to <bdi>Shop</bdi>":        first,
		"Sign in to <bdi>Forum</bdi>":       like(func(p *Login) { p.Client.Name = "Forum" }),
		`src="https://forum.example/l.png"`: like(func(p *Login) { p.Client.LogoURI = "https://forum.example/l.png" }),
		`href="https://forum.example/p"`:    like(func(p *Login) { p.Client.PolicyURI = "https://forum.example/p" }),
		`href="https://forum.example/t"`:    like(func(p *Login) { p.Client.TOSURI = "https://forum.example/t" }),
		`<p class="host">login.example</p>`: like(func(p *Login) { p.IssuerHost = "login.example" }),
		"登录 <bdi>Shop</bdi>":                like(func(p *Login) { p.Lang = Chinese }),
		"Allow <bdi>Shop</bdi>":             Consent{Frame: first.Frame, Client: first.Client},
		`<p class="host">shop.example</p>`:  PhoneConfirm{Frame: first.Frame, Client: first.Client},
		`<p class="host">www.example</p>`:   PhoneConfirm{Frame: first.Frame, Client: Client{Name: "Shop", Host: "www.example"}},
	}
	r, err := plain()
	require.NoError(t, err)
	for range 3 {
		for part, page := range pages {
			html := body(t, page)
			require.Contains(t, html, part)
			require.Equal(t, drawnAlone(t, page), html)
		}
		var all sync.WaitGroup
		for n := range mostClients + 10 {
			all.Go(func() {
				name := fmt.Sprintf("client %d.", n)
				w := httptest.NewRecorder()
				r.Render(w, http.StatusOK, Login{Client: Client{Name: name}})
				if !strings.Contains(w.Body.String(), "<bdi>"+name+"</bdi>") {
					t.Errorf("%s is not named", name)
				}
			})
		}
		all.Wait()
	}
	require.LessOrEqual(t, len(r.kinds[Chinese]["login"].clients.views), mostClients)
}

// drawnAlone is the page of a renderer that knows nobody.
func drawnAlone(t *testing.T, p Page) string {
	t.Helper()
	r, err := plain()
	require.NoError(t, err)
	lang := r.language(p.frame().Lang)
	k := r.kinds[lang][p.template()]
	k.clients = &clients{}
	v, err := k.view(p)
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, k.template.ExecuteTemplate(&b, "layout", v))
	return b.String()
}
