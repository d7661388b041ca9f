package browser

import (
	"encoding/base64"
	"net/http"
	"net/netip"
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
