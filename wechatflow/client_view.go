package wechatflow

import (
	"cmp"
	"net/netip"
	"net/url"

	"qiao/storage"
	"qiao/ui"
)

// clientView is the relying party as a person sees it. The host is where the login leads to: a name alone can be
// anybody's.
func clientView(c storage.Client, redirectURI string) ui.Client {
	if redirectURI == "" && len(c.RedirectURIs) > 0 {
		redirectURI = c.RedirectURIs[0] // the phone's pages do not see the request, only the client
	}
	return ui.Client{
		Name: cmp.Or(c.Name, c.ID), Host: hostOf(redirectURI), LogoURI: c.LogoURI, PolicyURI: c.PolicyURI, TOSURI: c.TOSURI,
	}
}

// hostOf is empty on loopback: the pages have words of their own for this device.
func hostOf(redirectURI string) string {
	u, err := url.Parse(redirectURI)
	if err != nil {
		return ""
	}
	if u.Host == "" {
		return u.Scheme // an app's own scheme
	}
	if addr, err := netip.ParseAddr(u.Hostname()); u.Hostname() == "localhost" || err == nil && addr.IsLoopback() {
		return ""
	}
	return u.Host
}

// formTarget is what the policy's form-action needs for a form that ends at the URI: its origin. To an app's own scheme
// a link leads in the end, and no form.
func formTarget(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return "'self'"
	}
	return u.Scheme + "://" + u.Host
}
