package ui

import (
	"fmt"
	"html/template"
	"strings"
	"sync"
)

// clients keeps what a kind of page shows of each client, which is drawn for the first of its pages. Clients are few. Where
// they are not, all are forgotten once there are too many.
type clients struct {
	mu    sync.RWMutex
	views map[acquaintance]view
}

// mostClients is what half a megabyte holds.
const mostClients = 250

// acquaintance is all that a kept view depends on.
type acquaintance struct{ name, logo, policy, terms, issuer string }

func acquaintanceOf(page Page) acquaintance {
	c := page.client()
	a := acquaintance{name: c.Name, logo: c.LogoURI, policy: c.PolicyURI, terms: c.TOSURI}
	if p, ok := page.(Login); ok {
		a.issuer = p.IssuerHost
	}
	return a
}

func (c *clients) known(a acquaintance) (view, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok := c.views[a]
	return v, ok
}

func (c *clients) keep(a acquaintance, v view) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.views == nil || len(c.views) >= mostClients {
		c.views = map[acquaintance]view{}
	}
	c.views[a] = v
}

// ofClient is the view with what is to be seen of a page's client.
func (k kind) ofClient(page Page) (view, error) {
	a := acquaintanceOf(page)
	if v, ok := k.clients.known(a); ok {
		return v, nil
	}
	v := k.around
	v.ClientName, v.Initial = cleanName(a.name), initial(cleanName(a.name))
	if v.ClientName == "" {
		v.ClientName = v.nameless
	}
	v.Logo, v.Policy, v.Terms = logo(a.logo), webLink(a.policy), webLink(a.terms)
	if err := drawPart(&v.Rules, k.template, "rules", v); err != nil {
		return v, err
	}
	if _, ok := page.(Login); ok {
		v.Page = Login{IssuerHost: a.issuer}
		if err := drawPart(&v.Who, k.template, "who", v); err != nil {
			return v, err
		}
	}
	k.clients.keep(a, v)
	return v, nil
}

// drawPart draws one part of a page, escaped as the page itself is.
func drawPart(drawn *template.HTML, t *template.Template, part string, data any) error {
	var b strings.Builder
	if err := t.ExecuteTemplate(&b, part, data); err != nil {
		return fmt.Errorf("draw the %s: %w", part, err)
	}
	*drawn = template.HTML(b.String())
	return nil
}
