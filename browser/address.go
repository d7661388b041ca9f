package browser

import (
	"encoding/base64"
	"net/http"
	"net/netip"

	"qiao/storage"
)

// AddressKey names the address of a request without telling it: addresses are personal data, and signals may be somebody
// else's server. An IPv6 customer has a whole /64, so that is what counts.
func (g *Guard) AddressKey(r *http.Request) string {
	addr := g.Address(r)
	if addr.Is6() {
		addr = netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	mac := g.Box.MAC("address", addr.AsSlice())
	return base64.RawURLEncoding.EncodeToString(mac[:12])
}

// Network names the network that a request comes from, without telling it: the /24 of an IPv4 address, the /48 of an IPv6
// one, as the limits of text messages have it. Zero is no network that anybody knows: the address is unknown, or that of a
// proxy which the configuration does not name. Behind such a one everybody would be in the same network.
func (g *Guard) Network(r *http.Request) storage.Hash {
	addr := g.Address(r)
	bits := 24
	if addr.Is6() {
		bits = 48
	}
	network, err := addr.Prefix(bits)
	if err != nil || g.behindStranger(r) {
		return storage.Hash{}
	}
	return g.Box.MAC("network", network.Addr().AsSlice())
}

// behindStranger reports whether the peer speaks for somebody else and is not trusted to. A browser that says so of itself
// harms nobody but itself.
func (g *Guard) behindStranger(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err != nil || len(r.Header.Values("X-Forwarded-For")) > 0 && !g.trusted(peer.Addr().Unmap().WithZone(""))
}
