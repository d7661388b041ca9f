package op

import (
	"encoding/base64"
	"net/http"
	"net/netip"

	"qiao/browser"
	"qiao/storage/seal"
)

// allow counts a request against the rate of its address. limited is a tooMany error. down is set when the signals do
// not answer: what needs no new login goes on then, for a rate is no invariant.
func (p *Provider) allow(r *http.Request, name string, rate Rate) (limited, down error) {
	ok, retryIn, err := p.signals.Allow(r.Context(), name+":"+addressKey(p.guard, p.box, r), rate.Max, rate.Window)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return tooMany(retryIn), nil
	}
	return nil, nil
}

// addressKey names the address without telling it: addresses are personal data, and signals may be somebody else's
// server. An IPv6 customer has a whole /64, so that is what counts.
func addressKey(guard *browser.Guard, box *seal.Box, r *http.Request) string {
	addr := guard.Address(r)
	if addr.Is6() {
		addr = netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	raw := addr.AsSlice()
	mac := box.MAC("address", raw)
	return base64.RawURLEncoding.EncodeToString(mac[:12])
}
