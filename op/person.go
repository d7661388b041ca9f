package op

import (
	"fmt"
	"net/netip"
	"net/url"

	"qiao/storage"
	"qiao/ui"
)

// clientView is the client as a person sees it: the host is that of the address which the answer goes to, because the
// name is what the client says of itself. On loopback there is none: the pages have words for this device.
func clientView(client storage.Client, uri string) ui.Client {
	return ui.Client{
		Name:      or(client.Name, client.ID),
		Host:      hostOf(uri),
		LogoURI:   client.LogoURI,
		PolicyURI: client.PolicyURI,
		TOSURI:    client.TOSURI,
	}
}

func hostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	if u.Host == "" {
		return u.Scheme
	}
	if addr, err := netip.ParseAddr(u.Hostname()); u.Hostname() == "localhost" || err == nil && addr.IsLoopback() {
		return ""
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
