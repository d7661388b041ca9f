package op

import (
	"fmt"
	"net/netip"
	"net/url"

	"qiao/storage"
	"qiao/ui"
)

// clientView is the client as a person sees it: the host is that of the address which the answer goes to, because the
// name is what the client says of itself.
func clientView(client storage.Client, uri string) ui.Client {
	return ui.Client{
		Name:      or(client.Name, client.ID),
		Host:      hostOf(uri),
		LogoURI:   client.LogoURI,
		PolicyURI: client.PolicyURI,
		TOSURI:    client.TOSURI,
	}
}

// thisDevice is what a page says instead of a loopback host.
const thisDevice = "this device"

func hostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	if u.Host == "" {
		return u.Scheme
	}
	if addr, err := netip.ParseAddr(u.Hostname()); u.Hostname() == "localhost" || err == nil && addr.IsLoopback() {
		return thisDevice
	}
	return u.Host
}

// phonePurpose is what phone numbers are sealed for.
const phonePurpose = "phone"

// maskedPhone is the user's number as pages show it, empty where none is bound.
func (p *Provider) maskedPhone(user storage.User) (string, error) {
	if len(user.PhoneSealed) == 0 {
		return "", nil
	}
	e164, err := p.box.Open(phonePurpose, user.PhoneSealed)
	if err != nil {
		return "", fmt.Errorf("open the phone number: %w", err)
	}
	return ui.MaskPhone(string(e164)), nil
}
